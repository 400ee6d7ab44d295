//! One alert through the warm router: from the message's arrival to the request at the receiver, beside the floor of
//! one INSERT and one POST by the same client stack.

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::runtime_api::Sandbox;
use tokio_postgres::types::Type;

use crate::alerts::{enqueue, now};
use crate::stats::Samples;
use crate::table::Row;
use crate::world::{Subject, World};

/// Enough for a p99 of three values.
const ALERTS: usize = 300;
/// Alerts that go through before the first is measured.
const WARM_UP: usize = 20;

/// The rows of the alert's way.
pub(crate) async fn measure(world: &World, router: &Subject) -> anyhow::Result<Vec<Row>> {
    let sandbox = world.sandbox(router).await?;
    sandbox.first_poll().await?;
    let messages = enqueue(world, "one", WARM_UP + ALERTS).await?;
    let mut times = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let time = one(world, &sandbox, message).await.with_context(|| format!("alert {n}"))?;
        if n >= WARM_UP {
            times.push(time);
        }
    }
    let floor = Samples::new(floor(world).await?);
    let times = Samples::new(times);
    Ok(vec![
        Row::new("alert-router: one alert, message in to request out, p50", times.median(), "ms")
            .peer("INSERT + POST", floor.median()),
        Row::new("alert-router: one alert, message in to request out, p99", times.percentile(99), "ms")
            .note(format!("{ALERTS} alerts, largest {:.1}", times.largest()))
            .budget(15.0)
            .peer("INSERT + POST", floor.percentile(99)),
    ])
}

/// Milliseconds until the receiver had the request.
async fn one(world: &World, sandbox: &Sandbox, message: &Value) -> anyhow::Result<f64> {
    world.receivers.clear();
    let before = now();
    let outcome = sandbox.invoke(&json!({"Records": [message]})).await?;
    outcome.answered().with_context(|| sandbox.output())?;
    arrival(world, before)
}

/// The same by hand: what no router can do without.
async fn floor(world: &World) -> anyhow::Result<Vec<f64>> {
    let (database, connection) = tokio_postgres::connect(&world.database_url, tokio_postgres::NoTls).await?;
    let driving = tokio::spawn(connection);
    database.batch_execute("create table floor (id bigint generated always as identity, body text not null)").await?;
    // A connection of its own for each request, as the router's: a frozen sandbox keeps none.
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().context("making a client")?;
    let event = json!({
        "routing_key": "0123456789abcdef0123456789abcdef",
        "event_action": "trigger",
        "payload": {"summary": "the floor", "source": "bench", "severity": "error"},
    });
    let body = event.to_string();
    let mut times = Vec::new();
    for n in 0..WARM_UP + ALERTS {
        world.receivers.clear();
        let before = now();
        database.execute_typed("insert into floor (body) values ($1)", &[(&body, Type::TEXT)]).await?;
        let request = http.post(world.receivers.pagerduty_url()).header("content-type", "application/json");
        request.body(body.clone()).send().await?.error_for_status()?;
        if n >= WARM_UP {
            times.push(arrival(world, before)?);
        }
    }
    drop(database);
    driving.abort();
    Ok(times)
}

fn arrival(world: &World, before: Timestamp) -> anyhow::Result<f64> {
    let received = world.receivers.received();
    ensure!(received.len() == 1, "expected one request at the receiver, got {}", received.len());
    let took: SignedDuration = received[0].at.duration_since(before);
    Ok(took.as_secs_f64() * 1_000.0)
}
