//! Follows runs that were triggered: asks, cancels, and decides by whatever shows how they stand.

use std::time::Instant;

use config::Current;
use config::watch_file::Source;
use domain::Timestamp;
use domain::upstream::reconcile::{Evidence, Job, Next, reconcile};
use domain::upstream::{Mover, Run, RunKey, RunStatus};
use futures::{StreamExt, stream};
use runtime::Fault;
use store::runs::{Move, Row};
use triggers::{Cancelled, Follow, RunPod, Standing};

use crate::app::App;
use crate::moves::Moves;
use crate::starting::provider;

/// How many runs are asked about at once.
const AT_ONCE: usize = 8;

/// What came of following.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) moves: Vec<Move>,
    /// How many were under way.
    pub(crate) looked_at: usize,
    /// Those about which a provider was asked.
    pub(crate) asked: Vec<RunKey>,
    /// Those of which it said nothing, and why.
    pub(crate) unanswered: Vec<(RunKey, String)>,
}

/// Follows every run that is under way, and hears of those that have ended without us.
///
/// # Errors
/// When a decision cannot be written.
pub(crate) async fn all(
    app: &App,
    rows: &[Row],
    parameters: &Current,
    now: Timestamp,
    until: Instant,
) -> Result<Followed, Fault> {
    let moves = Moves { watch_file: &app.watch_file, now };
    let mut followed = Followed::default();
    let mut under_way = Vec::new();
    for row in rows {
        let Some(source) = app.watch_file.source(&row.run.source) else { continue };
        if row.run.status == RunStatus::Complete && row.run.told_failed {
            followed.moves.push(moves.recovered(&source.rules, &row.run));
        }
        if row.run.status.is_in_flight() {
            under_way.push((source, row, provider(app, parameters, source)));
        }
    }
    followed.looked_at = under_way.len();
    let one = |(source, row, provider)| one(app, source, row, provider, now, until);
    let mut decided = stream::iter(under_way.into_iter().map(one)).buffer_unordered(AT_ONCE);
    while let Some((source, run, next, evidence)) = decided.next().await {
        followed.moves.extend(moves.after(&source.rules, run, &next, Mover::Reconciler)?);
        if evidence.iter().any(|one| !matches!(one, Evidence::Output | Evidence::NoStatus)) {
            followed.asked.push(run.key());
        }
        followed.unanswered.extend(unanswered(&evidence).map(|why| (run.key(), why)));
    }
    Ok(followed)
}

/// Decides about one run, by more and more evidence until that is enough; answers with the evidence.
async fn one<'r>(
    app: &App,
    source: &'r Source,
    row: &'r Row,
    provider: Option<Result<RunPod, String>>,
    now: Timestamp,
    until: Instant,
) -> (&'r Source, &'r Run, Next, Vec<Evidence>) {
    let run = &row.run;
    let mut evidence = Vec::new();
    if let Some(output) = &source.output
        && app.mirrors.has_output(output, run, until).await == Some(true)
    {
        evidence.push(Evidence::Output);
    }
    loop {
        let (external_id, cancels) = match reconcile(&source.rules, run, &evidence, now) {
            Next::Ask { external_id } => (external_id, false),
            Next::Cancel { external_id } => (external_id, true),
            next => return (source, run, next, evidence),
        };
        let asked = match &provider {
            Some(Ok(provider)) => in_time(told_by(provider, &external_id, cancels), cancels, until).await,
            Some(Err(why)) => Evidence::Unanswered(why.clone()),
            None => Evidence::NoStatus,
        };
        evidence.push(asked);
    }
}

/// What is not heard in time, the next poll asks again.
async fn in_time(asking: impl Future<Output = Evidence>, cancels: bool, until: Instant) -> Evidence {
    let left = until.saturating_duration_since(Instant::now());
    let late = || "no answer within this invocation's time".to_owned();
    match tokio::time::timeout(left, asking).await {
        Ok(evidence) => evidence,
        Err(_) if cancels => Evidence::NotCancelled(late()),
        Err(_) => Evidence::Unanswered(late()),
    }
}

async fn told_by(provider: &dyn Follow, external_id: &str, cancels: bool) -> Evidence {
    if !cancels {
        return shown(provider.ask(external_id).await, None);
    }
    match provider.cancel(external_id).await {
        Cancelled::Cancelled => Evidence::Cancelled,
        Cancelled::AlreadyOver(standing) => shown(standing, None),
        Cancelled::Unknown(cause) => Evidence::NotCancelled(cause.text),
    }
}

/// What a job's standing shows of its run.
pub(crate) fn shown(standing: Standing, attempt: Option<u32>) -> Evidence {
    let said = |job| Evidence::Said { attempt, job };
    match standing {
        Standing::Queued => said(Job::Queued),
        Standing::Running { .. } => said(Job::Running),
        Standing::Succeeded { .. } => said(Job::Succeeded),
        Standing::Failed(cause) => said(Job::Failed(cause.text)),
        Standing::Cancelled => said(Job::Failed("it was cancelled".to_owned())),
        Standing::TimedOut => said(Job::Failed("the provider ended it: it took longer than it may".to_owned())),
        Standing::Forgotten(_) => Evidence::Forgotten,
        Standing::Unknown(cause) => Evidence::Unanswered(cause.text),
    }
}

fn unanswered(evidence: &[Evidence]) -> Option<String> {
    evidence.iter().find_map(|one| match one {
        Evidence::Unanswered(why) | Evidence::NotCancelled(why) => Some(why.clone()),
        _ => None,
    })
}
