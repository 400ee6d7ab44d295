//! What the router says of itself: log lines that CloudWatch makes metrics of, so that alarms on `self` hear what the
//! router cannot tell itself. Lines cost nothing to write and need no client; a metric costs by the hour in which it has a
//! value, so a count of nothing is not said, nor is what the synthetic alert alone brings about.

use std::collections::{BTreeMap, BTreeSet};

use config::RouterConfig;
use domain::check::Datum;
use domain::decide::{Decision, SYNTHETIC, Verdict};
use domain::delivery::Next;
use domain::fingerprint::Labels;
use domain::policy::{NULL_RECEIVER, SELF_RECEIVER};
use domain::{Policy, Severity, Signal, Timestamp};
use runtime::embedded::{self, Placed};
use store::deliveries::{Backlog, Finish, Lease, Others};
use store::vitals::{Acknowledgement, Vitals};
use uuid::Uuid;

/// Where metrics go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics<'a> {
    /// The watch file's.
    pub(crate) namespace: &'a str,
    /// The stack's own, a dimension of each.
    pub(crate) environment: &'a str,
}

impl<'a> Metrics<'a> {
    /// Metrics in the watch file's namespace.
    pub(crate) fn of(policy: &'a Policy) -> Self {
        Self { namespace: &policy.namespace, environment: &policy.environment }
    }

    /// Signals were decided, one verdict each.
    pub(crate) fn decided(self, signals: &[Signal], verdicts: &[Verdict], now: Timestamp) {
        self.log(&of_verdicts(signals, verdicts), now);
    }

    /// A delivery was tried, perhaps with others that it speaks for, and moves on at `at`.
    pub(crate) fn tried(self, lease: &Lease, finish: &Finish, at: Timestamp) {
        self.log(&of_try(lease, finish, at), at);
    }

    /// How the record stands.
    pub(crate) fn stands(self, backlog: &Backlog, vitals: &Vitals, now: Timestamp) {
        self.log(&of_record(backlog, vitals), now);
    }

    /// How many alerts were acknowledged; nothing where that says nothing.
    pub(crate) fn acknowledged(self, acknowledgement: &Acknowledgement, now: Timestamp) {
        if let Some(percent) = acknowledgement.percent() {
            self.log(&[placed(RouterConfig::ACKNOWLEDGED_PERCENT, "Percent", percent)], now);
        }
    }

    fn log(self, data: &[Placed], now: Timestamp) {
        embedded::log(self.namespace, self.environment, data, now);
    }
}

fn of_verdicts(signals: &[Signal], verdicts: &[Verdict]) -> Vec<Placed> {
    let which = |is: fn(&Signal) -> bool| -> BTreeSet<Uuid> {
        signals.iter().filter(|signal| is(signal)).map(|signal| signal.id).collect()
    };
    let synthetic = which(|signal| signal.kind == SYNTHETIC);
    let critical = which(|signal| signal.severity == Severity::Critical);
    let verdicts: Vec<&Verdict> = verdicts.iter().filter(|verdict| !synthetic.contains(&verdict.signal_id)).collect();
    let is_told = |verdict: &&&Verdict| matches!(verdict.decision, Decision::Opened | Decision::Updated);
    let opened = verdicts.iter().filter(|verdict| verdict.decision == Decision::Opened).count();
    let critical = verdicts.iter().filter(is_told).filter(|verdict| critical.contains(&verdict.signal_id)).count();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in verdicts.iter().filter_map(|verdict| verdict.decision.reason()) {
        *reasons.entry(reason).or_default() += 1;
    }
    let suppressed = reasons.into_iter().map(|(reason, count)| Placed {
        dimensions: Labels::from([(RouterConfig::REASON.to_owned(), reason.to_owned())]),
        ..count_of(RouterConfig::SIGNALS_SUPPRESSED, count)
    });
    let all = [
        count_of(RouterConfig::SIGNALS_RECEIVED, verdicts.len()),
        count_of(RouterConfig::ALERTS_OPENED, opened),
        count_of(RouterConfig::CRITICAL_ALERTS, critical),
    ];
    all.into_iter().chain(suppressed).filter(says_something).collect()
}

fn of_try(lease: &Lease, finish: &Finish, at: Timestamp) -> Vec<Placed> {
    let since = |then: Timestamp| at.duration_since(then).as_secs_f64().max(0.0);
    let all = 1 + lease.folded.len();
    match finish.next {
        Next::Sent if lease.receiver == NULL_RECEIVER => vec![
            count_of(RouterConfig::SYNTHETIC_DELIVERED, 1),
            placed(RouterConfig::SYNTHETIC_SECONDS, "Seconds", since(lease.notification.occurred_at)),
        ],
        Next::Sent => vec![
            count_of(RouterConfig::DELIVERIES_SENT, all),
            placed(RouterConfig::SECONDS_TO_DELIVERY, "Seconds", since(lease.waiting_since)),
        ],
        Next::RetryAt(_) => vec![count_of(RouterConfig::DELIVERIES_RETRIED, all)],
        Next::Failed if lease.receiver == SELF_RECEIVER => {
            vec![count_of(RouterConfig::DELIVERIES_FAILED, 1), count_of(RouterConfig::SELF_UNTOLD, 1)]
        }
        Next::Failed => {
            let failed = if finish.others == Others::GivenUp { all } else { 1 };
            vec![count_of(RouterConfig::DELIVERIES_FAILED, failed)]
        }
    }
}

fn of_record(backlog: &Backlog, vitals: &Vitals) -> Vec<Placed> {
    let oldest = placed(RouterConfig::OLDEST_DELIVERY, "Seconds", backlog.oldest);
    let counts = [
        count_of(RouterConfig::DELIVERIES_HELD, vitals.held),
        count_of(RouterConfig::UNHEALTHY_RECEIVERS, vitals.unhealthy),
        count_of(RouterConfig::WORKERS_BARRED, vitals.barred),
        count_of(RouterConfig::UNACKNOWLEDGED_ALERTS, vitals.unacknowledged),
    ];
    std::iter::once(oldest).chain(counts.into_iter().filter(says_something)).collect()
}

fn says_something(count: &Placed) -> bool {
    count.datum.value > 0.0
}

fn count_of(name: &str, count: usize) -> Placed {
    #[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^53")]
    let count = count as f64;
    placed(name, "Count", count)
}

fn placed(name: &str, unit: &str, value: f64) -> Placed {
    Placed { dimensions: Labels::new(), datum: Datum { name: name.to_owned(), value, unit: Some(unit.to_owned()) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::decide::Reason;

    /// `Name{reason}=value` of each.
    fn said(data: &[Placed]) -> Vec<String> {
        let one = |placed: &Placed| {
            let reason: String = placed.dimensions.values().map(|reason| format!("{{{reason}}}")).collect();
            format!("{}{reason}={}", placed.datum.name, placed.datum.value)
        };
        data.iter().map(one).collect()
    }

    fn verdict(decision: Decision) -> Verdict {
        Verdict { signal_id: uuid::Uuid::nil(), decision, alert_id: None, by: None, until: None }
    }

    #[test]
    fn what_was_decided_is_counted_with_the_reasons_why_nobody_was_told() {
        let duplicate = verdict(Decision::Suppressed(Reason::Duplicate));
        let stale = verdict(Decision::Suppressed(Reason::Stale));
        let data = of_verdicts(&[], &[verdict(Decision::Opened), duplicate, duplicate, stale]);
        assert_eq!(
            said(&data),
            ["SignalsReceived=4", "AlertsOpened=1", "SignalsSuppressed{duplicate}=2", "SignalsSuppressed{stale}=1"]
        );
    }

    fn at(time: &str) -> Timestamp {
        format!("2026-03-01T{time}Z").parse().expect("a time of day")
    }

    /// A delivery decided at 06:00:10 about what happened at 06:00:00, with `others` in the same request.
    fn lease(receiver: &str, others: usize) -> Lease {
        let notification = serde_json::json!({
            "notice": "firing", "alert_id": uuid::Uuid::nil(), "fingerprint": "f", "dedup_key": "k", "severity": "HIGH",
            "environment": "prod", "kind": "metric", "subject": "Q/Depth", "labels": {}, "summary": "", "source": "a",
            "occurred_at": "2026-03-01T06:00:00Z", "opened_at": "2026-03-01T06:00:10Z",
        });
        Lease {
            delivery_id: uuid::Uuid::nil(),
            token: uuid::Uuid::nil(),
            receiver: receiver.to_owned(),
            notification: serde_json::from_value(notification).expect("a notification"),
            tries: 1,
            waiting_since: at("06:00:10"),
            repeat: false,
            folded: vec![uuid::Uuid::nil(); others],
            named: Vec::new(),
            told_instead: false,
        }
    }

    #[test]
    fn a_try_says_what_became_of_it_and_how_long_it_took() {
        let later = Next::RetryAt(at("06:05:00"));
        for (receiver, others, next, given_up, says) in [
            ("mail", 0, Next::Sent, Others::TriedAgain, "DeliveriesSent=1 SecondsToDelivery=2.5"),
            ("mail", 4, Next::Sent, Others::TriedAgain, "DeliveriesSent=5 SecondsToDelivery=2.5"),
            ("null", 0, Next::Sent, Others::TriedAgain, "SyntheticDelivered=1 SyntheticSeconds=12.5"),
            ("mail", 4, later, Others::TriedAgain, "DeliveriesRetried=5"),
            ("mail", 4, Next::Failed, Others::TriedAgain, "DeliveriesFailed=1"),
            ("mail", 4, Next::Failed, Others::GivenUp, "DeliveriesFailed=5"),
            ("self", 0, Next::Failed, Others::GivenUp, "DeliveriesFailed=1 SelfUntold=1"),
        ] {
            let finish = Finish { next, others: given_up, paused_until: None, unhealthy: None, signal: None };
            let data = of_try(&lease(receiver, others), &finish, at("06:00:12.5"));
            assert_eq!(said(&data).join(" "), says);
            let known = |placed: &Placed| RouterConfig::METRICS.contains(&placed.datum.name.as_str());
            assert!(data.iter().all(known), "{says}");
        }
    }

    #[test]
    fn every_metric_that_is_sent_without_a_reason_is_one_that_alarms_may_listen_to() {
        let backlog = Backlog { due: 0, oldest: 0.0 };
        let vitals = Vitals { held: 1, unhealthy: 2, barred: 3, unacknowledged: 4 };
        let data = [of_verdicts(&[], &[verdict(Decision::Opened)]), of_record(&backlog, &vitals)].concat();
        assert_eq!(data.len(), 7);
        for placed in data {
            assert!(RouterConfig::METRICS.contains(&placed.datum.name.as_str()), "{}", placed.datum.name);
        }
    }
}
