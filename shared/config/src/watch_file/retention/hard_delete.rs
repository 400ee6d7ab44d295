//! One hard delete, as it is written.

use domain::retention::{Emptied, Floor, HardDelete, SoftDeleted, Table as Named};

use super::super::names::expect_kebab_case;
use super::super::reader::{Found, Mixed, Table};
use super::{Databases, Own, column, database, keep, named, required_table};

/// What `[hard_delete.NAME]` may say.
pub(super) const KEYS: [&str; 6] = ["database", "key", "tables", "keep", "record", "soft_deleted"];

pub(super) fn hard_delete(name: &Found<&str>, table: &Table<'_>, databases: &Databases) -> Option<HardDelete> {
    expect_kebab_case(table, name);
    // All are read before any is missed, so that each mistake is told.
    let database = database(table, databases, Own::Never);
    table.require("key", "the column that says whose a row is, as in \"organization_id\"");
    let key = column(table, "key");
    table.require("tables", "the tables in the order in which they are emptied, as in [\"sessions\", \"users\"]");
    let tables = emptied(table, key.as_deref());
    let kept: Vec<(Named, Found<&str>)> =
        table.words("keep").into_iter().filter_map(|text| Some((named(table, &text)?, text))).collect();
    let record = required_table(table, "record", "where the deletion is put on record, as in \"hard_deletions\"");
    let soft_deleted = soft_deleted(table);
    let tables = tables?;
    for (keep, text) in &kept {
        if tables.iter().any(|one| one.table.may_be(keep)) {
            table.note_at(text, format!("`{keep}` is among `tables` too: expected it to be emptied or kept, not both"));
        }
    }
    let record = record?;
    if tables.iter().any(|one| one.table.may_be(&record))
        && let Some(place) = table.place("record")
    {
        table.note_at(&place, format!("`{record}` is among `tables`: the record would be deleted with the rest"));
    }
    Some(HardDelete {
        name: name.value.to_owned(),
        database: database?.to_owned(),
        key: key?,
        tables,
        keep: kept.into_iter().map(|(keep, _)| keep).collect(),
        record,
        soft_deleted: soft_deleted.ok()?,
    })
}

/// The tables, each once; `None` where none could be read, or one is wrong.
fn emptied(table: &Table<'_>, key: Option<&str>) -> Option<Vec<Emptied>> {
    let written = table.mixed("tables", &["table", "key"]);
    let mut tables: Vec<Emptied> = Vec::new();
    for element in &written {
        let (one, key) = match element {
            Mixed::Text(text) => (named(table, text), key.map(str::to_owned)),
            Mixed::Table(one) => {
                let own = if one.has("key") { column(one, "key") } else { key.map(str::to_owned) };
                (required_table(one, "table", "the table, as in \"organizations\""), own)
            }
        };
        let (Some(one), Some(key)) = (one, key) else { continue };
        if tables.iter().any(|other| other.table.may_be(&one)) {
            let what = format!("`{one}` stands there twice: expected each table once");
            match element {
                Mixed::Text(text) => table.note_at(text, what),
                Mixed::Table(table) => table.note(what),
            }
        }
        tables.push(Emptied { table: one, key });
    }
    (!tables.is_empty() && tables.len() == written.len()).then_some(tables)
}

/// What is written of soft deletes; an error where it is written and wrong.
fn soft_deleted(table: &Table<'_>) -> Result<Option<SoftDeleted>, ()> {
    if !table.has("soft_deleted") {
        return Ok(None);
    }
    let table = table.table("soft_deleted", &["column", "keep"]).ok_or(())?;
    table.require("column", "the column of the last table that says since when, as in \"deleted_at\"");
    let column = column(&table, "column");
    let keep = keep(&table, "how long after that it is deleted for good, as in \"30d\"");
    let (keep, place) = keep.ok_or(())?;
    if !Floor::ANY.allows(&keep) {
        table.note_at(&place, format!("`{keep}` leaves no time to take it back: expected at least 1d"));
    }
    Ok(Some(SoftDeleted { column: column.ok_or(())?, keep }))
}
