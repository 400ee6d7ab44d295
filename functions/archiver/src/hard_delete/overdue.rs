//! Those that were marked as deleted long enough ago: each is deleted for good by itself, in a transaction of its own.

use std::collections::BTreeMap;

use domain::retention::{ARCHIVE_FAILED, Fares, HardDelete, SoftDeleted};
use runtime::{Fault, Summary};
use serde_json::{Value, json};
use store::archive as record;

use super::erase::{Consent, End, erase, list_overdue};
use super::{answer, tell};
use crate::handler::Run;
use crate::source::Trouble;

/// So many at most are deleted by one run, and no more are listed.
const MOST: usize = 1_000;

/// What a run came to, of one hard delete.
#[derive(Default)]
struct Progress {
    ended: Vec<Value>,
    /// Ids that are due, in a dry run.
    due: Vec<String>,
    failures: Vec<String>,
}

/// Deletes all that is overdue, of every hard delete that says so. What fails is told, raised, and keeps nobody else waiting.
///
/// # Errors
/// Where nobody would hear otherwise: no record of how it fares.
pub(crate) async fn overdue(run: &Run<'_>, summary: &mut Summary) -> Result<Value, Fault> {
    let mut results = BTreeMap::new();
    // Who asks for one policy means that and no more.
    if run.asked.policy.is_some() {
        return Ok(json!(results));
    }
    let mut states = None;
    for what in &run.app.watch_file.hard_delete {
        let Some(soft) = &what.soft_deleted else { continue };
        let mut progress = Progress::default();
        if let Err(trouble) = clear(run, what, soft, &mut progress, summary).await {
            summary.failed(what.name.clone(), trouble.message.clone());
            progress.failures.push(trouble.message);
        }
        if !run.dry {
            let states = match &mut states {
                Some(states) => states,
                empty => empty.insert(record::states(&run.store.connection.client, ARCHIVE_FAILED).await?),
            };
            // A dot is in no policy's name.
            let name = format!("hard_delete.{}", what.name);
            let before = states.get(&name).cloned().unwrap_or_else(Fares::default);
            run.fares((ARCHIVE_FAILED, &name), &before, progress.failures.first().map(String::as_str), summary).await?;
        }
        results.insert(
            what.name.clone(),
            json!({"ended": progress.ended, "due": progress.due, "failures": progress.failures}),
        );
    }
    Ok(json!(results))
}

async fn clear(
    run: &Run<'_>,
    what: &HardDelete,
    soft: &SoftDeleted,
    progress: &mut Progress,
    summary: &mut Summary,
) -> Result<(), Fault> {
    if run.is_out_of_time() {
        summary.remaining.push(what.name.clone());
        return Ok(());
    }
    let cutoff = soft.keep.cutoff(run.now).map_err(|error| Fault::bad_payload(format!("now: {error}")))?;
    let source = run.app.database(&what.database, run.parameters, run.began).await?;
    let due = list_overdue(&source, what, &soft.column, cutoff, MOST, run.deadline).await?;
    summary.looked_at("soft_deleted", due.len());
    if due.len() == MOST {
        summary.remaining.push(what.name.clone());
    }
    if run.dry {
        for id in &due {
            summary.skipped(format!("{}/{id}", what.name), "a dry run deletes nothing");
        }
        progress.due = due;
        return Ok(());
    }
    let by = format!("run {}", summary.run_id);
    let consent = Consent::Overdue { cutoff, column: &soft.column, by: &by };
    for id in due {
        let name = format!("{}/{id}", what.name);
        if run.is_out_of_time() {
            summary.remaining.push(name);
            continue;
        }
        match erase(&source, what, &id, consent, run.now, run.deadline).await {
            Ok(erased) => {
                tell(what, &erased, summary);
                if !matches!(erased.end, End::TakenBack) {
                    progress.ended.push(answer(run, what, &erased));
                }
            }
            Err(trouble @ (Trouble::Locked { .. } | Trouble::OutOfTime)) => {
                summary.skipped(name.clone(), trouble.to_string());
                summary.remaining.push(name);
            }
            Err(trouble) => {
                let is_gone = matches!(trouble, Trouble::Statement { gone: true, .. });
                progress.failures.push(format!("{name}: {trouble}"));
                summary.failed(name, trouble.to_string());
                // Nobody else would get an answer either.
                if is_gone {
                    summary.remaining.push(what.name.clone());
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
