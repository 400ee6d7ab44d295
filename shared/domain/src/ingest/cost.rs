//! What AWS says about money: a budget's notification, which is prose, and a cost anomaly, which is JSON.

use serde_json::Value;

use super::Reading;
use super::fields::{Json, object, text};
use crate::fingerprint::Labels;
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// The labels that are known.
fn known<const N: usize>(labels: [(&str, Option<&str>); N]) -> Labels {
    labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

/// Reads the text that AWS Budgets publishes; `None` where it is none. Each threshold of a budget is a condition of its
/// own: money spent past 100 % is news an hour after 80 %.
/// <https://docs.aws.amazon.com/cost-management/latest/userguide/sns-alert-chime.html>
pub(super) fn read_budget(prose: &str) -> Option<Reading> {
    let line = |name: &str| {
        let said = prose.lines().find_map(|line| {
            let (head, said) = line.trim().split_at_checked(name.len())?;
            head.eq_ignore_ascii_case(name).then_some(said)
        });
        said.map(|said| said.trim_matches([':', ' ', '\t'])).filter(|said| !said.is_empty())
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
        labels: known([
            ("account", line("AWS Account")),
            ("alert_type", Some(&alert_type)),
            ("threshold", line("Alert Threshold:")),
        ]),
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
/// so it counts from its notification. Only some notifications name the monitor, and the event has another word for the
/// service: the ARN is always there.
/// <https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html>
pub(super) fn read_anomaly(json: &Json) -> Option<Reading> {
    text(json, "anomalyId")?;
    let name = text(json, "monitorName");
    let monitor = text(json, "monitorArn").or(name)?;
    let spent = |name| object(json, "impact").and_then(|impact| impact.get(name)).and_then(Value::as_f64);
    let amount = |name| spent(name).map_or_else(|| "an unknown amount".to_owned(), |amount| format!("{amount:.2}"));
    let dimension = text(json, "dimensionalValue").or_else(|| text(json, "dimensionValue"));
    let found_by = name.map(|name| format!(" (monitor {name})")).unwrap_or_default();
    Some(Reading {
        source: monitor.to_owned(),
        kind: "cost-anomaly".to_owned(),
        subject: monitor.to_owned(),
        status: SignalStatus::Event,
        severity: Severity::High,
        labels: known([("account", text(json, "accountId")), ("dimension", dimension)]),
        summary: format!(
            "{} cost {} where {} was expected, since {}{found_by}. {}",
            dimension.unwrap_or("unknown"),
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
