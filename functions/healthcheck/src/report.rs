//! What a run found: the data to publish, the summary to answer, and whether it counts as failed.

use std::collections::BTreeMap;

use domain::check::Datum;
use runtime::{Fault, Kind, Summary};
use serde::Serialize;

use crate::ask::{Checked, Failure, Measurement, Outcome, Reading};

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// The value of every metric that was read, by its CloudWatch name; null where there was none.
    pub(crate) metrics: BTreeMap<String, Option<f64>>,
}

/// What all checks together found.
#[derive(Default)]
pub(crate) struct Report {
    /// What to publish.
    pub(crate) data: Vec<Datum>,
    /// A database was not to be reached, so its address may have changed.
    pub(crate) unreachable: bool,
    metrics: BTreeMap<String, Option<f64>>,
    looked_at: usize,
    dropped: usize,
    failed: Vec<(String, String)>,
    remaining: Vec<String>,
    /// The faults of checks of which nothing was read.
    faults: Vec<Kind>,
}

impl Report {
    /// Sums up.
    pub(crate) fn of(measured: Measurement<'_>) -> Self {
        let mut report = Self::default();
        for Checked { check, outcome } in measured.checked {
            report.looked_at += 1;
            match outcome {
                Outcome::Read(readings) => {
                    let none_read = readings.iter().all(|reading| reading.measured.is_err());
                    for reading in readings {
                        report.add(&check.name, reading);
                    }
                    if none_read {
                        report.faults.push(Kind::Failed);
                    }
                }
                Outcome::Failed(failure) => report.fail(&check.name, &failure),
                Outcome::Unreachable => {
                    let entry = check.database().and_then(|name| measured.databases.get(name));
                    if let Some(Err(failure)) = entry {
                        report.fail(&check.name, failure);
                    }
                }
                Outcome::Remaining => report.remaining.push(check.name.clone()),
            }
        }
        report
    }

    fn fail(&mut self, check: &str, failure: &Failure) {
        self.unreachable |= failure.kind.doubts_secrets();
        self.faults.push(failure.kind.fault());
        self.failed.push((check.to_owned(), failure.to_string()));
    }

    fn add(&mut self, check: &str, reading: Reading<'_>) {
        match reading.measured {
            Ok(measured) => {
                self.metrics.insert(reading.metric.name.clone(), measured.value);
                self.dropped += usize::from(measured.dropped);
                self.data.extend(measured.data);
            }
            Err(why) => self.failed.push((check.to_owned(), why)),
        }
    }

    /// A fault if every check that was asked for failed: then the invocation is the only one left to say so.
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

    /// Writes what was found into the summary.
    pub(crate) fn into_answer(self, mut summary: Summary, published: usize) -> Answer {
        summary.looked_at("checks", self.looked_at);
        summary.did("measured", self.metrics.len());
        summary.did("published", published);
        summary.did("dropped", self.dropped);
        for (name, why) in self.failed {
            tracing::warn!(check.name = name, error = why, "Check {name} failed");
            summary.failed(name, why);
        }
        summary.remaining = self.remaining;
        Answer { summary, metrics: self.metrics }
    }
}
