//! What was held goes out when it may, if it is still worth telling.

use domain::delivery::Outcome;
use domain::policy::Integration;
use jiff::ToSpan;
use store::deliveries::{self, Known, Others, Released};

use crate::record::{PATIENCE, Record, Row, at, generous, known, row};

async fn release(record: &Record, time: &str, known: &[Known]) -> (usize, usize) {
    let released = deliveries::release(&record.connection.client, at(time), known, PATIENCE).await.expect("released");
    let Released { pending, cancelled } = released;
    (pending, cancelled)
}

fn off() -> Vec<Known> {
    let mut known = generous(&["hook", "mail"]);
    known[0].off = true;
    known
}

fn held<'a>(subject: &'a str, because: &'a str, until: Option<&'a str>) -> Row<'a> {
    Row { status: "held", held: Some((because, until)), ..row(subject, "hook", "LOW") }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_hours_goes_out_when_they_are_there() {
    let record = Record::new().await;
    let known = generous(&["hook"]);
    record.write(at("06:00:00"), &[held("disk", "outside-hours", Some("08:00:00"))]).await;
    assert_eq!(release(&record, "07:59:59", &known).await, (0, 0));
    assert!(record.lease(at("07:59:59"), &known).await.is_empty());
    assert_eq!(release(&record, "08:00:00", &known).await, (1, 0));
    assert_eq!(record.lease(at("08:00:00"), &known).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_switch_goes_out_when_it_is_on() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[held("disk", "switched-off", None)]).await;
    assert_eq!(release(&record, "07:00:00", &off()).await, (0, 0));
    assert_eq!(release(&record, "07:01:00", &generous(&["hook"])).await, (1, 0));
    assert_eq!(record.deliveries().await, ["disk hook firing pending"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_be_sent_when_its_receiver_was_switched_off_is_held_unless_it_is_critical() {
    let record = Record::new().await;
    let rows = [row("disk", "hook", "HIGH"), row("fire", "hook", "CRITICAL"), row("disk", "mail", "HIGH")];
    record.write(at("06:00:00"), &rows).await;
    let hold = async || deliveries::hold(&record.connection.client, &off(), PATIENCE).await.expect("held");
    assert_eq!((hold().await, hold().await), (1, 0));
    let statuses = ["disk hook firing held", "fire hook firing pending", "disk mail firing pending"];
    assert_eq!(record.deliveries().await, statuses);
    assert_eq!(release(&record, "07:00:00", &generous(&["hook"])).await, (1, 0));
    assert_eq!(record.lease(at("07:00:00"), &generous(&["hook", "mail"])).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_ended_while_it_was_held_is_not_told_unless_an_event_opened_it() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[held("disk", "switched-off", None), held("deploy", "switched-off", None)]).await;
    record
        .run(
            "update watchkeeper.alerts set status = 'resolved', resolved_at = opened_at, close_reason = 'recovered';
              update watchkeeper.alerts set event_key = '1' where subject = 'deploy'",
        )
        .await;
    assert_eq!(release(&record, "07:00:00", &generous(&["hook"])).await, (1, 1));
    assert_eq!(record.deliveries().await, ["disk hook firing cancelled", "deploy hook firing pending"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_held_reaches_whoever_was_told_of_the_beginning() {
    let record = Record::new().await;
    let known = generous(&["hook"]);
    record.write(at("06:00:00"), &[row("disk", "hook", "LOW")]).await;
    let lease = record.lease(at("06:00:01"), &known).await.remove(0);
    record.finish(&lease, at("06:00:02"), Outcome::Accepted, Others::TriedAgain, &known).await;
    let end = |subject| Row { notice: "resolved", ..held(subject, "switched-off", None) };
    record.write(at("06:01:00"), &[end("disk"), held("lamp", "switched-off", None), end("lamp")]).await;
    record
        .run("update watchkeeper.alerts set status = 'resolved', resolved_at = opened_at, close_reason = 'recovered'")
        .await;
    assert_eq!(release(&record, "07:00:00", &known).await, (1, 2));
    let expected = [
        "disk hook firing sent",
        "disk hook resolved pending",
        "lamp hook firing cancelled",
        "lamp hook resolved cancelled",
    ];
    assert_eq!(record.deliveries().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waited_for_hours_has_been_waiting_for_the_receiver_since_they_came() {
    let record = Record::new().await;
    let known = generous(&["hook", "mail"]);
    let friday = at("06:00:00") - 63.hours();
    let fallback = &["mail"];
    record.write(friday, &[Row { fallback, ..held("disk", "outside-hours", Some("06:00:00")) }]).await;
    assert_eq!(release(&record, "06:00:00", &known).await, (1, 0));
    let backlog = deliveries::backlog(&record.connection.client, at("06:00:20")).await.expect("counted");
    assert_eq!((backlog.due, backlog.oldest), (1, 20.0));

    let fall_back = async |time: &str| {
        deliveries::fall_back(&record.connection.client, at(time), &known, PATIENCE).await.expect("looked")
    };
    assert_eq!(fall_back("06:01:00").await, 0, "nobody tried it, for want of a token");
    let lease = record.lease(at("06:01:00"), &known).await.remove(0);
    assert_eq!(lease.waiting_since, at("06:00:00"), "a day of tries begins now");
    record.finish(&lease, at("06:01:01"), Outcome::Transient, Others::TriedAgain, &known).await;
    assert_eq!(fall_back("06:04:59").await, 0, "the first try failed minutes ago");
    assert_eq!(fall_back("06:05:00").await, 1);
}

/// An alert was told, its end is held, and the same began again.
async fn began_again(receiver: &Known, severity: &str, again: &str) -> (Record, (usize, usize)) {
    let record = Record::new().await;
    let known = [receiver.clone()];
    record.write(at("06:00:00"), &[row("disk", "hook", severity)]).await;
    let lease = record.lease(at("06:00:01"), &known).await.remove(0);
    record.finish(&lease, at("06:00:02"), Outcome::Accepted, Others::TriedAgain, &known).await;
    let end = held("disk", "outside-hours", Some("09:00:00"));
    record.write(at("06:10:00"), &[Row { notice: "resolved", severity, ..end }]).await;
    let over = "update watchkeeper.alerts set status = 'resolved', resolved_at = opened_at, close_reason = 'recovered'";
    record.run(over).await;
    record.write(at("06:20:00"), &[Row { alert: "disk again", ..row("disk", "hook", again) }]).await;
    let integration = receiver.integration.as_str();
    record.run(&format!("update watchkeeper.deliveries set integration = '{integration}'")).await;
    let released = release(&record, "09:00:00", &known).await;
    (record, released)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_held_is_not_told_once_the_same_began_again() {
    let (record, released) = began_again(&known("hook", Integration::Webhook, 60, 5), "HIGH", "CRITICAL").await;
    assert_eq!(released, (0, 1));
    let expected = ["disk hook firing sent", "disk hook resolved cancelled", "disk hook firing pending"];
    assert_eq!(record.deliveries().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_held_closes_its_incident_unless_the_same_key_is_open_again() {
    let pagerduty = known("hook", Integration::Pagerduty, 60, 5);
    assert_eq!(began_again(&pagerduty, "HIGH", "CRITICAL").await.1, (1, 0), "nothing else closes the key of HIGH");
    assert_eq!(began_again(&pagerduty, "HIGH", "HIGH").await.1, (0, 1), "it would close what is open");
}
