//! The tasks `archive` and `prune`: each policy in turn, in isolation, until its old rows are gone or the time is over.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::Timestamp;
use domain::retention::{ARCHIVE_FAILED, Fares, Policy, fares};
use runtime::raise::raise;
use runtime::{Fault, Summary};
use serde_json::{Value, json};
use store::archive as record;
use store::leases;
use store::outbox::Outgoing;

use crate::announce;
use crate::batch::{Trouble, Work};
use crate::handler::Run;
use crate::prune;
use crate::seconds::Seconds;
use crate::source::{self, Ask};

/// What became of a policy's rows.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) batches: u64,
    pub(crate) kept: usize,
    pub(crate) seconds: Seconds,
    /// When the oldest row is from that may leave and has not: `None` where nobody looked, `Some(None)` where there is none.
    pub(crate) oldest: Option<Option<Timestamp>>,
    /// What is left, and why.
    pub(crate) left: Option<String>,
    /// Rows that are too large.
    pub(crate) large: BTreeMap<String, u64>,
    pub(crate) failure: Option<Fault>,
}

/// Runs every policy of the kind, or the one that is asked for.
///
/// # Errors
/// Where nobody would hear otherwise: no such policy, or no record.
pub(crate) async fn run(run: &Run<'_>, archives: bool, summary: &mut Summary) -> Result<Value, Fault> {
    let named = run.asked.policy.as_deref();
    let policies = run.app.policies(named)?;
    let (mine, others): (Vec<&Policy>, Vec<&Policy>) =
        policies.into_iter().partition(|policy| policy.archive.is_some() == archives);
    if named.is_some()
        && let Some(other) = others.first()
    {
        let (has, task) = if archives { ("has no", "prune") } else { ("has an", "archive") };
        return Err(Fault::bad_payload(format!("policy: {} {has} `archive`; its task is {task}", other.name)));
    }
    summary.looked_at("policies", mine.len());
    let before = record::states(&run.store.connection.client, ARCHIVE_FAILED).await?;
    // Known of all before anything is moved: the first of them may take all the time there is.
    let mut due = BTreeMap::new();
    for policy in &mine {
        due.insert(policy.name.as_str(), look(run, policy).await);
    }
    let mut results = BTreeMap::new();
    let mut progress = Vec::new();
    for policy in mine {
        if run.is_out_of_time() {
            summary.remaining.push(policy.name.clone());
            let oldest = due.get(policy.name.as_str()).copied().flatten();
            let unreached = Progress { oldest, ..Progress::default() };
            results.insert(policy.name.clone(), result(&unreached));
            progress.push((policy, unreached));
            continue;
        }
        let mut done = in_turn(run, policy).await;
        done.oldest = done.oldest.or_else(|| due.get(policy.name.as_str()).copied().flatten());
        tell(policy, &done, summary);
        let fares_before = before.get(&policy.name).cloned().unwrap_or_default();
        if !run.dry {
            note(run, policy, &fares_before, &done, summary).await?;
        }
        results.insert(policy.name.clone(), result(&done));
        progress.push((policy, done));
    }
    if !run.dry {
        forget(run, &before, summary).await?;
        announce::all(run, &progress, summary).await;
    }
    Ok(json!({"policies": results}))
}

/// Ends what was raised for policies that nobody has any more.
async fn forget(run: &Run<'_>, before: &BTreeMap<String, Fares>, summary: &mut Summary) -> Result<(), Fault> {
    let gone = before.iter().filter(|(name, state)| {
        let (watch_file, deletes) = (&run.app.watch_file, name.strip_prefix("hard_delete."));
        let is_known =
            deletes.map_or_else(|| watch_file.retention(name).is_some(), |name| watch_file.hard_delete(name).is_some());
        state.failing_since.is_some() && !is_known
    });
    for (name, state) in gone {
        run.fares((ARCHIVE_FAILED, name), state, None, summary).await?;
    }
    Ok(())
}

/// When the oldest row of a policy is from that may leave; `None` where that cannot be said, which its own turn tells.
async fn look(run: &Run<'_>, policy: &Policy) -> Option<Option<Timestamp>> {
    let source = run.app.database(&policy.database, run.parameters, run.began).await.ok()?;
    let table = source::describe(&source, policy, run.deadline).await.ok()?;
    oldest(&Work { run, policy, table: &table, source: &source }).await.ok()?
}

/// One policy, while it is ours.
async fn in_turn(run: &Run<'_>, policy: &Policy) -> Progress {
    let mut progress = Progress::default();
    let worked = async {
        let client = &run.store.connection.client;
        let lease = format!("archiver/{}", policy.name);
        // An invocation does not outlive its deadline, so that nobody holds a lease that another has.
        let held = if run.dry {
            Some(0)
        } else {
            leases::take_named(client, &lease, &run.holder(), run.deadline.left()).await?
        };
        let Some(token) = held else {
            progress.left = Some(Trouble::Taken.to_string());
            return Ok(());
        };
        let worked = work(run, policy, &mut progress).await;
        if !run.dry {
            leases::give_back_named(client, &lease, token).await?;
        }
        worked
    };
    if let Err(fault) = worked.await {
        progress.failure = Some(fault);
    }
    progress
}

async fn work(run: &Run<'_>, policy: &Policy, progress: &mut Progress) -> Result<(), Fault> {
    let source = run.app.database(&policy.database, run.parameters, run.began).await?;
    let table = source::describe(&source, policy, run.deadline).await?;
    let work = Work { run, policy, table: &table, source: &source };
    let moved = if run.dry {
        Ok(())
    } else if policy.archive.is_some() {
        archive(&work, progress).await
    } else {
        prune::run(&work, progress).await
    };
    if let Err(trouble) = moved {
        if !trouble.is_later() {
            return Err(trouble.into());
        }
        progress.left = Some(trouble.to_string());
    }
    progress.oldest = oldest(&work).await?;
    if progress.oldest.flatten().is_some() && progress.left.is_none() && run.dry {
        progress.left = Some("a dry run moves nothing".to_owned());
    }
    Ok(())
}

/// When the oldest row is from that may leave.
async fn oldest(work: &Work<'_>) -> Result<Option<Option<Timestamp>>, Fault> {
    let ask = Ask { policy: work.policy, table: work.table, cutoff: work.run.cutoff(work.policy)?, after: None };
    match source::oldest(work.source, ask, work.run.deadline).await {
        Ok(oldest) => Ok(Some(oldest)),
        Err(source::Trouble::OutOfTime | source::Trouble::Locked { .. }) => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

async fn archive(work: &Work<'_>, progress: &mut Progress) -> Result<(), Trouble> {
    let Work { run, policy, table, source } = work;
    let cutoff = run.cutoff(policy).map_err(|fault| source::Trouble::Refused(fault.message))?;
    let mut after: Option<Vec<String>> = None;
    loop {
        if run.is_out_of_time() {
            return Err(source::Trouble::OutOfTime.into());
        }
        let open = record::open(&run.store.connection.client, &policy.name).await?;
        let batch = match open {
            Some(batch) => batch,
            None => {
                let ask = Ask { policy, table, cutoff, after: after.as_deref() };
                let began = Instant::now();
                let next = source::next(source, ask, run.deadline).await?;
                progress.seconds.plan += began.elapsed();
                progress.large.extend(next.large);
                match (next.span, next.after) {
                    (Some(span), next_after) => {
                        after = next_after;
                        work.plan(&span).await?
                    }
                    // Nothing of what was looked at fits; what comes after may.
                    (None, Some(end)) => {
                        after = Some(end);
                        continue;
                    }
                    (None, None) => return Ok(()),
                }
            }
        };
        let moved = work.finish(batch, &mut progress.seconds).await?;
        progress.batches += 1;
        progress.rows += moved.rows;
        progress.bytes += moved.bytes;
        progress.kept += moved.kept;
    }
}

/// Says what became of a policy.
fn tell(policy: &Policy, done: &Progress, summary: &mut Summary) {
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    summary.did("rows", count(done.rows));
    summary.did("bytes", count(done.bytes));
    summary.did("batches", count(done.batches));
    for (key, size) in &done.large {
        summary.skipped(
            format!("{}/{key}", policy.name),
            format!("a row of {size} bytes, more than {}: it stays", policy.max_row_bytes),
        );
    }
    if done.kept > 0 {
        summary.skipped(
            policy.name.clone(),
            format!("{} rows changed between export and delete: they stay, and go with a later batch", done.kept),
        );
    }
    if let Some(fault) = &done.failure {
        summary.failed(policy.name.clone(), fault.message.clone());
    }
    if let Some(why) = &done.left {
        summary.skipped(policy.name.clone(), why.clone());
        summary.remaining.push(policy.name.clone());
    }
}

fn result(done: &Progress) -> Value {
    json!({
        "rows": done.rows,
        "bytes": done.bytes,
        "batches": done.batches,
        "kept": done.kept,
        "too_large": done.large.len(),
        "seconds": done.seconds.value(),
        "oldest_unarchived": done.oldest.flatten(),
        "failure": done.failure.as_ref().map(|fault| &fault.message),
    })
}

/// Remembers how the policy fares, and raises what follows.
async fn note(
    run: &Run<'_>,
    policy: &Policy,
    before: &Fares,
    done: &Progress,
    summary: &mut Summary,
) -> Result<(), Fault> {
    let failure = done.failure.as_ref().map(|fault| fault.message.as_str());
    // A run that moved nothing, and left it all to another, says nothing of how the policy fares.
    if failure.is_none() && done.left.is_some() && done.rows == 0 {
        return Ok(());
    }
    run.fares((ARCHIVE_FAILED, &policy.name), before, failure, summary).await
}

impl Run<'_> {
    /// Remembers how a policy fares, with the signal that follows, and sends that.
    pub(crate) async fn fares(
        &self,
        (kind, policy): (&'static str, &str),
        before: &Fares,
        failure: Option<&str>,
        summary: &mut Summary,
    ) -> Result<(), Fault> {
        let environment = self.app.watch_file.environment.as_str();
        let (after, raised) = fares(kind, policy, before, failure, self.now, environment);
        let signals: Vec<Outgoing> =
            raised.into_iter().map(|raised| Outgoing { id: raised.id, body: raised.body }).collect();
        record::failing(&self.store.connection.client, (policy, kind), &after, &signals, self.now).await?;
        let sent = raise(&self.store.connection, &self.app.queue, &signals, self.now).await?;
        summary.did("raised", sent.sent);
        for (id, why) in sent.failed {
            summary.failed(id, why);
        }
        Ok(())
    }

    /// Rows older than this leave, by a policy.
    pub(crate) fn cutoff(&self, policy: &Policy) -> Result<Timestamp, Fault> {
        policy.keep.cutoff(self.now).map_err(|error| Fault::bad_payload(format!("now: {error}")))
    }

    pub(crate) fn is_out_of_time(&self) -> bool {
        self.deadline.for_work().is_zero()
    }

    /// Who holds a lease.
    pub(crate) fn holder(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}
