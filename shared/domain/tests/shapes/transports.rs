//! Each shape in each wrapping: what is read is the same, who sent it and how it is keyed is the wrapping's.

use domain::Signal;
use serde_json::{Value, json};

use crate::table::{SHAPES, line};
use crate::{SENT_AT, read, samples};

/// A message in a wrapping.
struct Wrapped {
    body: String,
    sender: &'static str,
    key: &'static str,
    at: &'static str,
}

/// Without the envelope of SNS that a sample may be in.
fn without_envelope(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let message =
        json.filter(|json| json["Type"] == "Notification").and_then(|json| json["Message"].as_str().map(str::to_owned));
    message.unwrap_or_else(|| body.to_owned())
}

fn in_sns(message: &str) -> String {
    json!({
        "Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:aws:sns:eu-central-1:123456789012:things",
        "Message": message, "Timestamp": "2026-03-01T06:00:02Z", "SignatureVersion": "1", "Signature": "…",
    })
    .to_string()
}

/// Every wrapping that a message can be in. CloudWatch's events are events already, with an id and a time of theirs.
fn wrappings(message: &str) -> Vec<Wrapped> {
    let json: Option<Value> = serde_json::from_str(message).ok().filter(Value::is_object);
    let sns = |message: &str| Wrapped {
        body: in_sns(message),
        sender: "topic:things",
        key: "sns-1",
        at: "2026-03-01T06:00:02Z",
    };
    let raw = |key, sender, at| Wrapped { body: message.to_owned(), sender, key, at };
    let Some(mut json) = json else { return vec![raw("sqs-1", "principal:AIDAEXAMPLE", SENT_AT), sns(message)] };
    let time = "2026-03-01T06:00:01Z";
    if json["detail-type"].is_string() {
        json["id"] = json!("event-1");
        json["time"] = json!(time);
        let event = |sender, key, body| Wrapped { body, sender, key, at: time };
        return vec![
            event("events:aws.cloudwatch", "event-1", json.to_string()),
            event("topic:things", "sns-1", in_sns(&json.to_string())),
        ];
    }
    let event = json!({
        "version": "0", "id": "event-1", "detail-type": "Something Happened", "source": "my.app", "account": "210987654321",
        "time": time, "region": "eu-west-1", "resources": [], "detail": json,
    });
    vec![
        raw("sqs-1", "principal:AIDAEXAMPLE", SENT_AT),
        sns(message),
        Wrapped { body: event.to_string(), sender: "events:my.app", key: "event-1", at: time },
        Wrapped { at: time, ..sns(&event.to_string()) },
    ]
}

fn expected_key(signal: &Signal, wrapped: &Wrapped, n: usize, of: usize) -> String {
    match signal.kind.as_str() {
        "deploy" => "deploys/deploy-42".to_owned(),
        _ if of == 1 => wrapped.key.to_owned(),
        _ => format!("{}#{}", wrapped.key, n + 1),
    }
}

#[test]
fn every_shape_is_read_alike_in_every_wrapping_and_keyed_by_it() {
    for (name, bodies) in samples() {
        let (_, expected) = SHAPES.iter().find(|(sample, _)| *sample == name).expect("a line");
        let mut expected = expected.iter();
        for body in bodies {
            let message = without_envelope(&body);
            let mut last: Option<Vec<String>> = None;
            for wrapped in wrappings(&message) {
                let signals = read(&wrapped.body);
                let lines: Vec<String> =
                    signals.iter().map(|signal| line(signal, wrapped.sender, wrapped.at)).collect();
                let expected: Vec<&str> = match &last {
                    None => expected.by_ref().take(signals.len()).copied().collect(),
                    Some(last) => last.iter().map(String::as_str).collect(),
                };
                assert_eq!(lines, expected, "{name}: {}", wrapped.body);
                for (n, signal) in signals.iter().enumerate() {
                    assert_eq!(signal.idempotency_key, expected_key(signal, &wrapped, n, signals.len()), "{name}");
                }
                last = Some(lines);
            }
        }
        assert_eq!(expected.next(), None, "{name} has more lines than signals");
    }
}

#[test]
fn an_alarm_is_one_source_of_one_condition_whichever_way_it_comes() {
    let (name, arn) = ("disk", "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:disk");
    let at = "2026-03-01T05:00:00.000+0000";
    let queries = json!([{"id": "m", "returnData": true, "metricStat": {"period": 86400, "stat": "Average", "metric":
        {"namespace": "CWAgent", "name": "disk_used_percent", "dimensions": {"host": "db-1"}}}}]);
    let by_sns = json!({
        "AlarmName": name, "AlarmArn": arn, "NewStateValue": "ALARM", "StateChangeTime": at, "Region": "EU (Frankfurt)",
        "Trigger": {"Namespace": "CWAgent", "MetricName": "disk_used_percent", "Dimensions": [{"name": "host", "value": "db-1"}]},
    });
    // An alarm that was made from a list of one query.
    let by_sns_as_list = json!({
        "AlarmName": name, "AlarmArn": arn, "NewStateValue": "ALARM", "StateChangeTime": at, "Region": "EU (Frankfurt)",
        "Trigger": {"Metrics": [{"Id": "m", "ReturnData": true, "MetricStat": {"Period": 60, "Stat": "Average", "Metric":
            {"Namespace": "CWAgent", "MetricName": "disk_used_percent", "Dimensions": [{"name": "host", "value": "db-1"}]}}}]},
    });
    let data =
        json!({"alarmName": name, "state": {"value": "ALARM", "timestamp": at}, "configuration": {"metrics": queries}});
    let by_event = json!({
        "id": "e", "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "account": "123456789012",
        "region": "eu-central-1", "time": "2026-03-01T06:00:00Z", "resources": [arn], "detail": data,
    });
    let direct = json!({
        "source": "aws.cloudwatch", "alarmArn": arn, "accountId": "123456789012", "region": "eu-central-1", "alarmData": data,
    });
    let all = [by_sns, by_sns_as_list, by_event, direct].map(|body| read(&body.to_string()).remove(0));
    for signal in &all {
        assert_eq!((&signal.fingerprint, &signal.source), (&all[0].fingerprint, &all[0].source));
        assert_eq!((signal.kind.as_str(), signal.occurred_at), ("metric", all[0].occurred_at));
    }
}

#[test]
fn one_alert_that_cannot_be_read_costs_none_of_the_others_and_what_was_cut_is_said() {
    let alert = json!({"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-03-01T05:00:00Z"});
    let body = json!({
        "version": "4", "externalURL": "http://am", "truncatedAlerts": 7,
        "alerts": [alert, {"status": "firing", "labels": {}}, "?", alert],
    });
    let signals = read(&body.to_string());
    let kinds: Vec<&str> = signals.iter().map(|signal| signal.kind.as_str()).collect();
    assert_eq!(kinds, ["prometheus", "unparsed", "prometheus"]);
    assert!(signals[1].summary.contains("alert 2 of Alertmanager's message has no label `alertname`"));
    assert!(signals[1].summary.contains("left 7 of its alerts out"));
    assert_eq!(signals[0].body, body.to_string(), "the first keeps the whole message");
    assert_eq!(signals[2].body, alert.to_string(), "and each other what is its own");
    let none = read(&json!({"externalURL": "http://am", "alerts": []}).to_string());
    assert_eq!((none.len(), none[0].kind.as_str()), (1, "unparsed"));
}

#[test]
fn a_claim_of_nobody_is_no_claim_but_it_is_told() {
    for worker in [json!(null), json!(""), json!("  "), json!("unknown"), json!("Unknown "), json!({})] {
        let signal = read(&json!({"worker_id": worker, "verdict": "FALSE", "claim": "c"}).to_string()).remove(0);
        assert_eq!(signal.kind, "unparsed", "{worker}");
        assert!(signal.summary.contains("worker_id names nobody"), "{}", signal.summary);
    }
    assert_eq!(read(&json!({"worker_id": 7, "verdict": "FALSE"}).to_string())[0].subject, "7");
    let signal = read(&json!({"worker_id": "w", "status": "MAYBE", "claim": "c"}).to_string()).remove(0);
    assert!(
        signal.summary.contains("its verdict is `MAYBE`, expected TRUE, FALSE or UNVERIFIABLE"),
        "{}",
        signal.summary
    );
}

#[test]
fn a_destination_for_successes_tells_nobody_and_a_mapping_s_failure_is_told() {
    let record = |condition: &str| json!({"requestContext": {"functionArn": "arn:aws:lambda:eu-central-1:1:function:f:live", "condition": condition}});
    for (condition, status) in [("Success", "none"), ("RetryAttemptsExhausted", "event"), ("EventAgeExceeded", "event")]
    {
        let signal = read(&record(condition).to_string()).remove(0);
        assert_eq!((signal.subject.as_str(), signal.status.as_str()), ("f", status), "{condition}");
    }
}

#[test]
fn an_alarm_whose_actions_were_switched_off_is_told() {
    let event = json!({
        "id": "e", "detail-type": "CloudWatch Alarm Configuration Change", "source": "aws.cloudwatch",
        "detail": {"alarmName": "disk", "operation": "update", "configuration": {"actionsEnabled": false}},
    });
    let signal = read(&event.to_string()).remove(0);
    assert_eq!((signal.status.as_str(), signal.severity.as_str()), ("event", "LOW"));
    assert!(signal.summary.contains("has its actions switched off"), "{}", signal.summary);
}
