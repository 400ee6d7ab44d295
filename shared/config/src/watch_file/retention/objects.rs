//! `objects` of a policy: what its rows stand for in a bucket, deleted with them.

use domain::retention::{Objects, check_below};

use super::super::names::region;
use super::super::reader::Table;
use super::super::source::is_bucket;
use super::column;

const KEYS: [&str; 4] = ["bucket", "prefix", "column", "region"];

/// What is written of the objects; an error where it is written and wrong: they would outlive their rows.
pub(super) fn objects(policy: &Table<'_>) -> Result<Option<Objects>, ()> {
    if !policy.has("objects") {
        return Ok(None);
    }
    let table = policy.table("objects", &KEYS).ok_or(())?;
    let bucket = table.required_text("bucket", "the bucket that holds them, as in \"acme-forecasts\"");
    if let Some(bucket) = &bucket
        && !is_bucket(bucket.value)
    {
        table.note_at(bucket, "expected the name of a bucket, as in `acme-forecasts`");
    }
    table.require("prefix", "the prefix below which they may be deleted, as in \"nowcast/\"");
    let prefix = table.found_text("prefix").and_then(|prefix| {
        if matches!(prefix.value.trim(), "" | "/") {
            table.note_at(&prefix, "would allow deleting the whole bucket: expected a prefix, as in `nowcast/`");
            return None;
        }
        check_below(prefix.value).map_err(|bad| table.note_at(&prefix, bad.to_string())).ok()?;
        Some(prefix.value.to_owned())
    });
    table.require("column", "the column that holds an object's key, as in \"storage_path\"");
    let column = column(&table, "column");
    let region = region(&table);
    let bucket = bucket.ok_or(())?.value.to_owned();
    Ok(Some(Objects { bucket, prefix: prefix.ok_or(())?, column: column.ok_or(())?, region }))
}
