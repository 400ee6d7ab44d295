//! What still stands in the table: rows of a chunk, objects that other rows name, the oldest row that may leave.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::retention::{Objects, Policy, quoted};
use runtime::Deadline;
use store::Connection;
use tokio_postgres::types::{ToSql, Type};

use super::describe::{ask, get};
use super::{Ask, Described, Doomed, Trouble, old, transaction};
use crate::chunks::Chunk;

/// The rows of a chunk as a relation `old (w0, …)` of key columns and `xmin`, with its parameters from `$1` on, and the condition
/// under which row `t` has a key of it.
pub(super) struct Joined<'a> {
    pub(super) relation: String,
    pub(super) same: String,
    pub(super) parameters: Vec<(&'a (dyn ToSql + Sync), Type)>,
}

pub(super) fn join<'a>(policy: &Policy, table: &Described, chunk: &'a Chunk) -> Joined<'a> {
    let mut parameters: Vec<(&(dyn ToSql + Sync), Type)> = Vec::new();
    let (mut names, mut lists, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for (n, array) in chunk.arrays.iter().enumerate() {
        parameters.push((array, array.ty()));
        let column = policy.key.get(n);
        let cast = column.map(|name| format!("::{}[]", table.sql_type(name))).unwrap_or_default();
        names.push(format!("w{n}"));
        lists.push(format!("${}{cast}", n + 1));
        if let Some(name) = column {
            same.push(format!("t.{} = old.w{n}", quoted(name)));
        }
    }
    let relation = format!("unnest({}) as old ({})", lists.join(", "), names.join(", "));
    Joined { relation, same: same.join(" and "), parameters }
}

/// A row's key as a list of texts, as it was archived: `1.0` is `1.00` to a unique index, and another text.
pub(super) fn key_texts(policy: &Policy, table: &Described) -> String {
    let key = |(n, name): (usize, &String)| format!("(old.w{n}::{})::text", table.sql_type(name));
    let keys: Vec<String> = policy.key.iter().enumerate().map(key).collect();
    format!("array[{}]", keys.join(", "))
}

/// The keys of a chunk that are still in the table, changed or not.
///
/// # Errors
/// The database's.
pub(crate) async fn present(
    connection: &Connection,
    policy: &Policy,
    table: &Described,
    chunk: &Chunk,
    deadline: &Deadline,
) -> Result<Vec<Vec<Option<String>>>, Trouble> {
    let Joined { relation, same, parameters } = join(policy, table, chunk);
    let sql =
        format!("select {} as key from {} as t join {relation} on {same}", key_texts(policy, table), table.quoted);
    transaction(connection, deadline, async || {
        let rows = ask(&connection.client, "looking for rows that are left", &sql, &parameters).await?;
        rows.iter().map(|row| get(row, "key")).collect()
    })
    .await
}

/// Which of these keys a row names that is not the chunk's, in whatever spelling: the key itself, something in it, or a folder
/// that it is in.
///
/// # Errors
/// The database's.
pub(crate) async fn named_elsewhere(
    connection: &Connection,
    what: &Doomed<'_>,
    stored: &Objects,
    chunk: &Chunk,
    keys: &[String],
) -> Result<BTreeSet<String>, Trouble> {
    let Joined { relation, same, mut parameters } = join(what.policy, what.table, chunk);
    let (n, address) = (parameters.len() + 1, format!("s3://{}/", stored.bucket));
    parameters.push((&keys, Type::TEXT_ARRAY));
    parameters.push((&address, Type::TEXT));
    let column = quoted(&stored.column);
    let sql = format!(
        "with others as materialized (
           select btrim(case when starts_with(named, ${m}) then substr(named, length(${m}) + 1) else named end, '/') || '/' as key
           from (select distinct btrim(t.{column}::text) as named from {} as t
                 where btrim(coalesce(t.{column}::text, '')) <> '' and not exists (select from {relation} where {same})) as all_named
         )
         select mine from unnest(${n}) as mine
         where exists (select from others
                       where starts_with(others.key, mine || '/') or starts_with(mine || '/', others.key))",
        what.table.quoted,
        m = n + 1,
    );
    let rows = ask(&connection.client, "looking who else names an object", &sql, &parameters).await?;
    rows.iter().map(|row| get(row, "mine")).collect()
}

/// When the oldest row is from that may leave.
///
/// # Errors
/// The database's.
pub(crate) async fn oldest(
    connection: &Connection,
    wanted: Ask<'_>,
    deadline: &Deadline,
) -> Result<Option<Timestamp>, Trouble> {
    let Ask { policy, table, cutoff, .. } = wanted;
    let time = quoted(&policy.time);
    let instant = table.as_instant(policy, &time);
    let old = old(policy, table, "$1");
    let sql = format!("select {instant} as at from {} where {old} order by {time} limit 1", table.quoted);
    transaction(connection, deadline, async || {
        let rows = ask(&connection.client, "looking for the oldest row", &sql, &[(&cutoff, Type::TIMESTAMPTZ)]).await?;
        rows.first().map(|row| get(row, "at")).transpose()
    })
    .await
}

/// How many rows may leave, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) oldest: Option<Timestamp>,
}

/// Counts what may leave.
///
/// # Errors
/// The database's.
pub(crate) async fn waiting(connection: &Connection, wanted: Ask<'_>, deadline: &Deadline) -> Result<Waiting, Trouble> {
    let Ask { policy, table, cutoff, .. } = wanted;
    let instant = table.as_instant(policy, &quoted(&policy.time));
    // A row takes what its values take, and a header and a pointer to it.
    let sql = format!(
        "select count(*) as rows, coalesce(sum(pg_column_size(t.*) + 28), 0)::bigint as bytes, min({instant}) as oldest
         from {} as t where {}",
        table.quoted,
        old(policy, table, "$1"),
    );
    transaction(connection, deadline, async || {
        let rows = ask(&connection.client, "counting rows", &sql, &[(&cutoff, Type::TIMESTAMPTZ)]).await?;
        let Some(row) = rows.first() else { return Ok(Waiting::default()) };
        Ok(Waiting {
            rows: u64::try_from(get::<i64>(row, "rows")?).unwrap_or_default(),
            bytes: u64::try_from(get::<i64>(row, "bytes")?).unwrap_or_default(),
            oldest: get(row, "oldest")?,
        })
    })
    .await
}
