//! Writes what became of heartbeats, with the signals that tell of it.

use std::time::Duration;

use domain::Timestamp;
use domain::heartbeat::{Memory, Slot, State, Transition};
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};

use crate::Error;
use crate::leases::{self, Lease};
use crate::outbox::{self, Outgoing};
use crate::statements::{Flush, Statement, say};

pub(super) static UPSERT_STATES: Statement = Statement {
    name: "remembering heartbeats",
    sql: include_str!("../sql/upsert_heartbeats.sql"),
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::JSONB_ARRAY,
    ],
};
pub(super) static UPSERT_SLOTS: Statement = Statement {
    name: "writing slots",
    sql: include_str!("../sql/upsert_heartbeat_slots.sql"),
    types: &[
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BOOL_ARRAY,
    ],
};
pub(super) static INSERT_TRANSITIONS: Statement = Statement {
    name: "recording transitions",
    sql: "insert into watchkeeper.heartbeat_transitions (name, from_status, to_status, reason, at, notice)
          select *
          from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[])
          on conflict (name, at, to_status) do nothing",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
    ],
};
pub(super) static FORGET: Statement = Statement {
    name: "forgetting heartbeats",
    sql: "delete from watchkeeper.heartbeats where name = any($1)",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static SETTLE: Statement = Statement {
    name: "settling the slots of forgotten heartbeats",
    sql: "update watchkeeper.heartbeat_slots set settled = true where not settled and name = any($1)",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static PRUNE_PINGS: Statement = Statement {
    name: "pruning pings",
    // A bounded number each time: an evaluation must not wait for a flood of old ones.
    sql: "delete from watchkeeper.heartbeat_pings
          where ping_id in (
              select ping_id from watchkeeper.heartbeat_pings where received_at < $1 order by received_at limit 5000)",
    types: &[Type::TIMESTAMPTZ],
};

/// A heartbeat that changed: what is remembered of it, and its nominal times that are new or changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Its name.
    pub name: String,
    /// What is remembered from now on.
    pub state: State,
    /// Nominal times.
    pub slots: Vec<Slot>,
    /// What happened, each with what the topic `self` is told of it, if it is.
    pub transitions: Vec<(Transition, Option<String>)>,
}

/// What is to be written.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Heartbeats that changed.
    pub moved: Vec<Moved>,
    /// Heartbeats that are no longer watched.
    pub gone: Vec<String>,
    /// Signals that tell of it.
    pub outgoing: Vec<Outgoing>,
    /// Pings from before this instant are forgotten.
    pub prune_before: Option<Timestamp>,
    /// The lease that is given back, and the instant that the job is done for.
    pub done: Option<(Lease, Timestamp)>,
}

/// Writes the changes and commits. It was done only if this answers without an error.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn apply(client: &Client, changes: &Changes, patience: Duration) -> Result<(), Error> {
    let states: Vec<(&str, &State)> = changes.moved.iter().map(|moved| (moved.name.as_str(), &moved.state)).collect();
    let slots: Vec<(&str, &Slot)> =
        changes.moved.iter().flat_map(|moved| moved.slots.iter().map(|slot| (moved.name.as_str(), slot))).collect();
    let transitions: Vec<(&str, &Transition, Option<&str>)> = changes
        .moved
        .iter()
        .flat_map(|moved| moved.transitions.iter().map(|(one, notice)| (moved.name.as_str(), one, notice.as_deref())))
        .collect();

    let names: Vec<&str> = states.iter().map(|(name, _)| *name).collect();
    let statuses: Vec<&str> = states.iter().map(|(_, state)| state.status.as_str()).collect();
    let since: Vec<Timestamp> = states.iter().map(|(_, state)| state.since).collect();
    let deadlines: Vec<Option<Timestamp>> = states.iter().map(|(_, state)| state.deadline_at).collect();
    let signals: Vec<Option<Timestamp>> = states.iter().map(|(_, state)| state.last_signal_at).collect();
    let successes: Vec<Option<Timestamp>> = states.iter().map(|(_, state)| state.last_success_at).collect();
    let memories: Vec<Json<&Memory>> = states.iter().map(|(_, state)| Json(&state.memory)).collect();

    let slot_names: Vec<&str> = slots.iter().map(|(name, _)| *name).collect();
    let slot_ats: Vec<Timestamp> = slots.iter().map(|(_, slot)| slot.at).collect();
    let slot_statuses: Vec<&str> = slots.iter().map(|(_, slot)| slot.status.as_str()).collect();
    let slot_runs: Vec<Option<&str>> = slots.iter().map(|(_, slot)| slot.run_id.as_deref()).collect();
    let slot_starts: Vec<Option<Timestamp>> = slots.iter().map(|(_, slot)| slot.started_at).collect();
    let slot_ends: Vec<Option<Timestamp>> = slots.iter().map(|(_, slot)| slot.finished_at).collect();
    let slot_settled: Vec<bool> = slots.iter().map(|(_, slot)| slot.settled).collect();

    let turned: Vec<&str> = transitions.iter().map(|(name, ..)| *name).collect();
    let from: Vec<&str> = transitions.iter().map(|(_, one, _)| one.from.as_str()).collect();
    let to: Vec<&str> = transitions.iter().map(|(_, one, _)| one.to.as_str()).collect();
    let reasons: Vec<&str> = transitions.iter().map(|(_, one, _)| one.reason.as_str()).collect();
    let ats: Vec<Timestamp> = transitions.iter().map(|(_, one, _)| one.at).collect();
    let notices: Vec<Option<&str>> = transitions.iter().map(|(.., notice)| *notice).collect();

    let mut flush = Flush::new(patience);
    if !states.is_empty() {
        flush.add(UPSERT_STATES.run(client, &[&names, &statuses, &since, &deadlines, &signals, &successes, &memories]));
    }
    if !slots.is_empty() {
        flush.add(UPSERT_SLOTS.run(
            client,
            &[&slot_names, &slot_ats, &slot_statuses, &slot_runs, &slot_starts, &slot_ends, &slot_settled],
        ));
    }
    if !transitions.is_empty() {
        flush.add(INSERT_TRANSITIONS.run(client, &[&turned, &from, &to, &reasons, &ats, &notices]));
    }
    if !changes.gone.is_empty() {
        flush.add(FORGET.run(client, &[&changes.gone]));
        flush.add(SETTLE.run(client, &[&changes.gone]));
    }
    if !changes.outgoing.is_empty() {
        flush.add(outbox::write(client, &changes.outgoing));
    }
    if let Some(before) = &changes.prune_before {
        flush.add(PRUNE_PINGS.run(client, &[before]));
    }
    if let Some((lease, done_for)) = &changes.done {
        flush.add(leases::GIVE_BACK.run(client, &[&lease.name, &lease.token, done_for]));
    }
    flush.add(say(client, "commit"));
    flush.all(UPSERT_STATES.name).await.map(drop)
}
