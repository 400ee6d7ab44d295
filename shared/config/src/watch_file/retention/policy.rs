//! One policy, as it is written.

use domain::retention::{
    Floor, MOST_KEY_COLUMNS, OWN_SCHEMA, OWN_TABLES, OwnTable, Policy, Table as Named, check_archive, check_condition,
    own_table,
};
use jiff::SignedDuration;

use super::super::check::no_such;
use super::super::names::{OWN_DATABASE, expect_kebab_case};
use super::super::reader::{Found, Table};
use super::{Databases, Own, column, column_named, database, keep, named, objects};

/// What `[retention.NAME]` may say.
pub(super) const KEYS: [&str; 12] = [
    "database",
    "table",
    "time",
    "key",
    "keep",
    "archive",
    "only",
    "objects",
    "batch_rows",
    "batch_bytes",
    "max_row_bytes",
    "behind_after",
];

pub(super) fn policy(name: &Found<&str>, table: &Table<'_>, databases: &Databases) -> Option<Policy> {
    expect_kebab_case(table, name);
    // All are read before any is missed, so that each mistake is told.
    let database = database(table, databases, Own::Too);
    let of = of(table, database);
    let own = of.as_ref().and_then(|(_, own)| *own);
    // What is wrong with the name of our own table is no fault of its columns.
    let unknown = own.is_none() && database == Some(OWN_DATABASE);
    let (time, key) = if unknown { (None, None) } else { (time(table, own), key(table, own)) };
    let keep = kept(table, own.map_or(Floor::ANY, |own| own.floor));
    let archive = archive(table);
    let only = only(table, own);
    let objects = objects::objects(table);
    let batch_rows = whole(table, "batch_rows", (1, u64::from(Policy::MOST_BATCH_ROWS)));
    let batch_bytes = whole(table, "batch_bytes", Policy::BATCH_BYTES_RANGE);
    let max_row_bytes = whole(table, "max_row_bytes", Policy::MAX_ROW_BYTES_RANGE);
    let behind_after = behind_after(table);
    let batch_bytes = batch_bytes.unwrap_or(Policy::BATCH_BYTES);
    let max_row_bytes = max_row_bytes.unwrap_or(Policy::MAX_ROW_BYTES);
    if max_row_bytes > batch_bytes {
        table.note(format!("`max_row_bytes` is {max_row_bytes}: expected at most `batch_bytes`, {batch_bytes}"));
    }
    Some(Policy {
        name: name.value.to_owned(),
        database: database?.to_owned(),
        table: of?.0,
        time: time?,
        key: key?,
        keep: keep?,
        archive: archive.ok()?,
        only,
        objects: objects.ok()?,
        batch_rows: batch_rows.and_then(|rows| u32::try_from(rows).ok()).unwrap_or(Policy::BATCH_ROWS),
        batch_bytes,
        max_row_bytes,
        behind_after: behind_after.unwrap_or(Policy::BEHIND_AFTER),
    })
}

/// The table, and which of our own it is.
fn of(table: &Table<'_>, database: Option<&str>) -> Option<(Named, Option<&'static OwnTable>)> {
    let text = table.required_text("table", "the table whose rows grow old, as in \"audit_logs\"")?;
    let found = named(table, &text)?;
    let database = database?;
    if database != OWN_DATABASE {
        if found.schema.as_deref() == Some(OWN_SCHEMA) {
            table.note_at(&text, format!("is our own: expected `database = \"{OWN_DATABASE}\"`, whose floors hold"));
            return None;
        }
        return Some((found, None));
    }
    let Some(own) = own_table(&found) else {
        let known = OWN_TABLES.iter().map(|own| own.name);
        table.note_at(&text, no_such("table of ours that a policy may empty,", text.value, known));
        return None;
    };
    Some((Named { schema: Some(OWN_SCHEMA.to_owned()), name: own.name.to_owned() }, Some(own)))
}

/// Our own tables have theirs.
fn time(table: &Table<'_>, own: Option<&OwnTable>) -> Option<String> {
    let Some(own) = own else {
        table.require("time", "the column that says when a row is from, as in \"created_at\"");
        return column(table, "time");
    };
    if let Some(text) = table.text("time").filter(|text| text.value != own.time) {
        table.note_at(&text, format!("rows of {} are from their `{}`: expected that, or nothing", own.name, own.time));
    }
    Some(own.time.to_owned())
}

fn key(table: &Table<'_>, own: Option<&OwnTable>) -> Option<Vec<String>> {
    let written = table.words("key");
    if let Some(own) = own {
        if let Some(first) = written.first().filter(|_| written.iter().map(|one| one.value).ne(own.key.iter().copied()))
        {
            let expected = own.key.join("\", \"");
            table.note_at(first, format!("the key of {} is [\"{expected}\"]: expected that, or nothing", own.name));
        }
        return Some(own.key.iter().map(|column| (*column).to_owned()).collect());
    }
    table.require("key", "the columns that tell every row from every other, as in [\"id\"]");
    let columns: Vec<String> = written.iter().filter_map(|text| column_named(table, text)).collect();
    if let Some(beyond) = written.get(MOST_KEY_COLUMNS) {
        table.note_at(beyond, format!("expected at most {MOST_KEY_COLUMNS} columns"));
    }
    let twice =
        written.iter().enumerate().find(|(at, one)| written[..*at].iter().any(|other| other.value == one.value));
    if let Some((_, text)) = twice {
        table.note_at(text, format!("`{}` stands there twice", text.value));
    }
    (columns.len() == written.len() && !columns.is_empty()).then_some(columns)
}

fn kept(table: &Table<'_>, floor: Floor) -> Option<domain::retention::Keep> {
    let (keep, place) = keep(table, "how long rows stay, as in \"2y\", \"6mo\" or \"90d\"")?;
    if !floor.allows(&keep) {
        table.note_at(&place, format!("`{keep}` would take rows that are needed: expected {floor}"));
    }
    Some(keep)
}

/// What is written of the archive; an error where it is written and wrong: rows would be deleted for good.
fn archive(table: &Table<'_>) -> Result<Option<String>, ()> {
    if !table.has("archive") {
        return Ok(None);
    }
    let prefix = table.text("archive").ok_or(())?;
    check_archive(prefix.value).map_err(|bad| table.note_at(&prefix, bad.to_string()))?;
    Ok(Some(prefix.value.to_owned()))
}

/// Which rows may go: of our own tables, never those that are still needed.
fn only(table: &Table<'_>, own: Option<&OwnTable>) -> Option<String> {
    let written = table.text("only");
    if let Some(text) = &written
        && let Err(bad) = check_condition(text.value)
    {
        table.note_at(text, bad.to_string());
    }
    match (written, own) {
        (Some(text), Some(own)) => Some(format!("({}) and ({})", own.done, text.value)),
        (None, Some(own)) => Some(own.done.to_owned()),
        (written, None) => written.map(|text| text.value.to_owned()),
    }
}

fn whole(table: &Table<'_>, key: &str, (least, most): (u64, u64)) -> Option<u64> {
    let written = table.whole(key)?;
    let number = u64::try_from(written.value).ok().filter(|number| (least..=most).contains(number));
    if number.is_none() {
        table.note_at(&written, format!("expected a whole number from {least} to {most}"));
    }
    number
}

fn behind_after(table: &Table<'_>) -> Option<SignedDuration> {
    let length = table.duration("behind_after")?;
    let most = Policy::LONGEST_BEHIND_AFTER;
    if !(SignedDuration::from_hours(1)..=most).contains(&length.value) {
        table.note_at(&length, format!("expected 1h to {}d", most.as_hours() / 24));
    }
    Some(length.value)
}
