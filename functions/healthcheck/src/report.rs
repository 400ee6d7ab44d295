//! What a run found: the data to publish, the summary to answer, and whether it counts as failed.

use std::collections::{BTreeMap, BTreeSet};

use runtime::embedded::Placed;
use runtime::{Fault, Kind, Summary};
use serde::Serialize;

use crate::ask::{Measurement, Outcome, Reading};

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// The value of every metric that was read, by its CloudWatch name (and its dimensions, if it has any); null where
    /// there was none.
    pub(crate) metrics: BTreeMap<String, Option<f64>>,
}

/// What all checks together found.
#[derive(Default)]
pub(crate) struct Report<'w> {
    data: Vec<Placed>,
    metrics: BTreeMap<String, Option<f64>>,
    answered: BTreeSet<&'w str>,
    looked_at: usize,
    dropped: usize,
    failed: Vec<(String, String)>,
    remaining: Vec<String>,
    /// The faults of checks of which nothing was read.
    faults: Vec<Kind>,
}

impl<'w> Report<'w> {
    /// Sums up.
    pub(crate) fn of(measured: &Measurement<'w>) -> Self {
        let mut report = Self::default();
        for (name, asked) in &measured.databases {
            report.failed.extend(asked.as_ref().err().map(|why| ((*name).to_owned(), why.to_string())));
        }
        let gone = measured.databases.values().find_map(|asked| asked.as_ref().err().map(|why| why.kind.fault()));
        for checked in &measured.checked {
            let check = checked.check;
            report.looked_at += 1;
            match &checked.outcome {
                Outcome::Read(readings) => {
                    // What could not be read of it has not vanished.
                    if readings.iter().all(|reading| reading.measured.is_ok()) {
                        report.answered.insert(&check.name);
                    }
                    if !readings.is_empty() && readings.iter().all(|reading| reading.measured.is_err()) {
                        report.faults.push(Kind::Failed);
                    }
                    for reading in readings {
                        report.add(&check.name, reading);
                    }
                }
                Outcome::Failed(failure) => {
                    report.faults.push(failure.kind.fault());
                    report.failed.push((check.name.clone(), failure.to_string()));
                }
                Outcome::Unreachable => report.faults.push(gone.unwrap_or(Kind::Unavailable)),
                Outcome::Remaining => report.remaining.push(check.name.clone()),
            }
        }
        report
    }

    fn add(&mut self, check: &str, reading: &Reading<'_>) {
        match &reading.measured {
            Ok(measured) => {
                self.metrics.insert(name(reading), measured.value);
                self.dropped += usize::from(measured.dropped);
                let data = measured.data.iter().cloned();
                self.data.extend(data.map(|datum| Placed { dimensions: reading.dimensions.clone(), datum }));
            }
            Err(why) => self.failed.push((check.to_owned(), why.clone())),
        }
    }

    /// The checks that answered.
    pub(crate) fn answered(&self) -> BTreeSet<&'w str> {
        self.answered.clone()
    }

    /// What to publish.
    pub(crate) fn take_data(&mut self) -> Vec<Placed> {
        std::mem::take(&mut self.data)
    }

    /// A fault if every check that was asked for failed and nobody else was told: then the invocation is the only one
    /// left to say so.
    ///
    /// # Errors
    /// The failures by name, in the class that they share (else `Failed`).
    pub(crate) fn refuse_total_failure(&self) -> Result<(), Fault> {
        let Some(first) = self.faults.first() else { return Ok(()) };
        if self.faults.len() < self.looked_at {
            return Ok(());
        }
        let kind = if self.faults.iter().all(|kind| kind == first) { *first } else { Kind::Failed };
        let each: Vec<_> = self.failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
        Err(Fault::new(kind, format!("every check failed: {}", each.join("; "))))
    }

    /// Writes what was found into the summary; answers with the value of every metric.
    pub(crate) fn tell(self, summary: &mut Summary) -> BTreeMap<String, Option<f64>> {
        summary.looked_at("checks", self.looked_at);
        summary.did("measured", self.metrics.len());
        summary.did("dropped", self.dropped);
        for (name, why) in self.failed {
            tracing::warn!(check.name = name, error = why, "Check {name} failed");
            summary.failed(name, why);
        }
        summary.remaining.extend(self.remaining);
        tracing::info!(checks = self.looked_at, failed = summary.failed.len(), metrics = ?self.metrics, "Measured");
        self.metrics
    }
}

/// `TelemetryLag`, or `TelemetryLag{ticker=ACME}`.
fn name(reading: &Reading<'_>) -> String {
    let of: Vec<String> = reading.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if of.is_empty() { reading.metric.name.clone() } else { format!("{}{{{}}}", reading.metric.name, of.join(",")) }
}
