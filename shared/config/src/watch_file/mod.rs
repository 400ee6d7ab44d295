//! The watch file: what is watched, who is told. `config/local.toml` is an example to read top to bottom.

mod check;
mod classify;
mod database;
mod heartbeat;
mod hours;
mod http;
mod inhibit;
mod matcher;
mod metric;
mod names;
mod noise;
mod problem;
mod quarantine;
mod queue;
mod reader;
mod receiver;
mod retention;
mod route;
mod secret;
mod source;
mod twice;

use std::collections::BTreeMap;
use std::path::Path;

use domain::classify::Rule;
use domain::hours::Hours;
use domain::policy::{
    Inhibition, Integration, NULL_RECEIVER, QuarantineRule, Receiver as PolicyReceiver, Route, SELF_RECEIVER,
};
use domain::retention::{HardDelete, Policy as Retention};
use domain::{Policy, check::Metric};
use toml::de::DeTable;

use crate::environment::Environment;
use crate::reference::Address;
use problem::Problems;
use reader::Table;

pub use check::{Ask, Check, MOST_DIMENSIONS};
pub use database::{Access, DEFAULT_TIMEOUT, Database, LONGEST_TIMEOUT};
pub use heartbeat::{Heartbeat, HeartbeatSignal, MetricSignal, S3Signal, Statistic};
pub use http::{FAILING, HttpAsk};
pub use names::{OWN_DATABASE, SUBSCRIBERS};
pub use noise::Noise;
pub use problem::{Problem, WatchFileError};
pub use queue::Queue;
pub use receiver::{Means, PAGES_TOPIC, Receiver};
pub use source::{Mirror, Output, Place, Source, Trigger, TriggerKind};

/// A watch file without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchFile {
    /// Where it was read.
    pub file: String,
    /// The environment it was read for.
    pub environment: Environment,
    /// CloudWatch namespace of every metric.
    pub namespace: String,
    /// What is watched, by name.
    pub databases: BTreeMap<String, Database>,
    /// Business hours, by name.
    pub hours: BTreeMap<String, Hours>,
    /// The checks, in the order they are written.
    pub checks: Vec<Check>,
    /// What is expected to be heard, in the order it is written.
    pub heartbeats: Vec<Heartbeat>,
    /// Upstream products, in the order they are written.
    pub sources: Vec<Source>,
    /// Which rows grow old, and where they go, in the order they are written.
    pub retention: Vec<Retention>,
    /// How everything of one person or organisation is deleted, in the order they are written.
    pub hard_delete: Vec<HardDelete>,
    /// What deadman calls after each complete evaluation: something outside AWS that misses it.
    pub external_ping: Option<Address>,
    /// Who can be told, by name.
    pub receivers: BTreeMap<String, Receiver>,
    /// Who is told what matches no route.
    pub default_route: Route,
    /// Ordered; the first that matches wins.
    pub routes: Vec<Route>,
    /// Ordered; the first that matches says how bad a signal is.
    pub classify: Vec<Rule>,
    /// Which open alerts mute which others.
    pub inhibit: Vec<Inhibition>,
    /// Which claims bar their worker.
    pub quarantine: Vec<QuarantineRule>,
    /// How repeats are kept down.
    pub noise: Noise,
}

/// The sections of a watch file. One whose function has not landed yet is refused as unknown, not ignored.
const SECTIONS: [&str; 16] = [
    "namespace",
    "external_ping",
    "database",
    "hours",
    "check",
    "heartbeat",
    "upstream",
    "source",
    "retention",
    "hard_delete",
    "receiver",
    "classify",
    "routes",
    "noise",
    "inhibit",
    "quarantine",
];

impl WatchFile {
    /// Reads the watch file of an environment.
    ///
    /// # Errors
    /// When it is not there, and with every mistake in it at once: file, line, key path, what was expected.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, WatchFileError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &file, environment),
            Err(source) => Err(WatchFileError::Unreadable { file, source }),
        }
    }

    /// Reads a watch file's text; `file` names it in errors.
    ///
    /// # Errors
    /// With every mistake at once.
    pub fn parse(text: &str, file: &str, environment: &Environment) -> Result<Self, WatchFileError> {
        let problems = Problems::of(text);
        let (tree, broken) = DeTable::parse_recoverable(text);
        twice::note(&problems, text, &broken);
        // What is missing from a text that breaks off half-way is not worth listing.
        let read = if broken.is_empty() { read(&problems, tree.get_ref(), file, environment) } else { None };
        let problems = problems.into_sorted();
        match read {
            Some(watch_file) if problems.is_empty() => Ok(watch_file),
            _ => Err(WatchFileError::Wrong { file: file.to_owned(), problems }),
        }
    }

    /// The check of this name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// The heartbeat of this name.
    pub fn heartbeat(&self, name: &str) -> Option<&Heartbeat> {
        self.heartbeats.iter().find(|heartbeat| heartbeat.rules.name == name)
    }

    /// The source of this name.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.rules.name == name)
    }

    /// The retention policy of this name.
    pub fn retention(&self, name: &str) -> Option<&Retention> {
        self.retention.iter().find(|policy| policy.name == name)
    }

    /// The hard delete of this name.
    pub fn hard_delete(&self, name: &str) -> Option<&HardDelete> {
        self.hard_delete.iter().find(|hard_delete| hard_delete.name == name)
    }

    /// What decisions depend on.
    pub fn policy(&self) -> Policy {
        let metrics = || self.checks.iter().flat_map(|check| &check.metrics);
        let reminded = || self.heartbeats.iter().filter_map(|one| Some((one.rules.name.clone(), one.remind_every?)));
        let by_name = |value: fn(&Metric) -> Option<String>| {
            metrics().filter_map(|metric| Some((metric.name.clone(), value(metric)?))).collect()
        };
        Policy {
            environment: self.environment.to_string(),
            namespace: self.namespace.clone(),
            metric_severity: metrics().filter_map(|metric| Some((metric.name.clone(), metric.severity?))).collect(),
            metric_runbook: by_name(|metric| metric.runbook.clone()),
            receivers: self.known_receivers(),
            routes: self.routes.clone(),
            default_route: self.default_route.clone(),
            classify: self.classify.clone(),
            inhibit: self.inhibit.clone(),
            quarantine: self.quarantine.clone(),
            dedup_window: self.noise.dedup_window,
            digest_every: self.noise.digest_every,
            flapping: self.noise.flapping,
            remind_every: self.noise.remind_every.clone(),
            heartbeat_remind_every: reminded().collect(),
        }
    }

    /// The receivers of the file, and the two that always exist.
    fn known_receivers(&self) -> BTreeMap<String, PolicyReceiver> {
        let of = |receiver: &Receiver| PolicyReceiver {
            integration: receiver.integration(),
            switch: receiver.switch.clone(),
        };
        let own = PolicyReceiver { integration: Integration::Sns, switch: None };
        let written = self.receivers.iter().map(|(name, receiver)| (name.clone(), of(receiver)));
        let nobody = PolicyReceiver { integration: Integration::Null, switch: None };
        written.chain([(SELF_RECEIVER.to_owned(), own), (NULL_RECEIVER.to_owned(), nobody)]).collect()
    }
}

/// Reads all sections; `None` where so much is wrong that no watch file can be made (the problems say what).
fn read<'t>(
    problems: &'t Problems<'t>,
    tree: &'t DeTable<'t>,
    file: &str,
    environment: &Environment,
) -> Option<WatchFile> {
    let root = Table::root(problems, tree, &SECTIONS);
    let namespace = names::namespace(&root);
    let databases = database::databases(&root);
    let hours = hours::hours(&root);
    let checks = check::checks(&root, &databases, &hours.keys().cloned().collect(), environment);
    let sources = source::sources(&root, environment);
    let names: Vec<&str> = sources.iter().map(|(name, _)| *name).collect();
    let heartbeats = heartbeat::heartbeats(&root, &databases, &hours, &names);
    let mut sources: Vec<Source> = sources.into_iter().filter_map(|(_, source)| source).collect();
    source::hear(&mut sources, &heartbeats);
    let retention = retention::policies(&root, &databases, &sources);
    let hard_delete = retention::hard_deletes(&root, &databases);
    let external_ping = heartbeat::external_ping(&root, environment);
    let receivers = receiver::receivers(&root, environment);
    let classify = classify::rules(&root);
    let (default_route, routes) = route::routes(&root, &receivers, &hours, &names);
    let (noise, inhibit, quarantine) =
        (noise::noise(&root), inhibit::inhibitions(&root, &names), quarantine::rules(&root));
    Some(WatchFile {
        file: file.to_owned(),
        environment: environment.clone(),
        namespace: namespace?,
        databases: databases.into_iter().filter_map(|(name, database)| Some((name, database?))).collect(),
        hours: hours.into_iter().filter_map(|(name, hours)| Some((name, hours?))).collect(),
        checks,
        heartbeats,
        sources,
        retention,
        hard_delete,
        external_ping,
        receivers: receivers.into_iter().filter_map(|(name, receiver)| Some((name, receiver?))).collect(),
        default_route,
        routes,
        classify,
        inhibit,
        quarantine,
        noise,
    })
}
