//! What a statement of the watch file answers: one row that says when it last succeeded, and may say more.

use domain::heartbeat::{Beat, BeatKind};
use watched::Rows;

use super::columns::{instant, text};

/// A statement answers one row.
pub(super) const MOST: usize = 1;

/// The column that every answer has.
const SUCCESS: &str = "last_success_at";
/// What it may have besides.
const STARTED: &str = "started_at";
const FAILED: &str = "failed_at";
const ERROR: &str = "error";

/// The signs in an answer. No row, or NULL, says that there was no success yet.
///
/// # Errors
/// What is wrong with it, and what was expected.
pub(super) fn beats(rows: &Rows) -> Result<Vec<Beat>, String> {
    let row = match rows.rows.as_slice() {
        [] => return Ok(Vec::new()),
        [row] => row,
        _ => return Err(format!("the statement answered several rows, expected one: when it {SUCCESS}, as in max(…)")),
    };
    let success = instant(rows, row, success_column(rows)?)?;
    let (started, failed) = (instant(rows, row, STARTED)?, instant(rows, row, FAILED)?);
    let mut beats = Vec::new();
    if let Some(at) = success {
        let started_at =
            started.filter(|started| *started <= at && failed.is_none_or(|failed| failed > at || *started > failed));
        beats.push(Beat { started_at, ..Beat::found(BeatKind::Success, at) });
    }
    if let Some(at) = failed {
        beats.push(Beat { note: text(rows, row, ERROR), ..Beat::found(BeatKind::Fail, at) });
    }
    // What began after all that ended is still under way.
    let ended = success.max(failed);
    beats.extend(started.filter(|started| Some(*started) > ended).map(|at| Beat::found(BeatKind::Start, at)));
    Ok(beats)
}

/// The column of that name, else the only one that has no other meaning.
fn success_column(rows: &Rows) -> Result<&str, String> {
    if rows.column(SUCCESS).is_some() {
        return Ok(SUCCESS);
    }
    let others: Vec<&str> =
        rows.columns.iter().map(String::as_str).filter(|name| ![STARTED, FAILED, ERROR].contains(name)).collect();
    match others[..] {
        [only] => Ok(only),
        _ => Err(format!("the row has no column `{SUCCESS}`, it has {}", rows.columns.join(", "))),
    }
}
