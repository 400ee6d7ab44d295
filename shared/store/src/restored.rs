//! What a restore left untold: found, and listed in a digest.

use std::time::Duration;

use domain::digest::restored::{GivenUp, MOST_NAMED, Untold};
use domain::policy::Integration;
use domain::{Notification, Timestamp};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::Error;
use crate::digests::Telling;
use crate::rows::{column, word};
use crate::statements::{Flush, Statement, say};

pub(crate) const STATEMENTS: &[&Statement] = &[&COUNT, &LIST];

static COUNT: Statement = Statement {
    name: "counting what a restore left untold",
    sql: "select count(*) as count
          from watchkeeper.deliveries
          where cancelled_because is not null and listed_in is null",
    types: &[],
};
static LIST: Statement = Statement {
    name: "listing what a restore left untold",
    sql: include_str!("sql/list_restored.sql"),
    types: &[Type::UUID, Type::INT8],
};

/// How many deliveries a restore left untold and no digest lists yet.
///
/// # Errors
/// The statement's failure.
pub async fn count(client: &Client) -> Result<usize, Error> {
    let rows = COUNT.run(client, &[]).await?;
    let count: Option<i64> = rows.first().map(|row| column(row, "count")).transpose()?;
    Ok(usize::try_from(count.unwrap_or(0)).unwrap_or(0))
}

/// Lists them in a digest. The transaction is open and keeps others from listing them; [`finish`] or a dropped connection
/// ends it.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn list(client: &Client, digest_id: Uuid, patience: Duration) -> Result<Untold, Error> {
    let most = i64::try_from(MOST_NAMED).unwrap_or(i64::MAX);
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LIST.run(client, &[&digest_id, &most]));
    let [_, rows] = flush.answers(LIST.name).await?;
    let Some(first) = rows.first() else { return Ok(Untold::default()) };
    let number = |name| Ok::<_, Error>(usize::try_from(column::<i64>(first, name)?).unwrap_or(0));
    Ok(Untold {
        alerts: number("alerts")?,
        deliveries: number("deliveries")?,
        named: rows.iter().map(given_up).collect::<Result<_, _>>()?,
    })
}

/// Writes the digest's deliveries, if it says anything, and commits.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn finish(
    client: &Client,
    digest_id: Uuid,
    told: Option<(&Notification, &[(&str, Integration)])>,
    patience: Duration,
) -> Result<(), Error> {
    let telling = told.map(|(notification, to)| Telling::new(digest_id, notification, to));
    let mut flush = Flush::new(patience);
    if let Some(telling) = &telling {
        telling.add_to(&mut flush, client);
    }
    flush.add(say(client, "commit"));
    flush.all(LIST.name).await?;
    Ok(())
}

fn given_up(row: &Row) -> Result<GivenUp, Error> {
    let since: Timestamp = column(row, "since")?;
    Ok(GivenUp {
        alert_id: column(row, "alert_id")?,
        severity: word(row, "severity", |text| text.parse().ok())?,
        kind: column(row, "kind")?,
        subject: column(row, "subject")?,
        since,
        notices: column(row, "notices")?,
    })
}
