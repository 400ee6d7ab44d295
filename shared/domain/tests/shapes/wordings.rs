//! The same thing in the words of different senders.

use domain::{Severity, SignalStatus};
use serde_json::json;

use crate::read;

#[test]
fn an_alarm_s_recovery_without_an_arn_is_of_the_source_that_fired_by_another_way() {
    let by_event = json!({
        "id": "e", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "account": "123456789012",
        "region": "eu-central-1", "resources": ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a"],
        "detail": {"alarmName": "a", "state": {"value": "ALARM"}, "configuration": {"alarmRule": "ALARM(x)"}},
    });
    let fired = read(&by_event.to_string()).remove(0);
    for region in ["EU (Frankfurt)", "Europe (Frankfurt)", "eu-central-1"] {
        let by_sns = json!({"AlarmName": "a", "AWSAccountId": "123456789012", "NewStateValue": "OK", "Region": region});
        let over = read(&by_sns.to_string()).remove(0);
        assert_eq!((&over.fingerprint, &over.source), (&fired.fingerprint, &fired.source), "{region}");
    }
    let elsewhere = json!({"AlarmName": "a", "AWSAccountId": "1", "NewStateValue": "OK", "Region": "Moon (Crater)"});
    assert_eq!(read(&elsewhere.to_string())[0].source, "1/Moon (Crater)/a");
}

#[test]
fn an_alarm_s_bare_detail_is_an_alarm_and_a_suppressed_one_tells_nobody() {
    let detail = |value: &str, by: &str| json!({"alarmName": "a", "state": {"value": value, "actionsSuppressedBy": by}, "configuration": {}});
    for (value, by, status) in [
        ("ALARM", "", SignalStatus::Firing),
        ("OK", "", SignalStatus::Resolved),
        ("ALARM", "WaitPeriod", SignalStatus::None),
        ("OK", "Alarm", SignalStatus::Resolved),
    ] {
        let signal = read(&detail(value, by).to_string()).remove(0);
        assert_eq!(
            (signal.kind.as_str(), signal.subject.as_str(), signal.status),
            ("alarm", "a", status),
            "{value} {by}"
        );
    }
}

#[test]
fn a_severity_in_a_description_is_found_however_it_is_written() {
    for (description, severity) in [
        ("Severity=critical", Severity::Critical),
        ("SEVERITY = P4. Call", Severity::Low),
        ("severity: low", Severity::Low),
        ("severity unknown; severity=dunno, severity:fatal", Severity::Critical),
        ("of some severity", Severity::High),
    ] {
        let alarm = json!({"AlarmName": "a", "NewStateValue": "ALARM", "AlarmDescription": description});
        assert_eq!(read(&alarm.to_string())[0].severity, severity, "{description}");
    }
}

#[test]
fn a_verdict_may_be_a_truth_value_or_a_word_of_the_verifier_s() {
    for (verdict, read_as) in [
        (json!(false), "FALSE"),
        (json!(true), "TRUE"),
        (json!("FALSE_CLAIM"), "FALSE"),
        (json!("unverifiable_claim"), "UNVERIFIABLE"),
    ] {
        let report = json!({"worker_id": "w", "verdict": verdict, "claim": "c", "env": "stg"});
        let signal = read(&report.to_string()).remove(0);
        assert_eq!(signal.labels.get("verdict").map(String::as_str), Some(read_as));
        assert_eq!(signal.environment, "staging");
    }
}

#[test]
fn a_budget_s_lines_are_read_in_any_letter_case() {
    let prose =
        "AWS Account: 123456789012\nBudget name: b\nAlert Type: Actual\nAlert Threshold: > $8\nActual Amount: $9";
    let signal = read(prose).remove(0);
    assert_eq!((signal.kind.as_str(), signal.severity), ("budget", Severity::High));
    assert_eq!(signal.labels.get("account").map(String::as_str), Some("123456789012"));
    assert!(signal.summary.contains("> $8: $9 actual"), "{}", signal.summary);
}
