//! A CloudWatch metric alarm, simulated from AWS's published rules: data go in, transitions come out, time is an argument.
//!
//! - Which points are judged, and what missing ones count as:
//!   <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
//! - The window slides, by a minute with each evaluation, and is aligned to nothing:
//!   <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html>
//! - A new alarm warms up: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html>
//!
//! A metric that CloudWatch makes out of log lines is a metric like any other. Not simulated, and refused where an alarm
//! asks for it: metric maths and anomaly bands, percentiles, units, windows on the wall clock, composite alarms.

mod alarm;
mod judge;
mod read;
mod simulator;
#[cfg(test)]
mod tests;

pub use alarm::{Alarm, Comparison, Missing, Statistic, WarmUp};
pub use simulator::{Datum, Simulator, State, Transition};
