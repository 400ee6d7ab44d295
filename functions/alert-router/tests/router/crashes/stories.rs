//! Stories that pass every part of the machine, each in a world of its own.

use serde_json::{Value, json};
use testkit::proxy::Fault;
use testkit::receivers::{Behaviour, Cut};

use super::machine::{Step, Story};
use crate::messages::{native, record};

const ROUTES: &str = r#"
[routes]
default = ["hook"]
[[routes.route]]
when = { severity = ["CRITICAL", "HIGH"] }
to = ["on-call", "mail"]
fallback = ["hook"]
"#;

const BARRING: &str = r#"
[routes]
default = ["hook"]
[[quarantine]]
when = { kind = "claim" }
from = ["topic:claims"]
"#;

/// A receiver that takes one request in a second, so that a storm has to be one.
const SLOW: &str = r#"
[receiver.slow]
webhook = { url = "ssm:receivers/hook_url" }
rate = { per_minute = 60, burst = 1 }
[routes]
default = ["slow"]
"#;

fn signal(subject: &str, status: &str, severity: &str, at: &str) -> Value {
    record(&native(subject, status, severity, at), 1)
}

/// Decisions about a subject, in the order in which its signals were meant.
const DECIDED: &str = "select concat_ws('/', decision, reason) from watchkeeper.signals where subject = 'SUBJECT'
                       order by occurred_at, decision";
/// What became of each delivery about a subject.
const STATUSES: &str = "select receiver || ':' || notice || ':' || deliveries.status from watchkeeper.deliveries
                        join watchkeeper.alerts using (alert_id) where subject = 'SUBJECT' order by receiver, notice";
/// The same, of what its end never cancels.
const ENDS: &str = "select receiver || ':' || notice || ':' || deliveries.status from watchkeeper.deliveries
                    join watchkeeper.alerts using (alert_id) where subject = 'SUBJECT' and notice = 'resolved'
                    order by receiver, notice";
/// How many of a subject's alerts are not over.
const OPEN: &str = "select count(*) from watchkeeper.alerts where subject = 'SUBJECT' and status = 'firing'";

#[tokio::test(flavor = "multi_thread")]
async fn what_opens_repeats_rises_and_ends_is_told_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        [
            ("firing", "HIGH", "06:00:00"),
            ("firing", "HIGH", "06:00:30"),
            ("firing", "CRITICAL", "06:01:00"),
            ("resolved", "HIGH", "06:02:00"),
        ]
        .map(|(status, severity, at)| Step::Messages(vec![signal(subject, status, severity, at)]))
        .into()
    }
    let holds: &[(&str, &str)] = &[
        (DECIDED, "opened suppressed/duplicate updated resolved"),
        (ENDS, "mail:resolved:sent on-call:resolved:sent on-call:resolved:sent"),
    ];
    Story { name: "opens, repeats, rises, ends", watch_file: ROUTES, steps, holds }.kill_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_page_reaches_somebody_else_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        vec![
            Step::Behave(Behaviour::answer("pagerduty", 404).times(1)),
            Step::Messages(vec![signal(subject, "firing", "HIGH", "06:00:00")]),
            Step::Raised,
            Step::Messages(vec![signal(subject, "resolved", "HIGH", "06:01:00")]),
        ]
    }
    // The one refusal may be spent on a process that dies before it hears it; then a second try is taken.
    let holds: &[(&str, &str)] = &[
        (DECIDED, "opened resolved"),
        (
            "select count(distinct receiver) >= 2 from watchkeeper.deliveries join watchkeeper.alerts using (alert_id)
             where subject = 'SUBJECT' and notice = 'firing' and deliveries.status = 'sent'",
            "t",
        ),
        (
            "select count(*) from watchkeeper.deliveries as told join watchkeeper.alerts using (alert_id)
             where subject = 'SUBJECT' and notice = 'firing' and told.status = 'sent' and not exists (
                 select from watchkeeper.deliveries as ended
                 where ended.alert_id = told.alert_id and ended.receiver = told.receiver
                   and ended.notice = 'resolved' and ended.status = 'sent')",
            "0",
        ),
    ];
    Story { name: "refused, fallback told", watch_file: ROUTES, steps, holds }.kill_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_silenced_is_told_at_the_end_and_summed_up_once_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        let begins = format!(
            "insert into watchkeeper.silences (silence_id, matchers, from_at, until_at, author, reason, created_at)
             values (gen_random_uuid(), '{{\"subject\": [\"{subject}\"]}}', now() - interval '1 minute',
                     now() + interval '1 hour', 'ana', 'deployment', now())"
        );
        let ends = "update watchkeeper.silences set until_at = now() where until_at > now();
                    update watchkeeper.alerts set muted_until = now() where muted_until > now()";
        vec![
            Step::Sql(begins),
            Step::Messages(vec![signal(subject, "firing", "MEDIUM", "06:00:00")]),
            Step::Messages(vec![signal(subject, "firing", "MEDIUM", "06:00:30")]),
            Step::Sql(ends.to_owned()),
            Step::Asked(json!({"tick": "retry"})),
            Step::Asked(json!({"tick": "digest", "now": "2098-01-01T00:00:00Z"})),
        ]
    }
    let holds: &[(&str, &str)] = &[
        (DECIDED, "suppressed/silenced suppressed/duplicate"),
        (STATUSES, "hook:firing:sent"),
        ("select count(*) from watchkeeper.signals where subject = 'SUBJECT' and digest_id is null", "0"),
        (
            "select count(*) from watchkeeper.signals join watchkeeper.deliveries using (digest_id)
             where subject = 'SUBJECT' and deliveries.status = 'sent'",
            "2",
        ),
    ];
    Story { name: "silence ends, digest", watch_file: ROUTES, steps, holds }.kill_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_barred_once_and_released_once_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        let claim = |event: &str| {
            let claim = json!({"worker_id": subject, "status": "FALSE", "claim": "ran the tests", "environment": "prod",
                               "event_id": event, "timestamp": "2026-03-01T06:00:00"});
            let envelope = json!({"Type": "Notification", "MessageId": format!("{subject}-{event}"),
                                  "Message": claim.to_string(),
                                  "TopicArn": "arn:aws:sns:eu-central-1:123456789012:claims"});
            record(&envelope.to_string(), 1)
        };
        let release = json!({"worker_id": subject, "environment": "prod", "by": "ana", "reason": "looked at it"});
        vec![
            Step::Messages(vec![claim("first")]),
            Step::Messages(vec![claim("second")]),
            Step::Asked(json!({ "release": release })),
        ]
    }
    let holds: &[(&str, &str)] = &[
        (
            "select count(*) || ' ' || count(released_at) from watchkeeper.quarantines where worker_id = 'SUBJECT'",
            "1 1",
        ),
        (STATUSES, "hook:firing:sent hook:released:sent"),
    ];
    Story { name: "worker barred, released", watch_file: BARRING, steps, holds }.kill_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_somebody_is_told_and_everything_is_on_record_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        vec![
            Step::Postgres(Fault::Refuse),
            Step::Messages(vec![
                signal(subject, "firing", "CRITICAL", "06:00:00"),
                signal(subject, "firing", "CRITICAL", "06:00:30"),
            ]),
            Step::Postgres(Fault::None),
            Step::Drain,
        ]
    }
    // Messages that come again go one at a time and in any order, so either may be the one that opens.
    const DECIDED: &str = "select concat_ws('/', decision, reason) from watchkeeper.signals where subject = 'SUBJECT'
                           order by decision";
    let holds: &[(&str, &str)] =
        &[(DECIDED, "opened suppressed/duplicate"), (STATUSES, "mail:firing:sent on-call:firing:sent")];
    Story { name: "Postgres gone, drained", watch_file: ROUTES, steps, holds }.kill_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_told_as_a_whole_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        let storm = ('a'..'m').map(|disk| signal(&format!("{subject} disk {disk}"), "firing", "MEDIUM", "06:00:00"));
        vec![Step::Messages(storm.collect())]
    }
    let holds: &[(&str, &str)] = &[(
        "select count(*) || ' ' || count(*) filter (where deliveries.status = 'sent') from watchkeeper.deliveries
         join watchkeeper.alerts using (alert_id) where subject like 'SUBJECT disk %'",
        "12 12",
    )];
    Story { name: "storm of 12, folded", watch_file: SLOW, steps, holds }.kill_everywhere().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_on_record_as_a_whole_wherever_the_process_dies() {
    fn steps(subject: &str) -> Vec<Step> {
        let other = format!("{subject}-other");
        vec![
            // PagerDuty takes the first notice, and nobody hears that it did.
            Step::Behave(Behaviour::cut("pagerduty", Cut::After).times(1)),
            Step::Messages(vec![
                signal(subject, "firing", "HIGH", "06:00:00"),
                signal(subject, "firing", "CRITICAL", "06:01:00"),
                signal(&other, "firing", "LOW", "06:01:00"),
                signal(subject, "resolved", "CRITICAL", "06:02:00"),
                signal(subject, "resolved", "CRITICAL", "06:02:00"),
            ]),
        ]
    }
    let holds: &[(&str, &str)] = &[
        ("select count(*) from watchkeeper.signals where subject like 'SUBJECT%'", "5"),
        (OPEN, "0"),
        ("select status from watchkeeper.alerts where subject = 'SUBJECT-other'", "firing"),
    ];
    Story { name: "batch of 5, one cut off", watch_file: ROUTES, steps, holds }.kill_everywhere().await;
}
