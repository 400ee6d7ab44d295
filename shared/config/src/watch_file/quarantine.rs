//! `[[quarantine]]`: claims that bar their worker, and who may make them.

use domain::policy::QuarantineRule;

use super::matcher::matcher;
use super::reader::{Found, Table};

/// The only kind of signal that names a worker.
const CLAIM: &str = "claim";
/// How a sender begins: an SNS topic, an EventBridge source, whoever writes into the queue.
const SENDERS: [&str; 3] = ["topic:", "events:", "principal:"];

/// The rules, in order.
pub(super) fn rules(root: &Table<'_>) -> Vec<QuarantineRule> {
    root.tables("quarantine", &["when", "from", "if_store_unreachable"]).iter().map(rule).collect()
}

fn rule(table: &Table<'_>) -> QuarantineRule {
    let when = matcher(table, "when", "{ kind = \"claim\", severity = \"CRITICAL\" }");
    if !when.kind.is_empty() && when.kind != [CLAIM] {
        table.note("expected `kind = \"claim\"` in `when`: nothing else names a worker");
    }
    table.require("from", "the senders that may bar a worker, as in [\"topic:claims\"]; others only alert");
    let from = table.words("from");
    for sender in &from {
        expect_sender(table, sender);
    }
    QuarantineRule {
        when,
        from: from.iter().map(|sender| sender.value.to_owned()).collect(),
        deny_without_store: deny(table),
    }
}

/// Notes a mistake unless it is one declared sender: a pattern would let whoever fits it bar workers.
fn expect_sender(table: &Table<'_>, sender: &Found<&str>) {
    let named = SENDERS.iter().find_map(|prefix| Some((*prefix, sender.value.strip_prefix(prefix)?)));
    if named.is_none_or(|(_, name)| name.trim().is_empty()) {
        let expected = "expected `topic:NAME`, `events:SOURCE` or `principal:ID`, as in `topic:claims`";
        table.note_at(sender, format!("`{}` is no sender: {expected}", sender.value));
    } else if let Some(form) = whole_where_a_name_is_known(named) {
        table.note_at(sender, format!("`{}` is no sender that messages have: expected {form}", sender.value));
    } else if sender.value.contains('*') {
        table.note_at(sender, "senders are named one by one: whoever fits a pattern could bar workers");
    }
}

/// What a sender is known by, where an ARN or a role's session is written instead: a rule that no message fits bars nobody.
fn whole_where_a_name_is_known(named: Option<(&str, &str)>) -> Option<&'static str> {
    match named? {
        ("topic:", name) if name.contains(':') => Some("the topic's name alone, as in `topic:claims`"),
        ("principal:", id) if id.contains(':') => {
            Some("the id that SQS calls SenderId, without what follows its `:`, as in `principal:AROAEXAMPLE`")
        }
        _ => None,
    }
}

/// Whether a worker counts as barred while the store is gone; act-side doubts fail closed where nothing is said.
fn deny(table: &Table<'_>) -> bool {
    let Some(word) = table.text("if_store_unreachable") else { return true };
    if !["deny", "allow"].contains(&word.value) {
        table.note_at(&word, format!("expected \"deny\" or \"allow\", not \"{}\"", word.value));
    }
    word.value != "allow"
}
