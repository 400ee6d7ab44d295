//! Looks at upstream: whether cycles are complete, by as few listings as can tell.

mod http;
mod listing;
mod s3;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use aws_config::SdkConfig;
use config::watch_file::{Output, Place, Source};
use domain::Timestamp;
use domain::upstream::joint::{Instrument, Joint, Readiness};
use domain::upstream::mirrors::{self, Answer, Ask, Known};
use domain::upstream::pattern::Wanted;
use domain::upstream::{Found, Object, Requirement, Run, RunKey, Upstream, cycles, judge};
use jiff::SignedDuration;
use outbound::Http;
use serde_json::{Map, Value, json};

/// Everything that can be listed.
#[derive(Debug)]
pub(crate) struct Mirrors {
    buckets: s3::Buckets,
}

/// What a mirror holds under a prefix, or why that is not known.
type Listed = Result<Vec<Object>, String>;

/// Looks at cycles within one invocation: what is listed once is not listed again, and a mirror that does not answer is not
/// asked again.
pub(crate) struct Looker<'a> {
    mirrors: &'a Mirrors,
    http: &'a Http,
    now: Timestamp,
    until: Instant,
    listed: HashMap<(String, String), Listed>,
    unreadable: HashMap<String, String>,
    /// How many listings were made.
    pub(crate) listings: usize,
    /// What the looks found out, by cycle.
    pub(crate) found: HashMap<RunKey, Found>,
    /// Where what was complete is, for the job that processes it.
    pub(crate) sites: HashMap<RunKey, Site>,
    /// Cycles that could not be looked at, and why.
    pub(crate) failed: BTreeMap<RunKey, String>,
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
        match self.buckets.list(place, &key, until).await {
            Ok(objects) => Some(objects.iter().any(|object| object.key == key && is_its(object.last_modified))),
            Err(why) => {
                tracing::warn!(bucket = output.bucket, key, why, "Whether a run's output is there could not be seen");
                None
            }
        }
    }
}

impl<'a> Looker<'a> {
    pub(crate) fn new(mirrors: &'a Mirrors, http: &'a Http, now: Timestamp, until: Instant) -> Self {
        Self {
            mirrors,
            http,
            now,
            until,
            listed: HashMap::new(),
            unreadable: HashMap::new(),
            listings: 0,
            found: HashMap::new(),
            sites: HashMap::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Whether there is no time to look any further.
    pub(crate) fn is_out_of_time(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Looks at a cycle, and keeps what was found.
    pub(crate) async fn look(&mut self, source: &Source, at: Timestamp, before: Option<&Run>) {
        let key = RunKey::of(&source.rules.name, at);
        let found = match &source.rules.upstream {
            Upstream::Objects { mirrors, requirement } => {
                self.objects(source, mirrors, requirement, at, before, &key).await
            }
            Upstream::Joint(joint) => self.joint(source, joint, at, &key).await,
        };
        self.found.insert(key, found);
    }

    /// Where the objects of a cycle are that was found complete before.
    ///
    /// # Errors
    /// Why that cannot be said now: a job is of no use without them.
    pub(crate) async fn site(&mut self, source: &Source, run: &Run) -> Result<Site, String> {
        let key = run.key();
        if let Some(site) = self.sites.get(&key) {
            return Ok(site.clone());
        }
        match &source.rules.upstream {
            Upstream::Objects { mirrors, requirement } => {
                let seen = run.look.as_ref().map(|look| &look.mirror);
                let mirror = seen.or(mirrors.first());
                Ok(mirror.map(|mirror| site(source, mirror, requirement, run.at)).unwrap_or_default())
            }
            Upstream::Joint(joint) => {
                let found = self.joint(source, joint, run.at, &key).await;
                self.sites.get(&key).cloned().ok_or_else(|| match found {
                    Found::Waiting { why, .. } | Found::Unreadable { why } => why,
                    Found::Complete { .. } => "what it is made from is not known".to_owned(),
                })
            }
        }
    }

    async fn objects(
        &mut self,
        source: &Source,
        mirrors: &[String],
        requirement: &Requirement,
        at: Timestamp,
        before: Option<&Run>,
        key: &RunKey,
    ) -> Found {
        let look = before.and_then(|run| run.look.as_ref());
        let mut answers: Vec<Option<Answer>> = vec![None; mirrors.len()];
        let known = loop {
            match mirrors::next(mirrors, &answers) {
                Ask::Known(known) => break known,
                Ask::Mirror(place) => {
                    let name = &mirrors[place];
                    let answer = match self.list_all(source, name, &requirement.keys, (at, at)).await {
                        Ok(objects) => Answer::Listed(judge(requirement, at, &objects, name, look, self.now)),
                        Err(why) => Answer::Unreadable(why),
                    };
                    answers[place] = Some(answer);
                }
            }
        };
        let why = known.to_string();
        match known {
            Known::Complete { mirror, look } => {
                self.sites.insert(key.clone(), site(source, &mirrors[mirror], requirement, at));
                Found::Complete { look: Some(look) }
            }
            Known::Growing { growing, .. } => {
                Found::Waiting { why, settling: growing.is_settling(), look: Some(growing.look) }
            }
            Known::Absent { .. } => Found::Waiting { why, settling: false, look: None },
            Known::Unreadable(reason) => {
                self.failed.insert(key.clone(), reason);
                Found::Unreadable { why }
            }
        }
    }

    async fn joint(&mut self, source: &Source, joint: &Joint, at: Timestamp, key: &RunKey) -> Found {
        let next = cycles::after(&source.rules.schedule, at).unwrap_or(at);
        let searched = joint.searched(at, next);
        let mut listings = Vec::with_capacity(joint.parts.len());
        for part in &joint.parts {
            match self.instrument(source, part, searched).await {
                Ok(objects) => listings.push(objects),
                Err(why) => {
                    let why = format!("{}: {why}", part.name);
                    self.failed.insert(key.clone(), why.clone());
                    return Found::Unreadable { why };
                }
            }
        }
        match joint.ready(at, next, &listings) {
            Readiness::Ready { keys, observed_at } => {
                let parts = joint.parts.iter().zip(&keys).map(|(part, key)| (part.name.clone(), json!(key)));
                let objects = Map::from_iter([("keys".to_owned(), Value::Object(parts.collect()))]);
                self.sites.insert(key.clone(), Site { objects, observed_at: Some(observed_at) });
                Found::Complete { look: None }
            }
            waiting @ Readiness::Waiting { .. } => {
                Found::Waiting { why: waiting.to_string(), settling: false, look: None }
            }
        }
    }

    /// What the first mirror of an instrument that answers has.
    async fn instrument(&mut self, source: &Source, part: &Instrument, searched: (Timestamp, Timestamp)) -> Listed {
        let mut unreadable = Vec::new();
        for mirror in &part.mirrors {
            match self.list_all(source, mirror, std::slice::from_ref(&part.pattern), searched).await {
                Ok(objects) => return Ok(objects),
                Err(why) => unreadable.push(format!("{mirror}: {why}")),
            }
        }
        Err(unreadable.join("; "))
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
