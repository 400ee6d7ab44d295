//! No secret shows anywhere but where it is used: every sample is run, with everything right and with everything wrong,
//! cold and warm, and all that comes out is searched.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::receivers::{Behaviour, Cut};
use testkit::runtime_api::{Options, Sandbox};
use testkit::samples::samples;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::messages::{native, one};
use crate::world::World;

/// Part of every secret.
const MARK: &str = "m4rk";

/// Every sample of both functions in a folder of samples.
fn all_in(folder: &str) -> Vec<(&'static str, Value)> {
    let of = |function: &'static str| {
        let some = samples(&format!("{folder}/{function}")).expect("samples");
        some.into_iter().map(move |(_, event)| (function, event))
    };
    ["healthcheck", "alert-router"].into_iter().flat_map(of).collect()
}

/// Every sample that is right, and what makes the router tell everybody. Those that are wrong are refused before anything
/// is asked, so one stage is enough for them.
fn events() -> Vec<(&'static str, Value)> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut events = all_in("events");
    events.push(("healthcheck", json!({})));
    for severity in ["HIGH", "LOW"] {
        // Each time another subject, or it would be a repeat that nobody is told.
        let subject = format!("disk-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        events.push(("alert-router", one(&native(&subject, "firing", severity, "06:00:00"))));
    }
    events.push(("alert-router", json!({"tick": "retry", "now": "2099-01-01T00:00:00Z"})));
    events
}

/// Runs everything twice, so that the second time is warm, and answers all that was said.
async fn run_everything(world: &World, besides: &[(&'static str, Value)]) -> String {
    let debug = ("AWS_LAMBDA_LOG_LEVEL", "DEBUG");
    let healthcheck = world.healthcheck_with(&[debug]).await;
    let router = world.router_with(&[debug], Options::default()).await;
    let mut said = String::new();
    for _ in 0..2 {
        for (function, event) in events().into_iter().chain(besides.iter().cloned()) {
            let sandbox: &Sandbox = if function == "healthcheck" { &healthcheck } else { &router };
            said.push_str(&format!("{}\n", sandbox.invoke(&event).await.expect("a process")));
        }
    }
    format!("{said}{}{}", healthcheck.output(), router.output())
}

/// Every row of every table.
async fn record(world: &World) -> String {
    let tables = "select table_name from information_schema.tables where table_schema = 'watchkeeper'";
    let mut rows = String::new();
    for table in world.column(tables).await {
        rows.push_str(&world.column(&format!("select t::text from watchkeeper.{table} t")).await.join("\n"));
    }
    rows
}

/// The lines that give a secret away.
fn leaks(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains(MARK)).collect()
}

/// Runs everything at a stage; `shows` is what must be said there, or nothing was tried.
async fn assert_nothing_leaks(world: &World, stage: &str, shows: &str) {
    assert_no_event_leaks(world, stage, shows, &[]).await;
}

/// The same with more events.
async fn assert_no_event_leaks(world: &World, stage: &str, shows: &str, besides: &[(&'static str, Value)]) {
    let said = run_everything(world, besides).await + &record(world).await;
    assert_eq!(leaks(&said), Vec::<&str>::new(), "{stage}");
    assert!(said.contains(shows), "{stage}: nobody says {shows:?}");
}

/// The database's address with a password, which a server that trusts everybody does not ask for.
fn with_password(url: &str, password: &str) -> String {
    url.replacen("postgres@", &format!("postgres:{password}@"), 1)
}

async fn put_marked(world: &World) {
    let url = with_password(&world.database_url, "m4rk-database");
    world.put_parameter("database/url", &url).await;
    world.put_parameter("database/pipeline_url", &url).await;
    world.put_parameter("receivers/pagerduty", "m4rk-0123456789abcdef0123456789a").await;
    world.put_parameter("receivers/hook_url", &format!("{}/m4rk-hook?token=m4rk", world.receivers.hook_url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_everything_right_secrets_go_where_they_belong_and_nowhere_else() {
    let world = World::new().await;
    put_marked(&world).await;
    assert_no_event_leaks(&world, "all is well", "Told on-call", &all_in("events/invalid")).await;
    let (events, hooks) = (world.receivers.received_by("pagerduty"), world.receivers.received_by("webhook"));
    assert!(events.iter().any(|event| event.json["routing_key"].as_str().is_some_and(|key| key.contains(MARK))));
    assert!(hooks.iter().any(|hook| hook.path.contains(MARK)));
    assert!(hooks.iter().all(|hook| !hook.body.contains(MARK)), "no receiver learns another's secret");
    for mut event in events.into_iter().map(|event| event.json) {
        event["routing_key"] = Value::Null;
        assert!(!event.to_string().contains(MARK), "{event}");
    }
    assert!(world.mails().await.iter().all(|mail| !mail.contains(MARK)));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_receivers_that_refuse_hang_up_and_echo_no_secret_shows() {
    let world = World::new().await;
    put_marked(&world).await;
    for integration in ["pagerduty", "webhook"] {
        for status in [400, 401, 403, 404, 429, 500] {
            world.receivers.behave(Behaviour::answer(integration, status).times(1));
        }
        world.receivers.behave(Behaviour::cut(integration, Cut::Before).times(1));
        world.receivers.behave(Behaviour::cut(integration, Cut::After).times(1));
    }
    assert_nothing_leaks(&world, "refusals", "401 Unauthorized").await;
    let echo = echo().await;
    for (stage, address, shows) in [
        ("an answer that repeats the question", format!("http://{echo}/m4rk-echo?token=m4rk"), "[secret]"),
        ("nobody there", "http://127.0.0.1:1/m4rk-path".to_owned(), "could not be reached"),
        ("no TLS spoken", format!("https://{echo}/m4rk-path"), "could not be reached"),
        ("no such host", "http://m4rk-host.invalid/m4rk-path".to_owned(), "could not be reached"),
        ("no address", "m4rk, which is no address".to_owned(), "is not an address"),
        ("a broken address", "http://m4rk host/m4rk".to_owned(), "is not an address"),
    ] {
        world.put_parameter("receivers/hook_url", &address).await;
        world.put_parameter("receivers/pagerduty_url", &address).await;
        assert_nothing_leaks(&world, stage, shows).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_databases_that_refuse_or_are_not_there_no_password_shows() {
    let world = World::new().await;
    put_marked(&world).await;
    let url = &world.database_url;
    let password = with_password(url, "m4rk-password");
    for (stage, address, shows) in [
        ("nobody there", "postgres://keeper:m4rk-password@127.0.0.1:1/pipeline".to_owned(), "Postgres at 127.0.0.1:1"),
        ("no such role", url.replacen("postgres@", "nobody:m4rk-password@", 1), "role \\\"nobody\\\" does not exist"),
        ("no such database", format!("{password}_not"), "_not\\\" does not exist"),
        ("no TLS spoken", format!("{password}?sslmode=require"), "server does not support TLS"),
        ("an @ in the password", with_password(url, "half@m4rk-other-half"), "more than one @"),
        ("an @ and a slash in it", with_password(url, "half@m4rk/other-half"), "more than one @"),
        ("words", "host=127.0.0.1 user=postgres password=my m4rk=word".to_owned(), "expected postgres://USER"),
        ("a bad option", format!("{password}?m4rk-password"), "expected postgres://USER"),
        ("no address", "m4rk, which is no address".to_owned(), "expected postgres://USER"),
    ] {
        world.put_parameter("database/url", &address).await;
        world.put_parameter("database/pipeline_url", &address).await;
        assert_nothing_leaks(&world, stage, shows).await;
    }
    put_marked(&world).await;
    world.put_parameter("database/ca_pem", "m4rk, which is no certificate").await;
    assert_nothing_leaks(&world, "a bad certificate", "is not a list of PEM certificates").await;
    world.delete_parameter("database/ca_pem").await;
    world.put_parameter("database/pipeline_url", "postgres://keeper:m4rk-password@127.0.0.1:1/pipeline").await;
    assert_nothing_leaks(&world, "only the pipeline is gone", "Postgres at 127.0.0.1:1").await;
}

/// A server that refuses every request by repeating it.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number");
    tokio::spawn(async move {
        while let Ok((mut guest, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = vec![0; 16_384];
                let count = guest.read(&mut buffer).await.unwrap_or_default();
                let asked = &buffer[..count];
                let head = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {count}\r\nconnection: close\r\n\r\n");
                let _ = guest.write_all(&[head.as_bytes(), asked].concat()).await;
            });
        }
    });
    address
}
