//! What a check's reading becomes: which data go to CloudWatch, and which stay out.

use std::fmt;

use jiff::SignedDuration;

use crate::severity::Severity;

/// One measured quantity of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The column of the check's row that carries it.
    pub column: String,
    /// Its CloudWatch name.
    pub name: String,
    /// Its CloudWatch unit.
    pub unit: Option<String>,
    /// Where it becomes a problem.
    pub threshold: Option<Threshold>,
    /// How long it must stay beyond the threshold; `None`: two evaluations in a row.
    pub lasting: Option<SignedDuration>,
    /// How bad it then is; also of a CloudWatch alarm on the same metric.
    pub severity: Option<Severity>,
    /// Whether `<name>Present` says 1 when there is a value. It says 0 when there is none in either case.
    pub presence: bool,
    /// What it means that there is no value.
    pub missing: Missing,
    /// The business hours outside which it does not begin to be a problem.
    pub hours: Option<String>,
    /// What is measured, for people.
    pub summary: Option<String>,
    /// Where it says what to do.
    pub runbook: Option<String>,
}

/// Where a metric becomes a problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// Greater than this.
    Above(f64),
    /// Less than this.
    Below(f64),
}

impl fmt::Display for Threshold {
    /// `above 180`, as the watch file writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(limit) => write!(f, "above {limit}"),
            Self::Below(limit) => write!(f, "below {limit}"),
        }
    }
}

impl Threshold {
    /// Whether a value is beyond it.
    pub fn is_crossed_by(self, value: f64) -> bool {
        match self {
            Self::Above(limit) => value > limit,
            Self::Below(limit) => value < limit,
        }
    }
}

/// What a reading without a value counts as, in CloudWatch's own words for missing data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// Nothing can be said: whatever held before still holds.
    #[default]
    Ignore,
    /// It is beyond the threshold.
    Breaching,
}

impl Missing {
    /// Both, in the words of the watch file.
    pub const ALL: [(&'static str, Self); 2] = [("ignore", Self::Ignore), ("breaching", Self::Breaching)];
}

/// What is appended to a metric's name to say whether there was a value at all.
pub const PRESENCE_SUFFIX: &str = "Present";

/// The unit of a presence datum.
const PRESENCE_UNIT: &str = "None";

/// One value for CloudWatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// The metric's name.
    pub name: String,
    /// The value; always one that CloudWatch takes.
    pub value: f64,
    /// The unit, if it has one.
    pub unit: Option<String>,
}

/// What one reading of a metric amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The value, if there is one that CloudWatch takes.
    pub value: Option<f64>,
    /// What to send.
    pub data: Vec<Datum>,
    /// The reading was NaN, infinite, or too large or too small for CloudWatch, which refuses such a value and everything sent
    /// along with it.
    pub dropped: bool,
}

impl Metric {
    /// The name of the metric that says whether there was a value.
    pub fn presence_name(&self) -> String {
        format!("{}{PRESENCE_SUFFIX}", self.name)
    }

    /// What a reading amounts to. `None` is SQL's NULL: an empty table has no lag, and saying 0 would call it healthy.
    pub fn measure(&self, reading: Option<f64>) -> Measured {
        let value = reading.filter(|value| is_taken_by_cloudwatch(*value));
        let dropped = reading.is_some() && value.is_none();
        let mut data = Vec::new();
        if let Some(value) = value {
            data.push(Datum { name: self.name.clone(), value, unit: self.unit.clone() });
        }
        if value.is_none() || self.presence {
            let present = if value.is_some() { 1.0 } else { 0.0 };
            data.push(Datum { name: self.presence_name(), value: present, unit: Some(PRESENCE_UNIT.to_owned()) });
        }
        Measured { value, data, dropped }
    }
}

/// Whether CloudWatch takes a value: 0, or a magnitude from 2^-360 to 2^360.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
fn is_taken_by_cloudwatch(value: f64) -> bool {
    let largest = 2_f64.powi(360);
    value == 0.0 || (largest.recip()..=largest).contains(&value.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lag(presence: bool) -> Metric {
        Metric {
            column: "lag".to_owned(),
            name: "TelemetryLag".to_owned(),
            unit: Some("Seconds".to_owned()),
            threshold: Some(Threshold::Above(180.0)),
            lasting: None,
            severity: Some(Severity::High),
            presence,
            missing: Missing::Ignore,
            hours: None,
            summary: None,
            runbook: None,
        }
    }

    fn sent(metric: &Metric, reading: Option<f64>) -> Vec<(String, f64)> {
        metric.measure(reading).data.into_iter().map(|datum| (datum.name, datum.value)).collect()
    }

    #[test]
    fn a_value_is_sent_with_its_unit() {
        let measured = lag(false).measure(Some(42.5));
        let datum = Datum { name: "TelemetryLag".to_owned(), value: 42.5, unit: Some("Seconds".to_owned()) };
        assert_eq!(measured, Measured { value: Some(42.5), data: vec![datum], dropped: false });
    }

    #[test]
    fn null_sends_no_value_but_says_that_there_was_none() {
        assert_eq!(sent(&lag(false), None), [("TelemetryLagPresent".to_owned(), 0.0)]);
    }

    #[test]
    fn presence_is_confirmed_only_where_asked_for() {
        let both = [("TelemetryLag".to_owned(), 1.0), ("TelemetryLagPresent".to_owned(), 1.0)];
        assert_eq!(sent(&lag(true), Some(1.0)), both);
        assert_eq!(sent(&lag(true), None), [("TelemetryLagPresent".to_owned(), 0.0)]);
    }

    #[test]
    fn a_threshold_itself_is_not_beyond_it() {
        for (threshold, value, crossed) in [
            (Threshold::Above(180.0), 180.0, false),
            (Threshold::Above(180.0), 180.1, true),
            (Threshold::Below(1.0), 1.0, false),
            (Threshold::Below(1.0), 0.0, true),
        ] {
            assert_eq!(threshold.is_crossed_by(value), crossed, "{threshold:?} {value}");
        }
    }

    #[test]
    fn the_largest_and_smallest_values_of_cloudwatch_are_sent_and_those_beyond_are_dropped() {
        let largest = 2_f64.powi(360);
        for (value, dropped) in [
            (0.0, false),
            (-0.0, false),
            (largest, false),
            (-largest, false),
            (largest.recip(), false),
            (largest * 1.01, true),
            (-largest * 1.01, true),
            (largest.recip() / 1.01, true),
            (f64::MAX, true),
            (f64::MIN_POSITIVE, true),
            (f64::NAN, true),
            (f64::NEG_INFINITY, true),
        ] {
            let measured = lag(false).measure(Some(value));
            let expected = if dropped { None } else { Some(value) };
            assert_eq!((measured.dropped, measured.value), (dropped, expected), "{value}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_cloudwatch_refuses_is_ever_sent(
            reading in proptest::option::of(proptest::num::f64::ANY),
            presence: bool,
        ) {
            let measured = lag(presence).measure(reading);
            prop_assert!(measured.data.iter().all(|datum| datum.value == 0.0 || (1e-109..1e109).contains(&datum.value.abs())));
            prop_assert_eq!(measured.dropped, reading.is_some() && measured.value.is_none());
            prop_assert!(!measured.data.is_empty());
        }
    }
}
