//! Which rows make the next batch: the oldest that are old enough, in order of time and key, until it is full.

use domain::Timestamp;
use domain::retention::{Partition, Policy, quoted};
use runtime::Deadline;
use store::Connection;
use tokio_postgres::types::{ToSql, Type};

use super::describe::{ask, get};
use super::{Described, Trouble, one_snapshot, transaction};

mod judged;

/// What is stored in more bytes is asked for its text: compressed, it may be any length.
const SHORT: u64 = 2_000;
/// A compressed value takes at least one byte of 255: what is shorter than the limit divided by that is below it.
const MOST_COMPRESSED: u64 = 255;

/// The first and the last row of a batch, by instant and key, each a list of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Vec<String>,
    pub(crate) to: Vec<String>,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

/// What comes next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    /// The rows of a batch; none where nothing is old enough, or fits.
    pub(crate) span: Option<Span>,
    /// Rows that are too large: by key, with their size in bytes.
    pub(crate) large: Vec<(String, u64)>,
    /// The last row that was looked at; what comes after it is for the next look.
    pub(crate) after: Option<Vec<String>>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) table: &'a Described,
    /// Rows older than this.
    pub(crate) cutoff: Timestamp,
    /// Rows after this one.
    pub(crate) after: Option<&'a [String]>,
}

/// That a row may leave: `$1` is the cutoff.
pub(crate) fn old(policy: &Policy, table: &Described, cutoff: &str) -> String {
    let time = quoted(&policy.time);
    let keyed: String = policy.key.iter().map(|key| format!(" and {} is not null", quoted(key))).collect();
    let only = policy.only.as_deref().map(|only| format!(" and ({only})")).unwrap_or_default();
    format!("isfinite({time}) and {time} < {}{keyed}{only}", table.instant(policy, cutoff))
}

/// A row's size in bytes, in SQL. The server looks at large values where they are; nothing of them is sent.
pub(crate) fn size(table: &Described, limit: u64) -> String {
    let short = SHORT.min(limit / MOST_COMPRESSED);
    // Several values of a GB each are more than an integer holds.
    let mut terms = vec![format!("{}::bigint", table.fixed)];
    for length in &table.lengths {
        let column = &length.column;
        terms.push(if length.plain {
            format!("coalesce(octet_length({column}), 0)")
        } else {
            format!(
                "coalesce(case when pg_column_size({column}) <= {short} then pg_column_size({column}) else \
                 octet_length({column}::text) end, 0)"
            )
        });
    }
    terms.join(" + ")
}

/// The columns by which rows are in order, each with its table before it: what a statement selects may have such a name, too.
fn ordered<'a>(policy: &'a Policy, table: &Described) -> impl Iterator<Item = String> + use<'a> {
    let table = table.quoted.clone();
    std::iter::once(&policy.time).chain(&policy.key).map(move |name| format!("{table}.{}", quoted(name)))
}

/// The tuple of instant and key.
pub(crate) fn place(policy: &Policy) -> String {
    format!("({}, {})", quoted(&policy.time), super::columns(&policy.key))
}

/// The next batch.
///
/// # Errors
/// The database's.
pub(crate) async fn next(connection: &Connection, wanted: Ask<'_>, deadline: &Deadline) -> Result<Next, Trouble> {
    transaction(connection, deadline, async || look(connection, wanted).await).await
}

/// Where the rows of a batch are looked for.
struct Scope<'a> {
    ask: Ask<'a>,
    /// That a row may leave and comes after the last that was looked at: `$1` is the cutoff.
    old: String,
    /// The end of the oldest row's month, or the cutoff.
    until: Timestamp,
}

/// A row's instant, and its time and key as texts.
type Place = (Timestamp, Vec<String>);

async fn look(connection: &Connection, wanted: Ask<'_>) -> Result<Next, Trouble> {
    one_snapshot(connection, "planning rows").await?;
    let after = wanted.after.map(|after| format!(" and {} > {}", place(wanted.policy), literals(wanted, after)));
    let old = old(wanted.policy, wanted.table, "$1") + &after.unwrap_or_default();
    let mut scope = Scope { ask: wanted, old, until: wanted.cutoff };
    let oldest = places(connection, "looking for the oldest row", &scope, "", ("asc", 1)).await?;
    let Some(first) = oldest.into_iter().next() else { return Ok(Next::default()) };
    // The rows of an object are of one month.
    scope.until = Partition::of(first.0).end().map_or(wanted.cutoff, |end| end.min(wanted.cutoff));
    match whole(connection, &scope).await? {
        Some(last) => Ok(Next { after: Some(last.1.clone()), span: Some(span(first, last)), large: Vec::new() }),
        None => judged::judged(connection, &scope).await,
    }
}

fn span((first_at, from): Place, (last_at, to): Place) -> Span {
    Span { from, to, first_at, last_at }
}

/// The last row of the batch where as many rows as go into one are of sizes that fit, which is usual; `None` where that is to be
/// judged row by row. Neither order nor keys are asked for here, which takes a quarter of the time.
async fn whole(connection: &Connection, scope: &Scope<'_>) -> Result<Option<Place>, Trouble> {
    let Ask { policy, table, cutoff, .. } = scope.ask;
    let time = quoted(&policy.time);
    let sums = format!(
        "select count(*) as rows, max(size) as largest, sum(least(size, {})::integer) as bytes, max(t)::text as last
         from (select {time} as t, {} as size from {} where {} and {time} < {} order by {}.{time} limit {}) as oldest",
        i32::MAX,
        size(table, policy.max_row_bytes),
        table.quoted,
        scope.old,
        table.instant(policy, "$2"),
        table.quoted,
        policy.batch_rows,
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&cutoff, Type::TIMESTAMPTZ), (&scope.until, Type::TIMESTAMPTZ)];
    let sums = ask(&connection.client, "planning rows", &sums, &parameters).await?;
    let Some(sums) = sums.first() else { return Ok(None) };
    let (rows, last): (i64, Option<String>) = (get(sums, "rows")?, get(sums, "last")?);
    let sizes: [Option<i64>; 2] = [get(sums, "largest")?, get(sums, "bytes")?];
    let fits =
        |size: Option<i64>, limit: u64| size.is_some_and(|size| u64::try_from(size).is_ok_and(|size| size <= limit));
    let Some(last) = last.filter(|_| fits(sizes[0], policy.max_row_bytes) && fits(sizes[1], policy.batch_bytes)) else {
        return Ok(None);
    };
    let until = format!(" and {time} <= {}::{}", super::literal(&last), table.sql_type(&policy.time));
    let mut ends = places(connection, "placing rows", scope, &until, ("desc", 2)).await?.into_iter();
    let (end, before) = (ends.next(), ends.next());
    // Of rows of one instant the batch may have some and not others.
    let is_cut = rows >= i64::from(policy.batch_rows)
        && before.is_some_and(|(_, before)| end.as_ref().is_some_and(|(_, end)| before.first() == end.first()));
    Ok(end.filter(|_| !is_cut))
}

/// The first rows of the scope, or its last.
async fn places(
    connection: &Connection,
    what: &'static str,
    scope: &Scope<'_>,
    condition: &str,
    (order, most): (&str, u8),
) -> Result<Vec<Place>, Trouble> {
    let Ask { policy, table, cutoff, .. } = scope.ask;
    let time = quoted(&policy.time);
    let keys = || policy.key.iter().map(|key| quoted(key)).enumerate();
    let sql = format!(
        "select {} as at, array[t::text{}] as place
         from (select {time} as t{} from {} where {} and {time} < {}{condition} order by {} limit {most}) as ends",
        table.as_instant(policy, "t"),
        keys().map(|(n, _)| format!(", k{n}::text")).collect::<String>(),
        keys().map(|(n, key)| format!(", {key} as k{n}")).collect::<String>(),
        table.quoted,
        scope.old,
        table.instant(policy, "$2"),
        ordered(policy, table).map(|column| format!("{column} {order}")).collect::<Vec<_>>().join(", "),
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&cutoff, Type::TIMESTAMPTZ), (&scope.until, Type::TIMESTAMPTZ)];
    let rows = ask(&connection.client, what, &sql, &parameters).await?;
    rows.iter().map(|row| Ok((get(row, "at")?, get(row, "place")?))).collect()
}

/// A row's place as literals of the columns' own types.
pub(crate) fn literals(wanted: Ask<'_>, place: &[String]) -> String {
    let names = std::iter::once(&wanted.policy.time).chain(&wanted.policy.key);
    let cast = |(name, text): (&String, &String)| format!("{}::{}", super::literal(text), wanted.table.sql_type(name));
    let texts: Vec<String> = names.zip(place).map(cast).collect();
    format!("({})", texts.join(", "))
}
