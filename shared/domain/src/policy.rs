//! What the watch file says about deciding and routing: severities, receivers, routes, noise.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::classify::Rule;
use crate::fingerprint::Labels;
use crate::heartbeat;
use crate::hours::Hours;
use crate::severity::Severity;
use crate::signal::Signal;

/// The kind of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Integration {
    /// PagerDuty Events API v2.
    Pagerduty,
    /// An SNS topic of this stack.
    Sns,
    /// A plain webhook: the notification as JSON.
    Webhook,
    /// A Slack channel, through an incoming webhook.
    Slack,
    /// A Telegram chat, through a bot.
    Telegram,
    /// Takes everything and tells nobody.
    Null,
}

impl Integration {
    /// All kinds that a watch file may name.
    pub const ALL: [Integration; 5] = [Self::Pagerduty, Self::Sns, Self::Webhook, Self::Slack, Self::Telegram];

    /// The word in the column `deliveries.integration` and in the watch file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pagerduty => "pagerduty",
            Self::Sns => "sns",
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Telegram => "telegram",
            Self::Null => "null",
        }
    }

    /// Whether the provider keeps incidents by key: it then merges triggers of one key, and each key must be closed.
    pub const fn keeps_incidents(self) -> bool {
        matches!(self, Self::Pagerduty)
    }

    /// Whether the provider reminds and escalates by itself until somebody acknowledges there.
    pub const fn escalates_by_itself(self) -> bool {
        self.keeps_incidents()
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().chain([Self::Null]).find(|integration| integration.as_str() == word)
    }
}

/// What decisions need to know of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its kind.
    pub integration: Integration,
    /// The switch `features/NAME` that turns it off.
    pub switch: Option<String>,
}

/// The receiver that always exists: the topic `self`, straight to people. No watch file may name one so.
pub const SELF_RECEIVER: &str = "self";

/// The receiver that tells nobody: where the synthetic alert ends. No watch file may name one so.
pub const NULL_RECEIVER: &str = "null";

/// What a matcher may ask about a condition.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// What sort of condition.
    pub kind: &'a str,
    /// Of what.
    pub subject: &'a str,
    /// Where, in canonical spelling.
    pub environment: &'a str,
    /// Identity labels.
    pub labels: &'a Labels,
}

/// Which conditions something is for. What is empty asks nothing; all that ask must match. A word that ends in `*` matches
/// whatever begins so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Severities, any of which matches.
    pub severity: Vec<Severity>,
    /// Kinds, any of which matches.
    pub kind: Vec<String>,
    /// Subjects, any of which matches.
    pub subject: Vec<String>,
    /// Environments in canonical spelling, any of which matches.
    pub environment: Vec<String>,
    /// Identity labels by name: the condition has each, with any of its values.
    pub labels: BTreeMap<String, Vec<String>>,
}

impl Matcher {
    /// Whether this condition is meant.
    pub fn matches(&self, condition: &Described<'_>) -> bool {
        (self.severity.is_empty() || self.severity.contains(&condition.severity))
            && any(&self.kind, condition.kind)
            && any(&self.subject, condition.subject)
            && any(&self.environment, condition.environment)
            && self
                .labels
                .iter()
                .all(|(name, values)| condition.labels.get(name).is_some_and(|value| any(values, value)))
    }

    /// Whether it asks anything at all.
    pub fn asks(&self) -> bool {
        *self != Self::default()
    }
}

fn any(wanted: &[String], word: &str) -> bool {
    let matches = |want: &String| match want.strip_suffix('*') {
        Some(beginning) => word.starts_with(beginning),
        None => want == word,
    };
    wanted.is_empty() || wanted.iter().any(matches)
}

/// Where matching alerts go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Which ones.
    pub when: Matcher,
    /// Names of receivers, in the order they are told.
    pub to: Vec<String>,
    /// Who is told instead of a receiver that does not take what it is told.
    pub fallback: Vec<String>,
    /// Who is told when nobody has acknowledged in time.
    pub escalate: Option<Escalate>,
    /// When its receivers may be told; CRITICAL is told at any time.
    pub hours: Option<Hours>,
    /// Whether alerts that open together are told together.
    pub group: Option<Group>,
    /// Whether the routes after it may match as well.
    pub goes_on: bool,
}

/// `escalate` of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalate {
    /// How long an alert may be open and not acknowledged.
    pub after: SignedDuration,
    /// Who is told then.
    pub to: Vec<String>,
}

/// `group_by` and `group_wait` of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What alerts of one group have in common: `kind`, `subject`, `environment`, or an identity label.
    pub by: Vec<String>,
    /// How long the first alert of a group waits for others.
    pub wait: SignedDuration,
}

/// `[[inhibit]]`: an open alert that mutes its consequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// The alerts that mute, while they are open and somebody was told of them.
    pub when: Matcher,
    /// The alerts that they mute.
    pub mutes: Matcher,
    /// Identity labels that both must have alike; one that is missing is empty.
    pub equal: Vec<String>,
}

/// `[[quarantine]]`: claims that bar their worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineRule {
    /// Which claims, by the severity they are classified with.
    pub when: Matcher,
    /// Senders that may bar a worker; others only alert.
    pub from: Vec<String>,
    /// What is answered about a worker while the store is gone: whether it counts as barred.
    pub deny_without_store: bool,
}

/// `flapping` of `[noise]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flapping {
    /// How many openings and endings make a condition flap.
    pub changes: u32,
    /// Within how long.
    pub within: SignedDuration,
}

/// The part of the watch file that decisions depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The stack's own environment, canonical; signals that name none are of it.
    pub environment: String,
    /// CloudWatch namespace of the watch file's own metrics.
    pub namespace: String,
    /// Severity of each metric of the watch file, by its CloudWatch name.
    pub metric_severity: BTreeMap<String, Severity>,
    /// Where to look up what to do, by the metric's CloudWatch name.
    pub metric_runbook: BTreeMap<String, String>,
    /// Every receiver by name, [`SELF_RECEIVER`] among them.
    pub receivers: BTreeMap<String, Receiver>,
    /// Ordered; the first that matches wins, unless it goes on.
    pub routes: Vec<Route>,
    /// What matches no route.
    pub default_route: Route,
    /// Ordered; the first that matches says how bad a signal is.
    pub classify: Vec<Rule>,
    /// Which open alerts mute which others.
    pub inhibit: Vec<Inhibition>,
    /// Which claims bar their worker.
    pub quarantine: Vec<QuarantineRule>,
    /// How long an alert opened by an event stays open and swallows its repeats.
    pub dedup_window: SignedDuration,
    /// How often what was suppressed is summed up; `None`: never.
    pub digest_every: Option<SignedDuration>,
    /// When a condition flaps; `None`: never.
    pub flapping: Option<Flapping>,
    /// How often people are reminded of an open alert that nobody acknowledged, by its severity.
    pub remind_every: BTreeMap<Severity, SignedDuration>,
    /// The same for heartbeats that say so themselves, by name, whatever their severity.
    pub heartbeat_remind_every: BTreeMap<String, SignedDuration>,
}

/// The dedup window where the watch file names none.
pub const DEFAULT_DEDUP_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// How often there is a digest where the watch file does not say.
pub const DEFAULT_DIGEST_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// When a condition flaps where the watch file does not say.
pub const DEFAULT_FLAPPING: Flapping = Flapping { changes: 5, within: SignedDuration::from_mins(30) };

impl Policy {
    /// The routes of a condition: the first that matches and, as long as each goes on, those after it; else the default.
    pub fn routes_of(&self, condition: &Described<'_>) -> Vec<&Route> {
        let mut found: Vec<&Route> = Vec::new();
        for route in self.routes.iter().filter(|route| route.when.matches(condition)) {
            found.push(route);
            if !route.goes_on {
                break;
            }
        }
        if found.is_empty() { vec![&self.default_route] } else { found }
    }

    /// How often people are reminded of a condition that nobody acknowledged; `None`: never.
    pub fn remind_every(&self, kind: &str, subject: &str, severity: Severity) -> Option<SignedDuration> {
        let of_its_own = (kind == heartbeat::KIND).then(|| self.heartbeat_remind_every.get(subject)).flatten();
        of_its_own.or_else(|| self.remind_every.get(&severity)).copied()
    }

    /// The severity that the watch file gives a metric, if it is one of its own.
    pub fn severity_of_metric(&self, namespace: &str, name: &str) -> Option<Severity> {
        (namespace == self.namespace).then(|| self.metric_severity.get(name).copied()).flatten()
    }

    /// Where to look up what to do about a condition: what its sender says, else the watch file.
    pub fn runbook_for<'a>(&'a self, signal: &'a Signal) -> Option<&'a str> {
        if signal.runbook.is_some() {
            return signal.runbook.as_deref();
        }
        let name = signal.subject.strip_prefix(self.namespace.as_str())?.strip_prefix('/')?;
        (signal.kind == "metric").then(|| self.metric_runbook.get(name).map(String::as_str)).flatten()
    }
}
