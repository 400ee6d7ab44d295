//! Moves runs, each only from where it was read, with the signals that tell of it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::upstream::{Compare, Run, RunKey, RunStatus};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::Error;
use crate::outbox::{self, Outgoing};
use crate::rows::column;
use crate::statements::{Flush, Statement, say};

pub(super) static BOUND: Statement = Statement {
    name: "limiting statements",
    sql: "select set_config('statement_timeout', $1, true)",
    types: &[Type::TEXT],
};
/// Whoever writes intents takes turns, so that no two count the same free place.
pub(super) static LOCK: Statement =
    Statement { name: "waiting for runs", sql: "select pg_advisory_xact_lock($1)", types: &[Type::INT8] };
pub(super) static INSERT: Statement = Statement {
    name: "expecting runs",
    sql: "insert into watchkeeper.forecast_runs (source, run_timestamp, status)
          select source, run_timestamp, 'due'
          from unnest($1::text[], $2::timestamptz[]) as expected (source, run_timestamp)
          order by source, run_timestamp
          on conflict (source, run_timestamp) do nothing",
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ_ARRAY],
};
pub(super) static MOVE: Statement = Statement {
    name: "moving runs",
    sql: include_str!("../sql/move_runs.sql"),
    types: &[Type::JSONB, Type::TIMESTAMPTZ],
};
pub(super) static ANNOUNCE: Statement = Statement {
    name: "noting what was announced",
    sql: "update watchkeeper.forecast_runs as run
          set announced_at = $3
          from unnest($1, $2) as announced (run_id, status)
          where run.run_id = announced.run_id and run.status = announced.status and run.announced_at is null",
    types: &[Type::UUID_ARRAY, Type::TEXT_ARRAY, Type::TIMESTAMPTZ],
};

/// Any constant serves, as long as every release uses the same: it reads `wkruns` in ASCII.
const LOCK_KEY: i64 = 0x776b_7275_6e73;

/// A move of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// How it was read.
    pub from: Run,
    /// What it becomes.
    pub to: Run,
    /// What is compared: where that is otherwise by now, nothing is moved.
    pub compare: Compare,
    /// Its new id, where it begins anew.
    pub run_id: Option<Uuid>,
    /// When what it is made from was observed, where that is not its nominal time.
    pub observed_at: Option<Timestamp>,
    /// As many of the source may be under way, this one included; `None` where it takes no place.
    pub most: Option<u32>,
    /// What tells of it.
    pub signal: Option<Outgoing>,
}

/// The runs that were moved, with their ids.
pub type Moved = BTreeMap<RunKey, Uuid>;

impl Move {
    fn document(&self) -> Value {
        let Self { from, to, compare, run_id, observed_at, most, signal } = self;
        let of_attempt = *compare == Compare::StatusAndAttempt;
        json!({
            "source": to.source,
            "at": to.at,
            "was": from.status.as_str(),
            "was_attempts": of_attempt.then_some(from.attempts),
            "was_triggered_at": from.triggered_at.filter(|_| of_attempt),
            "with_reason": *compare == Compare::StatusAndReason,
            "status": to.status.as_str(),
            "attempts": to.attempts,
            "refusals": to.refusals,
            "external_id": to.external_id,
            "triggered_at": to.triggered_at,
            "retry_at": to.retry_at,
            "rearmed": to.rearmed,
            "reruns": to.reruns,
            "failure_reason": to.failure_reason,
            "last_failure": to.last_failure,
            "told_failed": to.told_failed,
            "from_before": to.from_before,
            "unseen": to.unseen,
            "in_story": to.in_story,
            "look": to.look,
            "run_id": run_id,
            "observed_at": observed_at,
            "most": most,
            "signal_id": signal.as_ref().map(|signal| &signal.id),
            "signal_body": signal.as_ref().map(|signal| &signal.body),
        })
    }
}

/// Expects cycles, moves runs and writes `outgoing`, in one transaction; answers which runs were moved. It was done only if
/// this answers without an error.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn apply(
    client: &Client,
    expected: &[RunKey],
    moves: &[Move],
    outgoing: &[Outgoing],
    now: Timestamp,
    patience: Duration,
) -> Result<Moved, Error> {
    let limit = patience.as_millis().max(1).to_string();
    let sources: Vec<&str> = expected.iter().map(|key| key.source.as_str()).collect();
    let instants: Vec<Timestamp> = expected.iter().map(|key| key.at).collect();
    let moves = Json(moves.iter().map(Move::document).collect::<Vec<_>>());
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(BOUND.run(client, &[&limit]));
    flush.add(LOCK.run(client, &[&LOCK_KEY]));
    flush.add(INSERT.run(client, &[&sources, &instants]));
    flush.add(MOVE.run(client, &[&moves, &now]));
    flush.add(outbox::write(client, outgoing));
    flush.add(say(client, "commit"));
    let [_, _, _, _, rows, _, _] = flush.answers(MOVE.name).await?;
    rows.iter()
        .map(|row| {
            let source: &str = column(row, "source")?;
            Ok((RunKey::of(source, column(row, "run_timestamp")?), column(row, "run_id")?))
        })
        .collect()
}

/// Notes that the metrics of these runs were published.
///
/// # Errors
/// The statement's failure; they are then published once more.
pub async fn announced(client: &Client, ended: &[(Uuid, RunStatus)], now: Timestamp) -> Result<(), Error> {
    let (ids, statuses): (Vec<Uuid>, Vec<&str>) = ended.iter().map(|(id, status)| (*id, status.as_str())).unzip();
    ANNOUNCE.run(client, &[&ids, &statuses, &now]).await.map(drop)
}
