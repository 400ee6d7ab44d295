//! A storm becomes one request, and every notice in it is on record as told, once.

use domain::Timestamp;
use domain::delivery::Outcome;
use domain::policy::Integration;
use jiff::ToSpan;
use store::deliveries::{Known, Lease, Others};

use crate::record::{Record, Row, at, known, row, subjects};

fn hook() -> Vec<Known> {
    vec![known("hook", Integration::Webhook, 60, 5)]
}

async fn storm(record: &Record, count: usize, of: impl Fn(Row<'_>) -> Row<'_>) {
    let subjects: Vec<String> = (0..count).map(|n| format!("disk-{n:04}")).collect();
    let rows: Vec<Row<'_>> = subjects.iter().map(|subject| of(row(subject, "hook", "MEDIUM"))).collect();
    record.write(at("06:00:00"), &rows).await;
}

async fn leased(record: &Record, now: Timestamp) -> Vec<Lease> {
    let mut leases = record.lease(now, &hook()).await;
    leases.sort_by_key(|lease| std::cmp::Reverse(lease.notification.severity));
    leases
}

async fn count(record: &Record, which: &str) -> String {
    record.lines(&format!("select count(*) from watchkeeper.deliveries where {which}")).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_one_request_led_by_its_worst_and_critical_goes_by_itself() {
    let record = Record::new().await;
    storm(&record, 40, |row| row).await;
    record.write(at("06:00:00"), &[row("lake", "hook", "HIGH"), row("fire", "hook", "CRITICAL")]).await;
    let leases = leased(&record, at("06:00:01")).await;
    assert_eq!(subjects(&leases), ["fire", "lake"]);
    assert_eq!((leases[0].folded.len(), leases[1].folded.len()), (0, 40));
    assert_eq!(leases[1].named.len(), 20);
    assert_eq!(leases[1].named[0].1, "disk-0000");
    for lease in &leases {
        record.finish(lease, at("06:00:02"), Outcome::Accepted, Others::TriedAgain, &hook()).await;
    }
    assert_eq!(count(&record, "status = 'sent' and sent_at is not null").await, "42");
    let told_with = format!("receipt ->> 'folded_into' = '{}'", leases[1].delivery_id);
    assert_eq!(count(&record, &told_with).await, "40");
    assert_eq!(
        record.lines("select count(distinct delivery_id) || ' ' || count(*) from watchkeeper.delivery_attempts").await,
        ["42 42"]
    );
    assert!(record.lease(at("06:10:00"), &hook()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_alerts_are_a_few_requests() {
    let record = Record::new().await;
    let (mut requests, mut now) = (0, at("06:00:01"));
    for _ in 0..10 {
        let rows: Vec<String> = (0..1_000).map(|n| format!("disk-{now}-{n}")).collect();
        let rows: Vec<Row<'_>> = rows.iter().map(|subject| row(subject, "hook", "MEDIUM")).collect();
        record.write(now, &rows).await;
        let leases = leased(&record, now).await;
        for lease in &leases {
            record.finish(lease, now, Outcome::Accepted, Others::TriedAgain, &hook()).await;
        }
        requests += leases.len();
        now += 100.milliseconds();
    }
    assert!(requests <= 6, "the burst, and what a second adds: {requests}");
    for lease in leased(&record, now + 10.seconds()).await {
        record.finish(&lease, now, Outcome::Accepted, Others::TriedAgain, &hook()).await;
    }
    assert_eq!(count(&record, "status = 'sent'").await, "10000");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bucket_holds_enough_for_and_what_is_few_is_told_one_by_one() {
    let record = Record::new().await;
    storm(&record, 10, |row| row).await;
    assert_eq!(leased(&record, at("06:00:01")).await.len(), 5, "ten wait, five tokens");
    let record = Record::new().await;
    storm(&record, 11, |row| row).await;
    let receivers = [known("hook", Integration::Webhook, 60, 11)];
    let leases = record.lease(at("06:00:01"), &receivers).await;
    assert!(leases.len() == 8 && leases.iter().all(|lease| lease.folded.is_empty()), "{leases:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_keeps_incidents_hears_of_each() {
    let record = Record::new().await;
    storm(&record, 30, |row| row).await;
    let receivers = [known("hook", Integration::Pagerduty, 60, 5)];
    let leases = record.lease(at("06:00:01"), &receivers).await;
    assert!(leases.len() == 5 && leases.iter().all(|lease| lease.folded.is_empty()), "{leases:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beginnings_and_ends_are_not_told_in_one_request_and_rises_are_told_by_themselves() {
    let record = Record::new().await;
    storm(&record, 12, |row| row).await;
    let others: Vec<String> = (0..12).map(|n| format!("lamp-{n}")).collect();
    let ends: Vec<Row<'_>> =
        others.iter().map(|subject| Row { notice: "resolved", ..row(subject, "hook", "LOW") }).collect();
    record.write(at("06:00:00"), &ends).await;
    record.write(at("06:00:00"), &[Row { notice: "severity", ..row("lake", "hook", "HIGH") }]).await;
    let leases = leased(&record, at("06:00:01")).await;
    let seen: Vec<(&str, usize)> =
        leases.iter().map(|lease| (lease.notification.notice.as_str(), lease.folded.len())).collect();
    assert_eq!(seen, [("severity", 0), ("firing", 11), ("resolved", 11)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_that_could_not_be_told_is_told_again_as_one() {
    let record = Record::new().await;
    storm(&record, 20, |row| row).await;
    let first = leased(&record, at("06:00:01")).await.remove(0);
    record.finish(&first, at("06:00:02"), Outcome::Ambiguous, Others::TriedAgain, &hook()).await;
    assert_eq!(count(&record, "status = 'pending' and folded_into is null").await, "20");
    let again = leased(&record, at("06:00:08")).await.remove(0);
    assert!(again.repeat && again.delivery_id == first.delivery_id);
    let sorted = |mut ids: Vec<uuid::Uuid>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(again.folded), sorted(first.folded), "the same company has the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_died_with_a_storm_in_hand_loses_none_of_it() {
    let record = Record::new().await;
    storm(&record, 20, |row| row).await;
    let died = leased(&record, at("06:00:01")).await;
    assert_eq!(died.len(), 1);
    let again = leased(&record, at("06:00:40")).await.remove(0);
    assert!(again.repeat && again.folded.len() == 19);
    let lost = record.finish(&died[0], at("06:00:41"), Outcome::Accepted, Others::TriedAgain, &hook()).await;
    assert_eq!(lost, store::deliveries::Finished::LostLease);
    record.finish(&again, at("06:00:42"), Outcome::Accepted, Others::TriedAgain, &hook()).await;
    assert_eq!(count(&record, "status = 'sent'").await, "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_storm_ends_what_led_it_and_the_others_are_tried_without_it() {
    let record = Record::new().await;
    storm(&record, 20, |row| row).await;
    let first = leased(&record, at("06:00:01")).await.remove(0);
    record.finish(&first, at("06:00:02"), Outcome::Permanent, Others::TriedAgain, &hook()).await;
    let again = leased(&record, at("06:00:03")).await.remove(0);
    assert_eq!(again.folded.len(), 18);
    assert_eq!(count(&record, "status = 'failed'").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_refuses_everything_has_refused_all_of_a_storm_and_others_are_told_all_of_it() {
    let record = Record::new().await;
    storm(&record, 20, |row| Row { fallback: &["mail"], ..row }).await;
    let receivers = [hook(), vec![known("mail", Integration::Sns, 60, 5)]].concat();
    let first = record.lease(at("06:00:01"), &receivers).await.remove(0);
    record.finish(&first, at("06:00:02"), Outcome::Permanent, Others::GivenUp, &receivers).await;
    assert_eq!(count(&record, "receiver = 'hook' and status = 'failed' and fell_back_at is not null").await, "20");
    let instead = record.lease(at("06:00:03"), &receivers).await;
    assert_eq!((instead.len(), instead[0].receiver.as_str(), instead[0].folded.len()), (1, "mail", 19));
    assert_eq!(record.lines("select count(*) from watchkeeper.signal_outbox").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_more_than_its_subject_is_told_by_itself() {
    let record = Record::new().await;
    storm(&record, 20, |row| row).await;
    let speaks = "update watchkeeper.deliveries
                  set notification = notification || '{\"notes\": [\"Also [HIGH] drill two\"]}'
                  where notification ->> 'subject' = 'disk-0007'";
    record.run(speaks).await;
    let leases = leased(&record, at("06:00:01")).await;
    let mut seen: Vec<(&str, usize)> =
        leases.iter().map(|lease| (lease.notification.subject.as_str(), lease.folded.len())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [("disk-0000", 18), ("disk-0007", 0)]);
}
