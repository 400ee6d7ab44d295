//! The story of an invocation: run the checks, publish what they measured, answer what was found.

use std::time::Instant;

use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use runtime::{Deadline, Fault, Summary, payload};
use serde_json::Value;

use crate::app::App;
use crate::ask;
use crate::payload::Payload;
use crate::publish::publish;
use crate::report::{Answer, Report};

/// Handles one invocation.
///
/// # Errors
/// A fault, in the classes of `runtime::Kind`, where nobody would hear otherwise: a bad payload or deployment, every
/// check failed, nothing could be published.
pub(crate) async fn handle(app: Result<&App, &Fault>, event: LambdaEvent<Value>) -> Result<Answer, Fault> {
    let app = app.map_err(Fault::clone)?;
    let started = Instant::now();
    let deadline = Deadline::of(&event.context);
    let payload: Payload = payload::parse(event.payload)?;
    let checks = payload.select(&app.watch_file)?;

    let clock = clock();
    let environment = &app.watch_file.environment;
    let held_back = payload.held_back(clock, environment.is_local());
    let now = payload.now.unwrap_or(clock);

    let parameters = app.parameters(started).await;
    let measured = ask::measure(&app.clients, &app.watch_file, checks, &parameters.secrets, &deadline).await;
    let report = Report::of(measured);
    if report.unreachable {
        app.secret_refused(started).await;
    }
    report.refuse_total_failure()?;

    let mut summary = Summary::new("healthcheck", environment.as_str(), now, held_back.is_some());
    let published = match held_back {
        Some(reason) => {
            summary.skipped("publishing", reason);
            0
        }
        None => {
            publish(&app.cloudwatch, &app.watch_file, &report.data, now).await?;
            report.data.len()
        }
    };
    for stale in &parameters.stale {
        summary.failed(stale.name(), stale.to_string());
    }
    let mut answer = report.into_answer(summary, published);
    answer.summary = answer.summary.finished(started.elapsed());
    tracing::info!(
        checks = answer.summary.looked_at.get("checks"),
        failed = answer.summary.failed.len(),
        published,
        metrics = ?answer.metrics,
        "Measured {} metrics",
        answer.metrics.len()
    );
    Ok(answer)
}

/// The clock, read once per run. Measurements are dated by it; healthcheck keeps no state that a database's clock would
/// have to order.
#[expect(clippy::disallowed_methods, reason = "the one place where healthcheck reads the clock")]
fn clock() -> Timestamp {
    Timestamp::now()
}
