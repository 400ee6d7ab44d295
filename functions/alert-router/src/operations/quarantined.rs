//! `quarantined`: which of some workers are barred. It is asked before a worker may act, so it always answers: while the
//! store is gone, by what the watch file says for that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::{Policy, Timestamp};
use runtime::{Deadline, Fault, Summary};
use serde_json::{Map, Value, json};
use store::quarantines::{Barred, list_barred};

use super::answered;
use crate::app::{App, wall_clock};
use crate::payload::said::Called;

/// How many workers may be asked about at once.
const MOST: usize = 1_000;
/// Whoever asks waits with what they are about to do.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn run(
    app: &App,
    workers: &[Called],
    environment: Option<&str>,
    deadline: &Deadline,
) -> Result<Value, Fault> {
    if workers.len() > MOST {
        let found = workers.len();
        return Err(Fault::bad_payload(format!("quarantined: {found} workers are too many: expected at most {MOST}")));
    }
    let started = Instant::now();
    let ids: Vec<&str> = workers.iter().map(|worker| worker.known.as_str()).collect();
    let patience = PATIENCE.min(deadline.for_work());
    let looked_up = tokio::time::timeout(patience, look_up(app, &ids, environment, deadline)).await;
    let looked_up = looked_up.unwrap_or_else(|_| Err(format!("no answer within {} s", patience.as_secs())));
    let stack = app.config.environment.as_str();
    let (mut summary, answers) = match looked_up {
        Ok((now, barred)) => (Summary::new("alert-router", stack, now, false), on_record(workers, &barred)),
        Err(why) => {
            let now = wall_clock();
            let mut summary = Summary::new("alert-router", stack, now, false);
            let (deny, because) = without_store(&app.policy);
            summary.failed("store", format!("{why}; {because}"));
            (summary, by_rule(workers, deny, environment, now))
        }
    };
    summary.looked_at("workers", ids.len());
    let results = Map::from_iter([("quarantined".to_owned(), Value::Object(answers))]);
    answered(&summary.finished(started.elapsed()), results)
}

async fn look_up(
    app: &App,
    ids: &[&str],
    environment: Option<&str>,
    deadline: &Deadline,
) -> Result<(Timestamp, Vec<Barred>), String> {
    let mut session = app.session().await;
    let now = session.fresh_clock(app, deadline).await.map_err(|fault| fault.message)?;
    let (connection, _) = session.parts(app).map_err(|fault| fault.message)?;
    let barred = list_barred(&connection.client, ids, environment).await;
    let barred = barred.map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
    session.done();
    Ok((now, barred))
}

/// What the record says of each, under the name exactly as asked. Of a worker that is barred in several places, the first bar.
fn on_record(workers: &[Called], barred: &[Barred]) -> Map<String, Value> {
    let mut first: BTreeMap<&str, &Barred> = BTreeMap::new();
    for bar in barred {
        first.entry(&bar.worker_id).or_insert(bar);
    }
    let answer = |bar: &&Barred| {
        let Barred { environment, barred_at, reason, alert_id, .. } = bar;
        json!({"barred_at": barred_at, "reason": reason, "environment": environment, "alert_id": alert_id})
    };
    let answered = |worker: &Called| first.get(worker.known.as_str()).map_or(Value::Null, answer);
    workers.iter().map(|worker| (worker.asked.clone(), answered(worker))).collect()
}

/// What every worker counts as while nobody can look it up, and why.
fn without_store(policy: &Policy) -> (bool, &'static str) {
    let rules = &policy.quarantine;
    if !rules.is_empty() && rules.iter().all(|rule| !rule.deny_without_store) {
        (false, "no worker counts as barred, since every [[quarantine]] says if_store_unreachable = \"allow\"")
    } else {
        (true, "every worker counts as barred until it answers (if_store_unreachable = \"deny\")")
    }
}

fn by_rule(workers: &[Called], deny: bool, environment: Option<&str>, now: Timestamp) -> Map<String, Value> {
    let answer = match deny {
        true => json!({"barred_at": now, "reason": "store unreachable", "environment": environment}),
        false => Value::Null,
    };
    workers.iter().map(|worker| (worker.asked.clone(), answer.clone())).collect()
}
