//! Old rows that are deleted for good: listed by key and by the transaction that wrote each.

use columnar::Column;
use domain::Timestamp;
use domain::retention::{Policy, quoted};
use futures::{StreamExt, pin_mut};
use runtime::Deadline;
use store::Connection;

use super::export::{WRITTEN_BY, stream};
use super::{Described, Trouble, columns, literal, old, transaction};
use crate::chunks::{Chunk, Collector};

/// So many rows are listed at a time; each takes some 50 bytes.
const MOST: u32 = 50_000;

/// The oldest rows that may leave, in chunks.
///
/// # Errors
/// The database's.
pub(crate) async fn list(
    connection: &Connection,
    policy: &Policy,
    table: &Described,
    cutoff: Timestamp,
    deadline: &Deadline,
) -> Result<Vec<Chunk>, Trouble> {
    let mut wanted: Vec<Column> = Vec::new();
    for name in policy.key.iter().chain([&policy.time]) {
        if let Some(column) = table.column(name)
            && !wanted.contains(column)
        {
            wanted.push(column.clone());
        }
    }
    wanted.push(written_by());
    let select: Vec<String> = wanted.iter().map(Column::select).collect();
    let limit = policy.batch_rows.min(MOST);
    let sql = format!(
        "select {} from {} where {} order by {}, {} limit {limit}",
        select.join(", "),
        table.quoted,
        old(policy, table, &format!("{}::timestamptz", literal(&cutoff.to_string()))),
        quoted(&policy.time),
        columns(&policy.key),
    );
    let mut collector = Collector::new(&wanted, policy)?;
    transaction(connection, deadline, async || {
        let pieces = stream(connection, &sql).await?;
        pin_mut!(pieces);
        let mut stream = columnar::copy::Stream::new();
        while let Some(piece) = pieces.next().await {
            stream.feed(&piece?, |tuple| collector.push(tuple))?;
        }
        Ok(stream.finish()?)
    })
    .await?;
    Ok(collector.finish())
}

/// The system column that says which transaction wrote a row.
pub(crate) fn written_by() -> Column {
    /// The type `xid`. <https://www.postgresql.org/docs/16/ddl-system-columns.html>
    const XID: u32 = 28;
    Column::of(WRITTEN_BY, XID, "xid")
}
