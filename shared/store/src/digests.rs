//! Digests: which signals a digest is about, decided once, and the deliveries that tell of it.

use std::time::Duration;

use domain::digest::Suppressed;
use domain::policy::Integration;
use domain::{Notification, Timestamp};
use tokio_postgres::Client;
use tokio_postgres::types::{Json, Type};
use uuid::Uuid;

use crate::Error;
use crate::rows::{column, word};
use crate::statements::{Flush, Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&LAST, &BEGIN_DIGEST, &TAKE, &TELL];

static LAST: Statement = Statement {
    name: "reading the last digest",
    sql: "select max(to_at) as last from watchkeeper.digests",
    types: &[],
};
static BEGIN_DIGEST: Statement = Statement {
    name: "beginning a digest",
    // It goes on where the last one ended. Of two that begin at once, one finds the place taken.
    sql: "insert into watchkeeper.digests (digest_id, from_at, to_at)
          select $1, from_at, $2
          from (select coalesce(
                    (select max(to_at) from watchkeeper.digests),
                    (select min(received_at) from watchkeeper.signals where decision = 'suppressed'),
                    $2) as from_at) as place
          where from_at < $2
          on conflict (from_at) do nothing
          returning from_at",
    types: &[Type::UUID, Type::TIMESTAMPTZ],
};
static TAKE: Statement = Statement {
    name: "taking suppressed signals into a digest",
    sql: include_str!("sql/take_into_digest.sql"),
    types: &[Type::UUID],
};
static TELL: Statement = Statement {
    name: "writing a digest's deliveries",
    sql: "insert into watchkeeper.deliveries (
              digest_id, fingerprint, receiver, integration, notice, sequence, dedup_key, status, due_at, notification,
              created_at)
          select $1, $2, receiver, integration, 'digest', 0, $3, 'pending', now(), $4, now()
          from unnest($5::text[], $6::text[]) as new (receiver, integration)",
    types: &[Type::UUID, Type::TEXT, Type::TEXT, Type::JSONB, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
};

/// A digest under way. The transaction is open; [`finish`] or a dropped connection ends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Its id.
    pub digest_id: Uuid,
    /// Where it begins: where the last one ended.
    pub from: Timestamp,
    /// What it is about.
    pub suppressed: Vec<Suppressed>,
}

/// Until when there are digests; `None`: there is none yet.
///
/// # Errors
/// The statement's failure.
pub async fn last(client: &Client) -> Result<Option<Timestamp>, Error> {
    let rows = LAST.run(client, &[]).await?;
    rows.first().map_or(Ok(None), |row| column(row, "last"))
}

/// Begins the digest of everything that was suppressed until `to` and is in none yet. `None`: another run has begun it.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn begin(
    client: &Client,
    digest_id: Uuid,
    to: Timestamp,
    patience: Duration,
) -> Result<Option<Begun>, Error> {
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(BEGIN_DIGEST.run(client, &[&digest_id, &to]));
    let [_, begun] = flush.answers(BEGIN_DIGEST.name).await?;
    let Some(row) = begun.first() else {
        let mut flush = Flush::new(patience);
        flush.add(say(client, "rollback"));
        flush.all(BEGIN_DIGEST.name).await?;
        return Ok(None);
    };
    let from = column(row, "from_at")?;
    let mut flush = Flush::new(patience);
    flush.add(TAKE.run(client, &[&digest_id]));
    let [rows] = flush.answers(TAKE.name).await?;
    let suppressed = rows
        .iter()
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
        .collect::<Result<_, Error>>()?;
    Ok(Some(Begun { digest_id, from, suppressed }))
}

/// Writes the deliveries of a digest, if it says anything, and commits.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn finish(
    client: &Client,
    begun: &Begun,
    told: Option<(&Notification, &[(&str, Integration)])>,
    patience: Duration,
) -> Result<(), Error> {
    let notification = told.map(|(notification, _)| notification);
    let receivers: Vec<&str> = told.iter().flat_map(|(_, to)| to.iter().map(|(name, _)| *name)).collect();
    let integrations: Vec<&str> = told.iter().flat_map(|(_, to)| to.iter().map(|(_, kind)| kind.as_str())).collect();
    let (fingerprint, key) = notification.map_or(("", ""), |told| (told.fingerprint.as_str(), told.dedup_key.as_str()));
    let stored = notification.map(Json);
    let mut flush = Flush::new(patience);
    if let Some(stored) = &stored {
        flush.add(TELL.run(client, &[&begun.digest_id, &fingerprint, &key, stored, &receivers, &integrations]));
    }
    flush.add(say(client, "commit"));
    flush.all(TELL.name).await?;
    Ok(())
}
