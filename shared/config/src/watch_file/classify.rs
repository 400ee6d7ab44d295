//! `[[classify]]`: how bad a signal is, by what is known of it.

use std::collections::BTreeMap;

use domain::classify::{Command, Rule, When};
use domain::{Severity, SignalStatus};

use super::reader::Table;
use crate::nearest::nearest;

/// What a rule may ask; every other key of `when` is the name of an identity label.
const ASKED: [&str; 9] =
    ["kind", "subject", "source", "sender", "environment", "status", "severity", "command", "labels"];
/// Identity labels that our own shapes give: a slip in one of them is a slip, not another label.
const KNOWN_LABELS: [&str; 7] =
    ["verdict", "account", "region", "run_timestamp", "alert_type", "threshold", "dimension"];

/// The rules, in order.
pub(super) fn rules(root: &Table<'_>) -> Vec<Rule> {
    let rules = root.tables("classify", &["when", "severity"]);
    rules.iter().filter_map(rule).collect()
}

fn rule(table: &Table<'_>) -> Option<Rule> {
    table.require("when", "which signals, as in { kind = \"claim\", verdict = \"FALSE\" }");
    let when = table.open_table("when").map(|when| signals(&when));
    let severity = table.required_text("severity", "how bad they are: CRITICAL, HIGH, MEDIUM or LOW")?;
    let parsed: Result<Severity, _> = severity.value.parse();
    if let Err(unknown) = &parsed {
        table.note_at(&severity, unknown.to_string());
    }
    Some(Rule { when: when?, severity: parsed.ok()? })
}

fn signals(when: &Table<'_>) -> When {
    let names = when.keys();
    if names.is_empty() {
        when.note(format!("asks nothing: expected one of {}, or an identity label", ASKED.join(", ")));
    }
    let words = |key: &str| -> Vec<String> { when.words(key).iter().map(|word| word.value.to_owned()).collect() };
    let mut labels = BTreeMap::new();
    for name in names.iter().filter(|name| !ASKED.contains(&name.value)) {
        match nearest(name.value, ASKED.into_iter().chain(KNOWN_LABELS)) {
            Some(meant) if !KNOWN_LABELS.contains(&name.value) => when.note_at(
                name,
                format!("did you mean `{meant}`? A label that is really called so goes into `labels = {{ … }}`"),
            ),
            _ => {
                labels.insert(name.value.to_owned(), words(name.value));
            }
        }
    }
    if let Some(table) = when.open_table("labels") {
        if table.keys().is_empty() {
            table.note("asks nothing: expected an identity label, as in { verdict = \"FALSE\" }".to_owned());
        }
        for name in table.keys() {
            let values = table.words(name.value).iter().map(|word| word.value.to_owned()).collect();
            labels.insert(name.value.to_owned(), values);
        }
    }
    When {
        kind: words("kind"),
        subject: words("subject"),
        source: words("source"),
        sender: words("sender"),
        environment: words("environment").iter().map(|name| domain::environment::canonical(name)).collect(),
        status: each(when, "status", "firing, resolved, event or none", SignalStatus::from_stored),
        severity: each(when, "severity", "CRITICAL, HIGH, MEDIUM or LOW", |word| word.parse().ok()),
        labels,
        command: each(when, "command", "\"destructive\"", |word| {
            (word == "destructive").then_some(Command::Destructive)
        })
        .pop(),
    }
}

/// The words of a key, each read; one that cannot be is noted.
fn each<T>(when: &Table<'_>, key: &str, expected: &str, read: fn(&str) -> Option<T>) -> Vec<T> {
    let words = when.words(key).into_iter();
    words
        .filter_map(|word| {
            let value = read(word.value);
            if value.is_none() {
                when.note_at(&word, format!("`{}` is none of them: expected {expected}", word.value));
            }
            value
        })
        .collect()
}
