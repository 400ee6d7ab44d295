//! Which rows make the next batch where not all of them fit: each is judged by what came before it.

use std::collections::BTreeMap;

use domain::retention::quoted;
use serde_json::json;
use store::Connection;
use tokio_postgres::types::{ToSql, Type};

use super::{Ask, Next, Place, Scope, ordered, size, span};
use crate::source::Trouble;
use crate::source::describe::{ask, get};

/// So many rows that are too large are named at once.
const MOST_NAMED: usize = 20;

pub(super) async fn judged(connection: &Connection, scope: &Scope<'_>) -> Result<Next, Trouble> {
    let Ask { policy, table, cutoff, .. } = scope.ask;
    let (until, time) = (scope.until, quoted(&policy.time));
    let rows = format!(
        "from {} where {} and {time} < {} order by {} limit {}",
        table.quoted,
        scope.old,
        table.instant(policy, "$2"),
        ordered(policy, table).collect::<Vec<_>>().join(", "),
        policy.batch_rows,
    );
    let sizes = format!(
        "select min(n) filter (where fits) as first, max(n) filter (where fits) as last,
                max(n) as seen, (array_agg(n) filter (where size > $3))[1:{MOST_NAMED}] as large,
                (array_agg(size) filter (where size > $3))[1:{MOST_NAMED}] as sizes
         from (select size, n, size <= $3 and (running <= $4 or running = size) as fits
               from (select size, row_number() over w as n,
                            (sum(case when size <= $3 then size else 0 end) over w)::bigint as running
                     from (select {} as size {rows}) as old
                     window w as (rows unbounded preceding)) as summed) as judged",
        size(table, policy.max_row_bytes),
    );
    let limits = [policy.max_row_bytes, policy.batch_bytes].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let parameters: [(&(dyn ToSql + Sync), Type); 4] =
        [(&cutoff, Type::TIMESTAMPTZ), (&until, Type::TIMESTAMPTZ), (&limits[0], Type::INT8), (&limits[1], Type::INT8)];
    let judged = ask(&connection.client, "planning rows", &sizes, &parameters).await?;
    let Some(judged) = judged.first() else { return Ok(Next::default()) };
    let ends: [Option<i64>; 3] = [get(judged, "first")?, get(judged, "last")?, get(judged, "seen")?];
    let [first, last, seen] = ends;
    // What comes after the last row that fits is for the next batch.
    let end = last.or(seen);
    let large: Vec<i64> = get::<Option<Vec<i64>>>(judged, "large")?.unwrap_or_default();
    let sizes: Vec<i64> = get::<Option<Vec<i64>>>(judged, "sizes")?.unwrap_or_default();
    let large: Vec<(i64, i64)> = large.into_iter().zip(sizes).filter(|(n, _)| Some(*n) <= end).collect();
    let wanted: Vec<i64> = [first, last, end].into_iter().flatten().chain(large.iter().map(|(n, _)| *n)).collect();

    let found = numbered(connection, scope, &rows, &wanted).await?;
    let at = |n: Option<i64>| n.and_then(|n| found.get(&n)).cloned();
    let mut next = Next { after: at(end).map(|(_, place)| place), ..Next::default() };
    if let (Some(first), Some(last)) = (at(first), at(last)) {
        next.span = Some(span(first, last));
    }
    for (n, size) in large {
        if let Some((_, place)) = found.get(&n) {
            let key = json!(place.get(1..).unwrap_or_default()).to_string();
            next.large.push((key, u64::try_from(size).unwrap_or_default()));
        }
    }
    Ok(next)
}

/// The places of some of the rows, by number.
async fn numbered(
    connection: &Connection,
    scope: &Scope<'_>,
    rows: &str,
    wanted: &[i64],
) -> Result<BTreeMap<i64, Place>, Trouble> {
    let Ask { policy, table, cutoff, .. } = scope.ask;
    let time = quoted(&policy.time);
    let texts: Vec<String> = (0..policy.key.len()).map(|n| format!("k{n}::text")).collect();
    let named: Vec<String> = policy.key.iter().enumerate().map(|(n, key)| format!("{} as k{n}", quoted(key))).collect();
    let places = format!(
        "select n, {} as at, array[t::text, {}] as place
         from (select *, row_number() over (rows unbounded preceding) as n
               from (select {time} as t, {} {rows}) as old) as numbered
         where n = any($3)",
        table.as_instant(policy, "t"),
        texts.join(", "),
        named.join(", "),
    );
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&cutoff, Type::TIMESTAMPTZ), (&scope.until, Type::TIMESTAMPTZ), (&wanted, Type::INT8_ARRAY)];
    let rows = ask(&connection.client, "placing rows", &places, &parameters).await?;
    rows.iter().map(|row| Ok((get(row, "n")?, (get(row, "at")?, get(row, "place")?)))).collect()
}
