//! Messages as they really look, and what is read from them.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn policy() -> Policy {
    Policy {
        environment: "prod".into(),
        namespace: "OPsPipeline".into(),
        metric_severity: [("TelemetryLag".to_owned(), Severity::Medium)].into(),
        dedup_window: SignedDuration::from_hours(1),
        ..Policy::default()
    }
}

fn message(body: impl ToString) -> Message {
    Message {
        message_id: "m-1".into(),
        sender_id: Some("AIDAEXAMPLE:session".into()),
        sent_at: "2026-03-01T06:00:00Z".parse().expect("a timestamp"),
        body: body.to_string(),
    }
}

fn parsed(body: impl ToString) -> Signal {
    let mut signals = parse(&message(body), &policy(), &mut || Uuid::nil());
    assert_eq!(signals.len(), 1);
    signals.remove(0)
}

fn alarm(trigger: serde_json::Value, extra: serde_json::Value) -> serde_json::Value {
    let mut alarm = json!({
        "AlarmName": "lag", "AlarmDescription": null, "AWSAccountId": "123456789012",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:lag",
        "NewStateValue": "ALARM", "NewStateReason": "Threshold Crossed", "OldStateValue": "OK",
        "StateChangeTime": "2026-03-01T05:59:30.123+0000", "Region": "US East (N. Virginia)",
        "Trigger": trigger,
    });
    alarm.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
    alarm
}

fn trigger(namespace: &str, metric: &str) -> serde_json::Value {
    json!({"MetricName": metric, "Namespace": namespace, "StatisticType": "Statistic", "Statistic": "MAXIMUM",
           "Dimensions": [{"value": "prd", "name": "Environment"}, {"value": "lane", "name": "Table"}],
           "Period": 86400, "EvaluationPeriods": 2, "Threshold": 180.0})
}

fn in_sns(inner: &serde_json::Value) -> serde_json::Value {
    json!({"Type": "Notification", "MessageId": "sns-7", "TopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
           "Message": inner.to_string(), "Timestamp": "2026-03-01T05:59:31Z"})
}

#[test]
fn an_alarm_in_an_sns_envelope_is_a_metric_signal() {
    let signal = parsed(in_sns(&alarm(trigger("AWS/SQS", "Depth"), json!({}))));
    assert_eq!(signal.idempotency_key, "sns-7");
    assert_eq!((signal.kind.as_str(), signal.subject.as_str()), ("metric", "AWS/SQS/Depth"));
    assert_eq!(signal.source, "arn:aws:cloudwatch:us-east-1:123456789012:alarm:lag");
    assert_eq!(signal.environment, "prod", "the dimension Environment, in canonical spelling");
    assert_eq!(signal.labels, [("Table".to_owned(), "lane".to_owned())].into(), "every other dimension");
    assert_eq!(signal.status, SignalStatus::Firing);
    assert_eq!(signal.severity, Severity::High, "nothing says otherwise");
    assert_eq!(signal.occurred_at.to_string(), "2026-03-01T05:59:30.123Z");
}

#[test]
fn severity_comes_from_the_watch_file_then_the_tag_then_the_description() {
    let tag = json!({"alarmTags": {"severity": "LOW"}, "AlarmDescription": "severity=CRITICAL"});
    let described = json!({"AlarmDescription": "Queue is deep. severity=critical, see runbook"});
    for (namespace, metric, extra, severity) in [
        ("OPsPipeline", "TelemetryLag", tag.clone(), Severity::Medium),
        ("Other", "TelemetryLag", tag, Severity::Low),
        ("AWS/SQS", "Depth", described, Severity::Critical),
        ("AWS/SQS", "Depth", json!({"AlarmDescription": "severity=dunno"}), Severity::High),
    ] {
        assert_eq!(parsed(in_sns(&alarm(trigger(namespace, metric), extra))).severity, severity);
    }
}

#[test]
fn ok_resolves_and_insufficient_data_says_nothing() {
    for (state, status) in [("OK", SignalStatus::Resolved), ("INSUFFICIENT_DATA", SignalStatus::None)] {
        let signal = parsed(alarm(trigger("AWS/SQS", "Depth"), json!({"NewStateValue": state})));
        assert_eq!((signal.status, signal.idempotency_key.as_str()), (status, "m-1"));
    }
}

#[test]
fn an_alarm_and_a_check_on_one_metric_have_one_fingerprint() {
    let check = parsed(json!({
        "source": "check:telemetry", "kind": "metric", "subject": "AWS/SQS/Depth", "status": "firing",
        "environment": "production", "labels": {"Table": "lane"}, "occurred_at": "2026-03-01T06:00:00Z",
    }));
    assert_eq!(check.fingerprint, parsed(alarm(trigger("AWS/SQS", "Depth"), json!({}))).fingerprint);
}

#[test]
fn a_native_signal_is_keyed_by_source_and_id() {
    let signal = parsed(json!({
        "id": "42", "source": "deploys", "kind": "deploy", "subject": "api", "status": "event", "severity": "sev2",
        "summary": "rolled back", "details": {"by": "ci"}, "a_field_of_the_future": 1,
    }));
    assert_eq!(signal.idempotency_key, "deploys/42");
    assert_eq!((signal.severity, signal.environment.as_str()), (Severity::High, "prod"));
    assert_eq!(signal.occurred_at.to_string(), "2026-03-01T06:00:00Z", "when the queue took it");
}

#[test]
fn a_native_signal_without_severity_has_that_of_its_metric_else_medium() {
    for (subject, severity) in [("OPsPipeline/TelemetryLag", Severity::Medium), ("x", Severity::Medium)] {
        let signal = parsed(json!({"source": "s", "kind": "metric", "subject": subject, "status": "firing"}));
        assert_eq!(signal.severity, severity);
    }
}

#[test]
fn what_nobody_understands_becomes_an_event_about_its_sender_that_says_why() {
    let broken = json!({"kind": "x", "subject": "y", "status": "exploded", "source": "z"});
    for (body, severity, why) in [
        ("{not json".to_owned(), Severity::Medium, "not a JSON object"),
        ("[1]".to_owned(), Severity::Medium, "not a JSON object"),
        ("{}".to_owned(), Severity::Medium, "shape is not known"),
        ("disk FIRING on db1".to_owned(), Severity::High, "not a JSON object"),
        ("the alarm clock".to_owned(), Severity::Medium, "not a JSON object"),
        (broken.to_string(), Severity::Medium, "status is `exploded`"),
        (
            json!({"kind": "k", "subject": "s".repeat(600), "status": "event", "source": "z"}).to_string(),
            Severity::Medium,
            "subject is longer than 512 characters",
        ),
    ] {
        let signal = parsed(&body);
        assert_eq!((signal.kind.as_str(), signal.subject.as_str()), ("unparsed", "principal:AIDAEXAMPLE"));
        assert_eq!((signal.status, signal.severity), (SignalStatus::Event, severity), "{body}");
        assert!(signal.summary.contains(why), "{}", signal.summary);
        assert_eq!(signal.body, body, "kept as received");
    }
}

#[test]
fn the_sender_of_an_sns_message_is_its_topic() {
    assert_eq!(parsed(in_sns(&json!("hello"))).subject, "topic:alarms");
}

#[test]
fn nul_characters_and_endless_keys_do_not_make_the_store_refuse_a_message() {
    let signal = parsed(json!({
        "id": "i".repeat(9_000), "source": "s", "kind": "k", "subject": "a\0b", "status": "event", "labels": {"l\0": "\0"},
    }));
    assert_eq!(signal.subject, "a\u{fffd}b");
    assert_eq!(signal.idempotency_key.len(), 64);
    assert!(signal.labels.iter().all(|(name, value)| !name.contains('\0') && !value.contains('\0')));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_without_loss(body in "\\PC{0,200}") {
        prop_assert_eq!(parsed(&body).body, body);
    }

    #[test]
    fn any_json_in_any_alarm_field_is_read_without_a_panic(state in ".{0,10}", time in ".{0,30}", name in ".{0,10}") {
        let odd = json!({"NewStateValue": state, "StateChangeTime": time, "AlarmName": name});
        parsed(in_sns(&alarm(trigger("AWS/SQS", &time), odd)));
    }
}

#[test]
fn a_composite_alarm_and_one_on_metric_maths_are_alarms_of_their_own() {
    let maths = json!({"Period": 60, "Metrics": [{"Id": "e1", "Expression": "m1/m2"}]});
    let mut composite = alarm(json!(null), json!({"AlarmRule": "ALARM(a) OR ALARM(b)", "NewStateValue": "OK"}));
    composite.as_object_mut().expect("an object").remove("Trigger");
    for (body, status) in [(alarm(maths, json!({})), SignalStatus::Firing), (composite, SignalStatus::Resolved)] {
        let signal = parsed(in_sns(&body));
        assert_eq!((signal.kind.as_str(), signal.subject.as_str(), signal.status), ("alarm", "lag", status));
        let place = [("account", "123456789012"), ("region", "us-east-1")];
        assert_eq!(signal.labels, place.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!((signal.severity, signal.environment.as_str()), (Severity::High, "prod"));
    }
}

#[test]
fn an_empty_id_is_no_id() {
    let native = json!({"id": "", "source": "s", "kind": "k", "subject": "x", "status": "event"});
    assert_eq!(parsed(native).idempotency_key, "m-1");
}

#[test]
fn colliding_signals_get_keys_of_their_own_that_are_always_the_same() {
    let native =
        |status: &str| parsed(json!({"id": "1", "source": "s", "kind": "k", "subject": "x", "status": status}));
    let (fires, ends) = (native("firing"), native("resolved"));
    assert_eq!(fires.idempotency_key, ends.idempotency_key);
    assert_ne!(key_for_colliding(&fires), key_for_colliding(&ends));
    assert_eq!(key_for_colliding(&ends), key_for_colliding(&native("resolved")));
}
