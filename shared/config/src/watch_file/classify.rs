//! `[[classify]]`: how bad a signal is, by what is known of it.

use domain::classify::{Command, Rule, When};
use domain::{Severity, SignalStatus};

use super::matcher;
use super::reader::Table;

/// What a rule may ask; every other key of `when` is the name of an identity label.
const ASKED: [&str; 9] =
    ["kind", "subject", "source", "sender", "environment", "status", "severity", "command", "labels"];

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
    if when.keys().is_empty() {
        when.note(format!("asks nothing: expected one of {}, or an identity label", ASKED.join(", ")));
    }
    When {
        kind: words(when, "kind"),
        subject: words(when, "subject"),
        source: words(when, "source"),
        sender: words(when, "sender"),
        environment: words(when, "environment").iter().map(|name| domain::environment::canonical(name)).collect(),
        status: each(when, "status", "firing, resolved, event or none", SignalStatus::from_stored),
        severity: each(when, "severity", "CRITICAL, HIGH, MEDIUM or LOW", |word| word.parse().ok()),
        labels: matcher::labels(when, &ASKED, &[], words),
        command: each(when, "command", "\"destructive\"", |word| {
            (word == "destructive").then_some(Command::Destructive)
        })
        .pop(),
    }
}

fn words(table: &Table<'_>, key: &str) -> Vec<String> {
    table.words(key).iter().map(|word| word.value.to_owned()).collect()
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
