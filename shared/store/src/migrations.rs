//! The schema: forward-only migrations, each applied once, in a transaction of its own, whoever else tries meanwhile.
//!
//! Each transaction first takes an advisory lock and then looks whether its migration is still due. The lock belongs to
//! the transaction, not to the session, so this is safe through a transaction pooler too.

use domain::Timestamp;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::Error;
use crate::rows::column;
use crate::statements::{Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&LOCK, &FIND, &RECORD, &VERSION];

/// A change of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub version: i32,
    /// `verb_noun`.
    pub name: &'static str,
    /// One or more statements, without transaction control.
    pub sql: &'static str,
}

/// All migrations of this release, in order.
pub const ALL: &[Migration] = &[
    Migration { version: 1, name: "create_record", sql: include_str!("../../../migrations/V0001__create_record.sql") },
    Migration {
        version: 2,
        name: "create_check_states",
        sql: include_str!("../../../migrations/V0002__create_check_states.sql"),
    },
    Migration { version: 3, name: "deepen_alerts", sql: include_str!("../../../migrations/V0003__deepen_alerts.sql") },
    Migration {
        version: 4,
        name: "watch_receivers",
        sql: include_str!("../../../migrations/V0004__watch_receivers.sql"),
    },
    Migration {
        version: 5,
        name: "create_heartbeats",
        sql: include_str!("../../../migrations/V0005__create_heartbeats.sql"),
    },
    Migration {
        version: 6,
        name: "find_critical_deliveries",
        sql: include_str!("../../../migrations/V0006__find_critical_deliveries.sql"),
    },
    Migration { version: 7, name: "follow_runs", sql: include_str!("../../../migrations/V0007__follow_runs.sql") },
    Migration { version: 8, name: "archive_rows", sql: include_str!("../../../migrations/V0008__archive_rows.sql") },
    Migration { version: 9, name: "mark_restored", sql: include_str!("../../../migrations/V0009__mark_restored.sql") },
    Migration {
        version: 10,
        name: "know_new_sources",
        sql: include_str!("../../../migrations/V0010__know_new_sources.sql"),
    },
];

/// The schema that this release needs.
pub const NEEDED: i32 = ALL[ALL.len() - 1].version;

/// Any constant serves, as long as every release uses the same: it reads `wkmigrat` in ASCII.
const LOCK_KEY: i64 = 0x776b_6d69_6772_6174;

/// Where versions are recorded; made under the same lock.
const BOOTSTRAP: &str = "
    create schema if not exists watchkeeper;
    create table if not exists watchkeeper.schema_migrations (
        version    integer     primary key,
        name       text        not null,
        checksum   text        not null,
        applied_at timestamptz not null
    )";

static LOCK: Statement =
    Statement { name: "locking the schema", sql: "select pg_advisory_xact_lock($1)", types: &[Type::INT8] };
static FIND: Statement = Statement {
    name: "looking for a migration",
    sql: "select checksum from watchkeeper.schema_migrations where version = $1",
    types: &[Type::INT4],
};
static RECORD: Statement = Statement {
    name: "recording a migration",
    sql: "insert into watchkeeper.schema_migrations (version, name, checksum, applied_at) values ($1, $2, $3, now())",
    types: &[Type::INT4, Type::TEXT, Type::TEXT],
};
static VERSION: Statement = Statement {
    name: "reading the schema's version",
    sql: "select coalesce(max(version), 0) as version, now() as now from watchkeeper.schema_migrations",
    types: &[],
};

/// What a run of the migrations did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Versions that this run applied.
    pub applied: Vec<i32>,
    /// Versions that were there.
    pub present: Vec<i32>,
}

/// Applies every migration up to `target` (this release's last, where `None`) that is not there yet.
///
/// # Errors
/// [`Error::ChangedMigration`], or a statement's failure: its migration is then rolled back and those before it stay.
pub async fn migrate(client: &Client, target: Option<i32>) -> Result<Migrated, Error> {
    say(client, "begin").await?;
    LOCK.run(client, &[&LOCK_KEY]).await?;
    say(client, BOOTSTRAP).await?;
    say(client, "commit").await?;
    let mut done = Migrated::default();
    for migration in ALL.iter().filter(|migration| target.is_none_or(|target| migration.version <= target)) {
        let list = if apply(client, migration).await? { &mut done.applied } else { &mut done.present };
        list.push(migration.version);
    }
    Ok(done)
}

/// Applies one migration unless it is there; whether it had to.
async fn apply(client: &Client, migration: &Migration) -> Result<bool, Error> {
    let checksum = checksum(migration);
    say(client, "begin").await?;
    LOCK.run(client, &[&LOCK_KEY]).await?;
    let found = FIND.run(client, &[&migration.version]).await?;
    if let Some(row) = found.first() {
        let recorded: String = column(row, "checksum")?;
        say(client, "rollback").await?;
        let version = migration.version;
        return if recorded == checksum { Ok(false) } else { Err(Error::ChangedMigration { version }) };
    }
    say(client, migration.sql).await?;
    RECORD.run(client, &[&migration.version, &migration.name, &checksum]).await?;
    say(client, "commit").await?;
    Ok(true)
}

fn checksum(migration: &Migration) -> String {
    let digest = Sha256::digest(migration.sql);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The version of the schema, 0 where there is none, and the store's clock.
///
/// # Errors
/// The statement's failure.
pub async fn version(client: &Client) -> Result<(i32, Timestamp), Error> {
    let rows = match VERSION.run(client, &[]).await {
        Ok(rows) => rows,
        // No table yet: nothing has ever been applied.
        Err(error) if error.class() == crate::Class::OldSchema => return Ok((0, Timestamp::UNIX_EPOCH)),
        Err(error) => return Err(error),
    };
    let Some(row) = rows.first() else { return Ok((0, Timestamp::UNIX_EPOCH)) };
    Ok((column(row, "version")?, column(row, "now")?))
}

/// Reads the store's clock, and refuses a schema older than this release needs.
///
/// # Errors
/// [`Error::OldSchema`], or the statement's failure.
pub async fn require(client: &Client) -> Result<Timestamp, Error> {
    match version(client).await? {
        (found, _) if found < NEEDED => Err(Error::OldSchema { found, needed: NEEDED }),
        (_, now) => Ok(now),
    }
}
