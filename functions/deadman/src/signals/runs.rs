//! What a table of runs says: `run_id, started_at, finished_at, error_message`, one row for each run.

use domain::Timestamp;
use domain::heartbeat::{Beat, BeatKind};
use watched::Rows;

use super::columns::{instant, text};

/// The newest runs tell how a job stands.
pub(super) const MOST: usize = 500;

/// The statement that asks for the runs since an instant. The table is a name that the watch file was read with: letters,
/// digits, underscores, and a dot after its schema; in quotes it is that table and nothing else.
pub(super) fn statement(table: &str, since: Timestamp) -> String {
    let table: Vec<String> = table.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    let table = table.join(".");
    format!(
        "select run_id::text as run_id, started_at, finished_at, left(error_message, 300) as error_message \
         from {table} where started_at >= timestamptz '{since}' order by started_at desc limit {MOST}"
    )
}

/// The signs in an answer: a run that has not finished has started, and one that left an error has failed.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub(super) fn beats(rows: &Rows) -> Result<Vec<Beat>, String> {
    rows.rows
        .iter()
        .map(|row| {
            let run = text(rows, row, "run_id");
            let started_at =
                instant(rows, row, "started_at")?.ok_or("column `started_at` is null, expected a timestamptz")?;
            let note = text(rows, row, "error_message");
            let finished = instant(rows, row, "finished_at")?;
            let (kind, at) = match (finished, &note) {
                (None, _) => (BeatKind::Start, started_at),
                (Some(at), None) => (BeatKind::Success, at),
                (Some(at), Some(_)) => (BeatKind::Fail, at),
            };
            Ok(Beat { run, started_at: Some(started_at), note, ..Beat::found(kind, at) })
        })
        .collect()
}
