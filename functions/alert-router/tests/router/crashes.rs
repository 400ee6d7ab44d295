//! The process is killed after each statement and each send of a whole story, one place after another. Whatever the
//! place, nothing is lost, and accepted sends per notice are at most one more than the crashes.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::binaries::workspace;
use testkit::runtime_api::{Options, Outcome, Sandbox};

use crate::messages::{again, batch, native, record};
use crate::world::{World, retry};

/// An alert opens, repeats, rises and ends.
fn story(subject: &str) -> Vec<Value> {
    [
        ("firing", "HIGH", "06:00:00"),
        ("firing", "HIGH", "06:00:30"),
        ("firing", "CRITICAL", "06:01:00"),
        ("resolved", "HIGH", "06:02:00"),
    ]
    .map(|(status, severity, at)| record(&native(subject, status, severity, at), 1))
    .into()
}

/// The local watch file, but for PagerDuty's rate: so many stories one after another would wait for it most of the time.
fn watch_file() -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(workspace().join("config/local.toml")).expect("the watch file");
    let receiver = "[receiver.on-call]\n";
    assert!(text.contains(receiver));
    let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    let faster = format!("{receiver}rate = {{ per_minute = 6000, burst = 1000 }}\n");
    std::fs::write(file.path(), text.replace(receiver, &faster)).expect("written");
    file
}

/// Invokes as the queue does: a message comes again until an invocation with it has succeeded. Counts the crashes.
async fn deliver(doomed: &Sandbox, sound: &Sandbox, message: &Value) -> usize {
    let mut crashes = 0;
    for receive in 1..=5 {
        // Once a process has died, others do the work: the point at which it dies comes once.
        let router = if crashes == 0 && doomed.pid().is_some() { doomed } else { sound };
        match router.invoke(&batch([again(message, receive)])).await.expect("a process") {
            Outcome::Answered(_) => return crashes,
            Outcome::Died { .. } => crashes += 1,
            other => panic!("{other}\n{}", router.output()),
        }
    }
    panic!("never recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_dies_nothing_is_lost_and_nobody_is_told_twice_without_need() {
    let world = World::new().await;
    let file = watch_file();
    let watch_file = ("WATCH_FILE", file.path().to_str().expect("a path"));
    let log = tempfile::NamedTempFile::new().expect("a file");
    let log_path = log.path().to_str().expect("a path");
    let traced = world.router_with(&[watch_file, ("FAILPOINT_LOG", log_path)], Options::default()).await;
    for message in story("traced") {
        deliver(&traced, &traced, &message).await;
    }
    let points: Vec<String> = std::fs::read_to_string(log_path).expect("the log").lines().map(str::to_owned).collect();
    assert!(points.len() > 30, "{points:?}");

    let sound = world.router_with(&[watch_file], Options::default()).await;
    let mut repeats: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, point) in points.iter().enumerate() {
        let subject = format!("crash-{}", n + 1);
        let at = (n + 1).to_string();
        let doomed = world.router_with(&[watch_file, ("FAILPOINT_ABORT_AT", &at)], Options::default()).await;
        let mut crashes = 0;
        for message in story(&subject) {
            crashes += deliver(&doomed, &sound, &message).await;
        }
        assert_eq!(crashes, 1, "at {point}, the {at}. point");
        // Leases of the dead end; their deliveries go out.
        retry(&sound, Some("2099-01-01T00:00:00Z")).await;
        let extra = check(&world, &subject, point).await;
        *repeats.entry(point).or_default() += extra;
    }
    println!("killed at {} points:", points.len());
    for (point, extra) in repeats {
        let times = points.iter().filter(|name| *name == point).count();
        println!("  {times:>3} × after `{point}`: {extra} repeated sends, 0 lost");
    }
}

/// Checks what is on record and what people got about one subject; how many sends were repeats.
async fn check(world: &World, subject: &str, point: &str) -> usize {
    let of = |sql: &str| sql.replace("SUBJECT", subject);
    let decisions = of(
        "select concat_ws('/', decision, reason) from watchkeeper.signals where subject = 'SUBJECT' order by occurred_at",
    );
    assert_eq!(
        world.column(&decisions).await,
        ["opened", "suppressed/duplicate", "updated", "resolved"],
        "at {point}: every signal is on record and decided"
    );
    let unfinished =
        of("select count(*) from watchkeeper.deliveries as delivery join watchkeeper.alerts using (alert_id)
                         where subject = 'SUBJECT' and delivery.status not in ('sent', 'cancelled')");
    assert_eq!(world.column(&unfinished).await, ["0"], "at {point}: every delivery went out, or the end overtook it");

    let about = |body: &str| body.contains(&format!("{subject}\"")) || body.contains(&format!("{subject} "));
    let fingerprint = world
        .column(&of("select distinct fingerprint from watchkeeper.alerts where subject = 'SUBJECT'"))
        .await
        .remove(0);
    let mut sends: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.receivers.received_by("pagerduty") {
        let key = request.json["dedup_key"].as_str().unwrap_or_default();
        if key.starts_with(&fingerprint) {
            *sends.entry(format!("{} {key}", request.json["event_action"])).or_default() += 1;
        }
    }
    assert_eq!(sends.len(), 4, "at {point}: two keys, each triggered and resolved: {sends:?}");
    let incidents = world.receivers.incidents();
    let ours = incidents.iter().filter(|incident| incident.dedup_key.starts_with(&fingerprint));
    let open = ours.filter(|incident| incident.resolved_at.is_none()).count();
    assert_eq!(open, 0, "at {point}: no incident stays open");
    let mails = world.mails().await;
    let mails: Vec<&String> = mails.iter().filter(|title| about(&format!("{title} "))).collect();
    let times = |word: &str| mails.iter().filter(|title| title.contains(word)).count();
    for (notice, count) in [("firing", times("[HIGH]")), ("rise", times("raised")), ("end", times("RESOLVED"))] {
        sends.insert(format!("mail {notice}"), count);
    }
    // A mail that the end overtook is not sent any more; the end itself always is, and says both if it has to.
    assert!(sends.values().all(|count| *count <= 2), "at {point}: {sends:?}\n{mails:?}");
    assert!(times("RESOLVED") >= 1, "at {point}: {mails:?}");
    assert!(times("[HIGH]") >= 1 || times("fired and recovered") >= 1, "at {point}: {mails:?}");
    sends.values().map(|count| count.saturating_sub(1)).sum()
}
