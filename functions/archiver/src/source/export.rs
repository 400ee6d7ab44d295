//! The rows of a batch, as a stream of binary COPY.

use domain::retention::{Policy, quoted};
use futures::{Stream, StreamExt};
use store::Connection;
use tokio_postgres::types::Type;

use super::describe::{ask, get};
use super::next::{Ask, Span, literals, place, size};
use super::{Described, Trouble, one_snapshot};

/// What a row's `xmin` is called in the archive: the transaction that wrote the row. A row is deleted only while it is the one
/// that was archived.
pub(crate) const WRITTEN_BY: &str = "xmin";

/// A row that is stored in one place takes at most a page there, compressed to a 255th of what it is.
/// <https://www.postgresql.org/docs/15/storage-toast.html>
const LARGEST_IN_PLACE: u64 = 255 * 8_192;

/// Whether none of the table's rows can be too large, since nothing of them is stored elsewhere; nobody need ask each for its size
/// then. It holds for the transaction that is open, which is of one snapshot: what is written after it is not seen in it.
async fn all_small(connection: &Connection, policy: &Policy, table: &Described) -> Result<bool, Trouble> {
    if policy.max_row_bytes < LARGEST_IN_PLACE {
        return Ok(false);
    }
    let sql = "select coalesce(sum(pg_relation_size(c.reltoastrelid)), 0) = 0 as all_small from pg_class c
               where c.reltoastrelid <> 0 and (c.oid = to_regclass($1)
                     or c.oid in (select relid from pg_partition_tree(to_regclass($1))))";
    let found = ask(&connection.client, "looking for large rows", sql, &[(&table.quoted, Type::TEXT)]).await?;
    found.first().map_or(Ok(false), |row| get(row, "all_small"))
}

/// The statement that selects a batch, and its row's `xmin` after all columns.
fn select(policy: &Policy, table: &Described, span: &Span, all_small: bool) -> String {
    let ask = Ask { policy, table, cutoff: span.last_at, after: None };
    let columns: Vec<String> = table.columns.iter().map(columnar::Column::select).collect();
    let keyed: String = policy.key.iter().map(|key| format!(" and {} is not null", quoted(key))).collect();
    let only = policy.only.as_deref().map(|only| format!(" and ({only})")).unwrap_or_default();
    let sized = if all_small {
        String::new()
    } else {
        format!(" and {} <= {}", size(table, policy.max_row_bytes), policy.max_row_bytes)
    };
    let place = place(policy);
    format!(
        "select {}, {WRITTEN_BY} from {} where {place} >= {} and {place} <= {}{keyed}{only}{sized} order by {}.{} limit {}",
        columns.join(", "),
        table.quoted,
        literals(ask, &span.from),
        literals(ask, &span.to),
        table.quoted,
        // Rows of one instant may stand in any order: to sort them by key, too, takes a tenth of the time.
        quoted(&policy.time),
        // Rows that were written into the range since it was planned go with the next batch.
        policy.batch_rows,
    )
}

/// Streams a batch, within the transaction that is open and has asked for nothing yet.
///
/// # Errors
/// The database's.
pub(crate) async fn export(
    connection: &Connection,
    policy: &Policy,
    table: &Described,
    span: &Span,
) -> Result<impl Stream<Item = Result<bytes::Bytes, Trouble>> + use<>, Trouble> {
    one_snapshot(connection, "exporting rows").await?;
    let select = select(policy, table, span, all_small(connection, policy, table).await?);
    stream(connection, &select).await
}

/// Streams the rows of a statement.
pub(super) async fn stream(
    connection: &Connection,
    select: &str,
) -> Result<impl Stream<Item = Result<bytes::Bytes, Trouble>> + use<>, Trouble> {
    let copy = format!("copy ({select}) to stdout (format binary)");
    let stream = connection.client.copy_out(&copy).await.map_err(Trouble::at("exporting rows"))?;
    failpoint::pass("exporting rows");
    Ok(stream.map(|piece| piece.map_err(Trouble::at("exporting rows"))))
}
