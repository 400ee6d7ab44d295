//! A Postgres that hangs, is gone, or hung up while the sandbox slept: nothing is lost, and it is said in time.

use std::time::Duration;

use serde_json::json;
use testkit::receivers::Behaviour;
use testkit::runtime_api::{Options, Outcome};

use crate::messages::{batch, native, one, record};
use crate::world::{World, accepts, retry};

fn short() -> Options {
    Options { timeout: Duration::from_secs(6), ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_stops_and_starts_again_costs_nothing_that_was_sent_meanwhile() {
    let (mut postgres, world) = World::with_own_postgres().await;
    let router = world.router_with(&[("FAILPOINT_HASTE", "1")], Options::default()).await;
    postgres.stop();
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH open 1"]);
    postgres.start_again().expect("it starts");
    accepts(&router, one(&native("other", "firing", "HIGH", "06:00:00"))).await;
    let subjects = "select subject from watchkeeper.signals order by subject";
    assert_eq!(world.column(subjects).await, ["disk", "other"]);
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_while_the_sandbox_was_warm_is_renewed() {
    let world = World::new().await;
    let router = world.router().await;
    for (n, operation) in ["message", "tick", "message"].into_iter().enumerate() {
        if operation == "tick" {
            retry(&router, None).await;
        } else {
            accepts(&router, one(&native(&format!("disk-{n}"), "firing", "HIGH", "06:00:00"))).await;
        }
        let killed = world
            .column("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
            .await;
        assert_eq!(killed, ["t"], "the router holds one connection");
    }
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_hung_in_the_middle_of_a_transaction_leaves_no_lock_behind() {
    let world = World::new().await;
    let holder = store::Connection::open(&world.database_url.as_str().into(), None).await.expect("a connection");
    let everything = "begin; select pg_advisory_xact_lock(k) from generate_series(0, 255) as k";
    holder.client.batch_execute(everything).await.expect("locked");
    let router = world.router_with(&[], short()).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!((world.incidents(), world.held().await), (vec!["HIGH open 1".to_owned()], 1));
    drop(holder);
    retry(&world.router().await, None).await;
    assert_eq!((world.incidents(), world.held().await), (vec!["HIGH open 1".to_owned()], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_secret_is_missing_is_told_once_it_is_there() {
    let world = World::new().await;
    world.delete_parameter("receivers/pagerduty").await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.mails().await.len(), 1, "the other receiver is told");
    let error = "select error from watchkeeper.delivery_attempts where outcome = 'transient'";
    assert!(world.column(error).await[0].contains("/local/watchkeeper/receivers/pagerduty"));
    world.put_parameter("receivers/pagerduty", "0123456789abcdef0123456789abcdef").await;
    let summary = retry(&router, Some("2099-01-01T00:00:00Z")).await;
    assert_eq!(summary["did"]["deliveries_sent"], json!(1), "{summary}");
    assert_eq!(world.incidents(), ["HIGH open 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_slower_than_the_invocation_is_recorded_as_unanswered_and_told_again() {
    let world = World::new().await;
    let router = world.router_with(&[], short()).await;
    world.receivers.behave(Behaviour::late("pagerduty", Duration::from_secs(30)).times(1));
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(
        world.column("select outcome from watchkeeper.delivery_attempts order by outcome").await,
        ["accepted", "ambiguous"]
    );
    retry(&router, Some("2099-01-01T00:00:00Z")).await;
    assert!(world.incidents()[0].starts_with("HIGH open"), "{:?}", world.incidents());
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_are_slow_are_no_reason_to_believe_that_postgres_is_gone() {
    let world = World::new().await;
    let options = Options { timeout: Duration::from_secs(20), ..Options::default() };
    let router = world.router_with(&[], options).await;
    accepts(&router, one(&native("known", "firing", "HIGH", "06:00:00"))).await;
    assert_eq!(world.mails().await.len(), 1);
    world.receivers.behave(Behaviour::late("pagerduty", Duration::from_secs(25)));
    // Each is recorded in a transaction of its own.
    accepts(&router, batch((0..6).map(|n| record(&native(&format!("disk-{n}"), "firing", "HIGH", "06:00:00"), 2))))
        .await;
    assert_eq!(world.mails().await.len(), 6);
    world.receivers.behave_normally();
    accepts(&router, one(&native("known", "firing", "HIGH", "06:00:10"))).await;
    assert_eq!(world.held().await, 0);
    assert_eq!(world.mails().await, Vec::<String>::new(), "it is a duplicate, as the record knows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_there_is_no_time_for_stays_on_its_queue_as_it_is() {
    let world = World::new().await;
    // Two seconds of them are kept back to record, and half a second to answer.
    let router = world.router_with(&[], Options { timeout: Duration::from_secs(3), ..Options::default() }).await;
    let outcome = router.invoke(&one(&native("disk", "firing", "HIGH", "06:00:00"))).await.expect("a process");
    assert!(matches!(&outcome, Outcome::Failed { .. }) && outcome.to_string().contains("it comes again"), "{outcome}");
    assert_eq!((world.held().await, world.incidents()), (0, Vec::<String>::new()), "Postgres is not gone");
    assert!(world.column("select body from watchkeeper.signals").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_hangs_during_a_tick_is_said_in_time_and_the_next_tick_works() {
    let (postgres, world) = World::with_own_postgres().await;
    let router = world.router_with(&[], short()).await;
    retry(&router, None).await;
    postgres.pause();
    let summary = retry(&router, None).await;
    assert_eq!(summary["failed"][0]["name"], json!("postgres"), "{summary}");
    postgres.resume();
    retry(&world.router().await, None).await;
}
