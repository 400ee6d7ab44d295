//! Looks at upstream: what was found out about each cycle, and where what is complete is.

mod http;
mod listing;
mod look;
mod s3;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use aws_config::SdkConfig;
use config::watch_file::{Output, Place, Source};
use domain::Timestamp;
use domain::upstream::pattern::Wanted;
use domain::upstream::{Found, Requirement, Run, RunKey, Upstream};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use listing::Reader;
pub(crate) use look::{Lookout, Seen};

/// Everything that can be listed.
#[derive(Debug)]
pub(crate) struct Mirrors {
    buckets: s3::Buckets,
}

/// What the looks of one invocation found out.
pub(crate) struct Looker<'a> {
    pub(crate) lookout: Lookout<'a>,
    /// When looking has to end.
    pub(crate) until: Instant,
    /// What the looks found out, by cycle.
    pub(crate) found: HashMap<RunKey, Found>,
    /// Where what was complete is, for the job that processes it.
    pub(crate) sites: HashMap<RunKey, Site>,
    /// Cycles for which there was no time.
    pub(crate) unseen: HashSet<RunKey>,
}

/// Where the objects of a cycle are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Site {
    /// What a job is told of it.
    pub(crate) objects: Map<String, Value>,
    /// When they were observed, where that is not the nominal time.
    pub(crate) observed_at: Option<Timestamp>,
}

impl Mirrors {
    pub(crate) fn new(sdk: &SdkConfig) -> Self {
        Self { buckets: s3::Buckets::new(sdk) }
    }

    /// Whether what a run makes is there: `None` where nobody can tell. What was there before the run was triggered is the
    /// output of another.
    pub(crate) async fn has_output(&self, output: &Output, run: &Run, until: Instant) -> Option<bool> {
        let Some(Wanted::Key(key)) = output.key.wanted(run.at).into_iter().next() else { return None };
        // S3 says when to the second.
        let since = run.triggered_at.map(|at| at - SignedDuration::from_secs(1));
        let is_its =
            |written: Option<Timestamp>| written.is_none_or(|written| since.is_none_or(|since| written >= since));
        let place = s3::At { bucket: &output.bucket, region: None, anonymous: false };
        let left = until.saturating_duration_since(Instant::now());
        let listed = tokio::time::timeout(left, self.buckets.list(place, &key)).await;
        match listed.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            Ok(objects) => Some(objects.iter().any(|object| object.key == key && is_its(object.last_modified))),
            Err(why) => {
                tracing::warn!(bucket = output.bucket, key, why, "Whether a run's output is there could not be seen");
                None
            }
        }
    }
}

impl<'a> Looker<'a> {
    pub(crate) fn new(mirrors: &'a Mirrors, sources: &'a [Source], now: Timestamp, until: Instant) -> Self {
        Self {
            lookout: Lookout { reader: Reader::new(mirrors, sources, until), now },
            until,
            found: HashMap::new(),
            sites: HashMap::new(),
            unseen: HashSet::new(),
        }
    }

    /// How many listings were made, and which mirrors could not be read.
    pub(crate) fn told(&mut self) -> (usize, BTreeMap<&'a str, String>) {
        self.lookout.reader.told()
    }

    /// Where the objects of a cycle are that was found complete before.
    ///
    /// # Errors
    /// Why that cannot be said now: a job is of no use without them.
    pub(crate) async fn site(&mut self, source: &Source, run: &Run) -> Result<Site, String> {
        if let Some(site) = self.sites.get(&run.key()) {
            return Ok(site.clone());
        }
        match &source.rules.upstream {
            Upstream::Objects { mirrors, requirement } => {
                let seen = run.look.as_ref().map(|look| &look.mirror);
                let mirror = seen.or(mirrors.first());
                Ok(mirror.map(|mirror| site(source, mirror, requirement, run.at)).unwrap_or_default())
            }
            Upstream::Joint(joint) => {
                let Seen { found, site } = self.lookout.joint(source, joint, run.at).await;
                site.ok_or_else(|| match found {
                    Some(Found::Waiting { why, .. } | Found::Unreadable { why }) => why,
                    Some(Found::Complete { .. }) => "what it is made from is not known".to_owned(),
                    None => "there was no time to look what it is made from".to_owned(),
                })
            }
        }
    }
}

fn site(source: &Source, mirror: &str, requirement: &Requirement, at: Timestamp) -> Site {
    let mut objects = Map::new();
    match source.mirrors.get(mirror).map(|mirror| &mirror.place) {
        Some(Place::S3 { bucket, region }) => {
            objects.insert("bucket".to_owned(), json!(bucket));
            objects.extend(region.as_ref().map(|region| ("region".to_owned(), json!(region))));
        }
        Some(Place::Http { url }) => drop(objects.insert("url".to_owned(), json!(url))),
        None => {}
    }
    let prefixes: std::collections::BTreeSet<String> = requirement.keys.iter().map(|key| key.prefix(at)).collect();
    objects.insert("prefixes".to_owned(), json!(prefixes));
    Site { objects, observed_at: None }
}
