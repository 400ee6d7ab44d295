//! One alarm and the data it has seen: evaluated at an instant, it changes its state or does not.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::alarm::{Alarm, WarmUp};
use super::judge::judge;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// How many periods beyond those it judges CloudWatch looks back over for points that stand in for missing ones. AWS says
/// that it depends on the period's length and gives no rule; in all its examples it is two, of five for three.
const LOOKS_FURTHER_BACK: usize = 2;

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// OK.
    Ok,
    /// ALARM.
    Alarm,
    /// INSUFFICIENT_DATA: so it begins.
    InsufficientData,
}

/// One value for one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// Its metric's namespace.
    pub namespace: String,
    /// Its metric's name.
    pub metric: String,
    /// Its metric's dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// What it is dated, which may be before it is put.
    pub at: Timestamp,
    /// Its value.
    pub value: f64,
}

/// A change of state, for which CloudWatch would act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When it was evaluated.
    pub at: Timestamp,
    /// What it said before.
    pub from: State,
    /// What it says now.
    pub to: State,
}

/// An alarm that exists.
#[derive(Clone, Debug)]
pub struct Simulator {
    alarm: Alarm,
    created: Timestamp,
    further_back: usize,
    /// By time.
    data: Vec<(i64, f64)>,
    state: State,
}

impl Simulator {
    /// The alarm is created.
    #[must_use]
    pub fn new(alarm: Alarm, created: Timestamp) -> Self {
        let state = State::InsufficientData;
        Self { alarm, created, further_back: LOOKS_FURTHER_BACK, data: Vec::new(), state }
    }

    /// The same in a CloudWatch that looks back over so many periods beyond those that are judged.
    #[must_use]
    pub fn looking_further_back(self, periods: usize) -> Self {
        Self { further_back: periods, ..self }
    }

    /// What it says.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// How often CloudWatch evaluates it: by its period and the length of its window.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html>
    #[must_use]
    pub fn interval(&self) -> SignedDuration {
        SignedDuration::from_secs(if self.alarm.period < MINUTE {
            10
        } else if self.window() > DAY {
            HOUR
        } else {
            MINUTE
        })
    }

    /// CloudWatch takes a datum; `false` if it belongs to another metric.
    pub fn put(&mut self, datum: &Datum) -> bool {
        let Datum { namespace, metric, dimensions, at, value } = datum;
        let ours =
            (namespace, metric, dimensions) == (&self.alarm.namespace, &self.alarm.metric, &self.alarm.dimensions);
        if ours {
            // CloudWatch keeps minutes, and seconds only of metrics that were sent with a high resolution.
            let at = floor(at.as_second(), if self.alarm.period < MINUTE { 1 } else { MINUTE });
            let place = self.data.partition_point(|(other, _)| *other <= at);
            self.data.insert(place, (at, *value));
        }
        ours
    }

    /// CloudWatch evaluates the alarm.
    pub fn evaluate(&mut self, now: Timestamp) -> Option<Transition> {
        let end = floor(now.as_second(), self.interval().as_secs());
        if self.warms_up(end) {
            return None;
        }
        let (from, to) = (self.state, judge(&self.alarm, &self.range(end))?);
        self.state = to;
        (from != to).then_some(Transition { at: now, from, to })
    }

    /// The points of the periods before `end`, the newest first, and whether they breach.
    fn range(&self, end: i64) -> Vec<Option<bool>> {
        let periods = self.alarm.evaluation_periods + self.further_back;
        let mut values = vec![Vec::new(); periods];
        let known = self.data.partition_point(|(at, _)| *at < end);
        for (at, value) in self.data.iter().take(known).rev() {
            let age = usize::try_from((end - at - 1) / self.alarm.period).unwrap_or(usize::MAX);
            let Some(period) = values.get_mut(age) else { break };
            period.push(*value);
        }
        let point = |values: &Vec<f64>| Some(self.alarm.breaches(self.alarm.statistic.of(values)?));
        values.iter().map(point).collect()
    }

    /// Its window is not full yet, and the time to wait for that is not over.
    fn warms_up(&self, now: i64) -> bool {
        let Some(WarmUp { minutes, whole }) = self.alarm.warm_up else { return false };
        let full = self.data.first().is_some_and(|(first, _)| first + self.window() <= now);
        now < self.created.as_second() + minutes * MINUTE && (whole || !full)
    }

    fn window(&self) -> i64 {
        self.alarm.period.saturating_mul(i64::try_from(self.alarm.evaluation_periods).unwrap_or(i64::MAX))
    }
}

fn floor(seconds: i64, to: i64) -> i64 {
    seconds - seconds.rem_euclid(to)
}
