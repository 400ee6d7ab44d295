//! What the points of the evaluation range say: which of them are judged, and what fills the gaps.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>, whose two tables of
//! examples are the tests.

use super::alarm::{Alarm, Missing};
use super::simulator::State;

/// The state that these points call for; none where the alarm stays as it is. The newest comes first; `true` breaches.
pub(super) fn judge(alarm: &Alarm, range: &[Option<bool>]) -> Option<State> {
    let known: Vec<(usize, bool)> =
        range.iter().enumerate().filter_map(|(age, point)| Some((age, (*point)?))).collect();
    // Points from farther back stand in for newer ones that are missing; only what is still short then is filled.
    let breaching = known.iter().take(alarm.evaluation_periods).filter(|(_, breaches)| *breaches).count();
    let short = alarm.evaluation_periods.saturating_sub(known.len());
    let with = |breaching: usize| Some(if breaching >= alarm.datapoints_to_alarm { State::Alarm } else { State::Ok });
    if short == 0 || breaching >= alarm.datapoints_to_alarm {
        return with(breaching);
    }
    match alarm.missing {
        Missing::Breaching => with(breaching + short),
        Missing::NotBreaching => with(breaching),
        // One good point in the range, and what is missing is waited for.
        Missing::Missing | Missing::Ignore if known.iter().any(|(_, breaches)| !breaches) => Some(State::Ok),
        Missing::Ignore => None,
        Missing::Missing => Some(known.last().map_or(State::InsufficientData, |(oldest, _)| {
            // The premature alarm: nothing but bad points, and the oldest of them as old as would have been enough.
            if oldest + 1 >= alarm.datapoints_to_alarm { State::Alarm } else { State::Ok }
        })),
    }
}
