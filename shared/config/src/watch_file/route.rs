//! Routes: which receivers are told of what, when, and who is told instead.

use std::collections::BTreeMap;

use domain::hours::Hours;
use domain::policy::{Escalate, Group, Route};
use jiff::SignedDuration;

use super::check::no_such;
use super::hours::named_hours;
use super::matcher::{expect_sources, matcher};
use super::reader::Table;
use super::receiver::Receiver;
use crate::nearest::nearest;

type Receivers = BTreeMap<String, Option<Receiver>>;
type KnownHours = BTreeMap<String, Option<Hours>>;

/// What `[[routes.route]]` may say.
const KEYS: [&str; 8] = ["when", "to", "fallback", "escalate", "hours", "group_by", "group_wait", "continue"];
/// What alerts of a group may have in common besides an identity label.
const GROUPS: [&str; 3] = ["kind", "subject", "environment"];
/// How long the first alert of a group waits where nothing is said.
const DEFAULT_WAIT: SignedDuration = SignedDuration::from_secs(30);
/// Nobody is kept waiting longer for the sake of a shorter list.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);
/// The tick that escalates comes once a minute.
const SHORTEST_ESCALATION: SignedDuration = SignedDuration::from_mins(1);
/// Whoever is to hear of it later is not the next in line.
const LONGEST_ESCALATION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The default route and the ordered ones.
pub(super) fn routes(
    root: &Table<'_>,
    receivers: &Receivers,
    hours: &KnownHours,
    sources: &[&str],
) -> (Route, Vec<Route>) {
    root.require("routes", "who is told, as in [routes] default = [\"team\"]");
    let Some(table) = root.table("routes", &["default", "route"]) else { return Default::default() };
    let default = required_names(&table, "default", receivers);
    let routes =
        table.tables("route", &KEYS).into_iter().map(|table| route(&table, receivers, hours, sources)).collect();
    (Route { to: default, ..Route::default() }, routes)
}

fn route(table: &Table<'_>, receivers: &Receivers, hours: &KnownHours, sources: &[&str]) -> Route {
    let when = matcher(table, "when", "{ severity = [\"CRITICAL\", \"HIGH\"] }; `routes.default` is for the rest");
    expect_sources(table, "when", &when, sources);
    let to = required_names(table, "to", receivers);
    let fallback = names(table, "fallback", receivers);
    if let Some(both) = fallback.iter().find(|name| to.contains(name)) {
        table.note(format!("receiver `{both}` is in `to` and in `fallback`: it is told already"));
    }
    Route {
        when,
        to,
        fallback,
        escalate: table.table("escalate", &["after", "to"]).and_then(|table| escalate(&table, receivers)),
        hours: named_hours(table, hours),
        group: group(table),
        goes_on: table.flag("continue"),
    }
}

fn escalate(table: &Table<'_>, receivers: &Receivers) -> Option<Escalate> {
    table.require("after", "how long an alert may be open before it is acknowledged, as in \"15m\"");
    let to = required_names(table, "to", receivers);
    let after = table.duration("after")?;
    if !(SHORTEST_ESCALATION..=LONGEST_ESCALATION).contains(&after.value) {
        table.note_at(&after, "expected 1m to 30d; who is told at once belongs into the route's `to`");
    }
    Some(Escalate { after: after.value, to })
}

fn group(table: &Table<'_>) -> Option<Group> {
    let wait = table.duration("group_wait");
    let by = table.words("group_by");
    if let Some(wait) = &wait {
        if !table.has("group_by") {
            table.note_at(wait, "says nothing without `group_by`: what alerts of a group have in common");
        } else if !(SignedDuration::from_secs(1)..=LONGEST_WAIT).contains(&wait.value) {
            table.note_at(wait, "expected 1s to 15m; to tell of each alert by itself, leave `group_by` out");
        }
    }
    let mut names: Vec<String> = Vec::new();
    for name in &by {
        let expected = format!("expected {} or an identity label", GROUPS.join(", "));
        let meant = nearest(name.value, GROUPS).filter(|meant| *meant != name.value);
        if name.value == "severity" {
            table
                .note_at(name, format!("alerts of a group may rise one by one, so they share no severity: {expected}"));
        } else if let Some(meant) = meant {
            table.note_at(name, format!("`{}`: did you mean `{meant}`? {expected}", name.value));
        } else if names.iter().any(|other| other == name.value) {
            table.note_at(name, format!("`{}` is listed twice", name.value));
        }
        names.push(name.value.to_owned());
    }
    (!names.is_empty()).then(|| Group { by: names, wait: wait.map_or(DEFAULT_WAIT, |wait| wait.value) })
}

/// The receivers that a key must list.
fn required_names(table: &Table<'_>, key: &str, receivers: &Receivers) -> Vec<String> {
    table.require(key, "the names of the receivers that are told");
    names(table, key, receivers)
}

/// The receivers that a key lists: each of them written, none twice.
fn names(table: &Table<'_>, key: &str, receivers: &Receivers) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for word in table.words(key) {
        if !receivers.contains_key(word.value) {
            table.note_at(&word, no_such("receiver", word.value, receivers.keys()));
        } else if names.iter().any(|name| name == word.value) {
            table.note_at(&word, format!("receiver `{}` is listed twice", word.value));
        }
        names.push(word.value.to_owned());
    }
    names
}
