//! The story once more through PgBouncer in transaction mode, where the machine has one.

use testkit::pgbouncer::{self, PgBouncer};
use testkit::postgres::Postgres;

use crate::messages::{batch, native, one, record};
use crate::world::{World, accepts, retry};

#[tokio::test(flavor = "multi_thread")]
async fn through_a_transaction_pooler_signals_are_recorded_and_people_are_told() {
    let Some(program) = pgbouncer::installed() else {
        println!("no pgbouncer on this machine: the strict proxy stands for it");
        return;
    };
    let pooler = PgBouncer::start(program, Postgres::shared()).expect("PgBouncer starts");
    let world = World::new().await;
    let (_, database) = world.database_url.rsplit_once('/').expect("a database");
    let through_pooler = format!("postgres://postgres@{}/{database}", pooler.address());
    world.put_parameter("database/url", &through_pooler).await;

    // More routers than the pooler has connections: every transaction may meet another one.
    let mut routers = Vec::new();
    for _ in 0..4 {
        routers.push(world.router().await);
    }
    let storms = routers.iter().enumerate().map(|(n, router)| {
        let messages =
            (0..20).map(move |m| record(&native(&format!("disk-{m}"), "firing", "HIGH", &format!("06:00:{n:02}")), 1));
        accepts(router, batch(messages))
    });
    futures::future::join_all(storms).await;
    retry(&routers[0], None).await;
    assert_eq!(world.incidents(), vec!["HIGH open 1"; 20]);
    let mut decided = world.decisions().await;
    decided.sort();
    assert_eq!(decided, [vec!["opened"; 20], vec!["suppressed/duplicate"; 60]].concat());

    accepts(&routers[1], one(&native("disk-0", "resolved", "HIGH", "06:10:00"))).await;
    accepts(&routers[2], batch([again_and_again()])).await;
    // The rate of PagerDuty may be used up by the storm: a batch leaves what is not CRITICAL to the next tick.
    retry(&routers[3], None).await;
    assert_eq!(world.incidents().iter().filter(|incident| *incident == "HIGH resolved 1").count(), 1);
    assert_eq!(world.column("select count(*) from watchkeeper.suspects").await, ["0"]);
}

/// A message that was received before is read alone, noted as a suspect first.
fn again_and_again() -> serde_json::Value {
    record(&native("disk-1", "firing", "HIGH", "06:20:00"), 3)
}
