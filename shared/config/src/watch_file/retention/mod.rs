//! `[retention.NAME]` and `[hard_delete.NAME]`: which rows leave their tables, when, where to, and in which order.

mod hard_delete;
mod objects;
mod policy;
mod together;

use std::collections::BTreeMap;

use domain::retention::{BadName, HardDelete, Keep, Policy, Table as Named, check_name};

use super::check::no_such;
use super::database::{Access, Database};
use super::names::OWN_DATABASE;
use super::reader::{Found, Table};
use super::source::Source;

type Databases = BTreeMap<String, Option<Database>>;

/// The policies, in the order they are written.
pub(super) fn policies(root: &Table<'_>, databases: &Databases, sources: &[Source]) -> Vec<Policy> {
    let read = |(name, table): (Found<&str>, _)| Some((policy::policy(&name, &table, databases)?, table));
    let written: Vec<_> = root.named("retention", &policy::KEYS).into_iter().filter_map(read).collect();
    together::check(&written, sources);
    written.into_iter().map(|(policy, _)| policy).collect()
}

/// The hard deletes, in the order they are written.
pub(super) fn hard_deletes(root: &Table<'_>, databases: &Databases) -> Vec<HardDelete> {
    let read = |(name, table): (Found<&str>, _)| hard_delete::hard_delete(&name, &table, databases);
    root.named("hard_delete", &hard_delete::KEYS).into_iter().filter_map(read).collect()
}

/// Which databases may be named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Own {
    /// Our own as well.
    Too,
    /// Only those of the file.
    Never,
}

/// The database that a table names: rows are copied and deleted through connections of its own.
fn database<'t>(table: &Table<'t>, databases: &Databases, own: Own) -> Option<&'t str> {
    let meaning = "the database that holds the rows, as in \"pipeline\"";
    let name = table.required_text("database", meaning)?;
    if name.value == OWN_DATABASE && own == Own::Too {
        return Some(name.value);
    }
    match databases.get(name.value) {
        Some(Some(Database { access: Access::Lambda(_), .. })) => {
            table.note_at(&name, "is asked through a function, which deletes nothing: expected a database with `url`");
            None
        }
        Some(_) => Some(name.value),
        None => {
            let known = databases.keys().map(String::as_str).chain((own == Own::Too).then_some(OWN_DATABASE));
            table.note_at(&name, no_such("database", name.value, known));
            None
        }
    }
}

fn named(table: &Table<'_>, text: &Found<&str>) -> Option<Named> {
    Named::read(text.value).map_err(|bad| table.note_at(text, bad.to_string())).ok()
}

fn required_table(table: &Table<'_>, key: &str, meaning: &str) -> Option<Named> {
    named(table, &table.required_text(key, meaning)?)
}

/// The name of a column, where one is written.
fn column(table: &Table<'_>, key: &str) -> Option<String> {
    let text = table.text(key)?;
    column_named(table, &text)
}

fn column_named(table: &Table<'_>, text: &Found<&str>) -> Option<String> {
    let told = |bad: BadName| table.note_at(text, bad.to_string());
    check_name(text.value).map_err(told).ok().map(|()| text.value.to_owned())
}

/// How long something is kept.
fn keep(table: &Table<'_>, meaning: &str) -> Option<(Keep, Found<()>)> {
    let text = table.required_text("keep", meaning)?;
    let keep = Keep::read(text.value).map_err(|bad| table.note_at(&text, bad.to_string())).ok()?;
    Some((keep, text.with(())))
}
