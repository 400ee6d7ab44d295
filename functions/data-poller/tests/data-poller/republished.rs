//! What upstream publishes again is processed again however it appears: file by file, or just before a poll.

use crate::world::{BUCKET, World, at};

/// The jobs of a cycle that is processed, and published again with other sizes at `again_at`.
async fn jobs(over_http: bool, again_at: &str) -> Vec<String> {
    let world = World::new().await;
    let url = format!("{}/pub/", world.upstream.url());
    let publish = |bytes: u64, modified: &str| {
        for file in ["f000", "f003", "f006"] {
            let key = format!("{}/{file}", at("20 00:00").strftime("gfs.%Y%m%d/%H"));
            for mirror in ["pub", BUCKET] {
                world.upstream.publish(mirror, &key, bytes, at(modified));
            }
        }
    };
    let upstream = if over_http { format!("upstream.http = {{ urls = ['{url}'] }}\n") } else { String::new() };
    let keys = "complete = { keys = ['gfs.{yyyymmdd}/{hh}/f{000..006..3}'] }";
    let source = format!("look_back = '12h'\nrepublished = 'rerun'\n{upstream}{keys}");
    let poller = world.polling(&world.gfs(&source)).await;
    publish(10, "20 04:00");
    for time in ["20 05:00", "20 05:05", "20 05:10"] {
        world.poll(&poller, time).await;
        world.work_off();
    }
    assert_eq!(world.jobs(), ["2026112000 1"]);
    publish(20, again_at);
    for time in ["20 05:15", "20 05:20", "20 05:25", "20 05:30"] {
        world.poll(&poller, time).await;
        world.work_off();
    }
    world.jobs()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_web_server_two_looks_tell_that_it_is_whole_again() {
    assert_eq!(jobs(true, "20 05:12").await, ["2026112000 1", "2026112000 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_bucket_it_may_still_be_written_as_it_is_first_seen() {
    assert_eq!(jobs(false, "20 05:15").await, ["2026112000 1", "2026112000 1"]);
}
