//! What was held goes out when it may, if it is still worth telling.

use domain::delivery::Outcome;
use store::deliveries::{self, Known, Others, Released};

use crate::record::{PATIENCE, Record, Row, at, generous, row};

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
