//! Barred workers: who is one, who releases them, and what is answered while nobody can look it up.

use serde_json::{Value, json};
use testkit::runtime_api::{Options, Outcome};

use crate::calm::{ROUTES, router_with};
use crate::messages::one;
use crate::operations::{ask, only, refused};
use crate::world::{World, accepts, retry};

/// A claim of a worker, published to an SNS topic.
fn claim(worker: &str, text: &str, topic: &str, id: &str) -> String {
    let message = json!({"worker_id": worker, "status": "FALSE", "claim": text, "environment": "prod",
                         "event_id": id, "timestamp": "2026-03-01T06:00:00"});
    json!({"Type": "Notification", "MessageId": id, "Message": message.to_string(),
           "TopicArn": format!("arn:aws:sns:eu-central-1:123456789012:{topic}")})
    .to_string()
}

fn quarantine(if_store_unreachable: &str) -> String {
    format!(
        "[[quarantine]]\nwhen = {{ kind = \"claim\", severity = \"CRITICAL\" }}\nfrom = [\"topic:claims\"]\n\
         if_store_unreachable = \"{if_store_unreachable}\"\n{ROUTES}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barred_worker_is_found_until_a_person_releases_it_and_those_who_were_told_of_the_bar_are_told() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, &quarantine("deny")).await;
    accepts(&router, one(&claim("worker-1", "ran rm -rf /data", "claims", "evt-1"))).await;
    accepts(&router, one(&claim("worker-2", "ran rm -rf /data", "others", "evt-2"))).await;
    assert_eq!(world.mails().await.len(), 2);

    let asked = json!({"quarantined": ["worker-1", "worker-2"]});
    let answer = ask(&router, asked.clone()).await;
    let barred = &answer["quarantined"]["worker-1"];
    assert!(barred["reason"].as_str().is_some_and(|reason| reason.contains("rm -rf /data")), "{answer}");
    assert_eq!((&barred["environment"], barred["barred_at"].is_string()), (&json!("prod"), true));
    assert_eq!(answer["quarantined"]["worker-2"], Value::Null, "its sender may bar nobody");
    let padded = ask(&router, json!({"quarantined": [" worker-1 "]})).await;
    assert_eq!(padded["quarantined"][" worker-1 "]["environment"], "prod", "it is answered as asked: {padded}");
    let elsewhere = ask(&router, json!({"quarantined": ["worker-1"], "environment": "staging"})).await;
    assert_eq!(elsewhere["quarantined"]["worker-1"], Value::Null, "it is barred per environment");

    let release =
        json!({"release": {"worker_id": "worker-1", "environment": "production", "by": "ana", "reason": "checked"}});
    let answer = ask(&router, release.clone()).await;
    assert_eq!(answer["did"]["workers_released"], 1, "{answer}");
    assert_eq!(answer["released"][0]["worker_id"], "worker-1");
    let audit =
        "select released_by || ': ' || release_reason from watchkeeper.quarantines where released_at is not null";
    assert_eq!(world.column(audit).await, ["ana: checked"]);
    assert_eq!(ask(&router, asked).await["quarantined"]["worker-1"], Value::Null);
    retry(&router, None).await;
    assert_eq!(world.mails().await, ["prod: worker worker-1 is released"]);
    let incident = "select count(*) from watchkeeper.deliveries where notice = 'released' and receiver = 'on-call'";
    assert_eq!(only(&world, incident).await, "0", "the claim's incident is not about the bar alone");

    let again = refused(&router, release).await;
    assert!(again.contains("release.worker_id: `worker-1` is not quarantined in prod"), "{again}");
    accepts(&router, one(&claim("worker-1", "ran rm -rf /home", "claims", "evt-3"))).await;
    assert_eq!(only(&world, "select count(*) from watchkeeper.quarantines").await, "2", "it may be barred again");
}

#[tokio::test(flavor = "multi_thread")]
async fn releasing_all_names_each_worker_and_needs_a_reason() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, &quarantine("deny")).await;
    for n in 1..=3 {
        let text = claim(&format!("worker-{n}"), "ran rm -rf /data", "claims", &format!("evt-{n}"));
        accepts(&router, one(&text)).await;
    }
    let no_reason = refused(&router, json!({"release": {"all": true, "by": "ana"}})).await;
    assert!(no_reason.contains("reason"), "{no_reason}");
    let both = refused(&router, json!({"release": {"all": true, "worker_id": "w", "by": "ana", "reason": "r"}})).await;
    assert!(both.contains("release.worker_id: expected a worker's id, or `all` = true, and not both"), "{both}");

    let all = json!({"release": {"all": true, "by": "ana", "reason": "a broken verifier"}});
    let answer = ask(&router, all.clone()).await;
    let names: Vec<_> = answer["released"].as_array().into_iter().flatten().map(|one| &one["worker_id"]).collect();
    assert_eq!(names, ["worker-1", "worker-2", "worker-3"]);
    let answer = ask(&router, all).await;
    assert_eq!((&answer["released"], &answer["outcome"]), (&json!([]), &json!("ok")));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_gone_workers_count_as_barred_unless_the_watch_file_allows_them() {
    let world = World::new().await;
    world.put_parameter("database/url", "postgres://nobody@127.0.0.1:1/nowhere").await;
    let local = testkit::binaries::workspace().join("config/local.toml").to_string_lossy().into_owned();
    let (_deny, denies) = router_with(&world, &quarantine("deny")).await;
    let (_allow, allows) = router_with(&world, &quarantine("allow")).await;
    let silent = world.router_with(&[("WATCH_FILE", &local)], Options::default()).await;
    for (router, barred) in [(&denies, true), (&allows, false), (&silent, true)] {
        let answer = ask(router, json!({"quarantined": ["worker-1", "worker-2"]})).await;
        for worker in ["worker-1", "worker-2"] {
            let reason = answer["quarantined"][worker]["reason"].as_str();
            assert_eq!(reason, barred.then_some("store unreachable"), "{answer}");
        }
        assert_eq!((&answer["outcome"], &answer["failed"][0]["name"]), (&json!("partial"), &json!("store")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_release_is_cut_off_a_worker_is_free_only_with_its_audit_and_its_notice() {
    let world = World::new().await;
    let (file, sound) = router_with(&world, &quarantine("deny")).await;
    let watch_file = file.path().to_str().expect("a path");
    let log = tempfile::NamedTempFile::new().expect("a file");
    let traced = [("WATCH_FILE", watch_file), ("FAILPOINT_LOG", log.path().to_str().expect("a path"))];
    let release = |n: usize| {
        let worker = format!("worker-{n}");
        json!({"release": {"worker_id": worker, "by": "ana", "reason": "checked"}})
    };
    let bar = |n: usize| one(&claim(&format!("worker-{n}"), "ran rm -rf /data", "claims", &format!("evt-{n}")));
    accepts(&sound, bar(0)).await;
    ask(&world.router_with(&traced, Options::default()).await, release(0)).await;
    let points = std::fs::read_to_string(log.path()).expect("the log").lines().count();
    assert!(points >= 4, "{points}");

    for n in 1..=points {
        accepts(&sound, bar(n)).await;
        let at = n.to_string();
        let doomed = [("WATCH_FILE", watch_file), ("FAILPOINT_ABORT_AT", at.as_str())];
        let doomed = world.router_with(&doomed, Options::default()).await;
        let outcome = doomed.invoke(&release(n)).await.expect("a process");
        assert!(matches!(outcome, Outcome::Died { .. }), "at the {n}. point: {outcome}");
        let state = format!(
            "select released_at is null, released_by is null, not exists (
                 select from watchkeeper.deliveries
                 where deliveries.alert_id = quarantines.alert_id and notice = 'released')
             from watchkeeper.quarantines where worker_id = 'worker-{n}'"
        );
        let rows = world.rows(&state).await;
        assert!(rows == [["t", "t", "t"]] || rows == [["f", "f", "f"]], "at the {n}. point: {rows:?}");
        // Whoever got no answer asks again.
        sound.invoke(&release(n)).await.expect("a process");
        assert_eq!(world.rows(&state).await, [["f", "f", "f"]], "at the {n}. point");
    }
    let twice = "select count(*) from watchkeeper.deliveries where notice = 'released' group by alert_id, receiver
                 having count(*) > 1";
    assert_eq!(world.column(twice).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_about_a_worker_while_postgres_hangs_is_answered_in_seconds() {
    let (postgres, world) = World::with_own_postgres().await;
    let router = world.router().await;
    let asked = json!({"quarantined": ["worker-1"]});
    assert_eq!(ask(&router, asked.clone()).await["quarantined"]["worker-1"], Value::Null);
    postgres.pause();
    let began = std::time::Instant::now();
    let answer = ask(&router, asked.clone()).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(answer["quarantined"]["worker-1"]["reason"], "store unreachable", "{answer}");
    postgres.resume();
    assert_eq!(ask(&router, asked).await["quarantined"]["worker-1"], Value::Null);
}
