//! What people and programs ask by a payload: acknowledge, silence, query.

use serde_json::{Value, json};
use testkit::runtime_api::{Outcome, Sandbox};

use crate::messages::{native, one};
use crate::world::{World, accepts, retry};

/// Asks, and expects an answer.
pub(crate) async fn ask(router: &Sandbox, payload: Value) -> Value {
    let outcome = router.invoke(&payload).await.expect("a process");
    outcome.answered().unwrap_or_else(|error| panic!("{payload}: {error:#}\n{}", router.output()))
}

/// Asks, and expects a refusal of the payload.
pub(crate) async fn refused(router: &Sandbox, payload: Value) -> String {
    match router.invoke(&payload).await.expect("a process") {
        Outcome::Failed { error_type, message } => {
            assert_eq!(error_type, "BadPayload", "{message}");
            message
        }
        other => panic!("{payload} was taken: {other}"),
    }
}

pub(crate) async fn only(world: &World, sql: &str) -> String {
    world.column(sql).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_acknowledges_first_looks_after_an_alert_for_a_day_and_may_move_the_end() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    let id = only(&world, "select alert_id from watchkeeper.alerts").await;
    let acknowledge = |by: &str| json!({"acknowledge": {"alert_id": id, "by": by, "note": "I am on it"}});

    let answer = ask(&router, acknowledge("ana")).await;
    assert_eq!(answer["did"]["alerts_acknowledged"], 1, "{answer}");
    assert_eq!(answer["acknowledged"]["by"], "ana");
    let lasts = "select extract(epoch from acknowledged_until - acknowledged_at)::bigint from watchkeeper.alerts";
    assert_eq!(only(&world, lasts).await, "86400");

    for by in ["ana", "ben"] {
        let answer = ask(&router, acknowledge(by)).await;
        assert_eq!((answer["did"]["alerts_acknowledged"].as_u64(), &answer["outcome"]), (None, &json!("ok")), "{by}");
        let reason = answer["skipped"][0]["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with("ana acknowledged it at "), "{reason}");
        assert_eq!(answer["acknowledged"]["by"], "ana", "who looks after it is answered");
    }
    let soon =
        only(&world, "select to_char(now() at time zone 'UTC' + interval '2 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
            .await;
    let moved = json!({"acknowledge": {"alert_id": id, "by": "ana", "until": soon}});
    for changed in [Some(1), None] {
        assert_eq!(ask(&router, moved.clone()).await["did"]["alerts_acknowledged"].as_u64(), changed);
    }
    let rows = world.column("select by || ' ' || coalesce(note, '-') from watchkeeper.acknowledgements order by at");
    assert_eq!(rows.await, ["ana I am on it", "ana -"]);
    world.rows("update watchkeeper.alerts set acknowledged_until = now()").await;
    assert_eq!(ask(&router, acknowledge("ben")).await["acknowledged"]["by"], "ben", "an acknowledgement that ran out");
    let runs = "select count(*) from watchkeeper.ledger where function = 'alert-router' and outcome = 'ok'";
    assert_eq!(only(&world, runs).await, "6", "each is in the ledger");

    let far = refused(&router, json!({"acknowledge": {"alert_id": id, "by": "ana", "until": "2099-01-01T00:00:00Z"}}));
    assert!(far.await.contains("acknowledge.until: 2099-01-01T00:00:00Z is too far: expected at most 30 days"));
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:30:00"))).await;
    let over = refused(&router, acknowledge("ana")).await;
    assert!(over.contains(&format!("acknowledge.alert_id: alert {id} is over since ")), "{over}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_during_a_silence_and_whoever_ends_it_early_lets_the_next_tick_tell() {
    let world = World::new().await;
    let router = world.router().await;
    let silence = json!({"silence": {"matchers": {"kind": "drill", "subject": ["disk*"], "environment": "local"},
        "until": "2099-01-01T00:00:00Z", "author": "ana", "reason": "new disks"}});
    let id = ask(&router, silence.clone()).await["silence"]["silence_id"].clone();
    assert_eq!(ask(&router, silence).await["silence"]["silence_id"], id, "who asks twice gets one silence");
    accepts(&router, one(&native("disk-1", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("network", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.decisions().await, ["suppressed/silenced", "opened"]);
    assert_eq!(world.incidents().len(), 1);

    let unsilence = json!({"unsilence": {"silence_id": id, "by": "ben"}});
    assert_eq!(ask(&router, unsilence.clone()).await["did"]["silences_ended"], 1);
    let again = ask(&router, unsilence).await;
    let reason = again["skipped"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("ben ended it at "), "{again}");
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn recurring_maintenance_mutes_in_its_windows_only() {
    let world = World::new().await;
    let router = world.router().await;
    let silence = |subject: &str, cron: &str| {
        json!({"silence": {"matchers": {"subject": subject}, "until": "2099-01-01T00:00:00Z", "author": "ana",
            "reason": "maintenance", "recurring": {"cron": cron, "duration": "2h", "timezone": "UTC"}}})
    };
    let hour: u32 =
        only(&world, "select extract(hour from now() at time zone 'UTC')::integer").await.parse().expect("an hour");
    // Begun within the last hour and open for another; and twelve hours from it.
    ask(&router, silence("inside", &format!("0 {hour} * * *"))).await;
    ask(&router, silence("outside", &format!("0 {} * * *", (hour + 12) % 24))).await;
    accepts(&router, one(&native("inside", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("outside", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.decisions().await, ["suppressed/silenced", "opened"]);
    let ends = "select extract(hour from reason_until at time zone 'UTC')::integer
                from watchkeeper.signals where reason = 'silenced'";
    assert_eq!(only(&world, ends).await, ((hour + 2) % 24).to_string(), "until the window ends, not the silence");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_written_by_hand_that_cannot_be_read_keeps_nobody_from_being_told() {
    let world = World::new().await;
    let router = world.router().await;
    for (matchers, recurring) in
        [("{}", "null"), (r#"{"kind": 3}"#, "null"), (r#"{"kind": ["drill"]}"#, r#"'{"cron": "x"}'"#)]
    {
        let sql = format!(
            "insert into watchkeeper.silences
                 (silence_id, matchers, from_at, until_at, recurring, author, reason, created_at)
             values (gen_random_uuid(), '{matchers}', now() - interval '1 hour', now() + interval '1 hour',
                     {recurring}, 'ana', 'by hand', now())"
        );
        world.rows(&sql).await;
    }
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    assert!(router.output().contains("mutes nothing"), "and it is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_listed_the_newest_first_a_page_at_a_time_however_many_come_meanwhile() {
    let world = World::new().await;
    let router = world.router().await;
    for n in 1..=5 {
        accepts(&router, one(&native(&format!("disk-{n}"), "firing", if n == 3 { "HIGH" } else { "LOW" }, "06:00:00")))
            .await;
    }
    let subjects = |answer: &Value| -> Vec<String> {
        let alerts = answer["alerts"].as_array().cloned().unwrap_or_default();
        alerts.iter().filter_map(|alert| alert["subject"].as_str().map(str::to_owned)).collect()
    };
    let mut seen = Vec::new();
    let mut query = json!({"query": {"limit": 2}});
    loop {
        let page = ask(&router, query.clone()).await;
        seen.extend(subjects(&page));
        accepts(&router, one(&native(&format!("late-{}", seen.len()), "firing", "LOW", "06:00:00"))).await;
        if page["next"].is_null() {
            break;
        }
        query["query"]["cursor"] = page["next"].clone();
    }
    assert_eq!(seen, ["disk-5", "disk-4", "disk-3", "disk-2", "disk-1"]);

    let high = ask(&router, json!({"query": {"severity": "sev2"}})).await;
    assert_eq!(subjects(&high), ["disk-3"]);
    let id = high["alerts"][0]["alert_id"].clone();
    ask(&router, json!({"acknowledge": {"alert_id": id, "by": "ana"}})).await;
    let open = |severity: &str| json!({"query": {"severity": severity, "unacknowledged": true}});
    assert_eq!(subjects(&ask(&router, open("HIGH")).await), Vec::<String>::new());
    assert_eq!(subjects(&ask(&router, open("LOW")).await).len(), 7);
    let since = ask(&router, json!({"query": {"since": "2099-01-01T00:00:00Z"}})).await;
    assert_eq!(subjects(&since), Vec::<String>::new());
    let nobody = ask(&router, json!({"query": {"worker_id": "worker-1"}})).await;
    assert_eq!((subjects(&nobody).len(), &nobody["next"]), (0, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_field_by_its_path() {
    let world = World::new().await;
    let router = world.router().await;
    let silence = |more: Value| {
        let mut silence =
            json!({"matchers": {"kind": "drill"}, "until": "2099-01-01T00:00:00Z", "author": "a", "reason": "r"});
        for (key, value) in more.as_object().into_iter().flatten() {
            silence[key] = value.clone();
        }
        json!({"silence": silence})
    };
    for (payload, said) in [
        (json!({"acknowledge": {"alert_id": "x", "by": "ana"}}), "acknowledge.alert_id: "),
        (
            json!({"acknowledge": {"alert_id": "01900000-0000-7000-8000-000000000000"}}),
            "acknowledge: missing field `by`",
        ),
        (json!({"acknowledge": {"bye": "ana"}}), "unknown field `bye`, expected one of `alert_id`, `by`"),
        (silence(json!({"matchers": {"ticker": "x"}})), "unknown field `ticker`"),
        (
            silence(json!({"matchers": {"kind": []}})),
            "silence.matchers.kind: expected a text, or a list of at least one",
        ),
        (silence(json!({"matchers": {"kind": "*x"}})), "silence.matchers.kind: `*x`: `*` may only stand at the end"),
        (silence(json!({"matchers": {"severity": "BAD"}})), "silence.matchers.severity: unknown severity `BAD`"),
        (
            silence(json!({"from": "2099-02-01T00:00:00Z"})),
            "silence.until: 2099-01-01T00:00:00Z is not later than `from`",
        ),
        (silence(json!({"until": "soon"})), "silence.until: "),
        (
            silence(json!({"recurring": {"cron": "0 0 31 2 *", "duration": "1h", "timezone": "UTC"}})),
            "silence.recurring.cron: no window of `0 0 31 2 *` lies between",
        ),
        (json!({"release": {"by": "ana", "reason": "r"}}), "release.worker_id: expected a worker's id"),
        (json!({"quarantined": [3]}), "quarantined[0]: "),
        (json!({"quarantined": vec!["w"; 1_001]}), "quarantined: 1001 workers are too many"),
        (json!({"query": {"limit": 0}}), "query.limit: 0 is not from 1 to 500"),
        (json!({"query": {"since": "yesterday"}}), "query.since: "),
        (json!({"query": {}, "explain": "x"}), "explain and query are asked at once"),
        (json!({"query": {}, "environment": "prod"}), "unknown field `environment`"),
        (json!({"tikc": "retry"}), "unknown field `tikc`: expected `Records` or one of tick, acknowledge,"),
    ] {
        let message = refused(&router, payload.clone()).await;
        assert!(message.contains(said), "{payload}\n{message}");
    }
    let scheduled = json!({"query": {}, "scheduled_at": "<aws.scheduler.scheduled-time>"});
    assert!(ask(&router, scheduled).await["alerts"].is_array());
}
