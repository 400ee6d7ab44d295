//! What AWS says about money: a budget's notification, which is prose, and a cost anomaly, which is JSON.

use serde_json::Value;

use super::Reading;
use super::fields::{Json, object, text};
use crate::fingerprint::Labels;
use crate::severity::Severity;
use crate::signal::SignalStatus;

fn account(id: Option<&str>) -> Labels {
    id.map(|id| ("account".to_owned(), id.to_owned())).into_iter().collect()
}

/// Reads the text that AWS Budgets publishes; `None` where it is none.
/// <https://docs.aws.amazon.com/cost-management/latest/userguide/sns-alert-chime.html>
pub(super) fn read_budget(prose: &str) -> Option<Reading> {
    let line = |name: &str| {
        let line = prose.lines().find_map(|line| line.trim().strip_prefix(name))?.trim();
        (!line.is_empty()).then_some(line)
    };
    let budget = line("Budget Name:")?;
    let alert_type = line("Alert Type:")?.to_uppercase();
    let said = |name: &str| line(name).unwrap_or("unknown");
    Some(Reading {
        source: budget.to_owned(),
        kind: "budget".to_owned(),
        subject: budget.to_owned(),
        status: SignalStatus::Event,
        // A type we do not know is taken for spent money.
        severity: if alert_type == "FORECASTED" { Severity::Medium } else { Severity::High },
        labels: account(line("AWS Account")),
        summary: format!(
            "The budget {budget} of {} has passed its threshold {}: {} {}",
            said("Budgeted Amount:"),
            said("Alert Threshold:"),
            said(&format!("{alert_type} Amount:")),
            alert_type.to_lowercase(),
        ),
        ..Reading::default()
    })
}

/// Reads a cost anomaly; `None` where it is none. It begins on the day of the spending, usually days before it is found,
/// so it counts from its notification.
/// <https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html>
pub(super) fn read_anomaly(json: &Json) -> Option<Reading> {
    text(json, "anomalyId")?;
    let monitor = text(json, "monitorName").or_else(|| text(json, "monitorArn"))?;
    let spent = |name| object(json, "impact").and_then(|impact| impact.get(name)).and_then(Value::as_f64);
    let amount = |name| spent(name).map_or_else(|| "an unknown amount".to_owned(), |amount| format!("{amount:.2}"));
    let about = text(json, "dimensionalValue").unwrap_or("unknown");
    Some(Reading {
        source: monitor.to_owned(),
        kind: "cost-anomaly".to_owned(),
        subject: monitor.to_owned(),
        status: SignalStatus::Event,
        severity: Severity::High,
        labels: account(text(json, "accountId")),
        summary: format!(
            "{about} cost {} where {} was expected, since {}. {}",
            amount("totalActualSpend"),
            amount("totalExpectedSpend"),
            text(json, "anomalyStartDate").unwrap_or("an unknown day"),
            text(json, "anomalyDetailsLink").unwrap_or_default(),
        )
        .trim()
        .to_owned(),
        ..Reading::default()
    })
}
