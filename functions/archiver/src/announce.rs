//! Metrics of retention: what was moved, how far behind each policy is, what failed.

use config::ArchiverConfig;
use domain::check::Datum;
use domain::fingerprint::Labels;
use domain::retention::Policy;
use jiff::SignedDuration;
use runtime::Summary;
use runtime::embedded::Placed;

use crate::archive::Progress;
use crate::handler::Run;

/// Publishes what a run came to.
pub(crate) async fn all(run: &Run<'_>, progress: &[(&Policy, Progress)], summary: &mut Summary) {
    let mut data = Vec::new();
    let mut behind = 0_u32;
    let mut failures = 0_u32;
    for (policy, done) in progress {
        let labels = Labels::from([(ArchiverConfig::POLICY.to_owned(), policy.name.clone())]);
        let mut add = |name: &str, value: f64, unit: &str| {
            let datum = Datum { name: name.to_owned(), value, unit: Some(unit.to_owned()) };
            data.push(Placed { dimensions: labels.clone(), datum });
        };
        let overdue = done.oldest.zip(run.cutoff(policy).ok()).map(|(oldest, cutoff)| {
            oldest.map_or(SignedDuration::ZERO, |oldest| cutoff.duration_since(oldest).max(SignedDuration::ZERO))
        });
        add(ArchiverConfig::ROWS, done.rows as f64, "Count");
        add(ArchiverConfig::BYTES, done.bytes as f64, "Bytes");
        // Nothing is said of a policy at which nobody could look.
        if let Some(overdue) = overdue {
            add(ArchiverConfig::OVERDUE, overdue.as_secs_f64(), "Seconds");
        }
        behind += u32::from(overdue.is_some_and(|overdue| overdue > policy.behind_after));
        failures += u32::from(done.failure.is_some());
    }
    let mut count = |name: &str, value: u32| {
        let datum = Datum { name: name.to_owned(), value: f64::from(value), unit: Some("Count".to_owned()) };
        data.push(Placed { dimensions: Labels::new(), datum });
    };
    count(ArchiverConfig::BEHIND, behind);
    count(ArchiverConfig::FAILURES, failures);
    let sent = metrics::publish(&run.app.cloudwatch, &run.app.watch_file, &data, run.now).await;
    summary.did("published", sent.published);
    summary.did("embedded", sent.embedded);
    if let Some(why) = &sent.failure {
        summary.failed("publishing", why.clone());
    }
}
