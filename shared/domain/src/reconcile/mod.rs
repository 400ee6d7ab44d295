//! Compares how CloudWatch's alarms stand with what is on record of them, so that a notification that was lost is made up
//! for: an alarm that fires and nobody knows, an alarm that is over and nobody was told.

mod messages;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::fingerprint::Labels;
use crate::severity::Severity;
pub use messages::{raising, resolving};

/// For so long an alarm has to be OK before its notification counts as lost.
pub const OK_FOR: SignedDuration = SignedDuration::from_mins(10);
/// For so long an alarm has to be in ALARM: its notification may be under way, and tells more (its tags).
pub const ALARM_FOR: SignedDuration = SignedDuration::from_mins(1);

/// What CloudWatch says about an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `ALARM`.
    Alarm,
    /// `OK`.
    Ok,
    /// `INSUFFICIENT_DATA`, or a state that is not known here: it changes nothing.
    Unknown,
}

/// An alarm whose notifications come to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Its ARN: the source of its signals.
    pub arn: String,
    /// What its owner says about it.
    pub description: Option<String>,
    /// How it stands.
    pub state: State,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// The metric it watches; `None`: it is composite, or on metric maths.
    pub metric: Option<Metric>,
    /// A composite alarm whose owner suppresses its actions for now: nobody was meant to hear that it fires.
    pub suppressed: bool,
}

/// The one metric that an alarm watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Names and values.
    pub dimensions: Vec<(String, String)>,
}

/// What CloudWatch said about its alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that notify us.
    pub ours: Vec<Alarm>,
    /// ARNs of all others: they exist, and are none of our business.
    pub others: BTreeSet<String>,
    /// Whether these are all there are. Of a listing that broke off nobody can say what is missing.
    pub complete: bool,
}

/// An alarm that fires, says the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FiringSource {
    /// Its ARN.
    pub source: String,
    /// When it last said so, by its own clock.
    pub changed_at: Timestamp,
    /// The kind of the alert that it keeps open.
    pub kind: String,
    /// The alert's subject.
    pub subject: String,
    /// The alert's environment.
    pub environment: String,
    /// The alert's severity.
    pub severity: Severity,
    /// The alert's identity labels.
    pub labels: Labels,
}

/// Why a source does not fire any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has been OK since then.
    Ok(Timestamp),
    /// It does not exist any more.
    Gone,
}

/// What is to be made up for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan<'a> {
    /// Alarms in ALARM of which nobody has heard.
    pub raise: Vec<&'a Alarm>,
    /// Sources that are on record as firing and do not.
    pub resolve: Vec<(&'a FiringSource, End)>,
}

/// What the ARNs of this account's and region's alarms begin with, by the ARN of one of its topics; `None` where that is
/// no ARN.
pub fn arn_prefix(topic_arn: &str) -> Option<String> {
    let mut parts = topic_arn.splitn(6, ':').skip(1);
    let (partition, _, region, account) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    parts.next().map(|_| format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:"))
}

/// Compares the two at `now`. `firing` was read before the alarms were listed: a source of which nobody knew an alarm
/// then is not one that appeared in between.
pub fn plan<'a>(listing: &'a Listing, firing: &'a [FiringSource], now: Timestamp) -> Plan<'a> {
    let lasts = |alarm: &Alarm, at_least: SignedDuration| now.duration_since(alarm.since) >= at_least;
    let known: BTreeSet<&str> = firing.iter().map(|source| source.source.as_str()).collect();
    let ours: BTreeMap<&str, &Alarm> = listing.ours.iter().map(|alarm| (alarm.arn.as_str(), alarm)).collect();
    let unheard = |alarm: &&Alarm| {
        let is_told = !alarm.suppressed && !known.contains(alarm.arn.as_str());
        alarm.state == State::Alarm && is_told && lasts(alarm, ALARM_FOR)
    };
    let over = |source: &FiringSource| match ours.get(source.source.as_str()) {
        Some(alarm) => (alarm.state == State::Ok && lasts(alarm, OK_FOR)).then_some(End::Ok(alarm.since)),
        None => (listing.complete && !listing.others.contains(&source.source)).then_some(End::Gone),
    };
    Plan {
        raise: listing.ours.iter().filter(unheard).collect(),
        resolve: firing.iter().filter_map(|source| Some((source, over(source)?))).collect(),
    }
}

#[cfg(test)]
mod tests;
