//! What an alarm listens to, and when it speaks: PutMetricAlarm's parameters, as far as they decide.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use std::collections::BTreeMap;

/// An alarm on one metric with a fixed threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The metric's namespace.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// The metric's dimensions, all of them: a datum with one more or one fewer belongs to another metric.
    pub dimensions: BTreeMap<String, String>,
    /// What becomes of the data of one period.
    pub statistic: Statistic,
    /// Seconds that one point covers.
    pub period: i64,
    /// How many points are judged.
    pub evaluation_periods: usize,
    /// How many of them have to breach.
    pub datapoints_to_alarm: usize,
    /// How a point is compared with the threshold.
    pub comparison: Comparison,
    /// What points are compared with.
    pub threshold: f64,
    /// What a period without data counts as.
    pub missing: Missing,
    /// How long a new alarm waits for its first data.
    pub warm_up: Option<WarmUp>,
}

/// What becomes of the data of one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least of them.
    Minimum,
    /// The greatest of them.
    Maximum,
    /// How many there are.
    SampleCount,
}

/// When a point breaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Above the threshold.
    Greater,
    /// At the threshold or above.
    GreaterOrEqual,
    /// Below the threshold.
    Less,
    /// At the threshold or below.
    LessOrEqual,
}

/// What a period without data counts as: `TreatMissingData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// As missing: with nothing at all, the alarm knows nothing. The default.
    Missing,
    /// As a reason to stay as it is.
    Ignore,
    /// As bad.
    Breaching,
    /// As good.
    NotBreaching,
}

/// A new alarm says nothing before its window is full, or before this time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WarmUp {
    /// Minutes from its creation.
    pub minutes: i64,
    /// It waits for all of them, also when its window is full before.
    pub whole: bool,
}

impl Alarm {
    /// Whether a point of this value breaches.
    #[must_use]
    pub fn breaches(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::Greater => value > self.threshold,
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
        }
    }
}

impl Statistic {
    /// The point that the data of one period make; none without data.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "nobody counts 2^53 data")]
    pub fn of(self, data: &[f64]) -> Option<f64> {
        let count = data.len() as f64;
        let sum = data.iter().sum::<f64>();
        let first = *data.first()?;
        Some(match self {
            Self::Sum => sum,
            Self::Average => sum / count,
            Self::Minimum => data.iter().copied().fold(first, f64::min),
            Self::Maximum => data.iter().copied().fold(first, f64::max),
            Self::SampleCount => count,
        })
    }
}
