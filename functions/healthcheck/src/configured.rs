//! What the watch file still says about rows of the record that a run found nothing about.

use std::collections::BTreeSet;

use config::WatchFile;
use domain::condition::Condition;
use domain::{Fingerprint, Timestamp};
use store::check_states::{Heard, Remembered};

use crate::conditions;
use crate::record::STORE;
use crate::subscribers;

/// Where a row of the record belongs.
pub(crate) enum Place {
    /// This run did not ask about it, or could not.
    NotAsked,
    /// Its check answered, without a row for it.
    Vanished(Box<Condition>),
    /// Its check is switched off.
    Off,
    /// Nobody asks about it any more.
    Nowhere,
}

/// The watch file, which of its checks are switched off, and which this run asked with success.
pub(crate) struct Configured<'w> {
    watch_file: &'w WatchFile,
    off: BTreeSet<&'w str>,
    answered: BTreeSet<&'w str>,
    complete: bool,
}

impl<'w> Configured<'w> {
    /// `complete` is whether the run was meant to ask everything: only then does what is missing end.
    pub(crate) fn new(
        watch_file: &'w WatchFile,
        off: BTreeSet<&'w str>,
        answered: BTreeSet<&'w str>,
        complete: bool,
    ) -> Self {
        Self { watch_file, off, answered, complete }
    }

    /// The environment that fingerprints are of.
    pub(crate) fn environment(&self) -> &str {
        self.watch_file.environment.as_str()
    }

    /// Whether healthcheck of this environment may have told of it. Anybody may call a source of theirs `check:…`; what
    /// they raised is theirs to end.
    pub(crate) fn is_ours(&self, fingerprint: &Fingerprint, heard: &Heard) -> bool {
        let own = [conditions::CHECK_FAILED, subscribers::NO_SUBSCRIBER].contains(&heard.kind.as_str());
        let Heard { kind, subject, labels, .. } = heard;
        (own || self.metric_of(kind, subject).is_some())
            && Fingerprint::of(self.environment(), kind, subject, labels) == *fingerprint
    }

    /// The metric that a condition is about, if it is about one of ours.
    pub(crate) fn metric_of(&self, kind: &str, subject: &str) -> Option<String> {
        let name = subject.strip_prefix(self.watch_file.namespace.as_str())?.strip_prefix('/')?;
        (kind == conditions::METRIC).then(|| name.to_owned())
    }

    /// Where a row belongs.
    pub(crate) fn place_of(&self, row: &Remembered, now: Timestamp) -> Place {
        if !self.complete {
            return Place::NotAsked;
        }
        if self.off.contains(row.check.as_str()) && !self.watch_file.databases.contains_key(&row.check) {
            return Place::Off;
        }
        let named = self.watch_file.check(&row.check);
        let Some(metric) = &row.metric else {
            let there = named.is_some() || self.watch_file.databases.contains_key(&row.check);
            let own = [STORE, subscribers::CHECK].contains(&row.check.as_str());
            return if there || own { Place::NotAsked } else { Place::Nowhere };
        };
        let Some(check) = named else { return Place::Nowhere };
        let Some(metric) = check.metrics.iter().find(|one| one.name == *metric && one.threshold.is_some()) else {
            return Place::Nowhere;
        };
        let dimensions = row.labels.keys().map(String::as_str).collect::<BTreeSet<_>>();
        let expected = check.dimensions.iter().map(String::as_str).collect::<BTreeSet<_>>();
        if dimensions != expected || row.subject != format!("{}/{}", self.watch_file.namespace, metric.name) {
            return Place::Nowhere;
        }
        if !self.answered.contains(row.check.as_str()) {
            return Place::NotAsked;
        }
        let vanished = conditions::metric(self.watch_file, check, metric, row.labels.clone(), None, now);
        vanished.map_or(Place::Nowhere, |condition| Place::Vanished(Box::new(condition)))
    }
}
