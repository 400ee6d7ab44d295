//! What a poll does with little: no switches, no time, nothing to do.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use testkit::runtime_api::Outcome;
use tokio::net::TcpListener;

use crate::upstream::Misbehaviour;
use crate::world::{World, triggered, why};

/// An SSM that hands out these parameters, and of the branch `features` nothing: the role may not read it.
async fn ssm_without_switches(parameters: Vec<(String, String)>) -> String {
    let answer = async |State(parameters): State<Vec<(String, String)>>, body: String| {
        if body.contains("/features") {
            let refused =
                json!({"__type": "AccessDeniedException", "message": "not authorized: ssm:GetParametersByPath"});
            return (StatusCode::BAD_REQUEST, refused.to_string());
        }
        let asked: Value = serde_json::from_str(&body).expect("JSON");
        let path = asked["Path"].as_str().unwrap_or("?").to_owned();
        let found = parameters.iter().filter(|(name, _)| name.starts_with(&path));
        let found: Vec<Value> =
            found.map(|(name, value)| json!({"Name": name, "Value": value, "Type": "SecureString"})).collect();
        (StatusCode::OK, json!({ "Parameters": found }).to_string())
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its number"));
    let routes = Router::new().route("/", post(answer)).with_state(parameters);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn switches_that_cannot_be_read_on_a_cold_start_count_as_off_and_the_poll_says_so() {
    let world = World::new().await;
    let source = world.gfs("look_back = '6h'");
    let ssm = ssm_without_switches(world.secrets()).await;
    let blind = world.start(&source, &[("AWS_ENDPOINT_URL_SSM", &ssm)]).await;
    world.publish("20 00:00");
    let held = world.poll(&blind, "20 05:00").await;
    let said = why(&held, "gfs/2026112000").expect("the cycle is named");
    assert!(said.contains("the switch enable_medium_range counts as off: ") && said.contains("AccessDenied"), "{held}");
    assert!(held["failed"].to_string().contains("features"), "{held}");
    assert_eq!((world.jobs().len(), world.runs().await), (0, vec!["2026112000 held 0".to_owned()]));

    let sees = world.polling(&source).await;
    assert_eq!(triggered(&world.poll(&sees, "20 05:15").await), ["gfs/2026112000"], "held, not lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_whose_time_runs_out_commits_what_it_has_names_the_rest_and_loses_nothing() {
    let world = World::new().await;
    let other = |name: &str| {
        let more = format!("look_back = '6h'\nupstream.s3 = {{ buckets = ['{name}-1', '{name}-2'] }}");
        world.gfs(&more).replace("[source.gfs]", &format!("[source.{name}]"))
    };
    for mirror in ["silent-1", "silent-2", "still-1", "still-2"] {
        world.upstream.behaves(mirror, Some(Misbehaviour::Never));
    }
    let poller = world.polling(&(world.gfs("look_back = '6h'") + &other("silent") + &other("still"))).await;
    world.publish("20 00:00");
    // No time to look at anything, then hardly any.
    for (seconds, taken) in [(6, 0), (20, 1)] {
        let payload = world.dated(json!({}), "20 05:00");
        let timed = poller.invoke_timed(&payload, Duration::from_secs(seconds)).await.expect("a process");
        let Outcome::Answered(cut) = timed.outcome else { panic!("{seconds} s: {}", timed.outcome) };
        assert_eq!(triggered(&cut).len(), taken, "{cut}");
        let named = cut.to_string();
        for cycle in ["gfs/2026112000", "silent/2026112000", "still/2026112000"] {
            assert!(named.contains(cycle), "{cycle}: {cut}");
        }
        assert_eq!(world.stored("select count(*)::text from watchkeeper.forecast_runs").await, ["3"], "on record");
    }
    assert_eq!(world.stored("select count(*)::text from watchkeeper.ledger").await, ["2"]);

    for mirror in ["silent-2", "still-2"] {
        for file in ["f000", "f003", "f006"] {
            world.upstream.publish(mirror, &format!("gfs.20261120/00/{file}"), 10, crate::world::at("20 00:00"));
        }
    }
    for mirror in ["silent-1", "silent-2", "still-1", "still-2"] {
        world.upstream.behaves(mirror, None);
    }
    world.poll(&poller, "20 05:15").await;
    world.poll(&poller, "20 05:30").await;
    assert_eq!(world.jobs(), ["2026112000 1"; 3], "each once, none for a lost attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_that_no_poll_has_time_to_look_at_is_late_in_its_time_and_people_are_told() {
    let world = World::new().await;
    let poller = world.polling(&world.gfs("look_back = '6h'")).await;
    world.publish("20 00:00");
    for (time, raised) in [("20 05:00", 0), ("20 05:50", 0), ("20 06:00", 1), ("20 06:05", 0)] {
        let payload = world.dated(json!({ "source": "gfs" }), time);
        let timed = poller.invoke_timed(&payload, Duration::from_secs(6)).await.expect("a process");
        let Outcome::Answered(hurried) = timed.outcome else { panic!("{time}: {}", timed.outcome) };
        assert!(hurried["remaining"].to_string().contains("gfs/2026112000"), "{hurried}");
        let signals = world.raised().await;
        assert_eq!(signals.len(), raised, "{time}: {signals:?}");
        assert!(signals.iter().all(|one| one["summary"].to_string().contains("it was not looked at")), "{signals:?}");
    }
    assert_eq!(world.runs().await[0], "2026112000 late 0");
    assert_eq!(triggered(&world.poll(&poller, "20 06:10").await), ["gfs/2026112000"]);
    assert_eq!(world.raised().await.len(), 1, "it is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_over_five_sources_with_nothing_to_do_takes_three_round_trips() {
    let world = World::new().await;
    let sources: String =
        (1..=5).map(|n| world.gfs("look_back = '6h'").replace("[source.gfs]", &format!("[source.gfs{n}]"))).collect();
    let poller = world.polling(&sources).await;
    world.publish("20 00:00");
    world.poll(&poller, "20 05:00").await;
    world.work_off();
    world.poll(&poller, "20 05:15").await;
    world.proxy.take_asked();
    let idle = world.poll(&poller, "20 05:30").await;
    assert_eq!((triggered(&idle).len(), &idle["looked_at"]["complete"]), (0, &json!(5)), "{idle}");
    let asked = world.proxy.take_asked();
    assert!(asked <= 3, "the clock, the runs, the ledger: {asked}");
}
