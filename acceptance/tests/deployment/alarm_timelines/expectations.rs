//! When each alarm of the template should alarm: what its metric is like decides, in minutes.

use config::{ArchiverConfig, DeadmanConfig, ForecastMetrics, HealthcheckConfig, RouterConfig};

use super::emitters::Emitter::{self, Lambda, Ours, Sqs};

/// Alarms that reckon with several metrics, or with what CloudWatch learns.
pub(super) const NOT_SIMULATED: [&str; 1] = ["UnusualRepeatsAlarm"];

/// What is expected of one alarm.
pub(super) struct Expectation {
    /// Its logical id.
    pub(super) id: &'static str,
    /// Who sends its metric.
    pub(super) emitter: Emitter,
    /// What its metric is like.
    pub(super) kind: Kind,
}

/// What a metric is like.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It comes with each success, and is missed.
    Heartbeat(Heartbeat),
    /// It says how bad something is.
    Values(Values),
}

#[derive(Clone, Copy)]
pub(super) struct Heartbeat {
    /// How often it comes.
    pub(super) every: i64,
    /// How late it may come without anybody being told.
    pub(super) late: i64,
    /// After how long people are told, by what the alarm says of itself; a new stack has as long for its first.
    pub(super) promised: i64,
    /// From the last one to ALARM: two more periods that CloudWatch looks back over, and the minute that it is dated.
    pub(super) missed: i64,
}

#[derive(Clone, Copy)]
pub(super) struct Values {
    /// How often a value comes.
    pub(super) every: i64,
    /// What it is in good times; none where there is a value only when something happens.
    pub(super) good: Option<f64>,
    /// What it is in bad times.
    pub(super) bad: f64,
    /// From the first bad value to ALARM, when all that follow are bad.
    pub(super) lasting: i64,
    /// Whether one bad value alone is told.
    pub(super) one: One,
    /// From the first value that would be good again to OK.
    pub(super) back: i64,
    /// What no value at all means.
    pub(super) silence: Silence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum One {
    /// As lasting trouble is.
    Tells,
    /// Once is nothing.
    IsForgiven,
}

#[derive(Clone, Copy)]
pub(super) enum Silence {
    /// The worst: ALARM so long after the last value; on a new stack so long after its creation.
    Tells { after: i64, at_first: i64 },
    /// Nothing is wrong: OK so long after the last bad value.
    IsGood { after: i64 },
    /// Nothing at all: the alarm stays as it is.
    Keeps,
}

impl Expectation {
    /// After how long people hear that something stays away, where they are promised to.
    pub(super) fn promised(&self) -> Option<i64> {
        match self.kind {
            Kind::Heartbeat(heartbeat) => Some(heartbeat.promised),
            Kind::Values(_) => None,
        }
    }
}

/// The whole table.
pub(super) fn expectations() -> Vec<Expectation> {
    let router = |metric| Ours(metric, &[]);
    let check = |metric| Ours(metric, &[]);
    let heartbeat = |every, late, promised, missed| Kind::Heartbeat(Heartbeat { every, late, promised, missed });
    let gone_after = |after| Silence::IsGood { after };
    // A count that is sent with every invocation, zero or not.
    let keeps_failing = |every, back| values((every, Some(0.0), 1.0), 6, One::IsForgiven, back, gone_after(16));
    let throttled = |every, back| values((every, Some(0.0), 1.0), 1, One::Tells, back, gone_after(16));
    // A count that is sent when there is something to count: CloudWatch looks back over two minutes of nothing.
    let happens = values((1, None, 1.0), 1, One::Tells, 3, gone_after(4));
    // A count that comes once a day: a bad one stays for the day and the two hours that CloudWatch looks back over, so that
    // the next can say whether it lasts.
    let daily = values((1_440, Some(0.0), 1.0), 1, One::Tells, 121, gone_after(1_561));
    let queue = |good, bad| values((1, Some(good), bad), 1, One::Tells, 1, gone_after(4));
    let lag = |limit| {
        let silence = Silence::Tells { after: 21, at_first: 10 };
        values((5, Some(60.0), 5.0 * limit), 6, One::IsForgiven, 1, silence)
    };
    let forecast = |forecast| Ours(ForecastMetrics::READY, forecast);

    [
        ("MigratorErrorsAlarm", Lambda("MigratorFunction", "Errors"), happens),
        ("MigratorThrottlesAlarm", Lambda("MigratorFunction", "Throttles"), happens),
        ("RouterErrorsAlarm", Lambda("AlertRouterFunction", "Errors"), keeps_failing(1, 5)),
        ("RouterThrottlesAlarm", Lambda("AlertRouterFunction", "Throttles"), throttled(1, 5)),
        ("RouterSilentAlarm", Lambda("AlertRouterFunction", "Invocations"), heartbeat(1, 5, 10, 13)),
        ("OldestAlertAlarm", Sqs("AlertsQueue", "ApproximateAgeOfOldestMessage"), queue(10.0, 900.0)),
        ("HeldAlertsAlarm", Sqs("AlertsHeldQueue", "ApproximateNumberOfMessagesVisible"), queue(0.0, 3.0)),
        ("DeadLettersAlarm", Sqs("AlertsDeadLetterQueue", "ApproximateNumberOfMessagesVisible"), queue(0.0, 1.0)),
        (
            "OldestDeliveryAlarm",
            router(RouterConfig::OLDEST_DELIVERY),
            values((1, Some(5.0), 3_600.0), 2, One::IsForgiven, 1, gone_after(4)),
        ),
        (
            "DeliveriesFailedAlarm",
            router(RouterConfig::DELIVERIES_FAILED),
            values((1, None, 1.0), 6, One::IsForgiven, 15, gone_after(16)),
        ),
        ("SelfUntoldAlarm", router(RouterConfig::SELF_UNTOLD), happens),
        (
            "UnhealthyReceiversAlarm",
            router(RouterConfig::UNHEALTHY_RECEIVERS),
            values((1, None, 1.0), 10, One::IsForgiven, 3, gone_after(4)),
        ),
        ("SyntheticSilentAlarm", router(RouterConfig::SYNTHETIC_DELIVERED), heartbeat(5, 4, 15, 18)),
        // What is counted by the hour stays for the two hours that CloudWatch looks back over.
        (
            "CriticalAlertsAlarm",
            router(RouterConfig::CRITICAL_ALERTS),
            values((1, None, 11.0), 1, One::Tells, 180, gone_after(181)),
        ),
        (
            "SignalStormAlarm",
            router(RouterConfig::SIGNALS_RECEIVED),
            values((1, Some(10.0), 10_001.0), 1, One::Tells, 60, gone_after(181)),
        ),
        ("WorkersBarredAlarm", router(RouterConfig::WORKERS_BARRED), happens),
        (
            "UnacknowledgedAlarm",
            router(RouterConfig::ACKNOWLEDGED_PERCENT),
            values((5, Some(80.0), 20.0), 1, One::Tells, 56, gone_after(181)),
        ),
        ("HealthcheckHeartbeatAlarm", Ours(HealthcheckConfig::HEARTBEAT, &[]), heartbeat(5, 4, 10, 13)),
        ("HealthcheckErrorsAlarm", Lambda("HealthcheckFunction", "Errors"), keeps_failing(5, 1)),
        ("HealthcheckThrottlesAlarm", Lambda("HealthcheckFunction", "Throttles"), throttled(5, 1)),
        ("DeadmanHeartbeatAlarm", Ours(DeadmanConfig::HEARTBEAT, &[]), heartbeat(1, 5, 10, 13)),
        ("DeadmanErrorsAlarm", Lambda("DeadmanFunction", "Errors"), keeps_failing(1, 5)),
        ("DeadmanThrottlesAlarm", Lambda("DeadmanFunction", "Throttles"), throttled(1, 5)),
        (
            "HeartbeatsUnknownAlarm",
            Ours(DeadmanConfig::HEARTBEATS_UNKNOWN, &[]),
            values((1, Some(0.0), 2.0), 26, One::IsForgiven, 5, gone_after(16)),
        ),
        ("PingsDeadLettersAlarm", Sqs("PingsDeadLetterQueue", "ApproximateNumberOfMessagesVisible"), queue(0.0, 1.0)),
        ("DataPollerErrorsAlarm", Lambda("DataPollerFunction", "Errors"), keeps_failing(5, 1)),
        ("DataPollerThrottlesAlarm", Lambda("DataPollerFunction", "Throttles"), throttled(5, 1)),
        ("ArchiverErrorsAlarm", Lambda("ArchiverFunction", "Errors"), daily),
        (
            "ArchiverThrottlesAlarm",
            Lambda("ArchiverFunction", "Throttles"),
            // Lambda tries again after minutes, for hours.
            values((1, None, 1.0), 1, One::Tells, 15, gone_after(16)),
        ),
        ("PoliciesBehindAlarm", Ours(ArchiverConfig::BEHIND, &[]), daily),
        ("PoliciesFailedAlarm", Ours(ArchiverConfig::FAILURES, &[]), daily),
        (
            "CompletionsDeadLettersAlarm",
            Sqs("CompletionsDeadLetterQueue", "ApproximateNumberOfMessagesVisible"),
            queue(0.0, 1.0),
        ),
        ("TelemetryLagAlarm", check("TelemetryLag"), lag(180.0)),
        ("FeatureLagAlarm", check("FeatureLag"), lag(600.0)),
        (
            "UnfinishedRunsAlarm",
            check("UnfinishedRuns"),
            values((5, Some(0.0), 2.0), 6, One::IsForgiven, 1, Silence::Keeps),
        ),
        (
            "DuplicateExecutionsAlarm",
            check("DuplicateExecutions"),
            values((5, Some(0.0), 1.0), 1, One::Tells, 1, Silence::Keeps),
        ),
        // A run every six hours, which may be two late; a run every quarter of an hour, of which one may be missing.
        ("MediumRangeStaleAlarm", forecast(&ForecastMetrics::MEDIUM_RANGE), heartbeat(360, 119, 480, 491)),
        ("NowcastStaleAlarm", forecast(&ForecastMetrics::NOWCAST), heartbeat(15, 14, 30, 33)),
    ]
    .map(|(id, emitter, kind)| Expectation { id, emitter, kind })
    .into()
}

fn values((every, good, bad): (i64, Option<f64>, f64), lasting: i64, one: One, back: i64, silence: Silence) -> Kind {
    Kind::Values(Values { every, good, bad, lasting, one, back, silence })
}
