//! Reads what is remembered of heartbeats.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::fingerprint::Fingerprint;
use domain::heartbeat::{BeatKind, Memory, Slot, SlotStatus, State, Status};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};

use super::{Heard, Record};
use crate::Error;
use crate::leases::{self, Lease};
use crate::rows::{column, word};
use crate::statements::{Flush, Statement, say};

pub(super) static READ_STATES: Statement = Statement {
    name: "reading heartbeats",
    sql: "select name, status, since, deadline_at, last_signal_at, last_success_at, memory
          from watchkeeper.heartbeats
          where $1::text[] is null or name = any($1)",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_SLOTS: Statement = Statement {
    name: "reading slots",
    sql: "select name, slot_at, status, run_id, started_at, finished_at
          from watchkeeper.heartbeat_slots
          where not settled and ($1::text[] is null or name = any($1))
          order by name, slot_at",
    types: &[Type::TEXT_ARRAY],
};
pub(super) static READ_HEARD: Statement = Statement {
    name: "reading what the router heard of heartbeats",
    sql: "select source, fingerprint, severity, changed_at
          from watchkeeper.alert_sources
          where status = 'firing' and source like 'heartbeat:%'",
    types: &[],
};
pub(super) static BOUND: Statement = Statement {
    name: "bounding an evaluation of heartbeats",
    sql: "select set_config('statement_timeout', $1, true),
                 set_config('idle_in_transaction_session_timeout', '10s', true)",
    types: &[Type::TEXT],
};
pub(super) static LOCK: Statement = Statement {
    name: "taking turns with others at heartbeats",
    sql: "select pg_advisory_xact_lock($1)",
    types: &[Type::INT8],
};
pub(super) static INSERT_PINGS: Statement = Statement {
    name: "recording pings",
    sql: "insert into watchkeeper.heartbeat_pings (ping_id, name, signal, run_id, exit_status, body, received_at)
          select *
          from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int4[], $6::text[], $7::timestamptz[])
          on conflict (ping_id) do nothing
          returning ping_id",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
    ],
};

/// Any constant serves that no other lock has: it reads `wkbeats` in ASCII.
const LOCK_KEY: i64 = 0x0077_6b62_6561_7473;

/// What a job told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Its id; the same one twice is one ping.
    pub id: String,
    /// The heartbeat.
    pub name: String,
    /// What it says.
    pub kind: BeatKind,
    /// The run's id.
    pub run_id: Option<String>,
    /// The exit status that it says.
    pub exit_status: Option<i32>,
    /// What else it says.
    pub body: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
}

/// What a transaction begins with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening<'a> {
    /// The lease under which it is done; a ping needs none.
    pub lease: Option<Lease>,
    /// Pings to be recorded.
    pub pings: &'a [Ping],
    /// The heartbeats to be read; all where there is no list.
    pub names: Option<&'a [&'a str]>,
}

/// Reads everything, outside of any transaction: to know whose signals to read.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn open(client: &Client, patience: Duration) -> Result<Record, Error> {
    let names: Option<&[&str]> = None;
    let mut flush = Flush::new(patience);
    flush.add(READ_STATES.run(client, &[&names]));
    flush.add(READ_SLOTS.run(client, &[&names]));
    let [states, slots] = flush.answers(READ_STATES.name).await?;
    Ok(Record { states: states_of(&states)?, slots: slots_of(&slots)?, ours: true, ..Record::default() })
}

/// Begins a transaction: waits for its turn, makes sure of the lease, records pings, and reads what there is.
/// [`super::apply`] ends it.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn begin(client: &Client, opening: Opening<'_>, patience: Duration) -> Result<Record, Error> {
    let limit = patience.as_millis().max(1).to_string();
    let Opening { lease, pings, names } = opening;
    let ids: Vec<&str> = pings.iter().map(|ping| ping.id.as_str()).collect();
    let told: Vec<&str> = pings.iter().map(|ping| ping.name.as_str()).collect();
    let kinds: Vec<&str> = pings.iter().map(|ping| ping.kind.as_str()).collect();
    let runs: Vec<Option<&str>> = pings.iter().map(|ping| ping.run_id.as_deref()).collect();
    let exits: Vec<Option<i32>> = pings.iter().map(|ping| ping.exit_status).collect();
    let bodies: Vec<Option<&str>> = pings.iter().map(|ping| ping.body.as_deref()).collect();
    let received: Vec<Timestamp> = pings.iter().map(|ping| ping.received_at).collect();
    let job = lease.map(|lease| lease.name);

    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(BOUND.run(client, &[&limit]));
    flush.add(LOCK.run(client, &[&LOCK_KEY]));
    flush.add(leases::HOLD.run(client, &[&job]));
    flush.add(INSERT_PINGS.run(client, &[&ids, &told, &kinds, &runs, &exits, &bodies, &received]));
    flush.add(READ_STATES.run(client, &[&names]));
    flush.add(READ_SLOTS.run(client, &[&names]));
    flush.add(READ_HEARD.run(client, &[]));
    let [_, _, _, held, fresh, states, slots, heard] = flush.answers(READ_STATES.name).await?;
    let held = lease.map(|lease| leases::held(lease, &held)).transpose()?;
    Ok(Record {
        states: states_of(&states)?,
        slots: slots_of(&slots)?,
        heard: heard.iter().map(heard_of).collect::<Result<_, _>>()?,
        fresh: fresh.iter().map(|row| column(row, "ping_id")).collect::<Result<_, _>>()?,
        ours: held.is_none_or(|held| held.ours),
        done_for: held.and_then(|held| held.done_for),
    })
}

fn states_of(rows: &[Row]) -> Result<BTreeMap<String, State>, Error> {
    let state = |row: &Row| {
        let Json(memory): Json<Memory> = column(row, "memory")?;
        let state = State {
            status: word(row, "status", Status::from_stored)?,
            since: column(row, "since")?,
            deadline_at: column(row, "deadline_at")?,
            last_signal_at: column(row, "last_signal_at")?,
            last_success_at: column(row, "last_success_at")?,
            memory,
        };
        Ok((column(row, "name")?, state))
    };
    rows.iter().map(state).collect()
}

fn slots_of(rows: &[Row]) -> Result<BTreeMap<String, Vec<Slot>>, Error> {
    let mut slots: BTreeMap<String, Vec<Slot>> = BTreeMap::new();
    for row in rows {
        let slot = Slot {
            at: column(row, "slot_at")?,
            status: word(row, "status", SlotStatus::from_stored)?,
            run_id: column(row, "run_id")?,
            started_at: column(row, "started_at")?,
            finished_at: column(row, "finished_at")?,
            settled: false,
        };
        slots.entry(column(row, "name")?).or_default().push(slot);
    }
    Ok(slots)
}

fn heard_of(row: &Row) -> Result<(String, Heard), Error> {
    let heard = Heard {
        fingerprint: Fingerprint::from_stored(column(row, "fingerprint")?),
        severity: word(row, "severity", |text| text.parse().ok())?,
        changed_at: column(row, "changed_at")?,
    };
    Ok((column(row, "source")?, heard))
}
