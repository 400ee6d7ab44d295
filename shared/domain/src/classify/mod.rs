//! Classification: ordered rules that say how bad a signal is. The first that matches wins; what matches none keeps the
//! severity of its shape. A rule never drops a signal and never changes what it is about.

pub mod command;

use std::collections::BTreeMap;

use crate::fingerprint::Labels;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// `[[classify]]` of the watch file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which signals.
    pub when: When,
    /// How bad they are.
    pub severity: Severity,
}

/// Which signals a rule is for. What is empty asks nothing; all that ask must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Kinds, any of which matches.
    pub kind: Vec<String>,
    /// Subjects, any of which matches.
    pub subject: Vec<String>,
    /// Sources, any of which matches.
    pub source: Vec<String>,
    /// Senders (`topic:NAME`, `events:SOURCE`, `principal:ID`), any of which matches.
    pub sender: Vec<String>,
    /// Environments in canonical spelling, any of which matches.
    pub environment: Vec<String>,
    /// Statuses, any of which matches.
    pub status: Vec<SignalStatus>,
    /// The severities that the shape gives, any of which matches.
    pub severity: Vec<Severity>,
    /// Identity labels by name: the signal has each, with any of its values.
    pub labels: BTreeMap<String, Vec<String>>,
    /// What sort of command the signal's text must hold.
    pub command: Option<Command>,
}

/// A sort of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// One that destroys data or stops what runs: [`command::is_destructive`].
    Destructive,
}

/// What rules may ask about a signal.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What sort of condition.
    pub kind: &'a str,
    /// Of what.
    pub subject: &'a str,
    /// Who says so.
    pub source: &'a str,
    /// Who sent the message.
    pub sender: &'a str,
    /// Where, in canonical spelling.
    pub environment: &'a str,
    /// What is said about the condition.
    pub status: SignalStatus,
    /// How bad it is by its shape.
    pub severity: Severity,
    /// Identity labels.
    pub labels: &'a Labels,
    /// The text that may hold a command: a claim, else the summary.
    pub command: &'a str,
}

/// The severity of the first rule that matches, else the signal's own.
pub fn severity(rules: &[Rule], facts: &Facts<'_>) -> Severity {
    rules.iter().find(|rule| rule.when.matches(facts)).map_or(facts.severity, |rule| rule.severity)
}

impl When {
    fn matches(&self, facts: &Facts<'_>) -> bool {
        let any = |wanted: &[String], word: &str| wanted.is_empty() || wanted.iter().any(|want| want == word);
        any(&self.kind, facts.kind)
            && any(&self.subject, facts.subject)
            && any(&self.source, facts.source)
            && any(&self.sender, facts.sender)
            && any(&self.environment, facts.environment)
            && (self.status.is_empty() || self.status.contains(&facts.status))
            && (self.severity.is_empty() || self.severity.contains(&facts.severity))
            && self.labels.iter().all(|(name, values)| facts.labels.get(name).is_some_and(|value| any(values, value)))
            // Last: reading a text costs more than comparing words.
            && match self.command {
                None => true,
                Some(Command::Destructive) => command::is_destructive(facts.command),
            }
    }
}

#[cfg(test)]
mod tests;
