//! A worker's claim report: what it says it did, and whether that was found to be true.

use super::fields::{Json, instant, plain, scalar};
use super::{Malformed, Reading};
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// What a verifier may find.
const VERDICTS: [&str; 3] = ["TRUE", "FALSE", "UNVERIFIABLE"];
/// What reporters write for a worker they do not know. As a subject it would stand for all of them, and barring it
/// would bar them all.
const NOBODY: &str = "unknown";

/// Reads a report; `None` where it is none.
pub(super) fn read(json: &Json) -> Option<Result<Reading, Malformed>> {
    let verdict = scalar(json, "verdict").or_else(|| scalar(json, "status"))?.trim().to_uppercase();
    let verdict = verdict.strip_suffix("_CLAIM").unwrap_or(&verdict).to_owned();
    let known = VERDICTS.contains(&verdict.as_str());
    let names = |name| json.contains_key(name);
    let is_claim = (names("claim") && (known || names("worker_id"))) || (names("worker_id") && known);
    is_claim.then(|| report(json, verdict))
}

fn report(json: &Json, verdict: String) -> Result<Reading, Malformed> {
    let wrong = |what: String| Malformed(format!("it looks like a claim report, but {what}"));
    if !VERDICTS.contains(&verdict.as_str()) {
        return Err(wrong(format!("its verdict is `{verdict}`, expected TRUE, FALSE or UNVERIFIABLE")));
    }
    let worker = json.get("worker_id").filter(|id| id.is_string() || id.is_number()).map(plain).unwrap_or_default();
    let worker = worker.trim();
    if worker.is_empty() || worker.eq_ignore_ascii_case(NOBODY) {
        return Err(wrong("its worker_id names nobody: expected the worker's own id".to_owned()));
    }
    let claim = json.get("claim").filter(|claim| !claim.is_null()).map(plain).unwrap_or_default();
    Ok(Reading {
        occurred_at: ["timestamp", "occurred_at"].iter().find_map(|name| instant(json, name)),
        source: "claim".to_owned(),
        kind: "claim".to_owned(),
        subject: worker.to_owned(),
        environment: ["environment", "env"].iter().find_map(|name| scalar(json, name)),
        status: SignalStatus::Event,
        severity: Severity::Low,
        summary: format!("{worker} claims what was found {verdict}: {}", claim.trim()),
        labels: [("verdict".to_owned(), verdict)].into(),
        command: Some(claim),
        ..Reading::default()
    })
}
