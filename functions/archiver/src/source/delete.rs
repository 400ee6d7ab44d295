//! Deletes rows of a chunk: those that are still as they were archived, and no other.

use domain::Timestamp;
use domain::retention::{Limits, Pace, Policy, Pressure, pace, quoted};
use jiff::SignedDuration;
use runtime::Deadline;
use store::Connection;

use super::describe::{ask, get, unchanged};
use super::standing::{Joined, join, key_texts};
use super::{Described, Trouble, literal, old, pressure, transaction};
use crate::chunks::Chunk;

/// What became of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gone {
    /// How many rows were deleted now.
    pub(crate) deleted: u64,
    /// Keys of rows that have changed since, and stay.
    pub(crate) kept: Vec<Vec<Option<String>>>,
}

/// Makes way for others between two transactions.
#[derive(Debug, Default)]
pub(crate) struct MakeWay {
    /// How long it has waited since rows were deleted.
    waited: SignedDuration,
    /// How many waited for the transaction before.
    waiting_for_us: u32,
}

impl MakeWay {
    /// Returns when the database has time for the next transaction.
    async fn wait(&mut self, connection: &Connection, policy: &Policy, deadline: &Deadline) -> Result<(), Trouble> {
        let limits = Limits::default();
        loop {
            let now = transaction(connection, deadline, async || pressure(connection).await).await?;
            let seen = Pressure { waiting_for_us: std::mem::take(&mut self.waiting_for_us), ..now };
            match pace(&seen, &limits, self.waited) {
                Pace::Go => return Ok(()),
                Pace::Wait { for_, why } => {
                    let pause = std::time::Duration::try_from(for_).unwrap_or_default();
                    if deadline.for_work() <= pause {
                        return Err(Trouble::OutOfTime);
                    }
                    tracing::info!(policy = policy.name, "Waiting {pause:?}: {why}");
                    tokio::time::sleep(pause).await;
                    self.waited = self.waited.saturating_add(for_);
                }
                Pace::Stop { why } => {
                    tracing::warn!(policy = policy.name, "Deleting stops: {why}");
                    return Err(Trouble::MakesWay { why });
                }
            }
        }
    }
}

/// Deletes a chunk in one transaction, when the database has time for it: `first` is done in that transaction with the rows
/// that go, once nobody else can change them.
///
/// # Errors
/// The database's; [`Trouble::OutOfTime`] or [`Trouble::MakesWay`] where it had no time for us.
pub(crate) async fn delete(
    connection: &Connection,
    what: &Doomed<'_>,
    chunk: &Chunk,
    way: &mut MakeWay,
    deadline: &Deadline,
    first: impl AsyncFn(&[String]) -> Result<(), Trouble>,
) -> Result<Gone, Trouble> {
    loop {
        way.wait(connection, what.policy, deadline).await?;
        let done = transaction(connection, deadline, async || {
            if what.policy.objects.is_some() {
                first(&lock(connection, what, chunk).await?).await?;
            }
            let gone = perform(connection, what, chunk).await?;
            Ok((gone, pressure(connection).await?))
        })
        .await;
        match done {
            Ok((gone, pressure)) => {
                *way = MakeWay { waited: SignedDuration::ZERO, waiting_for_us: pressure.waiting_for_us };
                return Ok(gone);
            }
            // Somebody works with these rows: it is their turn.
            Err(Trouble::Locked { .. }) => way.waiting_for_us = 1,
            Err(trouble) => return Err(trouble),
        }
    }
}

/// Which rows may go, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doomed<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) table: &'a Described,
    /// Only rows older than this, by the policy as it is now.
    pub(crate) cutoff: Timestamp,
}

impl Doomed<'_> {
    /// That a row is the one that was listed, and may still leave: `written` is its transaction, the condition is asked anew.
    fn may_go(&self) -> String {
        let Self { policy, table, cutoff } = self;
        let written = format!("t.xmin = old.w{}", policy.key.len());
        let cutoff = format!("{}::timestamptz", literal(&cutoff.to_string()));
        format!("{written} and {}", old(policy, table, &cutoff))
    }
}

/// Locks the rows of a chunk that may go; answers what their objects are called.
async fn lock(connection: &Connection, what: &Doomed<'_>, chunk: &Chunk) -> Result<Vec<String>, Trouble> {
    let Some(objects) = &what.policy.objects else { return Ok(Vec::new()) };
    let Joined { relation, same, parameters } = join(what.policy, what.table, chunk);
    let sql = format!(
        "select t.{}::text as named from {} as t join {relation} on {same} where {} for update of t",
        quoted(&objects.column),
        what.table.quoted,
        what.may_go(),
    );
    let rows = ask(&connection.client, "locking rows", &sql, &parameters).await?;
    let named = rows.iter().map(|row| get::<Option<String>>(row, "named")).collect::<Result<Vec<_>, _>>()?;
    Ok(named.into_iter().flatten().collect())
}

async fn perform(connection: &Connection, what: &Doomed<'_>, chunk: &Chunk) -> Result<Gone, Trouble> {
    let Doomed { policy, table, .. } = *what;
    // A plan that reads the whole table for each chunk would be read again for the next.
    let hints = "set local enable_seqscan = off";
    connection.client.batch_execute(hints).await.map_err(Trouble::at("preparing to delete"))?;
    let Joined { relation, same, parameters } = join(policy, table, chunk);
    let n = parameters.len() + 1;
    // The rows of a chunk are neighbours: an index on the time finds them together.
    let range = format!(
        "between (select min(at) from unnest(${n}::{ty}[]) as at) and (select max(at) from unnest(${n}::{ty}[]) as at)",
        ty = table.sql_type(&policy.time)
    );
    let (time, may_go) = (quoted(&policy.time), what.may_go());
    let delete =
        format!("delete from {} as t using {relation} where {same} and {may_go} and t.{time} {range}", table.quoted);
    let mut all = parameters.clone();
    all.push((&chunk.times, chunk.times.ty()));
    let doing = "deleting rows";
    let deleted = connection.client.execute_typed(&delete, &all).await.map_err(Trouble::at(doing))?;
    failpoint::pass(doing);
    unchanged(&connection.client, table).await?;
    let count = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
    if deleted == count {
        return Ok(Gone { deleted, kept: Vec::new() });
    }
    // Those that were deleted before, by us or by others, are no more; those that have changed, or may not leave any more, are
    // kept.
    let left = format!(
        "select {} as key, coalesce({may_go}, false) as may_go from {} as t join {relation} on {same}",
        key_texts(policy, table),
        table.quoted
    );
    let rows = ask(&connection.client, "looking for rows that changed", &left, &parameters).await?;
    let mut kept = Vec::new();
    for row in &rows {
        if get(row, "may_go")? {
            return Err(Trouble::Refused(format!(
                "{} does not let go of row {:?}: a trigger or rule keeps it",
                table.name,
                get::<Vec<Option<String>>>(row, "key")?
            )));
        }
        kept.push(get(row, "key")?);
    }
    Ok(Gone { deleted, kept })
}
