//! The task `verify`: reads what cold storage holds, batch by batch, those longest unread first.

use std::collections::BTreeMap;

use domain::retention::{ARCHIVE_DAMAGED, Policy};
use runtime::{Fault, Summary};
use serde_json::{Value, json};
use store::archive::{self as record, Batch};

use crate::batch::compare;
use crate::cold::Trouble;
use crate::handler::Run;

/// So many batches are listed at a time.
const PAGE: i64 = 200;

/// What was found of a policy.
#[derive(Default)]
struct Checked {
    whole: u64,
    thawing: u64,
    damaged: Vec<String>,
    unread: Vec<String>,
    /// Whether it ended before all were read.
    cut_short: bool,
}

/// Reads batches back until all are read or the time is over.
///
/// # Errors
/// Where nobody would hear otherwise: no such policy, no record, or nothing could be read at all.
pub(crate) async fn run(run: &Run<'_>, summary: &mut Summary) -> Result<Value, Fault> {
    let policies = run.app.policies(run.asked.policy.as_deref())?;
    let archived: Vec<&Policy> = policies.into_iter().filter(|policy| policy.archive.is_some()).collect();
    let states = record::states(&run.store.connection.client, ARCHIVE_DAMAGED).await?;
    let ranged = run.asked.from.is_some() || run.asked.to.is_some();
    let mut results = BTreeMap::new();
    for policy in archived {
        let checked = check(run, policy, summary).await?;
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        summary.did("verified", count(checked.whole));
        summary.did("thawing", count(checked.thawing));
        for name in checked.damaged.iter().chain(&checked.unread) {
            summary.failed(policy.name.clone(), name.clone());
        }
        let before = states.get(&policy.name).cloned().unwrap_or_default();
        // Those that are damaged come first in every run: one that found none, and could read, found all whole.
        let conclusive = !ranged && !checked.cut_short && checked.thawing == 0 && checked.unread.is_empty();
        if !run.dry && (conclusive || !checked.damaged.is_empty()) {
            let why = checked.damaged.first().map(String::as_str);
            run.fares((ARCHIVE_DAMAGED, &policy.name), &before, why, summary).await?;
        }
        results.insert(
            policy.name.clone(),
            json!({"whole": checked.whole, "thawing": checked.thawing, "damaged": checked.damaged, "unread": checked.unread}),
        );
    }
    Ok(json!({"policies": results}))
}

async fn check(run: &Run<'_>, policy: &Policy, summary: &mut Summary) -> Result<Checked, Fault> {
    let client = &run.store.connection.client;
    let mut checked = Checked::default();
    let ranged = run.asked.from.is_some() || run.asked.to.is_some();
    let mut last: Option<Batch> = None;
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let page = if ranged {
            record::list(client, &policy.name, (run.asked.from, run.asked.to), last.as_ref(), PAGE).await?
        } else {
            record::least_checked(client, &policy.name, run.now, PAGE).await?
        };
        let fresh: Vec<Batch> = page.into_iter().filter(|batch| seen.insert(batch.batch_id)).collect();
        let Some(end) = fresh.last().cloned() else { return Ok(checked) };
        for batch in fresh {
            if run.is_out_of_time() {
                summary.remaining.push(format!("{}/{}", policy.name, batch.batch_id));
                checked.cut_short = true;
                return Ok(checked);
            }
            // What is not deleted from the table is verified by who deletes it.
            if batch.status != domain::retention::BatchStatus::Deleted {
                continue;
            }
            match one(run, &batch).await {
                Ok(()) => {
                    checked.whole += 1;
                    if !run.dry {
                        record::checked(client, &batch, run.now).await?;
                    }
                }
                Err(Trouble::Thawing(_)) => {
                    checked.thawing += 1;
                    summary.skipped(format!("{}/{}", policy.name, batch.batch_id), "thawing: ask again in some hours");
                }
                Err(Trouble::OutOfTime) => {
                    summary.remaining.push(format!("{}/{}", policy.name, batch.batch_id));
                    checked.cut_short = true;
                    return Ok(checked);
                }
                Err(Trouble::Damaged(why)) => {
                    checked.damaged.push(format!("batch {} is damaged in cold storage: {why}", batch.batch_id));
                }
                Err(Trouble::Unavailable(why)) => checked.unread.push(format!("batch {}: {why}", batch.batch_id)),
            }
        }
        last = Some(end);
    }
}

async fn one(run: &Run<'_>, batch: &Batch) -> Result<(), Trouble> {
    let reading = run.app.cold.open(&batch.object_key, run.deadline).await?;
    let found = reading.all(run.deadline, |_| Ok(())).await?;
    compare(batch, &found)
}
