//! Medians and percentiles of a handful of measurements.

use std::time::Duration;

/// Measurements of one thing, sorted.
#[derive(Debug, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Of anything that is a number.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// Of times, in milliseconds.
    pub(crate) fn of_times<'a>(times: impl IntoIterator<Item = &'a Duration>) -> Self {
        Self::new(times.into_iter().map(|time| time.as_secs_f64() * 1_000.0))
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The smallest one that `percent` of all do not exceed (nearest rank); not a number when there is none.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    /// The largest one.
    pub(crate) fn largest(&self) -> f64 {
        self.percentile(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let samples = Samples::new((1..=200).rev().map(f64::from));
        assert_eq!((samples.median(), samples.percentile(99), samples.largest()), (100.0, 198.0, 200.0));
    }

    #[test]
    fn one_measurement_is_its_own_median() {
        assert_eq!(Samples::of_times(&[Duration::from_micros(1_500)]).median(), 1.5);
    }

    #[test]
    fn nothing_has_no_median() {
        assert!(Samples::new([]).median().is_nan());
    }
}
