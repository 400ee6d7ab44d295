//! The ways in which Postgres can be gone, and what counts as gone: in each, the page goes out and the message waits.

use std::time::Duration;

use serde_json::json;
use testkit::proxy::{Fault, Towards};
use testkit::runtime_api::{Options, Outcome, Sandbox};

use crate::messages::{batch, native, one, record};
use crate::world::{World, accepts};

fn page() -> String {
    native("disk", "firing", "CRITICAL", "06:00:00")
}

/// A timeout that ends a test which waits for what never comes.
fn short() -> Options {
    Options { timeout: Duration::from_secs(8), ..Options::default() }
}

async fn pages_and_holds(world: &World, router: &Sandbox) {
    accepts(router, one(&page())).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"], "{}", router.output());
    assert_eq!((world.mails().await.len(), world.held().await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_stopped() {
    let (mut postgres, world) = World::with_own_postgres().await;
    let router = world.router().await;
    accepts(&router, one(&native("warm", "firing", "LOW", "06:00:00"))).await;
    postgres.stop();
    pages_and_holds(&world, &router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_hangs_on_a_cold_sandbox_and_on_a_warm_one() {
    for is_warm in [false, true] {
        let world = World::new().await;
        let router = world.router_with(&[], short()).await;
        if is_warm {
            accepts(&router, one(&native("warm", "firing", "LOW", "06:00:00"))).await;
        }
        world.proxy.behave(Fault::Hang);
        pages_and_holds(&world, &router).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_whose_answers_are_lost() {
    let world = World::new().await;
    let router = world.router_with(&[], short()).await;
    accepts(&router, one(&native("warm", "firing", "LOW", "06:00:00"))).await;
    world.proxy.behave(Fault::HalfOpen { lost: Towards::Client });
    pages_and_holds(&world, &router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_is_full() {
    let world = World::new().await;
    world.proxy.behave(Fault::PoolerIsFull);
    pages_and_holds(&world, &world.router().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_too_old() {
    let world = World::new().await;
    world.rows("alter table watchkeeper.signals rename to signals_of_tomorrow").await;
    pages_and_holds(&world, &world.router().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_missing() {
    let world = World::new().await;
    world.rows("delete from watchkeeper.schema_migrations").await;
    let router = world.router().await;
    pages_and_holds(&world, &router).await;
    assert!(router.output().contains("run the migrator of this release first"), "{}", router.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_missing() {
    let world = World::new().await;
    world.delete_parameter("database/url").await;
    pages_and_holds(&world, &world.router().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_in_the_middle_of_a_batch_whether_or_not_it_was_committed() {
    for (arrives, on_record) in [(false, "0"), (true, "1")] {
        // A pooler decides by itself what it still passes on of whoever hung up.
        let world = World::without_pooler().await;
        let router = world.router().await;
        world.proxy.behave(Fault::CutAt { statement: "commit", arrives });
        pages_and_holds(&world, &router).await;
        world.proxy.behave(Fault::None);
        let count = "select count(*) from watchkeeper.signals";
        assert_eq!(world.column(count).await, [on_record]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_store_fails_at_costs_no_other_message() {
    let world = World::new().await;
    let broken = "create function watchkeeper.broken() returns trigger language plpgsql as
        $$ begin if new.subject = 'disk' then raise exception 'corrupt' using errcode = 'XX001'; end if; return new; end $$;
        create trigger broken before insert on watchkeeper.signals for each row execute function watchkeeper.broken()";
    world.rows(broken).await;
    let router = world.router().await;
    let sound = record(&native("sound", "firing", "LOW", "06:00:00"), 1);
    accepts(&router, batch([record(&page(), 1), sound])).await;
    assert_eq!(world.column("select subject from watchkeeper.signals").await, ["sound"]);
    assert_eq!((world.incidents(), world.held().await), (vec!["CRITICAL open 1".to_owned()], 1));
    accepts(&router, one(&native("next", "firing", "LOW", "06:00:00"))).await;
    assert_eq!(world.held().await, 1, "the store is not gone: the next one is recorded at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_gone_a_moment_ago_is_left_alone() {
    let world = World::new().await;
    let router = world.router().await;
    world.proxy.behave(Fault::Refuse);
    pages_and_holds(&world, &router).await;
    world.proxy.behave(Fault::None);
    accepts(&router, one(&native("next", "firing", "LOW", "06:00:00"))).await;
    assert_eq!(world.held().await, 2, "for 15 s, nothing is asked of it");
    assert!(router.output().contains("asked again in"), "{}", router.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_without_postgres_succeeds_and_says_so() {
    let world = World::new().await;
    world.proxy.behave(Fault::Refuse);
    let router = world.router().await;
    let outcome = router.invoke(&json!({"tick": "retry"})).await.expect("a process");
    let Outcome::Answered(summary) = outcome else { panic!("a failure every minute would be mailed: {outcome}") };
    assert_eq!(
        (&summary["outcome"], &summary["failed"][0]["name"]),
        (&json!("partial"), &json!("postgres")),
        "{summary}"
    );
    assert_eq!(summary["skipped"][0]["name"], json!("everything"));
}
