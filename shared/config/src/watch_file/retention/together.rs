//! Policies beside each other: none takes another's rows or objects, and none takes what data-poller would look for again.

use domain::duration;
use domain::retention::{OWN_SCHEMA, Policy, table_folder};

use super::super::names::OWN_DATABASE;
use super::super::reader::Table;
use super::super::source::Source;

/// Notes what does not go together, at the later of two.
pub(super) fn check(written: &[(Policy, Table<'_>)], sources: &[Source]) {
    for (at, (policy, table)) in written.iter().enumerate() {
        for (other, _) in &written[..at] {
            let wrong = [rows(policy, other), archives(policy, other), objects(policy, other)];
            for (key, what) in wrong.into_iter().flatten() {
                note(table, key, &what);
            }
        }
        if let Some(what) = looked_for_again(policy, sources) {
            note(table, "keep", &what);
        }
    }
}

fn note(table: &Table<'_>, key: &str, what: &str) {
    match table.place(key) {
        Some(place) => table.note_at(&place, what),
        None => table.note(what),
    }
}

type Wrong = Option<(&'static str, String)>;

/// Two policies over one table say with `only` which rows each takes. Whether both conditions can hold of a row is theirs to
/// say: one that is missing, or the same, surely does.
fn rows(policy: &Policy, other: &Policy) -> Wrong {
    let same = policy.database == other.database && policy.table.may_be(&other.table);
    let told_apart = policy.only != other.only && says_which(policy) && says_which(other);
    (same && !told_apart).then(|| {
        let name = &other.name;
        let what =
            format!("retention.{name} takes the same rows: expected an `only` in both, which no row meets twice");
        ("table", what)
    })
}

/// Our own tables have a condition anyway.
fn says_which(policy: &Policy) -> bool {
    match domain::retention::own_table(&policy.table).filter(|_| policy.database == OWN_DATABASE) {
        Some(own) => policy.only.as_deref() != Some(own.done),
        None => policy.only.is_some(),
    }
}

/// What is below an archive is one table's: Athena would read another's rows as its own.
fn archives(policy: &Policy, other: &Policy) -> Wrong {
    let place = |policy: &Policy| Some(format!("{}{}/", policy.archive.as_ref()?, table_folder(&policy.table)));
    let (here, there) = (place(policy)?, place(other)?);
    (here.starts_with(&there) || there.starts_with(&here)).then(|| {
        let name = &other.name;
        ("archive", format!("{here} overlaps {there} of retention.{name}: expected a prefix of its own"))
    })
}

/// What a policy deletes below a prefix is for rows of its table alone.
fn objects(policy: &Policy, other: &Policy) -> Wrong {
    let (here, there) = (policy.objects.as_ref()?, other.objects.as_ref()?);
    let overlap = here.bucket == there.bucket
        && (here.prefix.starts_with(&there.prefix) || there.prefix.starts_with(&here.prefix));
    let shared = here.prefix == there.prefix && policy.database == other.database && policy.table == other.table;
    (overlap && !shared).then(|| {
        let name = &other.name;
        let what = format!(
            "`{}` overlaps `{}` of retention.{name} in the bucket {}: expected a prefix of its own",
            here.prefix, there.prefix, here.bucket
        );
        ("objects", what)
    })
}

/// A cycle whose row is gone is one that was never there: data-poller would find it upstream and process it once more.
fn looked_for_again(policy: &Policy, sources: &[Source]) -> Option<String> {
    let runs = policy.table.schema.as_deref() == Some(OWN_SCHEMA) && policy.table.name == "forecast_runs";
    if !runs || policy.database != OWN_DATABASE {
        return None;
    }
    let names = |source: &&Source| {
        let only = policy.only.as_deref().unwrap_or_default();
        only.contains(&format!("source = '{}'", source.rules.name))
    };
    let named: Vec<&Source> = sources.iter().filter(names).collect();
    let meant = if named.is_empty() { sources.iter().collect() } else { named };
    let longest = meant.into_iter().max_by_key(|source| source.rules.look_back)?;
    let (name, look_back) = (&longest.rules.name, longest.rules.look_back);
    (policy.keep.at_least() <= look_back).then(|| {
        let look_back = duration::display(look_back);
        format!(
            "`{}` is not longer than the `look_back` of source.{name}, {look_back}: its cycles would be processed again; \
             expected more, or `only = \"source = '…'\"` of other sources",
            policy.keep
        )
    })
}
