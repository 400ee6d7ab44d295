//! The metrics that functions publish of themselves, in the watch file's namespace. Alarms on `self` listen to some of them,
//! and a test compares the names.

use crate::functions::{ArchiverConfig, DeadmanConfig, HealthcheckConfig, PollerConfig, RouterConfig};

impl HealthcheckConfig {
    /// The metric that ends every complete run. An alarm misses it.
    pub const HEARTBEAT: &str = "HealthcheckHeartbeat";
}

impl DeadmanConfig {
    /// The metric that ends every complete evaluation. An alarm misses it.
    pub const HEARTBEAT: &str = "DeadmanHeartbeat";
    /// How many heartbeats are down.
    pub const HEARTBEATS_DOWN: &str = "HeartbeatsDown";
    /// How many heartbeats have a signal that cannot be read, so that nobody would hear of them.
    pub const HEARTBEATS_UNKNOWN: &str = "HeartbeatsUnknown";

    /// All of them; none has a dimension but the environment.
    pub const METRICS: &[&str] = &[Self::HEARTBEAT, Self::HEARTBEATS_DOWN, Self::HEARTBEATS_UNKNOWN];
}

impl PollerConfig {
    /// For how long upstream has kept the oldest cycle waiting beyond its usual delay, in seconds.
    pub const UPSTREAM_LAG: &str = "UpstreamLag";
    /// How long a run took, in seconds.
    pub const RUN_DURATION: &str = "RunDuration";
    /// Runs that have failed and are not tried again by themselves.
    pub const RUNS_FAILED: &str = "RunsFailed";

    /// All of them; each has the dimension [`ForecastMetrics::TYPE`] beside the environment.
    pub const METRICS: &[&str] = &[ForecastMetrics::READY, Self::UPSTREAM_LAG, Self::RUN_DURATION, Self::RUNS_FAILED];
}

impl ArchiverConfig {
    /// The dimension that names the policy.
    pub const POLICY: &str = "Policy";
    /// Rows that left their table, by policy.
    pub const ROWS: &str = "RowsMoved";
    /// Bytes of the objects that were written for them, by policy.
    pub const BYTES: &str = "BytesArchived";
    /// For how many seconds the oldest row has been due that has not left, by policy.
    pub const OVERDUE: &str = "OldestUnarchivedRow";
    /// Policies whose rows are due for longer than `behind_after`. An alarm listens to it.
    pub const BEHIND: &str = "PoliciesBehind";
    /// Policies that failed in the last run. An alarm listens to it.
    pub const FAILURES: &str = "PoliciesFailed";

    /// All of them.
    pub const METRICS: &[&str] = &[Self::ROWS, Self::BYTES, Self::OVERDUE, Self::BEHIND, Self::FAILURES];
}

impl RouterConfig {
    /// Signals that were recorded and decided.
    pub const SIGNALS_RECEIVED: &str = "SignalsReceived";
    /// Those of them that tell nobody, by [`REASON`](Self::REASON).
    pub const SIGNALS_SUPPRESSED: &str = "SignalsSuppressed";
    /// The dimension that says why.
    pub const REASON: &str = "Reason";
    /// Alerts that opened and of which somebody is told.
    pub const ALERTS_OPENED: &str = "AlertsOpened";
    /// Alerts that became CRITICAL, by opening or by a rise.
    pub const CRITICAL_ALERTS: &str = "CriticalAlerts";
    /// Deliveries that their receivers accepted.
    pub const DELIVERIES_SENT: &str = "DeliveriesSent";
    /// Tries that did not succeed and are repeated.
    pub const DELIVERIES_RETRIED: &str = "DeliveriesRetried";
    /// Deliveries that were given up.
    pub const DELIVERIES_FAILED: &str = "DeliveriesFailed";
    /// Those of them that were for the topic `self`: nobody is left to tell.
    pub const SELF_UNTOLD: &str = "SelfUntold";
    /// From the decision to the receiver's acceptance, in seconds.
    pub const SECONDS_TO_DELIVERY: &str = "SecondsToDelivery";
    /// Synthetic alerts that went the whole way. An alarm misses it.
    pub const SYNTHETIC_DELIVERED: &str = "SyntheticDelivered";
    /// From the tick that sent the synthetic alert to its delivery, in seconds.
    pub const SYNTHETIC_SECONDS: &str = "SyntheticSeconds";
    /// For how many seconds the oldest delivery that is due has been there.
    pub const OLDEST_DELIVERY: &str = "OldestDueDelivery";
    /// Deliveries that wait for business hours or a switch.
    pub const DELIVERIES_HELD: &str = "DeliveriesHeld";
    /// Receivers that refuse whatever they are told.
    pub const UNHEALTHY_RECEIVERS: &str = "UnhealthyReceivers";
    /// Workers of the stack's own environment that are barred.
    pub const WORKERS_BARRED: &str = "WorkersBarred";
    /// Open alerts that nobody looks after.
    pub const UNACKNOWLEDGED_ALERTS: &str = "UnacknowledgedAlerts";
    /// How many of the alerts of a week that somebody had time to acknowledge were acknowledged, in percent.
    pub const ACKNOWLEDGED_PERCENT: &str = "AcknowledgedPercent";

    /// All of them that have no dimension but the environment.
    pub const METRICS: &[&str] = &[
        Self::SIGNALS_RECEIVED,
        Self::ALERTS_OPENED,
        Self::CRITICAL_ALERTS,
        Self::DELIVERIES_SENT,
        Self::DELIVERIES_RETRIED,
        Self::DELIVERIES_FAILED,
        Self::SELF_UNTOLD,
        Self::SECONDS_TO_DELIVERY,
        Self::SYNTHETIC_DELIVERED,
        Self::SYNTHETIC_SECONDS,
        Self::OLDEST_DELIVERY,
        Self::DELIVERIES_HELD,
        Self::UNHEALTHY_RECEIVERS,
        Self::WORKERS_BARRED,
        Self::UNACKNOWLEDGED_ALERTS,
        Self::ACKNOWLEDGED_PERCENT,
    ];
}

/// What is said of forecasts, by whoever makes them: one datum with each that is ready. Alarms miss them.
#[derive(Clone, Copy, Debug)]
pub struct ForecastMetrics;

impl ForecastMetrics {
    /// A forecast is ready, counted.
    pub const READY: &str = "ForecastReady";
    /// The dimension, beside the environment, that says which.
    pub const TYPE: &str = "ForecastType";
    /// The dimensions of medium-range forecasts, beside the environment.
    pub const MEDIUM_RANGE: [(&str, &str); 1] = [(Self::TYPE, "medium_range")];
    /// The dimensions of nowcasts, beside the environment.
    pub const NOWCAST: [(&str, &str); 1] = [(Self::TYPE, "nowcast")];
}
