//! `[[inhibit]]`: open alerts that mute their consequences.

use domain::policy::Inhibition;

use super::matcher::{expect_sources, matcher};
use super::reader::Table;

/// What every alert has besides its labels; `equal` compares labels only.
const NO_LABELS: [&str; 4] = ["severity", "kind", "subject", "environment"];

/// The inhibitions, in order.
pub(super) fn inhibitions(root: &Table<'_>, sources: &[&str]) -> Vec<Inhibition> {
    root.tables("inhibit", &["when", "mutes", "equal"]).iter().map(|table| inhibition(table, sources)).collect()
}

fn inhibition(table: &Table<'_>, sources: &[&str]) -> Inhibition {
    let when = matcher(table, "when", "{ kind = \"upstream-late\", subject = \"gfs\" }");
    let mutes = matcher(table, "mutes", "{ kind = \"heartbeat\", subject = \"medium-range\" }");
    expect_sources(table, "when", &when, sources);
    expect_sources(table, "mutes", &mutes, sources);
    // An alert that is on both sides mutes nothing of its kind, so such a rule would never do anything.
    if when.asks() && when == mutes {
        table.note("`mutes` asks the same as `when`: an alert never mutes its like; expected its consequences");
    }
    let mut equal: Vec<String> = Vec::new();
    for name in table.words("equal") {
        if NO_LABELS.contains(&name.value) {
            table.note_at(&name, format!("`{}` is no identity label, and `equal` compares those only", name.value));
        } else if equal.iter().any(|other| other == name.value) {
            table.note_at(&name, format!("label `{}` is listed twice", name.value));
        }
        equal.push(name.value.to_owned());
    }
    Inhibition { when, mutes, equal }
}
