//! Message after message about one thing: what people would still see open, and what they would be told.

use std::collections::BTreeMap;

use domain::decide::{State, decide};
use domain::ingest::{Message, parse};
use domain::policy::{Integration, Receiver, Route};
use domain::{Policy, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::policy;

/// What was decided of all messages so far.
struct Story {
    policy: Policy,
    state: State,
    heard: u128,
}

impl Story {
    fn new() -> Self {
        let receivers =
            BTreeMap::from([("hook".to_owned(), Receiver { integration: Integration::Webhook, switch: None })]);
        let default_route = Route { to: vec!["hook".to_owned()], ..Route::default() };
        let policy = Policy { receivers, default_route, ..policy() };
        Self { policy, state: State::default(), heard: 0 }
    }

    /// Hears a message sent at one time of day and received at another; answers what was decided of its signals.
    fn hears_late(&mut self, sent: &str, received: &str, body: &Value) -> Vec<&'static str> {
        self.heard += 1;
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let message = Message { message_id: format!("m-{}", self.heard), sender_id: None, sent_at: day(sent), body };
        let mut next = self.heard * 1_000;
        let signals = parse(&message, &self.policy, &mut || {
            next += 1;
            Uuid::from_u128(next)
        });
        let plan = decide(self.state.clone(), &signals, &self.policy, day(received));
        self.state.sources.extend(plan.sources);
        for alert in plan.changed.into_iter().chain(plan.opened) {
            match alert.closed {
                Some(_) => self.state.alerts.remove(&alert.fingerprint),
                None => self.state.alerts.insert(alert.fingerprint.clone(), alert),
            };
        }
        plan.verdicts.iter().map(|verdict| verdict.decision.as_str()).collect()
    }

    fn hears(&mut self, sent: &str, body: &Value) -> Vec<&'static str> {
        self.hears_late(sent, sent, body)
    }

    fn open(&self) -> usize {
        self.state.alerts.len()
    }
}

fn day(time: &str) -> Timestamp {
    format!("2026-03-01T{time}Z").parse().expect("an instant")
}

fn webhook(alerts: Value) -> Value {
    json!({"version": "4", "groupKey": "{}", "externalURL": "http://am:9093", "alerts": alerts})
}

fn alert(status: &str, severity: &str, from: &str, to: &str) -> Value {
    json!({
        "status": status, "labels": {"alertname": "VolumeFillingUp", "volume": "db", "severity": severity},
        "startsAt": format!("2026-03-01T{from}Z"), "endsAt": format!("2026-03-01T{to}Z"),
    })
}

#[test]
fn one_severity_s_recovery_does_not_end_what_another_severity_of_the_same_alert_still_says() {
    let mut story = Story::new();
    let warning = alert("firing", "warning", "05:00:00", "00:00:00");
    let critical = alert("firing", "critical", "05:10:00", "00:00:00");
    story.hears("05:00:30", &webhook(json!([warning])));
    assert_eq!(story.hears("05:10:30", &webhook(json!([warning, critical]))), ["suppressed", "updated"]);
    assert_eq!(story.open(), 1, "one condition, however many severities it has");
    let over = alert("resolved", "critical", "05:10:00", "05:30:00");
    story.hears("05:30:30", &webhook(json!([warning, over])));
    assert_eq!(story.open(), 1, "the warning still holds");
    let over = alert("resolved", "warning", "05:00:00", "05:40:00");
    assert_eq!(story.hears("05:40:30", &webhook(json!([over]))), ["resolved"]);
    assert_eq!(story.open(), 0);
}

#[test]
fn an_alert_that_comes_back_with_the_date_of_its_first_firing_is_told_again() {
    let mut story = Story::new();
    let fires = webhook(json!([alert("firing", "critical", "05:00:00", "00:00:00")]));
    assert_eq!(story.hears("05:00:30", &fires), ["opened"]);
    // Prometheus could not reach Alertmanager, which took that for a recovery.
    let times_out = webhook(json!([alert("resolved", "critical", "05:00:00", "05:24:00")]));
    assert_eq!(story.hears("05:24:30", &times_out), ["resolved"]);
    assert_eq!(story.hears("05:34:30", &fires), ["opened"]);
    assert_eq!(story.open(), 1);
}

#[test]
fn a_message_of_alertmanager_s_that_comes_late_changes_nothing() {
    let mut story = Story::new();
    story.hears("05:00:30", &webhook(json!([alert("firing", "critical", "05:00:00", "00:00:00")])));
    story.hears("05:40:30", &webhook(json!([alert("firing", "critical", "05:40:00", "00:00:00")])));
    let late = webhook(json!([alert("resolved", "critical", "05:00:00", "05:24:00")]));
    assert_eq!(story.hears_late("05:24:30", "05:41:00", &late), ["suppressed"]);
    assert_eq!(story.open(), 1);
}

#[test]
fn one_odd_field_of_a_native_signal_does_not_cost_its_recovery() {
    let native = |status: &str, odd: Value| {
        let mut signal = json!({"source": "s", "kind": "k", "subject": "x", "status": status});
        signal.as_object_mut().expect("an object").extend(odd.as_object().expect("an object").clone());
        signal
    };
    for odd in [
        json!({"summary": null}),
        json!({"summary": 5}),
        json!({"labels": null}),
        json!({"labels": {"gone": null}}),
        json!({"id": 42}),
        json!({"id": null}),
        json!({"severity": "dreadful"}),
        json!({"severity": 1}),
        json!({"occurred_at": 1_772_343_600}),
        json!({"occurred_at": "2026-03-01T05:40:00"}),
        json!({"occurred_at": "some time ago"}),
        json!({"occurred_at": "-005000-01-01T00:00:00Z"}),
        json!({"occurred_at": null}),
        json!({"environment": null}),
        json!({"environment": ""}),
        json!({"status": "Resolved"}),
        json!({"status": " RESOLVED "}),
        json!({"details": "?"}),
    ] {
        let mut story = Story::new();
        assert_eq!(story.hears("05:00:00", &native("FIRING", json!({}))), ["opened"]);
        assert_eq!(story.hears("05:50:00", &native("resolved", odd.clone())), ["resolved"], "{odd}");
    }
    for odd in [json!({"labels": {"n": 1, "on": true, "zone": "a"}}), json!({"environment": 1}), json!({"subject": 7})]
    {
        let mut story = Story::new();
        assert_eq!(story.hears("05:00:00", &native("firing", odd.clone())), ["opened"], "{odd}");
        assert_eq!(story.hears("05:50:00", &native("resolved", odd.clone())), ["resolved"], "{odd}");
    }
}

#[test]
fn money_spent_on_another_service_or_past_another_threshold_is_other_news() {
    let mut story = Story::new();
    let anomaly = |names: Value| {
        let mut anomaly = json!({
            "accountId": "123456789012", "anomalyId": "a", "monitorArn": "arn:aws:ce::123456789012:anomalymonitor/m",
            "impact": {"totalActualSpend": 90, "totalExpectedSpend": 1},
        });
        anomaly.as_object_mut().expect("an object").extend(names.as_object().expect("an object").clone());
        anomaly
    };
    // The documented notification has no name of the monitor; the event has one, and another word for the service.
    assert_eq!(story.hears("05:00:00", &anomaly(json!({"dimensionalValue": "AWS CloudTrail"}))), ["opened"]);
    assert_eq!(story.hears("05:20:00", &anomaly(json!({"dimensionalValue": "Amazon EC2"}))), ["opened"]);
    let by_event = json!({"monitorName": "services", "dimensionValue": "Amazon EC2"});
    assert_eq!(story.hears("05:21:00", &anomaly(by_event)), ["suppressed"]);

    let budget = |kind: &str, threshold: &str| {
        json!(format!(
            "AWS Budget Notification\nAWS Account 123456789012\n\nBudget Name: b\nBudgeted Amount: $100\n\
             Alert Type: {kind}\nAlert Threshold: > ${threshold}\nACTUAL Amount: $101\n"
        ))
    };
    let mut story = Story::new();
    assert_eq!(story.hears("05:00:00", &budget("ACTUAL", "80")), ["opened"]);
    assert_eq!(story.hears("05:10:00", &budget("ACTUAL", "100")), ["opened"]);
    assert_eq!(story.hears("05:11:00", &budget("FORECASTED", "100")), ["opened"]);
    assert_eq!(story.hears("05:12:00", &budget("Actual", "100")), ["suppressed"]);
}
