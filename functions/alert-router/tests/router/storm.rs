//! A storm of distinct alerts: few requests, and every notice on record as told.

use serde_json::{Value, json};

use crate::calm::router_with;
use crate::messages::{batch, native, record};
use crate::world::{World, accepts, retry};

fn burst(status: &str, at: &str, from: usize, to: usize) -> Value {
    batch((from..to).map(|n| record(&native(&format!("disk-{n}"), status, "MEDIUM", at), 1)))
}

async fn count(world: &World, which: &str) -> String {
    world.column(&format!("select count(*) from watchkeeper.deliveries where {which}")).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_distinct_alerts_are_few_requests_and_all_on_record_as_told() {
    let world = World::new().await;
    let router = world.router().await;
    for n in 0..10 {
        accepts(&router, burst("firing", "06:00:00", n * 1_000, (n + 1) * 1_000)).await;
    }
    retry(&router, None).await;
    let requests = world.receivers.received_by("webhook");
    assert!(requests.len() <= 20, "{} requests", requests.len());
    assert!(requests[0].body.contains("and 999 more: [MEDIUM] disk-"), "{}", requests[0].body);
    assert_eq!(count(&world, "status = 'sent'").await, "10000");
    assert_eq!(count(&world, "status <> 'sent'").await, "0");
    let each = "select count(*) || ' ' || count(distinct delivery_id) from watchkeeper.delivery_attempts where outcome = 'accepted'";
    assert_eq!(world.column(each).await, ["10000 10000"]);

    world.receivers.clear();
    for n in 0..10 {
        accepts(&router, burst("resolved", "06:30:00", n * 1_000, (n + 1) * 1_000)).await;
    }
    retry(&router, None).await;
    let ends = world.receivers.received_by("webhook");
    assert!(ends.len() <= 20 && ends[0].body.contains("and 999 more"), "{} requests", ends.len());
    assert_eq!(count(&world, "notice = 'resolved' and status = 'sent'").await, "10000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_groups_names_every_member_of_each() {
    let world = World::new().await;
    let routes = "[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = \"HIGH\" }\nto = [\"hook\"]\n\
                  group_by = [\"lane\"]\ngroup_wait = \"5m\"\n";
    let (_file, router) = router_with(&world, routes).await;
    let of = |lane: usize, member: usize| {
        let mut body: Value =
            serde_json::from_str(&native(&format!("disk-{lane}-{member}"), "firing", "HIGH", "06:00:00"))
                .expect("JSON");
        body["labels"] = json!({ "lane": format!("lane-{lane}") });
        record(&body.to_string(), 1)
    };
    // More than the hook takes at once.
    let lanes = 0..100;
    accepts(&router, batch(lanes.clone().flat_map(|lane| [of(lane, 0), of(lane, 1)]))).await;
    world.rows("update watchkeeper.deliveries set due_at = now()").await;
    retry(&router, None).await;
    let told: String = world.receivers.received_by("webhook").iter().map(|one| one.body.clone()).collect();
    let untold: Vec<String> = lanes.map(|lane| format!("disk-{lane}-1")).filter(|name| !told.contains(name)).collect();
    assert_eq!(untold, Vec::<String>::new());
}
