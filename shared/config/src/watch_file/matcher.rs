//! What a `when` may ask: of signals where they are classified, of alerts everywhere else.

use std::collections::BTreeMap;

use domain::Severity;
use domain::policy::Matcher;
use domain::upstream::signals::{RUN_FAILED, UPSTREAM_LATE};

use super::check::no_such;
use super::reader::{Found, Table};
use crate::nearest::nearest;

/// What may be asked of an alert; every other key is the name of an identity label.
const ASKED: [&str; 5] = ["severity", "kind", "subject", "environment", "labels"];
/// What only a signal has: asked of an alert it would match nothing, for ever.
const OF_SIGNALS: [&str; 4] = ["source", "sender", "status", "command"];
/// Identity labels that our own shapes give: a slip in one of them is a slip, not another label.
const KNOWN_LABELS: [&str; 7] =
    ["verdict", "account", "region", "run_timestamp", "alert_type", "threshold", "dimension"];

/// Which alerts something is for. `example` shows how to ask.
pub(super) fn matcher(table: &Table<'_>, key: &str, example: &str) -> Matcher {
    table.require(key, &format!("which alerts, as in {example}"));
    let Some(when) = table.open_table(key) else { return Matcher::default() };
    if when.keys().is_empty() {
        when.note(format!("asks nothing: expected one of {}, or an identity label", ASKED.join(", ")));
    }
    Matcher {
        severity: when.words("severity").iter().filter_map(|word| severity(&when, word)).collect(),
        kind: patterns(&when, "kind"),
        subject: patterns(&when, "subject"),
        environment: patterns(&when, "environment").iter().map(|name| canonical(name)).collect(),
        labels: labels(&when, &ASKED, &OF_SIGNALS, patterns),
    }
}

/// Notes a mistake where alerts of sources alone are asked for, by the name of a source that is not written.
pub(super) fn expect_sources(table: &Table<'_>, key: &str, asks: &Matcher, sources: &[&str]) {
    let of_sources = |kind: &String| [UPSTREAM_LATE, RUN_FAILED].contains(&kind.as_str());
    if asks.kind.is_empty() || !asks.kind.iter().all(of_sources) {
        return;
    }
    let Some(place) = table.open_table(key).and_then(|when| when.place("subject")) else { return };
    for name in asks.subject.iter().filter(|name| !name.ends_with('*') && !sources.contains(&name.as_str())) {
        table.note_at(&place, no_such("source", name, sources));
    }
}

/// The identity labels that a `when` asks for: keys that are neither `asked` nor `refused`, and whatever stands in
/// `labels = { … }`.
pub(super) fn labels(
    when: &Table<'_>,
    asked: &[&str],
    refused: &[&str],
    values: fn(&Table<'_>, &str) -> Vec<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut labels = BTreeMap::new();
    for name in when.keys().iter().filter(|name| !asked.contains(&name.value)) {
        let really = "a label that is really called so goes into `labels = { … }`";
        if refused.contains(&name.value) {
            when.note_at(name, format!("only signals have one, and this is about alerts; {really}"));
            continue;
        }
        match nearest(name.value, asked.iter().copied().chain(KNOWN_LABELS)) {
            Some(meant) if !KNOWN_LABELS.contains(&name.value) => {
                when.note_at(name, format!("did you mean `{meant}`? If not, {really}"));
            }
            _ => {
                labels.insert(name.value.to_owned(), values(when, name.value));
            }
        }
    }
    if let Some(table) = when.open_table("labels") {
        if table.keys().is_empty() {
            table.note("asks nothing: expected an identity label, as in { verdict = \"FALSE\" }".to_owned());
        }
        for name in table.keys() {
            labels.insert(name.value.to_owned(), values(&table, name.value));
        }
    }
    labels
}

/// A severity, in any spelling.
pub(super) fn severity(table: &Table<'_>, word: &Found<&str>) -> Option<Severity> {
    let severity: Result<Severity, _> = word.value.parse();
    if let Err(unknown) = &severity {
        table.note_at(word, unknown.to_string());
    }
    severity.ok()
}

/// The words of a key, each of which may end in `*`.
fn patterns(table: &Table<'_>, key: &str) -> Vec<String> {
    let words = table.words(key).into_iter();
    words
        .map(|word| {
            let beginning = word.value.strip_suffix('*').unwrap_or(word.value);
            if beginning.contains('*') {
                table.note_at(&word, "`*` may only stand at the end, as in `OPsPipeline/*`: what begins so matches");
            }
            word.value.to_owned()
        })
        .collect()
}

/// One spelling of an environment; the beginning of a name has none but its own.
fn canonical(name: &str) -> String {
    if name.ends_with('*') { name.to_owned() } else { domain::environment::canonical(name) }
}
