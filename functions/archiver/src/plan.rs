//! The task `plan`: what `archive` and `prune` would move, what that saves, and how Athena reads what was moved.

use std::collections::BTreeMap;

use domain::retention::{GLACIER_FLEXIBLE, GLACIER_INSTANT, Policy, saving, table_folder};
use runtime::{Fault, Summary};
use serde_json::{Value, json};
use store::archive::{self as record, Totals};

use crate::handler::Run;
use crate::source::{self, Ask, Described, Waiting};

/// Says it, of every policy or of one.
///
/// # Errors
/// Where nothing can be said: no such policy, no record, or every policy failed.
pub(crate) async fn run(run: &Run<'_>, summary: &mut Summary) -> Result<Value, Fault> {
    let policies = run.app.policies(run.asked.policy.as_deref())?;
    let totals = record::totals(&run.store.connection.client).await?;
    let mut results = BTreeMap::new();
    let mut fault = None;
    summary.looked_at("policies", policies.len());
    for policy in policies {
        match one(run, policy).await {
            Ok((table, waiting)) => {
                let cold = totals.get(&policy.name).copied().unwrap_or_default();
                results.insert(policy.name.clone(), answer(run, policy, &table, waiting, cold)?);
            }
            Err(why) => {
                summary.failed(policy.name.clone(), why.message.clone());
                fault = Some(why);
            }
        }
    }
    match fault {
        Some(fault) if results.is_empty() => Err(fault),
        _ => Ok(json!({"policies": results})),
    }
}

async fn one(run: &Run<'_>, policy: &Policy) -> Result<(Described, Waiting), Fault> {
    let source = run.app.database(&policy.database, run.parameters, run.began).await?;
    let table = source::describe(&source, policy, run.deadline).await?;
    let ask = Ask { policy, table: &table, cutoff: run.cutoff(policy)?, after: None };
    let waiting = source::waiting(&source, ask, run.deadline).await?;
    Ok((table, waiting))
}

fn answer(run: &Run<'_>, policy: &Policy, table: &Described, waiting: Waiting, cold: Totals) -> Result<Value, Fault> {
    let price = match run.app.storage_class {
        config::StorageClass::GlacierIr => GLACIER_INSTANT,
        config::StorageClass::Glacier => GLACIER_FLEXIBLE,
    };
    // What is there says how well such rows compress; before there is anything, a fifth is a cautious guess for text.
    let ratio = if cold.raw_bytes > 0 { cold.bytes as f64 / cold.raw_bytes as f64 } else { 0.2 };
    let in_cold = policy.archive.as_ref().map_or(0.0, |_| waiting.bytes as f64 * ratio) as u64;
    // One object for each full batch, at least.
    let objects = policy.archive.as_ref().map_or(0, |_| waiting.rows.div_ceil(u64::from(policy.batch_rows)));
    Ok(json!({
        "table": table.name,
        "cutoff": run.cutoff(policy)?,
        "rows": waiting.rows,
        "bytes": waiting.bytes,
        "oldest": waiting.oldest,
        "cold_bytes": in_cold,
        "monthly_saving_usd": saving(waiting.bytes, in_cold, objects, price),
        "archived": {"batches": cold.batches, "rows": cold.rows, "bytes": cold.bytes},
        "athena": athena(run, policy, table),
    }))
}

/// A statement that makes the archive a table of Athena. Partitions are projected, so that none need be added.
/// <https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html>
fn athena(run: &Run<'_>, policy: &Policy, table: &Described) -> Option<String> {
    let archive = policy.archive.as_deref()?;
    let folder = table_folder(&policy.table);
    let name: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| format!("  `{}` {}", column.name.to_lowercase().replace('`', "``"), column.athena()))
        .collect();
    Some(format!(
        "create external table `{name}` (\n{}\n)\npartitioned by (`year` int, `month` int)\nstored as parquet\n\
         location '{}'\ntblproperties (\n  'projection.enabled' = 'true',\n  'projection.year.type' = 'integer',\n  \
         'projection.year.range' = '1970,2100',\n  'projection.year.digits' = '4',\n  'projection.month.type' = 'integer',\n  \
         'projection.month.range' = '1,12',\n  'projection.month.digits' = '2'\n)",
        columns.join(",\n"),
        run.app.cold.address(&format!("{archive}{folder}/")),
    ))
}
