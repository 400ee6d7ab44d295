//! What the topic `self` is still to be told of our own functions' heartbeats.

use domain::Timestamp;
use domain::heartbeat::Status;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::Error;
use crate::rows::{column, word};
use crate::statements::Statement;

pub(super) static READ_UNTOLD: Statement = Statement {
    name: "reading untold transitions",
    sql: "select name, to_status, at, notice
          from watchkeeper.heartbeat_transitions
          where notice is not null and told_at is null
          order by at
          limit $1",
    types: &[Type::INT8],
};
pub(super) static MARK_TOLD: Statement = Statement {
    name: "marking transitions told",
    sql: "update watchkeeper.heartbeat_transitions as transition
          set told_at = $4
          from unnest($1::text[], $2::timestamptz[], $3::text[]) as told (name, at, to_status)
          where transition.name = told.name
            and transition.at = told.at
            and transition.to_status = told.to_status
            and transition.told_at is null",
    types: &[Type::TEXT_ARRAY, Type::TIMESTAMPTZ_ARRAY, Type::TEXT_ARRAY, Type::TIMESTAMPTZ],
};

/// A transition that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The heartbeat.
    pub name: String,
    /// How it stands since.
    pub to: Status,
    /// When.
    pub at: Timestamp,
    /// What is told.
    pub text: String,
}

/// Up to `limit` transitions that are to be told, oldest first.
///
/// # Errors
/// The statement's failure.
pub async fn list_untold(client: &Client, limit: i64) -> Result<Vec<Notice>, Error> {
    let rows = READ_UNTOLD.run(client, &[&limit]).await?;
    let notice = |row: &tokio_postgres::Row| {
        Ok(Notice {
            name: column(row, "name")?,
            to: word(row, "to_status", Status::from_stored)?,
            at: column(row, "at")?,
            text: column(row, "notice")?,
        })
    };
    rows.iter().map(notice).collect()
}

/// Marks transitions as told at `now`.
///
/// # Errors
/// The statement's failure; they are then told again.
pub async fn mark_told(client: &Client, told: &[Notice], now: Timestamp) -> Result<(), Error> {
    let names: Vec<&str> = told.iter().map(|notice| notice.name.as_str()).collect();
    let ats: Vec<Timestamp> = told.iter().map(|notice| notice.at).collect();
    let to: Vec<&str> = told.iter().map(|notice| notice.to.as_str()).collect();
    MARK_TOLD.run(client, &[&names, &ats, &to, &now]).await.map(drop)
}
