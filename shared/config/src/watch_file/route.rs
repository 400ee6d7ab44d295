//! Routes: which receivers are told of what.

use std::collections::BTreeMap;

use domain::Severity;
use domain::policy::{Matcher, Route};
use domain::severity::UnknownSeverity;

use super::check::no_such;
use super::reader::Table;
use super::receiver::Receiver;

type Receivers = BTreeMap<String, Option<Receiver>>;

/// The default route and the ordered ones.
pub(super) fn routes(root: &Table<'_>, receivers: &Receivers) -> (Vec<String>, Vec<Route>) {
    root.require("routes", "who is told, as in [routes] default = [\"team\"]");
    let Some(table) = root.table("routes", &["default", "route"]) else { return Default::default() };
    let default = destinations(&table, "default", receivers);
    let routes = table
        .tables("route", &["when", "to"])
        .into_iter()
        .map(|route| Route { when: matcher(&route), to: destinations(&route, "to", receivers), ..Route::default() })
        .collect();
    (default, routes)
}

/// The receivers that a key lists: at least one, each of them written, none twice.
fn destinations(table: &Table<'_>, key: &str, receivers: &Receivers) -> Vec<String> {
    table.require(key, "the names of the receivers that are told");
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

fn matcher(route: &Table<'_>) -> Matcher {
    route.require("when", "what the route is for, as in { severity = [\"CRITICAL\", \"HIGH\"] }");
    let keys = ["severity", "kind", "subject", "environment"];
    let Some(when) = route.table("when", &keys) else { return Matcher::default() };
    if !keys.iter().any(|key| when.has(key)) {
        when.note(format!(
            "asks nothing: expected one of {}; what matches no route goes to `routes.default`",
            keys.join(", ")
        ));
    }
    let words = |key: &str| -> Vec<String> { when.words(key).iter().map(|word| word.value.to_owned()).collect() };
    let severity = when
        .words("severity")
        .into_iter()
        .filter_map(|word| {
            let severity: Result<Severity, UnknownSeverity> = word.value.parse();
            if let Err(unknown) = &severity {
                when.note_at(&word, unknown.to_string());
            }
            severity.ok()
        })
        .collect();
    Matcher {
        severity,
        kind: words("kind"),
        subject: words("subject"),
        environment: words("environment").iter().map(|name| domain::environment::canonical(name)).collect(),
        labels: BTreeMap::new(),
    }
}
