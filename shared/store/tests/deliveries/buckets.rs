//! A receiver is told no more than it takes, whoever tells it; the worst first.

use domain::delivery::Outcome;
use domain::policy::Integration;
use jiff::ToSpan;
use store::deliveries::{self, Others, Urgency};

use crate::record::{PATIENCE, Record, Row, at, generous, known, lease_over, row, subjects};

/// Writes `count` distinct alerts for a receiver.
async fn backlog(record: &Record, receiver: &str, severity: &str, count: usize) {
    let subjects: Vec<String> = (0..count).map(|n| format!("{receiver}-{severity}-{n}")).collect();
    let rows: Vec<_> = subjects.iter().map(|subject| row(subject, receiver, severity)).collect();
    record.write(at("06:00:00"), &rows).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_what_its_rate_allows_however_many_sandboxes_tell_it() {
    let record = Record::new().await;
    backlog(&record, "on-call", "HIGH", 150).await;
    let receivers = [known("on-call", Integration::Pagerduty, 60, 20)];
    let sandboxes = futures::future::join_all((0..8).map(|_| record.another())).await;
    let take_all = async |now| {
        let each = sandboxes.iter().map(async |connection| {
            let mut taken = 0;
            for _ in 0..6 {
                taken += lease_over(connection, now, &receivers).await.len();
            }
            taken
        });
        futures::future::join_all(each).await.into_iter().sum::<usize>()
    };
    assert_eq!(take_all(at("06:00:01")).await, 20, "a full bucket");
    assert_eq!(take_all(at("06:00:01")).await, 0);
    assert_eq!(take_all(at("06:00:06")).await, 5, "one a second");
    assert_eq!(take_all(at("06:30:00")).await, 20, "it never holds more");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_a_receiver_can_take_the_worst_goes_first() {
    let record = Record::new().await;
    backlog(&record, "on-call", "LOW", 30).await;
    record.write(at("06:00:00"), &[row("disk", "on-call", "HIGH"), row("fire", "on-call", "CRITICAL")]).await;
    let receivers = [known("on-call", Integration::Pagerduty, 60, 2)];
    let mut first = record.lease(at("06:00:01"), &receivers).await;
    first.sort_by_key(|lease| std::cmp::Reverse(lease.notification.severity));
    assert_eq!(subjects(&first), ["fire", "disk"]);
    assert!(record.lease(at("06:00:01"), &receivers).await.is_empty());
    record.write(at("06:00:01"), &[row("flood", "on-call", "CRITICAL")]).await;
    assert_eq!(subjects(&record.lease(at("06:00:02"), &receivers).await), ["flood"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_when_what_waits_can_go_out() {
    let record = Record::new().await;
    backlog(&record, "on-call", "LOW", 5).await;
    let receivers = [known("on-call", Integration::Pagerduty, 6, 2)];
    let waiting = async |urgency| {
        let client = &record.connection.client;
        deliveries::waiting(client, at("06:00:01"), &receivers, urgency, PATIENCE).await.expect("looked")
    };
    assert!(waiting(Urgency::Any).await.dry.is_empty(), "its bucket is full");
    assert_eq!(record.lease(at("06:00:01"), &receivers).await.len(), 2);
    let now = (waiting(Urgency::Any).await.next_at, waiting(Urgency::Critical).await.next_at);
    assert_eq!(now, (Some(at("06:00:11")), None));
    assert_eq!(waiting(Urgency::Critical).await.dry, [("on-call".to_owned(), at("06:00:11"))].into());
    let behind = Row { notice: "severity", ..row("on-call-LOW-4", "on-call", "CRITICAL") };
    record.write(at("06:00:00"), &[behind]).await;
    assert_eq!(waiting(Urgency::Critical).await.next_at, None, "what it waits behind is not critical");
    record.write(at("06:00:00"), &[row("fire", "on-call", "CRITICAL")]).await;
    assert_eq!(waiting(Urgency::Critical).await.next_at, Some(at("06:00:11")));
    assert!(record.lease(at("06:00:10"), &receivers).await.is_empty());
    assert_eq!(subjects(&record.lease(at("06:00:11"), &receivers).await), ["fire"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_to_be_left_alone_is_left_alone_with_everything_and_nobody_else_is() {
    let record = Record::new().await;
    let receivers = generous(&["on-call", "mail"]);
    record.write(at("06:00:00"), &[row("disk", "on-call", "HIGH")]).await;
    let leases = record.lease(at("06:00:01"), &receivers).await;
    let limited = Outcome::RateLimited { retry_after: None };
    record.finish(&leases[0], at("06:00:02"), limited, Others::TriedAgain, &receivers).await;
    record.write(at("06:00:03"), &[row("fire", "on-call", "CRITICAL"), row("fire", "mail", "CRITICAL")]).await;
    let now = record.lease(at("06:09:00"), &receivers).await;
    assert_eq!(now.iter().map(|lease| lease.receiver.as_str()).collect::<Vec<_>>(), ["mail"]);
    record.finish(&now[0], at("06:09:01"), Outcome::Accepted, Others::TriedAgain, &receivers).await;
    assert_eq!(record.lease(at("06:10:03"), &receivers).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_ran_ahead_bars_nobody() {
    let record = Record::new().await;
    let receivers = [known("on-call", Integration::Pagerduty, 60, 1)];
    backlog(&record, "on-call", "LOW", 3).await;
    let ahead = at("06:00:00") + (24 * 365).hours();
    let leases = record.lease(ahead, &receivers).await;
    let limited = Outcome::RateLimited { retry_after: None };
    record.finish(&leases[0], ahead, limited, Others::TriedAgain, &receivers).await;
    assert_eq!(record.lease(at("06:00:01"), &receivers).await.len(), 1);
    assert_eq!(record.lease(at("06:00:01"), &receivers).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_left_the_watch_file_is_leased_to_be_given_up_and_who_is_off_stays() {
    let record = Record::new().await;
    let mut receivers = generous(&["mail", "chat"]);
    receivers[1].off = true;
    let rows = [row("a", "gone", "LOW"), row("a", "mail", "LOW"), row("a", "chat", "CRITICAL")];
    record.write(at("06:00:00"), &rows).await;
    let leases = record.lease(at("06:00:01"), &receivers).await;
    let mut names: Vec<&str> = leases.iter().map(|lease| lease.receiver.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["gone", "mail"]);
    receivers[1].off = false;
    assert_eq!(record.lease(at("06:00:01"), &receivers).await[0].receiver, "chat");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ended_is_another_s_and_its_first_holder_changes_nothing() {
    let record = Record::new().await;
    let receivers = generous(&["hook"]);
    record.write(at("06:00:00"), &[row("disk", "hook", "HIGH")]).await;
    let slow = record.lease(at("06:00:01"), &receivers).await.remove(0);
    assert!(record.lease(at("06:00:30"), &receivers).await.is_empty(), "held until 06:00:31");
    let second = record.lease(at("06:00:32"), &receivers).await.remove(0);
    assert!(second.repeat, "the first may have been accepted");
    let lost = record.finish(&slow, at("06:00:33"), Outcome::Permanent, Others::TriedAgain, &receivers).await;
    assert_eq!(lost, deliveries::Finished::LostLease);
    assert_eq!(record.lines("select count(*) from watchkeeper.signal_outbox").await, ["0"], "it says nothing either");
    let won = record.finish(&second, at("06:00:34"), Outcome::Accepted, Others::TriedAgain, &receivers).await;
    assert_eq!(won, deliveries::Finished::Won);
    assert_eq!(record.deliveries().await, ["disk hook firing sent"]);
}
