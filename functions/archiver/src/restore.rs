//! The task `restore`: puts archived rows into a table, exactly as they were.

use columnar::copy::{HEADER, TRAILER};
use columnar::{Column, Schema};
use domain::retention::{BatchStatus, Policy, Table, quoted};
use futures::{SinkExt, pin_mut};
use runtime::{Fault, Kind, Summary};
use serde_json::{Value, json};
use store::Connection;
use store::archive::{self as record, Batch};

use crate::batch::{Trouble, compare};
use crate::cold;
use crate::handler::Run;
use crate::source::{self, WRITTEN_BY, literal};

/// So many batches are listed at a time.
const PAGE: i64 = 200;
/// Bytes that are sent to the server at once.
const PIECE: usize = 64 << 10;

/// Restores the rows of a policy between `from` and `to`.
///
/// # Errors
/// Where nobody would hear otherwise.
pub(crate) async fn run(run: &Run<'_>, summary: &mut Summary) -> Result<Value, Fault> {
    let policy = run.app.policies(run.asked.policy.as_deref())?.into_iter().next();
    let (Some(policy), Some(into)) = (policy, run.asked.into.as_deref()) else {
        return Err(Fault::bad_payload("policy, into: expected whose rows are restored, and where to"));
    };
    let into = Table::read(into).map_err(|error| Fault::bad_payload(format!("into: {error}")))?;
    if policy.table.may_be(&into) {
        return Err(Fault::bad_payload(format!(
            "into: {into} is the policy's own table, from which the next run would archive the rows again; expected another one"
        )));
    }
    let target = run.app.database(&policy.database, run.parameters, run.began).await?;
    let (mut rows, mut batches, mut last) = (0, 0, None::<Batch>);
    // Batches are listed by their first instant: of those that remain, none has a row before the first's.
    let mut remaining_from = None;
    let client = &run.store.connection.client;
    loop {
        let page = record::list(client, &policy.name, (run.asked.from, run.asked.to), last.as_ref(), PAGE).await?;
        let Some(end) = page.last().cloned() else { break };
        for batch in page {
            let name = format!("{}/{}", policy.name, batch.batch_id);
            if batch.status != BatchStatus::Deleted {
                summary.skipped(name, "its rows are not all out of the table yet: run `archive` first");
                continue;
            }
            summary.looked_at("batches", 1);
            summary.looked_at("rows", usize::try_from(batch.rows).unwrap_or_default());
            if run.dry {
                continue;
            }
            match one(run, policy, &batch, &into, &target).await {
                Ok(restored) => {
                    let all = u64::try_from(batch.rows).unwrap_or_default().saturating_sub(batch.kept.len() as u64);
                    if run.asked.from.is_none() && run.asked.to.is_none() && restored < all {
                        let left_out =
                            format!("{} of its {all} rows are left out: {into} has their keys", all - restored);
                        summary.skipped(name, left_out);
                    }
                    rows += restored;
                    batches += 1;
                }
                Err(trouble) if trouble.is_later() => {
                    remaining_from = remaining_from.or(Some(batch.first_at));
                    summary.skipped(name.clone(), trouble.to_string());
                    summary.remaining.push(name);
                }
                Err(trouble) => summary.failed(name, trouble.to_string()),
            }
        }
        last = Some(end);
    }
    summary.did("rows", usize::try_from(rows).unwrap_or(usize::MAX));
    summary.did("batches", batches);
    if batches == 0
        && let Some(first) = summary.failed.first()
    {
        return Err(Fault::new(Kind::Failed, format!("{}: {}", first.name, first.error)));
    }
    Ok(json!({"into": into.to_string(), "rows": rows, "batches": batches, "remaining_from": remaining_from}))
}

/// One batch, in one transaction: what is in the table already stays as it is there.
async fn one(run: &Run<'_>, policy: &Policy, batch: &Batch, into: &Table, target: &Connection) -> Result<u64, Trouble> {
    let reading = run.app.cold.open(&batch.object_key, run.deadline).await?;
    let columns: Vec<Column> =
        reading.file.schema().iter().filter(|column| column.name != WRITTEN_BY).cloned().collect();
    let schema = reading.file.schema().clone();
    let mut trouble = None;
    let done = source::transaction(target, run.deadline, async || {
        make(target, into, &columns).await?;
        let staged = stage(run, batch, &reading, &schema, target).await;
        if let Err(why) = staged {
            let said = why.to_string();
            trouble = Some(why);
            return Err(source::Trouble::Refused(said));
        }
        insert(run, policy, batch, into, &columns, target).await
    })
    .await;
    match (done, trouble) {
        (_, Some(trouble)) => Err(trouble),
        (done, None) => Ok(done?),
    }
}

/// The table, if there is none, with the columns' own types; and one to stage rows in.
async fn make(target: &Connection, into: &Table, columns: &[Column]) -> Result<(), source::Trouble> {
    let of = |ty: fn(&Column) -> &str| -> String {
        let list: Vec<String> =
            columns.iter().map(|column| format!("{} {}", quoted(&column.name), ty(column))).collect();
        list.join(", ")
    };
    // A role may restore into a table without the right to make one.
    let there = source::is_table(target, into).await?;
    let create = if there {
        String::new()
    } else {
        format!("create table {} ({});", into.quoted(), of(|column| &column.sql_type))
    };
    let sql = format!(
        "{create} create temporary table watchkeeper_staged ({}, {} xid) on commit drop",
        of(Column::staged),
        quoted("watchkeeper_xmin"),
    );
    target.client.batch_execute(&sql).await.map_err(source::Trouble::at("making the table"))
}

/// Sends the rows as binary COPY, as they were exported.
async fn stage(
    run: &Run<'_>,
    batch: &Batch,
    reading: &cold::Reading<'_>,
    schema: &Schema,
    target: &Connection,
) -> Result<(), Trouble> {
    let names: Vec<String> = schema
        .iter()
        .map(|column| quoted(if column.name == WRITTEN_BY { "watchkeeper_xmin" } else { &column.name }))
        .collect();
    let copy = format!("copy watchkeeper_staged ({}) from stdin (format binary)", names.join(", "));
    let at = source::Trouble::at("restoring rows");
    let sink = target.client.copy_in::<_, bytes::Bytes>(&copy).await.map_err(&at)?;
    pin_mut!(sink);
    let mut waiting = HEADER.to_vec();
    let mut groups = reading.groups(run.deadline).await?;
    loop {
        let more = groups.next(run.deadline, |tuple| {
            waiting.extend_from_slice(tuple);
            Ok(())
        });
        if !more.await? {
            break;
        }
        for piece in std::mem::take(&mut waiting).chunks(PIECE) {
            sink.send(bytes::Bytes::copy_from_slice(piece)).await.map_err(&at)?;
        }
    }
    compare(batch, &groups.found())?;
    waiting.extend_from_slice(TRAILER);
    sink.send(bytes::Bytes::from(waiting)).await.map_err(&at)?;
    sink.finish().await.map_err(&at)?;
    Ok(())
}

/// From the staging table into the one that was asked for: between the instants, without what is void or there already.
async fn insert(
    run: &Run<'_>,
    policy: &Policy,
    batch: &Batch,
    into: &Table,
    columns: &[Column],
    target: &Connection,
) -> Result<u64, source::Trouble> {
    let generated = source::generated(target, into).await?;
    let mine: Vec<&Column> = columns.iter().filter(|column| !generated.contains(&column.name)).collect();
    let cast = |column: &Column| {
        let name = quoted(&column.name);
        if column.staged() == column.sql_type { format!("s.{name}") } else { format!("s.{name}::{}", column.sql_type) }
    };
    let of = |name: &String| columns.iter().find(|column| column.name == *name).map_or_else(|| quoted(name), &cast);
    let same: Vec<String> = policy.key.iter().map(|key| format!("t.{} = {}", quoted(key), of(key))).collect();
    let texts: Vec<String> = policy.key.iter().map(|key| format!("({})::text", of(key))).collect();
    let time = of(&policy.time);
    let bound = |instant: Option<jiff::Timestamp>, how: &str| {
        let compare = |instant: jiff::Timestamp| {
            format!(" and ({time})::timestamp with time zone {how} {}::timestamptz", literal(&instant.to_string()))
        };
        instant.map(compare).unwrap_or_default()
    };
    let sql = format!(
        "insert into {into} ({}) overriding system value
         select {} from watchkeeper_staged as s
         where not exists (select from jsonb_array_elements({}::jsonb) as void where void = jsonb_build_array({}))
           and not exists (select from {into} as t where {}){}{}",
        mine.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", "),
        mine.iter().map(|column| cast(column)).collect::<Vec<_>>().join(", "),
        literal(&json!(batch.kept).to_string()),
        texts.join(", "),
        same.join(" and "),
        bound(run.asked.from, ">="),
        bound(run.asked.to, "<"),
        into = into.quoted(),
    );
    let inserted = target.client.execute_typed(&sql, &[]).await.map_err(source::Trouble::at("restoring rows"))?;
    failpoint::pass("restoring rows");
    Ok(inserted)
}
