//! While something that data-poller needs misbehaves.

use serde_json::{Value, json};
use testkit::receivers::{Behaviour, Cut};

use crate::upstream::Misbehaviour;
use crate::world::{BUCKET, World, answer, at, refusal, triggered, why};

/// Two mirrors, of which the first comes first.
const MIRRORS: &str = "look_back = '6h'\nupstream.s3 = { buckets = ['first-mirror', 'second-mirror'] }";

fn publish(world: &World, mirror: &str, cycle: &str) {
    for file in ["f000", "f003", "f006"] {
        world.upstream.publish(mirror, &format!("{}/{file}", at(cycle).strftime("gfs.%Y%m%d/%H")), 10, at(cycle));
    }
}

fn errors(answer: &Value) -> String {
    answer["failed"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_misbehaves_is_passed_over_for_the_next_that_has_the_cycle() {
    let misbehaviours = [
        Some(Misbehaviour::Status(403)),
        Some(Misbehaviour::Status(503)),
        Some(Misbehaviour::Page),
        Some(Misbehaviour::Never),
        // Empty, or stale: it answers, and has nothing of the cycle.
        None,
    ];
    for misbehaviour in misbehaviours {
        let world = World::new().await;
        publish(&world, "second-mirror", "20 00:00");
        publish(&world, "first-mirror", "19 18:00");
        world.upstream.behaves("first-mirror", misbehaviour);
        let poller = world.polling(&world.gfs(MIRRORS)).await;
        let polled = world.poll(&poller, "20 05:00").await;
        assert_eq!(triggered(&polled), ["gfs/2026112000"], "{misbehaviour:?}: {polled}");
        assert_eq!(world.runpod.jobs()[0].input["bucket"], "second-mirror");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_is_closed_is_named_once_while_another_is_merely_empty() {
    let world = World::new().await;
    world.upstream.behaves("first-mirror", Some(Misbehaviour::Status(403)));
    let poller = world.polling(&world.gfs(&MIRRORS.replace("6h", "13h"))).await;
    let waits = world.poll(&poller, "20 05:00").await;
    for cycle in ["gfs/2026111918", "gfs/2026112000"] {
        let said = why(&waits, cycle).expect("it is named");
        for part in ["none of 3 files is there; first-mirror could not be read: ", "403", "WatchedBucketArns"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let failed = waits["failed"].as_array().expect("a list");
    assert_eq!((failed.len(), &failed[0]["name"], &waits["outcome"]), (1, &json!("first-mirror"), &json!("partial")));
    assert!(failed[0]["error"].as_str().is_some_and(|said| said.contains("403")), "{waits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_cannot_be_read_before_its_cycle_is_expected_is_a_word_and_no_failed_poll() {
    let world = World::new().await;
    world.upstream.behaves("first-mirror", Some(Misbehaviour::Status(503)));
    world.upstream.behaves("second-mirror", Some(Misbehaviour::Status(503)));
    let poller = world.polling(&world.gfs(MIRRORS)).await;
    let early = world.poll(&poller, "20 05:14").await;
    let names: Vec<&Value> = early["failed"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["first-mirror", "second-mirror"], "{early}");
    assert!(why(&early, "gfs/2026112000").is_some_and(|why| why.contains("no mirror could be read")), "{early}");
    refusal(&poller, world.dated(json!({ "backfill_hours": 6 }), "20 05:14")).await;
    refusal(&poller, world.dated(json!({}), "20 05:15")).await;
    assert_eq!(
        world.stored("select outcome from watchkeeper.ledger order by 1").await,
        ["failed", "failed", "partial"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_mirror_can_be_read_the_poll_has_failed_and_nothing_is_known() {
    let world = World::new().await;
    world.upstream.behaves("first-mirror", Some(Misbehaviour::Status(403)));
    world.upstream.behaves("second-mirror", Some(Misbehaviour::Status(404)));
    let poller = world.polling(&world.gfs(&MIRRORS.replace("6h", "7h"))).await;
    let (kind, said) = refusal(&poller, world.dated(json!({}), "20 05:30")).await;
    assert_eq!(kind, "Failed");
    for part in ["gfs/2026112000", "first-mirror", "403", "second-mirror", "404", "WatchedBucketArns"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(world.runs().await, ["2026112000 due 0"], "the cycle is known");
    assert_eq!(world.stored("select outcome from watchkeeper.ledger").await, ["failed"]);
    // What cannot be read is late as well, when its time has come.
    refusal(&poller, world.dated(json!({}), "20 05:54")).await;
    assert!(world.raised().await.is_empty());
    world.upstream.behaves("second-mirror", None);
    let late = world.poll(&poller, "20 06:00").await;
    assert!(why(&late, "gfs/2026112000").is_some_and(|why| why.contains("upstream is late")), "{late}");
    assert_eq!(world.raised().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_five_thousand_keys_is_read_to_its_end_and_listed_once() {
    let world = World::new().await;
    for n in 0..5_000 {
        world.upstream.publish(BUCKET, &format!("ens.20261120/m{n:04}"), 10, at("20 01:00"));
    }
    let keys = "look_back = '6h'\ncomplete = { keys = ['ens.{yyyymmdd}/m{0000..5000..1}'], settle = '0s' }\nschedule = '0 0 * * *'";
    let poller = world.polling(&world.gfs(keys)).await;
    let waits = world.poll(&poller, "20 05:00").await;
    let said = why(&waits, "gfs/2026112000").expect("it is named");
    assert!(said.contains("1 of 5001 files are missing, the first ens.20261120/m5000"), "{said}");
    let asked = world.upstream.asked();
    assert_eq!(asked.len(), 5, "pages of a thousand");
    assert!(asked.iter().all(|asked| !asked.signed), "as the public asks");
    world.upstream.publish(BUCKET, "ens.20261120/m5000", 10, at("20 05:01"));
    assert_eq!(triggered(&world.poll(&poller, "20 05:15").await), ["gfs/2026112000"]);
    world.upstream.asked();
    world.poll(&poller, "20 05:30").await;
    assert!(world.upstream.asked().is_empty(), "nothing is listed that is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_settled_when_nothing_was_written_for_a_minute_whatever_the_mirrors_dates_say() {
    let world = World::new().await;
    let complete = "look_back = '6h'\ncomplete = { keys = ['gfs.{yyyymmdd}/{hh}/f{000..003..3}'], min_bytes = 4 }";
    let poller = world.polling(&world.gfs(complete)).await;
    let write = |file: &str, bytes, time: &str| {
        world.upstream.publish(BUCKET, &format!("gfs.20261120/00/{file}"), bytes, at(time));
    };
    // The mirror's clock is ahead: its dates tell nothing, two looks do.
    write("f000", 10, "20 23:00");
    write("f003", 3, "20 23:00");
    let small = world.poll(&poller, "20 05:00").await;
    assert!(why(&small, "gfs/2026112000").is_some_and(|why| why.contains("1 of 2 files are too small")), "{small}");
    write("f003", 10, "20 23:00");
    let settling = world.poll(&poller, "20 05:01").await;
    assert!(why(&settling, "gfs/2026112000").is_some_and(|why| why.contains("not settled yet")), "{settling}");
    assert_eq!(triggered(&world.poll(&poller, "20 05:02").await), ["gfs/2026112000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn runpod_that_takes_no_more_is_asked_again_when_it_says_so_and_loses_no_attempt() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '12h'")).await;
    // Of two cycles one is taken, so that the poll has not failed.
    world.publish("20 00:00");
    world.publish("20 06:00");
    world.runpod.behave(Behaviour::answer("run", 429).header("retry-after", "1800").times(1));
    let refused = world.poll(&poller, "20 11:00").await;
    assert_eq!((triggered(&refused).len(), &refused["outcome"]), (1, &json!("partial")), "{refused}");
    assert!(errors(&refused).contains("429"), "{refused}");
    let waits = world.poll(&poller, "20 11:15").await;
    assert_eq!(triggered(&waits).len(), 0, "{waits}");
    assert!(waits["skipped"].to_string().contains("tried again at 11:30Z"), "{waits}");
    assert_eq!(triggered(&world.poll(&poller, "20 11:30").await).len(), 1);
    assert_eq!(world.jobs().iter().filter(|job| job.ends_with(" 1")).count(), 2, "each is the first attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_only_trigger_is_refused_the_poll_has_failed() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'")).await;
    world.publish("20 00:00");
    world.runpod.behave(Behaviour::answer("run", 401).times(1));
    let (kind, said) = refusal(&poller, world.dated(json!({}), "20 05:00")).await;
    assert_eq!(kind, "Failed");
    assert!(said.contains("gfs/2026112000") && said.contains("401") && said.contains("api_key"), "{said}");
    assert_eq!(world.runs().await, ["2026112000 due 0"]);
    // It is armed once by itself: a person may have mended it. Then it has failed, and people are told.
    world.runpod.behave(Behaviour::answer("run", 401).times(1));
    refusal(&poller, world.dated(json!({}), "20 05:15")).await;
    assert_eq!(world.runs().await, ["2026112000 failed 0"], "what was surely refused costs no attempt");
    let raised = world.raised().await;
    assert!(raised.len() == 1 && raised[0]["kind"] == "run-failed", "{raised:?}");
    assert!(!format!("{raised:?}{said}{}", poller.output()).contains("rpa_KEY"), "the key is nobody's business");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runpod_fails_at_is_awaited_as_what_it_may_have_taken() {
    for behaviour in [Behaviour::answer("run", 500), Behaviour::cut("run", Cut::Before)] {
        let world = World::new().await;
        let poller = world.polling(&world.gfs("look_back = '6h'")).await;
        world.publish("20 00:00");
        world.runpod.behave(behaviour.times(1));
        let polled = world.poll(&poller, "20 05:00").await;
        assert_eq!((triggered(&polled).len(), &polled["outcome"]), (1, &json!("partial")), "{polled}");
        assert!(triggered(&world.poll(&poller, "20 07:29").await).is_empty());
        world.poll(&poller, "20 07:30").await;
        world.poll(&poller, "20 07:45").await;
        assert_eq!(world.jobs(), ["2026112000 2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_leaves_its_runs_as_they_are() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'\nschedule = '0 0 * * *'")).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 05:00").await;
    world.runpod.behave(Behaviour::answer("status", 503));
    let (kind, said) = refusal(&poller, world.dated(json!({}), "20 05:15")).await;
    assert!(kind == "Failed" && said.contains("gfs/2026112000") && said.contains("503"), "{kind}: {said}");
    assert_eq!(world.runs().await, ["2026112000 triggered 1"]);
    world.runpod.behave_normally();
    world.work_off();
    assert_eq!(world.poll(&poller, "20 05:30").await["did"]["completed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_is_turned_off_between_two_polls_holds_at_the_next_trigger() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'")).await;
    world.poll(&poller, "20 04:45").await;
    world.publish("20 00:00");
    world.put_switch("enable_medium_range", "off").await;
    // The same sandbox, a moment later: what it knows of switches is no minute old.
    let held = world.poll(&poller, "20 05:00").await;
    let said = why(&held, "gfs/2026112000");
    assert_eq!(said.as_deref(), Some("held: the switch enable_medium_range is off"), "{held}");
    assert_eq!(held["outcome"], "ok");
    assert_eq!((world.jobs().len(), world.runs().await), (0, vec!["2026112000 due 0".to_owned()]));
    world.poll(&poller, "20 05:15").await;
    assert_eq!(world.runs().await, ["2026112000 held 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_names_that_cannot_be_meant_are_refused_by_their_field() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("")).await;
    for (payload, field) in [
        (json!({ "backfill_hours": -1 }), "`backfill_hours` is -1: expected"),
        (json!({ "backfill_hours": 0 }), "`backfill_hours` is 0: expected"),
        (json!({ "backfill_hours": 1_000_000_000 }), "`backfill_hours` is 1000000000: expected"),
        (json!({ "backfill_hours": 1.5 }), "backfill_hours: expected a whole number"),
        (json!({ "limit": -3 }), "`limit` is -3: expected"),
        (json!({ "limit": i64::MAX }), "`limit` is 9223372036854775807: expected"),
        (json!({ "limit": u64::MAX }), "limit: "),
        (json!({ "source": "gsf" }), "`source` is `gsf`: expected one of the watch file's sources: gfs"),
        (json!({ "now": "yesterday" }), "now: `yesterday`"),
    ] {
        let (kind, said) = refusal(&poller, payload.clone()).await;
        assert_eq!(kind, "BadPayload", "{payload}");
        assert!(said.contains(field), "{payload}: {said}");
    }
    assert!(world.runs().await.is_empty());
    let no_limit = world.ask(&poller, json!({ "limit": 0, "dry_run": true }), "20 05:00").await;
    assert_eq!(no_limit["outcome"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_gone_leaves_signals_on_record_and_cycles_triggered() {
    let world = World::new().await;
    let gone = [("ALERTS_QUEUE_URL", "http://127.0.0.1:9/000000000000/gone")];
    let poller = world.start(&world.gfs("look_back = '12h'"), &gone).await;
    world.publish("20 06:00");
    let late = world.poll(&poller, "20 11:00").await;
    assert_eq!((triggered(&late), &late["outcome"]), (vec!["gfs/2026112006".to_owned()], &json!("partial")), "{late}");
    let unsent = "select count(*)::text from watchkeeper.signal_outbox where sent_at is null";
    assert_eq!(world.stored(unsent).await, ["1"], "00Z is late");
    answer(&poller, world.dated(json!({}), "20 11:15")).await;
    assert_eq!(world.stored(unsent).await, ["1"], "once");
}
