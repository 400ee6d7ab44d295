//! Shapes other than an alarm, all the way to people.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::samples::samples;

use crate::messages::{again, batch, one, record};
use crate::world::{World, accepts};

/// A webhook of Alertmanager about instances, each in a state since a time of day.
fn webhook(alerts: &[(&str, &str, &str)]) -> String {
    let alerts: Vec<Value> = alerts
        .iter()
        .map(|(instance, status, at)| {
            let at = format!("2026-03-01T{at}Z");
            let since = if *status == "firing" { "2026-03-01T06:00:00Z" } else { "2026-03-01T05:00:00Z" };
            let (starts, ends) =
                if *status == "firing" { (at.as_str(), "0001-01-01T00:00:00Z") } else { (since, at.as_str()) };
            json!({"status": status, "labels": {"alertname": "Down", "instance": instance, "severity": "critical"},
                   "annotations": {"summary": format!("{instance} is down")}, "startsAt": starts, "endsAt": ends})
        })
        .collect();
    json!({"version": "4", "groupKey": "{}", "receiver": "w", "externalURL": "http://am:9093", "alerts": alerts})
        .to_string()
}

/// The message of a sample with one record.
fn sample(name: &str) -> Value {
    let all = samples("events/alert-router").expect("samples");
    let (_, event) = all.into_iter().find(|(sample, _)| sample == name).expect(name);
    event["Records"][0].clone()
}

fn in_sns(topic: &str, id: &str, message: &str) -> String {
    let arn = format!("arn:aws:sns:eu-central-1:123456789012:{topic}");
    json!({"Type": "Notification", "MessageId": id, "TopicArn": arn, "Message": message}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alert_of_a_message_is_an_alert_of_its_own_and_ends_on_its_own() {
    let world = World::new().await;
    let router = world.router().await;
    let fires = [("a", "firing", "06:00:00"), ("b", "firing", "06:00:01"), ("c", "firing", "06:00:02")];
    accepts(&router, one(&webhook(&fires))).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"; 3]);
    let keys = world.column("select idempotency_key from watchkeeper.signals order by 1").await;
    let ends: Vec<&str> = keys.iter().filter_map(|key| key.split('#').nth(1)).collect();
    assert_eq!(ends, ["1", "2", "3"], "{keys:?}");

    // Alertmanager sends the whole group again when one of it changes.
    accepts(&router, one(&webhook(&[fires[0], ("b", "resolved", "06:10:00"), fires[2]]))).await;
    let open = "select labels ->> 'instance' from watchkeeper.alerts where status = 'firing' order by 1";
    assert_eq!(world.column(open).await, ["a", "c"]);

    accepts(&router, one(&webhook(&[("a", "resolved", "06:20:00"), ("c", "resolved", "06:20:00")]))).await;
    assert_eq!(world.incidents(), ["CRITICAL resolved 1"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_several_alerts_that_comes_twice_changes_nothing() {
    let world = World::new().await;
    let router = world.router().await;
    let message = record(&webhook(&[("a", "firing", "06:00:00"), ("b", "resolved", "06:00:00")]), 1);
    accepts(&router, batch([message.clone()])).await;
    let before = world.rows("select * from watchkeeper.signals order by idempotency_key").await;
    accepts(&router, batch([again(&message, 2)])).await;
    assert_eq!(world.rows("select * from watchkeeper.signals order by idempotency_key").await, before);
    assert_eq!(before.len(), 2);
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_s_prose_pages_once() {
    let world = World::new().await;
    let router = world.router().await;
    let budget = sample("budget-actual");
    for count in 1..=3 {
        accepts(&router, batch([again(&budget, count)])).await;
    }
    // AWS says so every day; within the window that is the same news.
    let body: Value = serde_json::from_str(budget["body"].as_str().expect("a body")).expect("JSON");
    let next = in_sns("budgets", "the-next-day", body["Message"].as_str().expect("prose"));
    accepts(&router, one(&next)).await;
    assert_eq!(world.decisions().await, ["opened", "suppressed/duplicate"]);
    let mails = world.mails().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("HIGH") && mails[0].contains("data platform"), "{mails:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_any_encoding_is_on_record_and_told_once_for_each_sender() {
    let world = World::new().await;
    let router = world.router().await;
    let garbage = [
        "eyJraW5kIjoiYmFzZTY0In0=",
        "\u{feff}\u{fffe} half of it",
        "<?xml version=\"1.0\"?><alarm/>",
        "p\u{0}l\u{0}a\u{0}i\u{0}n",
        "%7B%22kind%22%3A%22x%22%7D",
    ];
    let raw = garbage.iter().map(|body| record(body, 1));
    let through_sns = garbage.iter().enumerate().map(|(n, body)| record(&in_sns("odd", &format!("odd-{n}"), body), 1));
    let event = |n: usize| json!({"id": format!("e-{n}"), "source": "my.app", "detail-type": "?", "detail": {"n": n}});
    let events = (0..5).map(|n| record(&event(n).to_string(), 1));
    accepts(&router, batch(raw.chain(through_sns).chain(events))).await;
    let by_sender = "select subject, count(*) from watchkeeper.signals where kind = 'unparsed' group by 1 order by 1";
    let row = |sender: &str, count: &str| vec![sender.to_owned(), count.to_owned()];
    let expected = [row("events:my.app", "5"), row("principal:AIDATEST", "5"), row("topic:odd", "5")];
    assert_eq!(world.rows(by_sender).await, expected);
    let told = "select subject, count(*) from watchkeeper.deliveries join watchkeeper.alerts using (alert_id) group by 1 order by 1";
    let expected = [row("events:my.app", "1"), row("principal:AIDATEST", "1"), row("topic:odd", "1")];
    assert_eq!(world.rows(told).await, expected);
    assert_eq!(world.receivers.received_by("webhook").len(), 3, "MEDIUM goes to the hook");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_claim_with_a_destructive_command_wakes_somebody_though_a_lesser_one_came_before() {
    let world = World::new().await;
    let router = world.router().await;
    let claim = |claim: &str| {
        json!({"worker_id": "worker-7", "status": "FALSE", "claim": claim, "environment": "prd"}).to_string()
    };
    accepts(&router, one(&claim("updated the report"))).await;
    accepts(&router, one(&claim("updated the report again"))).await;
    accepts(&router, one(&claim("cleaned up: docker  stop \\\n web"))).await;
    let severities = "select severity, decision from watchkeeper.signals order by received_at";
    let row = |severity: &str, decision: &str| vec![severity.to_owned(), decision.to_owned()];
    let expected = [row("HIGH", "opened"), row("HIGH", "suppressed"), row("CRITICAL", "updated")];
    assert_eq!(world.rows(severities).await, expected);
    assert_eq!(world.incidents(), ["HIGH resolved 1", "CRITICAL open 1"]);
    assert_eq!(world.column("select worker_id from watchkeeper.alerts").await, ["worker-7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_by_two_ways_is_one_incident_until_it_is_over() {
    let world = World::new().await;
    let router = world.router().await;
    let state = |value: &str, at: &str| {
        json!({
            "id": format!("{value}{at}"), "detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch",
            "account": "123456789012", "region": "eu-central-1",
            "resources": ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:Depth-high"],
            "detail": {"alarmName": "Depth-high", "state": {"value": value, "timestamp": format!("2026-03-01T{at}.000+0000")},
                       "configuration": {"description": "severity=HIGH", "metrics": [{"id": "m", "metricStat": {"period": 86400,
                       "metric": {"namespace": "AWS/SQS", "name": "Depth", "dimensions": {"QueueName": "jobs"}}}}]}},
        })
        .to_string()
    };
    let by_sns = |value: &'static str, at: &'static str| {
        crate::messages::Alarm { metric: "Depth", state: value, severity: "HIGH", at }.body()
    };
    accepts(&router, one(&by_sns("ALARM", "06:00:00"))).await;
    accepts(&router, one(&state("ALARM", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    accepts(&router, one(&state("OK", "06:05:00"))).await;
    accepts(&router, one(&by_sns("OK", "06:05:00"))).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
    assert_eq!(world.decisions().await, ["opened", "suppressed/duplicate", "resolved", "suppressed/duplicate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_alerts_in_one_message_are_a_thousand_alerts_in_little_time() {
    let world = World::new().await;
    let router = world.router().await;
    let instances: Vec<String> = (0..1_000).map(|n| format!("host-{n:04}")).collect();
    // LOW would be told as well; what counts here is the record.
    let alerts: Vec<(&str, &str, &str)> =
        instances.iter().map(|name| (name.as_str(), "resolved", "06:00:00")).collect();
    let began = std::time::Instant::now();
    accepts(&router, one(&webhook(&alerts))).await;
    assert_eq!(world.column("select count(*) from watchkeeper.signals").await, ["1000"]);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let bytes =
        world.column("select sum(length(body)) from watchkeeper.signals").await[0].parse::<usize>().expect("a number");
    assert!(bytes < 1_000_000, "the message is not kept a thousand times: {bytes}");
}
