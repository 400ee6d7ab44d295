//! The native form of a signal: what our own functions, and anybody who likes, put on the `alerts` queue.

use jiff::Timestamp;
use serde::Deserialize;

use super::fields::{Json, object, text};
use super::{Malformed, Reading};
use crate::fingerprint::Labels;
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// CONTRACTS, "Signals". Fields we do not know are left alone: an older router must not lose a newer sender's signal.
#[derive(Deserialize)]
struct Native {
    id: Option<String>,
    source: String,
    kind: String,
    subject: String,
    environment: Option<String>,
    status: SignalStatus,
    severity: Option<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    labels: Labels,
    occurred_at: Option<Timestamp>,
}

/// Reads a native signal; `None` where the object does not mean to be one: nothing else has these three.
pub(super) fn read(json: &Json, policy: &Policy) -> Option<Result<Reading, Malformed>> {
    ["kind", "subject", "status"].iter().all(|field| json.contains_key(*field)).then(|| signal(json, policy))
}

fn signal(json: &Json, policy: &Policy) -> Result<Reading, Malformed> {
    let native =
        Native::deserialize(json).map_err(|error| Malformed(format!("it looks like a native signal, but {error}")))?;
    let severity = native.severity.as_deref().map(Severity::from_any_scale).transpose();
    let severity =
        severity.map_err(|error| Malformed(format!("it looks like a native signal, but severity: {error}")))?;
    Ok(Reading {
        idempotency_key: native.id.filter(|id| !id.is_empty()).map(|id| format!("{}/{id}", native.source)),
        occurred_at: native.occurred_at,
        severity: severity.or_else(|| severity_of(&native.kind, &native.subject, policy)).unwrap_or(Severity::Medium),
        source: native.source,
        kind: native.kind,
        subject: native.subject,
        environment: native.environment,
        status: native.status,
        labels: native.labels,
        summary: native.summary,
        runbook: object(json, "details").and_then(|details| text(details, "runbook")).map(str::to_owned),
        ..Reading::default()
    })
}

fn severity_of(kind: &str, subject: &str, policy: &Policy) -> Option<Severity> {
    let (namespace, name) = subject.rsplit_once('/')?;
    (kind == "metric").then(|| policy.severity_of_metric(namespace, name)).flatten()
}
