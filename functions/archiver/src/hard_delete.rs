//! The task `hard_delete`: everything of one organisation, for good, once somebody has read what that is.

mod cascades;
mod erase;
mod overdue;
mod record;
mod scene;
mod statement;

use domain::retention::{CONFIRMATION_LASTS, HardDelete};
use runtime::{Fault, Kind, Summary};
use serde_json::{Value, json};

use crate::handler::Run;
use erase::{Consent, Counts, End, Erased, erase};
pub(crate) use overdue::overdue;

/// Counts what belongs to an organisation; deletes it where the payload repeats the token of such a count.
///
/// # Errors
/// Why it was not done; nothing has changed then.
pub(crate) async fn run(run: &Run<'_>, summary: &mut Summary) -> Result<Value, Fault> {
    let what = chosen(run)?;
    let id = run.asked.organization_id.as_deref().unwrap_or_default().trim();
    let consent = match run.asked.confirm.as_deref() {
        Some(token) if !run.dry => Consent::Token(token),
        _ => Consent::Missing,
    };
    let source = run.app.database(&what.database, run.parameters, run.began).await?;
    let erased = erase(&source, what, id, consent, run.now, run.deadline).await?;
    summary.looked_at("tables", what.tables.len());
    tell(what, &erased, summary);
    Ok(json!({"hard_delete": answer(run, what, &erased)}))
}

/// The hard delete that is asked for: by its name, or the only one.
fn chosen<'a>(run: &Run<'a>) -> Result<&'a HardDelete, Fault> {
    let all = &run.app.watch_file.hard_delete;
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    match (run.asked.policy.as_deref(), all.as_slice()) {
        (_, []) => Err(Fault::new(
            Kind::BadConfig,
            "there is no [hard_delete.NAME] in the watch file: docs/RETENTION.md has one ready to copy",
        )),
        (None, [only]) => Ok(only),
        (None, _) => Err(Fault::bad_payload(format!("policy: missing; expected one of {}", names.join(", ")))),
        (Some(name), _) => run.app.watch_file.hard_delete(name).ok_or_else(|| {
            Fault::bad_payload(format!("policy: there is no [hard_delete.{name}]; there are {}", names.join(", ")))
        }),
    }
}

/// Says what became of an organisation.
fn tell(what: &HardDelete, erased: &Erased, summary: &mut Summary) {
    let name = format!("{}/{}", what.name, erased.id);
    match &erased.end {
        End::Deleted { counts, .. } => {
            let rows = total(counts);
            tracing::info!(hard_delete.what = what.name, hard_delete.id = erased.id, rows, "Deleted {name} for good");
            summary.did("hard_deleted", 1);
            summary.did("rows", usize::try_from(rows).unwrap_or(usize::MAX));
        }
        End::Counted { .. } => summary.skipped(name, "counted: repeat the payload with `confirm` to delete it"),
        End::Already(entry) => summary.skipped(name, format!("already done, at {}", entry.deleted_at)),
        End::TakenBack => summary.skipped(name, "it is not marked as deleted any more"),
    }
    for table in &erased.unmentioned {
        let why =
            format!("holds {} and is neither in `tables` nor in `keep` of {}: its rows stay", what.key, what.name);
        summary.skipped(table.clone(), why);
    }
}

fn answer(run: &Run<'_>, what: &HardDelete, erased: &Erased) -> Value {
    let mut answer = json!({"what": what.name, "id": erased.id});
    let said = match &erased.end {
        End::Counted { counts, kept, token } => json!({
            "status": "counted",
            "counts": listed(counts),
            "rows": total(counts),
            "kept": listed(kept),
            "confirm": token,
            "confirm_until": run.now.checked_add(CONFIRMATION_LASTS).ok(),
        }),
        End::Deleted { counts, kept, confirmed_by } => json!({
            "status": "deleted",
            "counts": listed(counts),
            "rows": total(counts),
            "kept": listed(kept),
            "confirmed_by": confirmed_by,
            "deleted_at": run.now,
        }),
        End::Already(entry) => json!({
            "status": "already_done",
            "counts": listed(&in_order(what, &entry.counts)),
            "confirmed_by": entry.confirmed_by,
            "deleted_at": entry.deleted_at,
        }),
        End::TakenBack => json!({"status": "taken_back"}),
    };
    if let (Some(answer), Value::Object(said)) = (answer.as_object_mut(), said) {
        answer.extend(said);
        answer.insert("unmentioned".to_owned(), json!(erased.unmentioned));
    }
    answer
}

fn total(counts: &Counts) -> u64 {
    counts.iter().map(|(_, rows)| rows).sum()
}

/// Counts as an answer has them: a list, since the order is part of what is said.
fn listed(counts: &Counts) -> Value {
    counts.iter().map(|(table, rows)| json!({"table": table, "rows": rows})).collect()
}

/// Recorded counts, in the order in which tables are emptied now; others after them.
fn in_order(what: &HardDelete, recorded: &Value) -> Counts {
    let mut left = recorded.as_object().cloned().unwrap_or_default();
    let mut counts = Counts::new();
    for name in what.tables.iter().map(|one| one.table.to_string()) {
        if let Some(rows) = left.remove(&name) {
            counts.push((name, rows.as_u64().unwrap_or_default()));
        }
    }
    counts.extend(left.into_iter().map(|(name, rows)| (name, rows.as_u64().unwrap_or_default())));
    counts
}
