//! Looks at one cycle: whether it is complete, by as few listings as can tell.

use config::watch_file::Source;
use domain::Timestamp;
use domain::upstream::joint::{Instrument, Joint, Readiness};
use domain::upstream::mirrors::{self, Answer, Ask, Known};
use domain::upstream::{Found, Look, Object, Requirement, Run, Upstream, cycles, judge};
use serde_json::{Map, Value, json};

use super::listing::{Reader, Unread};
use super::{Site, site};

/// Looks at cycles; those of several sources side by side.
pub(crate) struct Lookout<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) now: Timestamp,
}

/// What a look at a cycle found out.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Nothing, where there was no time for it.
    pub(crate) found: Option<Found>,
    /// Where what is complete is.
    pub(crate) site: Option<Site>,
}

impl Seen {
    fn only(found: Found) -> Self {
        Self { found: Some(found), site: None }
    }

    /// Where some mirror had no time to answer, nobody knows whether the cycle can be read.
    fn unread(why: String, no_time: bool) -> Self {
        Self { found: (!no_time).then_some(Found::Unreadable { why }), site: None }
    }
}

impl Lookout<'_> {
    /// Looks at a cycle.
    pub(crate) async fn look(&self, source: &Source, at: Timestamp, before: Option<&Run>) -> Seen {
        match &source.rules.upstream {
            Upstream::Objects { mirrors, requirement } => self.objects(source, mirrors, requirement, at, before).await,
            Upstream::Joint(joint) => self.joint(source, joint, at).await,
        }
    }

    async fn objects(
        &self,
        source: &Source,
        mirrors: &[String],
        requirement: &Requirement,
        at: Timestamp,
        before: Option<&Run>,
    ) -> Seen {
        let look = before.and_then(|run| run.look.as_ref()).map(Look::newest);
        let mut answers: Vec<Option<Answer>> = vec![None; mirrors.len()];
        let mut no_time = false;
        let known = loop {
            match mirrors::next(mirrors, &answers) {
                Ask::Known(known) => break known,
                Ask::Mirror(place) => {
                    let name = &mirrors[place];
                    let answer = match self.reader.list_all(source, name, &requirement.keys, (at, at)).await {
                        Ok(objects) => Answer::Listed(judge(requirement, at, &objects, name, look, self.now)),
                        Err(unread) => {
                            no_time |= matches!(unread, Unread::NoTime(_));
                            Answer::Unreadable(unread.words().to_owned())
                        }
                    };
                    answers[place] = Some(answer);
                }
            }
        };
        let why = known.to_string();
        match known {
            Known::Complete { mirror, look } => Seen {
                found: Some(Found::Complete { look: Some(look) }),
                site: Some(site(source, &mirrors[mirror], requirement, at)),
            },
            Known::Growing { growing, .. } => {
                Seen::only(Found::Waiting { why, settling: growing.is_settling(), look: Some(growing.look) })
            }
            Known::Absent { .. } => Seen::only(Found::Waiting { why, settling: false, look: None }),
            Known::Unreadable(_) => Seen::unread(why, no_time),
        }
    }

    pub(super) async fn joint(&self, source: &Source, joint: &Joint, at: Timestamp) -> Seen {
        let next = cycles::after(&source.rules.schedule, at).unwrap_or(at);
        let searched = joint.searched(at, next);
        let mut listings = Vec::with_capacity(joint.parts.len());
        for part in &joint.parts {
            match self.instrument(source, part, searched).await {
                Ok(objects) => listings.push(objects),
                Err((why, no_time)) => return Seen::unread(format!("{}: {why}", part.name), no_time),
            }
        }
        match joint.ready(at, next, &listings) {
            Readiness::Ready { keys, observed_at } => {
                let parts = joint.parts.iter().zip(&keys).map(|(part, key)| (part.name.clone(), json!(key)));
                let objects = Map::from_iter([("keys".to_owned(), Value::Object(parts.collect()))]);
                let site = Site { objects, observed_at: Some(observed_at) };
                Seen { found: Some(Found::Complete { look: None }), site: Some(site) }
            }
            waiting @ Readiness::Waiting { .. } => {
                Seen::only(Found::Waiting { why: waiting.to_string(), settling: false, look: None })
            }
        }
    }

    /// What the first mirror of an instrument that answers has; else why none does, and whether time was all that one lacked.
    async fn instrument(
        &self,
        source: &Source,
        part: &Instrument,
        searched: (Timestamp, Timestamp),
    ) -> Result<Vec<Object>, (String, bool)> {
        let (mut unreadable, mut no_time) = (Vec::new(), false);
        for mirror in &part.mirrors {
            match self.reader.list_all(source, mirror, std::slice::from_ref(&part.pattern), searched).await {
                Ok(objects) => return Ok(objects),
                Err(unread) => {
                    no_time |= matches!(unread, Unread::NoTime(_));
                    unreadable.push(format!("{mirror}: {}", unread.words()));
                }
            }
        }
        Err((unreadable.join("; "), no_time))
    }
}
