//! Digests: which signals a digest is about, decided once, and the deliveries that tell of it.

use std::time::Duration;

use domain::digest::Suppressed;
use domain::policy::Integration;
use domain::{Notification, Timestamp};
use tokio_postgres::types::{Json, Type};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::rows::{column, word};
use crate::statements::{Flush, Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&LOCK, &FIND, &BEGIN_DIGEST, &TAKE, &COUNT, &FINISH, &TELL];

/// Any constant serves, as long as every release uses the same: it reads `wkdigest` in ASCII.
const LOCK_KEY: i64 = 0x776b_6469_6765_7374;

static LOCK: Statement =
    Statement { name: "locking digests", sql: "select pg_advisory_xact_lock($1)", types: &[Type::INT8] };
static FIND: Statement = Statement {
    name: "looking for a digest under way",
    sql: "select digest_id, from_at, to_at, told_at
          from watchkeeper.digests
          order by to_at desc
          limit 1",
    types: &[],
};
static BEGIN_DIGEST: Statement = Statement {
    name: "beginning a digest",
    // It goes on where the last one ended. Of two that begin at once, one finds the place taken. However far ahead the
    // instant is that a tick was given, what is still to be received is for a later digest.
    sql: "insert into watchkeeper.digests (digest_id, from_at, to_at)
          select $1, from_at, least($2, now())
          from (select coalesce(
                    (select max(to_at) from watchkeeper.digests),
                    (select min(received_at) from watchkeeper.signals where decision = 'suppressed'),
                    $2) as from_at) as place
          where from_at < least($2, now())
          on conflict (from_at) do nothing
          returning digest_id, from_at, to_at, told_at",
    types: &[Type::UUID, Type::TIMESTAMPTZ],
};
static TAKE: Statement = Statement {
    name: "taking suppressed signals into a digest",
    sql: include_str!("sql/take_into_digest.sql"),
    types: &[Type::UUID, Type::INT8],
};
static COUNT: Statement = Statement {
    name: "counting what a digest is about",
    sql: include_str!("sql/count_digest.sql"),
    types: &[Type::UUID],
};
static FINISH: Statement = Statement {
    name: "finishing a digest",
    sql: "update watchkeeper.digests set told_at = $2 where digest_id = $1 and told_at is null returning digest_id",
    types: &[Type::UUID, Type::TIMESTAMPTZ],
};
static TELL: Statement = Statement {
    name: "writing a digest's deliveries",
    sql: "insert into watchkeeper.deliveries (
              digest_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status, due_at, notification,
              created_at)
          select $1, $2, receiver, integration, 'digest', 0, $3, 'pending', now(), $4, now()
          from unnest($5::text[], $6::text[]) as new (receiver, integration)
          on conflict (digest_id, receiver) where digest_id is not null do nothing",
    types: &[Type::UUID, Type::TEXT, Type::TEXT, Type::JSONB, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

/// A digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// Its id.
    pub digest_id: Uuid,
    /// Where it begins: where the last one ended.
    pub from: Timestamp,
    /// Where it ends.
    pub to: Timestamp,
    /// Whether it is told, or was found to say nothing.
    pub is_told: bool,
}

/// The last digest, told or still under way.
///
/// # Errors
/// The statement's failure.
pub async fn last(client: &Client) -> Result<Option<Digest>, Error> {
    FIND.run(client, &[]).await?.first().map(from_row).transpose()
}

/// Begins the digest of everything that was suppressed until `to` and is in none yet. `None`: there is nothing, or another
/// run has begun it.
///
/// # Errors
/// The statement's failure.
pub async fn begin(client: &Client, digest_id: Uuid, to: Timestamp) -> Result<Option<Digest>, Error> {
    BEGIN_DIGEST.run(client, &[&digest_id, &to]).await?.first().map(from_row).transpose()
}

/// Takes up to `limit` suppressed signals into a digest; how many there were. Runs that do so at once take turns.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn take(client: &Client, digest_id: Uuid, limit: i64, patience: Duration) -> Result<usize, Error> {
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&LOCK_KEY]));
    flush.add(TAKE.run(client, &[&digest_id, &limit]));
    flush.add(say(client, "commit"));
    let [_, _, rows, _] = flush.answers(TAKE.name).await?;
    let count: Option<i64> = rows.first().map(|row| column(row, "count")).transpose()?;
    Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(0))
}

/// What was taken into a digest. The transaction is open and bars whoever would take more; [`finish`] or a dropped
/// connection ends it.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn count(client: &Client, digest_id: Uuid, patience: Duration) -> Result<Vec<Suppressed>, Error> {
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&LOCK_KEY]));
    flush.add(COUNT.run(client, &[&digest_id]));
    let [_, _, rows] = flush.answers(COUNT.name).await?;
    rows.iter()
        .map(|row| {
            Ok(Suppressed {
                severity: word(row, "severity", |text| text.parse().ok())?,
                source: column(row, "source")?,
                kind: column(row, "kind")?,
                subject: column(row, "subject")?,
                reason: column(row, "reason")?,
                count: u64::try_from(column::<i64>(row, "count")?).unwrap_or(0),
            })
        })
        .collect()
}

/// Finishes a digest at `now` and, if it says anything, writes its deliveries, and commits. Of two runs that do so, one wins
/// and the other writes nothing: a digest has one delivery for each receiver.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn finish(
    client: &Client,
    digest_id: Uuid,
    told: Option<(&Notification, &[(&str, Integration)])>,
    now: Timestamp,
    patience: Duration,
) -> Result<(), Error> {
    let telling = told.map(|(notification, to)| Telling::new(digest_id, notification, to));
    let mut flush = Flush::new(patience);
    flush.add(FINISH.run(client, &[&digest_id, &now]));
    if let Some(telling) = &telling {
        telling.add_to(&mut flush, client);
    }
    flush.add(say(client, "commit"));
    flush.all(TELL.name).await?;
    Ok(())
}

/// A digest and those who get it, as columns.
pub(crate) struct Telling<'a> {
    digest_id: Uuid,
    fingerprint: &'a str,
    key: &'a str,
    notification: Json<&'a Notification>,
    receivers: Vec<&'a str>,
    integrations: Vec<&'static str>,
}

impl<'a> Telling<'a> {
    pub(crate) fn new(digest_id: Uuid, notification: &'a Notification, to: &[(&'a str, Integration)]) -> Self {
        let (receivers, integrations) = to.iter().map(|(name, kind)| (*name, kind.as_str())).unzip();
        let (fingerprint, key) = (notification.fingerprint.as_str(), notification.dedup_key.as_str());
        Self { digest_id, fingerprint, key, notification: Json(notification), receivers, integrations }
    }

    /// Writes its deliveries: one for each receiver, however often.
    pub(crate) fn add_to<'s>(&'s self, flush: &mut Flush<'s>, client: &'s Client) {
        let Self { digest_id, fingerprint, key, notification, receivers, integrations } = self;
        flush.add(TELL.run(client, &[digest_id, fingerprint, key, notification, receivers, integrations]));
    }
}

fn from_row(row: &Row) -> Result<Digest, Error> {
    let told_at: Option<Timestamp> = column(row, "told_at")?;
    Ok(Digest {
        digest_id: column(row, "digest_id")?,
        from: column(row, "from_at")?,
        to: column(row, "to_at")?,
        is_told: told_at.is_some(),
    })
}
