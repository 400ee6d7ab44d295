//! What an evaluation answers, records and raises.

use serde_json::json;

use crate::world::{NIGHTLY, World, answer, at, evaluate, ping};

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_away_is_raised_once_and_its_return_says_how_long_it_was() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    let answered = ping(&deadman, "success", "00:30").await;
    assert_eq!(answered["heartbeat"]["status"], "up");
    assert_eq!(answered["heartbeat"]["deadline_at"], at("01:40"));
    evaluate(&deadman, "01:39").await;
    assert!(world.raised().await.is_empty());

    let down = evaluate(&deadman, "01:45").await;
    assert_eq!((down["did"]["raised"].as_u64(), down["looked_at"]["down"].as_u64()), (Some(1), Some(1)));
    let said = "nightly is silent: last success at 00:30Z, expected every 1h, due by 01:40Z, 5m late";
    assert_eq!(down["down"], json!({ "nightly": said }));
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&signal["status"], &signal["severity"]), (&json!("firing"), &json!("CRITICAL")));
    assert_eq!((&signal["source"], &signal["occurred_at"]), (&json!("heartbeat:nightly"), &json!(at("01:40"))));
    assert_eq!((&signal["summary"], &signal["details"]["runbook"]), (&json!(said), &json!("docs/runbooks/nightly.md")));
    world.router_hears(&raised).await;

    evaluate(&deadman, "01:46").await;
    assert!(world.raised().await.is_empty(), "once");
    ping(&deadman, "success", "03:53").await;
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&signal["status"], &signal["summary"]), (&json!("resolved"), &json!("nightly is back after 2h 13m")));
    assert_eq!(world.transitions().await, ["nightly new>up 00:30", "nightly late>down 01:40", "nightly down>up 03:53"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_what_would_be_and_changes_nothing() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    let rehearsed = answer(&deadman, json!({ "now": at("02:00"), "dry_run": true })).await;
    assert_eq!(rehearsed["looked_at"]["down"], 1);
    assert_eq!((&rehearsed["dry_run"], &rehearsed["skipped"][0]["reason"]), (&json!(true), &json!("dry_run")));
    assert!(world.raised().await.is_empty() && world.transitions().await.is_empty());
    let ping = json!({ "ping": { "heartbeat": "nightly", "signal": "fail" }, "dry_run": true, "now": at("00:10") });
    assert_eq!(answer(&deadman, ping).await["heartbeat"]["status"], "down");
    assert_eq!(world.stored("select count(*)::text from watchkeeper.heartbeat_pings").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_never_moves_backwards() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    evaluate(&deadman, "02:00").await;
    world.raised().await;
    for earlier in ["02:00", "01:00"] {
        let stands = evaluate(&deadman, earlier).await;
        let reason = stands["skipped"][0]["reason"].as_str().expect("a reason").to_owned();
        assert!(reason.contains("what was evaluated at 2026-11-22T02:00:00Z"), "{reason}");
    }
    assert_eq!(world.transitions().await, ["nightly new>down 01:10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_out_of_the_watch_file_is_over() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    evaluate(&deadman, "02:00").await;
    world.router_hears(&world.raised().await).await;
    let without = world.watching("").await;
    evaluate(&without, "02:01").await;
    let raised = world.raised().await;
    assert_eq!(
        (&raised[0]["status"], &raised[0]["summary"]),
        (&json!("resolved"), &json!("nightly is no longer in the watch file"))
    );
    assert_eq!(world.stored("select count(*)::text from watchkeeper.heartbeats").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_pauses_the_watch_and_nothing_is_expected_of_that_time() {
    let world = World::new().await;
    world.put_switch("watch_nightly", "on").await;
    let switched = format!("{NIGHTLY}switch = 'watch_nightly'\n");
    let deadman = world.watching(&switched).await;
    evaluate(&deadman, "00:00").await;
    evaluate(&deadman, "01:10").await;
    world.router_hears(&world.raised().await).await;
    world.put_switch("watch_nightly", "off").await;
    let off = world.watching(&switched).await;
    assert_eq!(evaluate(&off, "02:00").await["looked_at"]["paused"], 1);
    let raised = world.raised().await;
    assert_eq!(
        (&raised[0]["status"], &raised[0]["summary"]),
        (&json!("resolved"), &json!("the switch watch_nightly is off"))
    );
    world.router_hears(&raised).await;
    world.put_switch("watch_nightly", "on").await;
    let on = world.watching(&switched).await;
    evaluate(&on, "05:00").await;
    assert_eq!(evaluate(&on, "06:09").await["looked_at"]["new"], 1);
    assert_eq!(evaluate(&on, "06:10").await["looked_at"]["down"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_router_has_not_on_record_is_told_again_and_what_it_wrongly_has_is_ended() {
    let world = World::new().await;
    let deadman = world.watching(NIGHTLY).await;
    evaluate(&deadman, "00:00").await;
    evaluate(&deadman, "01:10").await;
    let lost = world.raised().await;
    evaluate(&deadman, "01:15").await;
    assert!(world.raised().await.is_empty(), "it may be on its way");
    evaluate(&deadman, "01:21").await;
    evaluate(&deadman, "01:22").await;
    let again = world.raised().await;
    for signal in &again {
        assert_eq!((&signal["status"], &signal["summary"]), (&json!("firing"), &lost[0]["summary"]));
        assert_eq!(signal["occurred_at"], at("01:20"), "one signal in ten minutes, however often it is sent");
    }
    assert!(!again.is_empty());
    world.router_hears(&again).await;
    evaluate(&deadman, "01:40").await;
    assert!(world.raised().await.is_empty());

    ping(&deadman, "success", "02:00").await;
    world.raised().await;
    evaluate(&deadman, "02:12").await;
    let ends = world.raised().await;
    assert_eq!((&ends[0]["status"], &ends[0]["occurred_at"]), (&json!("resolved"), &json!(at("02:12"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_evaluation_says_so_to_cloudwatch_and_outside() {
    let world = World::new().await;
    let outside = testkit::receivers::Receivers::start().await.expect("somebody outside");
    world.put_parameter("deadman/external_ping", &format!("{}/hook/check-uuid", outside.url())).await;
    let watched = format!("external_ping = 'ssm:deadman/external_ping'\n{}", crate::world::watch_file(NIGHTLY));
    let deadman = world.start(&watched, &[]).await;
    let answered = evaluate(&deadman, "00:00").await;
    assert_eq!((&answered["outcome"], &answered["did"]["pinged"]), (&json!("ok"), &json!(1)));
    assert_eq!(outside.received().len(), 1);
    let cloudwatch = aws_sdk_cloudwatch::Client::new(world.aws());
    let listed = cloudwatch.list_metrics().namespace("OPsPipeline").send().await.expect("CloudWatch answers");
    let names: Vec<String> = listed.metrics.unwrap_or_default().into_iter().filter_map(|one| one.metric_name).collect();
    for name in ["DeadmanHeartbeat", "HeartbeatsDown", "HeartbeatsUnknown"] {
        assert!(names.iter().any(|listed| listed == name), "{name}: {names:?}");
    }
    assert_eq!(world.stored("select function || ' ' || outcome from watchkeeper.ledger").await, ["deadman ok"]);
}
