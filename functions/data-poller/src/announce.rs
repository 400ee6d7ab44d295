//! Announces what has ended: metrics that others wait for, and how far upstream is behind.

use std::collections::BTreeMap;

use config::{ForecastMetrics, PollerConfig};
use domain::Timestamp;
use domain::check::Datum;
use domain::fingerprint::Labels;
use domain::upstream::{RunStatus, Source};
use runtime::Summary;
use runtime::embedded::Placed;
use store::Connection;
use store::runs::{self, Row};
use uuid::Uuid;

use crate::app::App;

/// Publishes what has ended since the last poll, and how late upstream is by source. What was published is noted after it:
/// a crash in between says it twice rather than never.
pub(crate) async fn all(
    app: &App,
    connection: &Connection,
    rows: &[Row],
    lags: &BTreeMap<&str, f64>,
    now: Timestamp,
    summary: &mut Summary,
) {
    let watch_file = &app.watch_file;
    let mut data = Vec::new();
    // Each with how it ended: what ends otherwise meanwhile has still to be announced.
    let mut ended: Vec<(Uuid, RunStatus)> = Vec::new();
    for row in rows.iter().filter(|row| row.announced_at.is_none()) {
        let Some(source) = watch_file.source(&row.run.source) else { continue };
        let named = |name: &str, value: f64, unit: &str| placed(&source.forecast_type, name, value, unit);
        match row.run.status {
            // What ended long ago, before anybody announced it, is no news.
            RunStatus::Complete | RunStatus::Failed if is_old(source, row, now) => {}
            RunStatus::Complete => {
                data.push(named(ForecastMetrics::READY, 1.0, "Count"));
                data.extend(seconds(row).map(|seconds| named(PollerConfig::RUN_DURATION, seconds, "Seconds")));
            }
            RunStatus::Failed if row.run.triggered_at.is_some() => {
                data.push(named(PollerConfig::RUNS_FAILED, 1.0, "Count"));
            }
            // What was given up without a run is none that has failed.
            RunStatus::Failed => {}
            _ => continue,
        }
        ended.push((row.run_id, row.run.status));
    }
    for (name, lag) in lags {
        let Some(source) = watch_file.source(name) else { continue };
        data.push(placed(&source.forecast_type, PollerConfig::UPSTREAM_LAG, *lag, "Seconds"));
    }
    let sent = metrics::publish(&app.cloudwatch, watch_file, &data, now).await;
    summary.did("published", sent.published);
    summary.did("embedded", sent.embedded);
    if let Some(why) = &sent.failure {
        summary.failed("publishing", why.clone());
    }
    if ended.is_empty() {
        return;
    }
    match runs::announced(&connection.client, &ended, now).await {
        Ok(()) => summary.did("announced", ended.len()),
        Err(error) => summary.failed("announcing", format!("{:#}", anyhow::Error::new(error))),
    }
}

fn is_old(source: &config::watch_file::Source, row: &Row, now: Timestamp) -> bool {
    now.duration_since(row.finished_at.unwrap_or(row.run.at)) > source.rules.look_back
}

fn placed(forecast_type: &str, name: &str, value: f64, unit: &str) -> Placed {
    Placed {
        dimensions: Labels::from([(ForecastMetrics::TYPE.to_owned(), forecast_type.to_owned())]),
        datum: Datum { name: name.to_owned(), value, unit: Some(unit.to_owned()) },
    }
}

/// How long a run took: by its worker's word, else from its trigger to its end.
fn seconds(row: &Row) -> Option<f64> {
    match row.inference_duration_ms {
        Some(milliseconds) => Some(milliseconds as f64 / 1_000.0),
        None => Some(row.finished_at?.duration_since(row.run.triggered_at?).as_secs_f64()),
    }
}

/// For how long upstream has kept the oldest cycle of a source waiting beyond its usual delay, in seconds.
pub(crate) fn lag(source: &Source, oldest: Option<Timestamp>, now: Timestamp) -> f64 {
    let usual = oldest.and_then(|at| at.saturating_add(source.expected_after).ok());
    usual.map_or(0.0, |usual| now.duration_since(usual).as_secs_f64().max(0.0))
}
