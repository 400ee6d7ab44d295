//! The native form of a signal: what our own functions, and anybody who likes, put on the `alerts` queue.

use super::fields::{Json, instant, labels, object, scalar, text};
use super::{Malformed, Reading};
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// Reads a native signal; `None` where the object does not mean to be one: nothing else has these three.
pub(super) fn read(json: &Json, policy: &Policy) -> Option<Result<Reading, Malformed>> {
    ["kind", "subject", "status"].iter().all(|field| json.contains_key(*field)).then(|| signal(json, policy))
}

/// CONTRACTS, "Signals". Only who, what and how it stands must be there: a recovery that were not read over its summary
/// would leave its alert open for good. Fields we do not know are left alone: an older router must not lose a newer
/// sender's signal.
fn signal(json: &Json, policy: &Policy) -> Result<Reading, Malformed> {
    let wrong = |what: String| Malformed(format!("it looks like a native signal, but {what}"));
    let required = |name: &str| scalar(json, name).ok_or_else(|| wrong(format!("{name} is missing: expected a text")));
    let (source, kind, subject) = (required("source")?, required("kind")?, required("subject")?);
    let status = required("status")?;
    let status = SignalStatus::from_stored(&status.trim().to_ascii_lowercase())
        .ok_or_else(|| wrong(format!("status is `{status}`: expected firing, resolved, event or none")))?;
    let severity = scalar(json, "severity").and_then(|word| Severity::from_any_scale(&word).ok());
    Ok(Reading {
        idempotency_key: scalar(json, "id").map(|id| format!("{source}/{id}")),
        occurred_at: instant(json, "occurred_at"),
        severity: severity.or_else(|| severity_of(&kind, &subject, policy)).unwrap_or(Severity::Medium),
        source,
        kind,
        subject,
        environment: scalar(json, "environment"),
        status,
        labels: labels(json),
        summary: scalar(json, "summary").unwrap_or_default(),
        runbook: object(json, "details").and_then(|details| text(details, "runbook")).map(str::to_owned),
        ..Reading::default()
    })
}

fn severity_of(kind: &str, subject: &str, policy: &Policy) -> Option<Severity> {
    let (namespace, name) = subject.rsplit_once('/')?;
    (kind == "metric").then(|| policy.severity_of_metric(namespace, name)).flatten()
}
