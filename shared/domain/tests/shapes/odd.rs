//! Messages that are nearly right: what can be read of them is read, and what cannot costs little.

use domain::SignalStatus;
use serde_json::json;

use crate::{SENT_AT, read};

#[test]
fn json_that_strict_readers_refuse_is_read_all_the_same() {
    let claim = |field: &str| format!(r#"{{"worker_id": "w", "status": "FALSE", "claim": "ran x", {field}}}"#);
    let deep = format!(r#""trace": {}"rm -rf /data"{}"#, "[{\"a\":".repeat(150), "}]".repeat(150));
    for field in [
        r#""score": NaN"#,
        r#""score": -Infinity, "most": [Infinity]"#,
        r#""score": 1e400"#,
        r#""score": -123e99999"#,
        r#""name": "half of one: \ud83d""#,
        r#""name": "\udc00, \ud83d\ude00 and \ud83d\n""#,
        r#""name": "\uD8""#,
        r#""path": "C:\data\q""#,
        "\"log\": \"a\nline\tand\u{1}\"",
        deep.as_str(),
    ] {
        let body = claim(field);
        let signal = read(&body).remove(0);
        assert_eq!((signal.kind.as_str(), signal.subject.as_str()), ("claim", "w"), "{body}");
        assert_eq!(signal.summary, "w claims what was found FALSE: ran x");
        assert_eq!(signal.body, body, "kept as received");
    }
    let said = r#"{"worker_id": "w", "status": "FALSE", "claim": "\ud83d\ude00 \ud83d rm \"-rf\"", "n": NaN}"#;
    assert!(read(said)[0].summary.ends_with("\u{1f600} \u{fffd} rm \"-rf\""), "{}", read(said)[0].summary);
    for broken in [r#"{"worker_id": "w", "status": "FALSE", "claim": "#, r#"{"a": nan}"#, "{\"", "{\"\\u", "{[[["] {
        assert_eq!(read(broken)[0].kind, "unparsed", "{broken}");
    }
}

#[test]
fn a_command_in_what_nests_too_deep_is_still_seen() {
    let (open, close) = ("[".repeat(200), "]".repeat(200));
    let body = format!(r#"{{"worker_id": "w", "status": "FALSE", "claim": {open}"docker stop web"{close}}}"#);
    assert!(read(&body)[0].summary.contains("docker stop web"), "{}", read(&body)[0].summary);
}

#[test]
fn a_native_signal_that_lacks_what_it_needs_says_which() {
    for (body, why) in [
        (json!({"kind": "k", "subject": "x", "status": "firing"}), "source is missing: expected a text"),
        (json!({"source": "s", "kind": [], "subject": "x", "status": "firing"}), "kind is missing: expected a text"),
        (
            json!({"source": "s", "kind": "k", "subject": "x", "status": "over"}),
            "status is `over`: expected firing, resolved, event or none",
        ),
    ] {
        let signal = read(&body.to_string()).remove(0);
        assert_eq!(signal.kind, "unparsed");
        assert!(signal.summary.contains(why), "{}", signal.summary);
    }
}

#[test]
fn labels_of_any_type_are_labels_and_an_empty_one_is_none() {
    let body = json!({"source": "s", "kind": "k", "subject": "x", "status": "none", "severity": "P1",
                      "labels": {"n": 1, "on": true, "zone": "a", "gone": null}, "occurred_at": 1_772_343_600});
    let signal = read(&body.to_string()).remove(0);
    let labels = [("n", "1"), ("on", "true"), ("zone", "a")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(signal.labels, labels.into());
    assert_eq!((signal.status, signal.occurred_at.to_string().as_str()), (SignalStatus::None, "2026-03-01T05:40:00Z"));
}

#[test]
fn a_date_before_the_calendar_is_no_date_whoever_gives_it() {
    let ancient = "-005000-01-01T00:00:00Z";
    let native = json!({"source": "s", "kind": "k", "subject": "x", "status": "event", "occurred_at": ancient});
    let event = json!({"id": "e", "source": "x", "detail-type": "y", "time": ancient, "detail": {}});
    let sns =
        json!({"Type": "Notification", "MessageId": "s", "TopicArn": "arn:t", "Message": "?", "Timestamp": ancient});
    for body in [native, event, sns] {
        assert_eq!(read(&body.to_string())[0].occurred_at.to_string(), "2026-03-01T06:00:03Z", "{body}");
        assert_eq!(SENT_AT, "2026-03-01T06:00:03Z");
    }
}

#[test]
fn ten_thousand_alerts_that_cannot_be_read_are_one_notice_and_one_copy_of_the_message() {
    let bad = json!({"status": "firing", "labels": {"severity": "critical"}, "startsAt": "2026-03-01T05:00:00Z"});
    let good = json!({"status": "firing", "labels": {"alertname": "A"}});
    let mut alerts = vec![bad; 10_000];
    alerts[4] = good;
    alerts[9] = json!({"status": "firing", "labels": {"alertname": ""}});
    let body = json!({"groupKey": "{}", "alerts": alerts, "truncatedAlerts": 3}).to_string();
    let signals = read(&body);
    assert_eq!(signals.iter().map(|signal| signal.kind.as_str()).collect::<Vec<_>>(), ["unparsed", "prometheus"]);
    assert_eq!(signals[1].idempotency_key, "sqs-1#5", "the n-th alert of a message keeps its number");
    assert!(signals[1].body.len() < 100);
    let summary = &signals[0].summary;
    assert!(summary.contains("alert 1 of Alertmanager's message has no label `alertname`"), "{summary}");
    assert!(summary.contains("9998 more") && summary.contains("left 3 of its alerts out"), "{summary}");
}
