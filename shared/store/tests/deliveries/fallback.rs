//! Who is told instead: when a receiver gave up on a notice, takes too long, refuses everything, or is off.

use domain::delivery::Outcome;
use domain::policy::Integration;
use store::deliveries::{self, Known, Others};

use crate::record::{PATIENCE, Record, Row, at, generous, known, row, subjects};

fn receivers() -> Vec<Known> {
    let mut known_ones = generous(&["hook", "mail", "chat"]);
    known_ones.push(known("self", Integration::Sns, 60_000, 10_000));
    known_ones
}

async fn fall_back(record: &Record, time: &str, known: &[Known]) -> usize {
    deliveries::fall_back(&record.connection.client, at(time), known, PATIENCE).await.expect("looked")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_failed_is_told_to_its_fallback_once_and_raised_in_the_same_transaction() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[Row { fallback: &["mail", "chat"], ..row("disk", "hook", "HIGH") }]).await;
    let lease = record.lease(at("06:00:01"), &receivers()).await.remove(0);
    record.finish(&lease, at("06:00:02"), Outcome::Permanent, Others::TriedAgain, &receivers()).await;
    let all = ["disk hook firing failed", "disk chat firing pending", "disk mail firing pending"];
    let mut rows = record.deliveries().await;
    rows[1..].sort();
    assert_eq!(rows, all);
    assert_eq!(
        record.lines("select id from watchkeeper.signal_outbox").await,
        [format!("failed/{}", lease.delivery_id)]
    );
    let copied = "select distinct alert_id, dedup_key, notification from watchkeeper.deliveries";
    assert_eq!(record.lines(copied).await.len(), 1, "the same alert, key and words");
    assert_eq!(fall_back(&record, "06:30:00", &receivers()).await, 0, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_that_was_told_of_it_already_is_not_told_again() {
    let record = Record::new().await;
    let rows = [Row { fallback: &["mail"], ..row("disk", "hook", "HIGH") }, row("disk", "mail", "HIGH")];
    record.write(at("06:00:00"), &rows).await;
    for lease in record.lease(at("06:00:01"), &receivers()).await {
        let outcome = if lease.receiver == "hook" { Outcome::Permanent } else { Outcome::Accepted };
        record.finish(&lease, at("06:00:02"), outcome, Others::TriedAgain, &receivers()).await;
    }
    assert_eq!(record.deliveries().await, ["disk hook firing failed", "disk mail firing sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_accepted_within_five_minutes_is_told_to_others_and_still_tried() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[Row { fallback: &["mail"], ..row("disk", "hook", "HIGH") }]).await;
    let lease = record.lease(at("06:00:01"), &receivers()).await.remove(0);
    record.finish(&lease, at("06:00:02"), Outcome::Transient, Others::TriedAgain, &receivers()).await;
    assert_eq!(fall_back(&record, "06:04:59", &receivers()).await, 0);
    assert_eq!(fall_back(&record, "06:05:00", &receivers()).await, 1);
    assert_eq!(fall_back(&record, "06:20:00", &receivers()).await, 0, "once");
    assert_eq!(record.deliveries().await, ["disk hook firing pending", "disk mail firing pending"]);
    assert_eq!(record.lease(at("06:20:00"), &receivers()).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_its_group_has_five_minutes_from_then() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[Row { fallback: &["mail"], ..row("disk", "hook", "HIGH") }]).await;
    record.run("update watchkeeper.deliveries set due_at = '2026-03-01T06:05:00Z'").await;
    assert_eq!(fall_back(&record, "06:05:01", &receivers()).await, 0, "nobody has tried it yet");
    assert_eq!(fall_back(&record, "06:10:00", &receivers()).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_everything_is_still_tried_and_others_are_told_at_once_until_it_takes_one() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[Row { fallback: &["mail"], ..row("one", "hook", "HIGH") }]).await;
    let lease = record.lease(at("06:00:01"), &receivers()).await.remove(0);
    record.finish(&lease, at("06:00:02"), Outcome::Permanent, Others::GivenUp, &receivers()).await;
    let health =
        "select unhealthy_since is not null, unhealthy_reason from watchkeeper.receiver_states where receiver = 'hook'";
    assert_eq!(record.lines(health).await, ["t HTTP 404: gone"]);

    record.write(at("06:01:00"), &[Row { fallback: &["mail"], ..row("two", "hook", "HIGH") }]).await;
    let leases = record.lease(at("06:01:01"), &receivers()).await;
    let tried = leases.iter().find(|lease| lease.receiver == "hook").expect("still tried");
    record.finish(tried, at("06:01:02"), Outcome::Transient, Others::TriedAgain, &receivers()).await;
    assert!(record.deliveries().await.contains(&"two mail firing pending".to_owned()));

    record.write(at("06:02:00"), &[Row { fallback: &["mail"], ..row("three", "hook", "HIGH") }]).await;
    assert_eq!(fall_back(&record, "06:02:00", &receivers()).await, 1, "without waiting for its answer");
    let leases = record.lease(at("06:02:01"), &receivers()).await;
    let tried = leases.iter().find(|lease| lease.receiver == "hook").expect("still tried");
    record.finish(tried, at("06:02:02"), Outcome::Accepted, Others::TriedAgain, &receivers()).await;
    assert_eq!(record.lines(health).await, ["f -"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn critical_does_not_wait_for_a_receiver_that_is_off() {
    let record = Record::new().await;
    let mut known = receivers();
    known[0].off = true;
    let rows = [("fire", "CRITICAL"), ("lamp", "LOW")];
    let rows = rows.map(|(subject, severity)| Row { fallback: &["mail"], ..row(subject, "hook", severity) });
    record.write(at("06:00:00"), &rows).await;
    assert_eq!(fall_back(&record, "06:00:00", &known).await, 1);
    assert_eq!(subjects(&record.lease(at("06:00:01"), &known).await), ["fire"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_to_tell_of_a_failure_goes_straight_to_people_and_ends_there() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[Row { kind: "delivery-failed", ..row("hook", "mail", "HIGH") }]).await;
    for (receiver, time) in [("mail", "06:00:01"), ("self", "06:00:03")] {
        let lease = record.lease(at(time), &receivers()).await.remove(0);
        assert_eq!(lease.receiver, receiver);
        record.finish(&lease, at(time), Outcome::Permanent, Others::TriedAgain, &receivers()).await;
    }
    assert_eq!(record.deliveries().await, ["hook mail firing failed", "hook self firing failed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_alert_that_ended_meanwhile_the_fallback_hears_both() {
    let record = Record::new().await;
    record.write(at("06:00:00"), &[Row { fallback: &["mail"], ..row("disk", "hook", "HIGH") }]).await;
    record
        .run("update watchkeeper.alerts set status = 'resolved', resolved_at = '2026-03-01T06:04:00Z', close_reason = 'recovered'")
        .await;
    assert_eq!(fall_back(&record, "06:05:00", &receivers()).await, 2);
    let sequences =
        "select receiver, sequence, notice, notification ->> 'notice' from watchkeeper.deliveries order by position";
    let expected = ["hook 0 firing firing", "mail 0 firing firing", "mail 1 resolved resolved"];
    assert_eq!(record.lines(sequences).await, expected);
    let leases = record.lease(at("06:05:01"), &receivers()).await;
    assert!(leases.iter().all(|lease| lease.notification.notice == domain::Notice::Firing), "in order: {leases:?}");
}
