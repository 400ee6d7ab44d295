//! What the watch file says about deciding and routing: severities, receivers, routes, the dedup window.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::classify::Rule;
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
}

impl Integration {
    /// All kinds.
    pub const ALL: [Integration; 3] = [Self::Pagerduty, Self::Sns, Self::Webhook];

    /// The word in the column `deliveries.integration` and in the watch file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pagerduty => "pagerduty",
            Self::Sns => "sns",
            Self::Webhook => "webhook",
        }
    }

    /// Whether the provider keeps incidents by key: it then merges triggers of one key, and each key must be closed.
    pub const fn keeps_incidents(self) -> bool {
        matches!(self, Self::Pagerduty)
    }

    /// Reads the word of the column back.
    pub fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|integration| integration.as_str() == word)
    }
}

/// Which signals a route is for. An empty list asks nothing; all that ask must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Severities, any of which matches.
    pub severity: Vec<Severity>,
    /// Kinds, any of which matches.
    pub kind: Vec<String>,
    /// Subjects, any of which matches.
    pub subject: Vec<String>,
    /// Environments, any of which matches.
    pub environment: Vec<String>,
}

impl Matcher {
    /// Whether a condition of this severity is meant.
    pub fn matches(&self, severity: Severity, kind: &str, subject: &str, environment: &str) -> bool {
        let any = |wanted: &[String], word: &str| wanted.is_empty() || wanted.iter().any(|want| want == word);
        (self.severity.is_empty() || self.severity.contains(&severity))
            && any(&self.kind, kind)
            && any(&self.subject, subject)
            && any(&self.environment, environment)
    }
}

/// Where matching alerts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which ones.
    pub when: Matcher,
    /// Names of receivers, in the order they are told.
    pub to: Vec<String>,
}

/// The part of the watch file that decisions depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The stack's own environment, canonical; signals that name none are of it.
    pub environment: String,
    /// CloudWatch namespace of the watch file's own metrics.
    pub namespace: String,
    /// Severity of each metric of the watch file, by its CloudWatch name.
    pub metric_severity: BTreeMap<String, Severity>,
    /// Where to look up what to do, by the metric's CloudWatch name.
    pub metric_runbook: BTreeMap<String, String>,
    /// Every receiver's kind, by name.
    pub receivers: BTreeMap<String, Integration>,
    /// Ordered; the first that matches wins.
    pub routes: Vec<Route>,
    /// Who is told what matches no route.
    pub default_route: Vec<String>,
    /// Ordered; the first that matches says how bad a signal is.
    pub classify: Vec<Rule>,
    /// How long an alert opened by an event stays open and swallows its repeats.
    pub dedup_window: SignedDuration,
}

/// The dedup window where the watch file names none.
pub const DEFAULT_DEDUP_WINDOW: SignedDuration = SignedDuration::from_hours(1);

impl Policy {
    /// The receivers of a signal at a severity: those of the first route that matches, else the default ones.
    pub fn receivers_for(&self, signal: &Signal, severity: Severity) -> &[String] {
        self.routes
            .iter()
            .find(|route| route.when.matches(severity, &signal.kind, &signal.subject, &signal.environment))
            .map_or(&self.default_route, |route| &route.to)
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
