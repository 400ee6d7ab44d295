//! What may mute or bar what signals speak of: read in the same flush, and only where the watch file asks for it.

use std::collections::BTreeSet;

use domain::alert::Gathering;
use domain::decide::{Ended, Gatherer, Inhibitor, State, group_of};
use domain::fingerprint::Labels;
use domain::policy::{Described, Policy};
use domain::{Fingerprint, Signal, Timestamp};
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Row};

use super::sql;
use crate::Error;
use crate::rows::{column, optional_word, word};
use crate::silences;
use crate::statements::Flush;

/// What has to be asked.
pub(super) struct Surroundings<'a> {
    fingerprints: &'a [&'a str],
    /// Replaces the store's clock.
    now: Option<Timestamp>,
    /// Seconds within which changes make a condition flap.
    flapping: Option<f64>,
    /// Kinds of alerts that may mute others; `None` within: all.
    inhibitors: Option<Option<Vec<String>>>,
    /// What alerts that wait would have in common with those that open; `None`: no route groups.
    groups: Option<Vec<String>>,
    /// Workers that claims are about.
    workers: Vec<String>,
}

impl<'a> Surroundings<'a> {
    /// What these signals ask for.
    pub(super) fn of(signals: &[Signal], fingerprints: &'a [&'a str], policy: &Policy, now: Option<Timestamp>) -> Self {
        let workers: BTreeSet<&String> =
            signals.iter().filter(|signal| signal.kind == "claim").map(|signal| &signal.subject).collect();
        Self {
            fingerprints,
            now,
            flapping: policy.flapping.map(|flapping| flapping.within.as_secs_f64()),
            inhibitors: (!policy.inhibit.is_empty()).then(|| kinds(policy)),
            groups: policy
                .routes
                .iter()
                .any(|route| route.group.is_some())
                .then(|| signals.iter().filter_map(|signal| key(signal, policy)).collect()),
            workers: if policy.quarantine.is_empty() { vec![] } else { workers.into_iter().cloned().collect() },
        }
    }

    /// Adds the questions to a flush; [`read`](Self::read) takes the answers in the same order.
    pub(super) fn ask<'f>(&'f self, client: &'f Client, flush: &mut Flush<'f>) {
        flush.add(sql::READ_SILENCES.run(client, &[&self.now]));
        if let Some(seconds) = &self.flapping {
            flush.add(sql::READ_ENDED.run(client, &[&self.fingerprints, &self.now, seconds]));
        }
        if let Some(kinds) = &self.inhibitors {
            flush.add(sql::READ_INHIBITORS.run(client, &[kinds]));
        }
        if let Some(keys) = &self.groups {
            flush.add(sql::READ_GATHERING.run(client, &[keys, &self.fingerprints]));
        }
        if !self.workers.is_empty() {
            flush.add(sql::READ_BARRED.run(client, &[&self.workers]));
        }
    }

    /// Puts the answers into the state.
    pub(super) fn read(&self, answers: &mut impl Iterator<Item = Vec<Row>>, state: &mut State) -> Result<(), Error> {
        let mut next = || answers.next().unwrap_or_default();
        state.silences = silences::readable(&next());
        if self.flapping.is_some() {
            for row in next() {
                let fingerprint = Fingerprint::from_stored(column(&row, "fingerprint")?);
                state.ended.entry(fingerprint).or_default().push(ended(&row)?);
            }
        }
        if self.inhibitors.is_some() {
            state.inhibitors = next().iter().map(inhibitor).collect::<Result<_, _>>()?;
        }
        if self.groups.is_some() {
            state.gathering = next().iter().map(gatherer).collect::<Result<_, _>>()?;
        }
        if !self.workers.is_empty() {
            for row in next() {
                state.barred.insert((column(&row, "worker_id")?, column(&row, "environment")?));
            }
        }
        Ok(())
    }
}

/// The kinds that rules name; `None` where one of them asks for any, or for all that begin so.
fn kinds(policy: &Policy) -> Option<Vec<String>> {
    let rules = || policy.inhibit.iter().map(|rule| &rule.when.kind);
    let any = |kinds: &Vec<String>| kinds.is_empty() || kinds.iter().any(|kind| kind.ends_with('*'));
    (!rules().any(any)).then(|| rules().flatten().cloned().collect())
}

fn key(signal: &Signal, policy: &Policy) -> Option<String> {
    let condition = Described {
        severity: signal.severity,
        kind: &signal.kind,
        subject: &signal.subject,
        environment: &signal.environment,
        labels: &signal.labels,
    };
    group_of(&condition, policy).map(|(key, _)| key)
}

fn ended(row: &Row) -> Result<Ended, Error> {
    Ok(Ended {
        opened_at: column(row, "opened_at")?,
        resolved_at: column(row, "resolved_at")?,
        flapped: optional_word(row, "flapped", |text| text.parse().ok())?,
    })
}

fn inhibitor(row: &Row) -> Result<Inhibitor, Error> {
    let Json(labels): Json<Labels> = column(row, "labels")?;
    Ok(Inhibitor {
        alert_id: column(row, "alert_id")?,
        severity: word(row, "severity", |text| text.parse().ok())?,
        kind: column(row, "kind")?,
        subject: column(row, "subject")?,
        environment: column(row, "environment")?,
        labels,
    })
}

fn gatherer(row: &Row) -> Result<Gatherer, Error> {
    let gathering = Gathering { key: column(row, "group_key")?, until: column(row, "group_until")? };
    Ok(Gatherer { alert_id: column(row, "alert_id")?, gathering })
}
