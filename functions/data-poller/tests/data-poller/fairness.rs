//! Sources and mirrors beside each other: none takes the time of the others.

use std::time::Duration;

use serde_json::{Value, json};

use crate::upstream::{GROUP, Misbehaviour};
use crate::world::{World, at, triggered, why};

/// Longer than a mirror may take in all, after few answers.
const SLOW: Misbehaviour = Misbehaviour::Slow(Duration::from_secs(1));

fn failed(answer: &Value) -> Vec<(String, String)> {
    let text = |one: &Value, key: &str| one[key].as_str().expect("text").to_owned();
    let failed = answer["failed"].as_array().expect("a list");
    failed.iter().map(|one| (text(one, "name"), text(one, "error"))).collect()
}

/// A cycle of these many files at a web server.
fn on_the_web(world: &World, files: usize) -> (String, String) {
    let url = format!("{}/pub/", world.upstream.url());
    for n in 0..files {
        world.upstream.publish("pub", &format!("gfs.20261120/00/f{n:03}"), 10, at("20 01:00"));
    }
    let keys = format!("gfs.{{yyyymmdd}}/{{hh}}/f{{000..{:03}..1}}", files - 1);
    let source = format!(
        "look_back = '6h'\nupstream.http = {{ urls = ['{url}'] }}\ncomplete = {{ keys = ['{keys}'], settle = '0s' }}"
    );
    (source, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_asked_for_sixteen_files_at_once_over_connections_that_are_used_again() {
    let world = World::new().await;
    // The first file alone, then whole groups: it answers when sixteen wait.
    let files = 1 + 4 * GROUP;
    let (source, _) = on_the_web(&world, files);
    world.upstream.behaves("pub", Some(Misbehaviour::Together));
    let poller = world.polling(&world.gfs(&source)).await;
    let polled = world.poll(&poller, "20 05:00").await;
    assert_eq!(triggered(&polled), ["gfs/2026112000"], "{polled}");
    assert_eq!((world.upstream.asked().len(), world.upstream.most_waiting()), (files, GROUP));
    assert!(world.upstream.connections() < files, "{} for {files} files", world.upstream.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mirror_keeps_no_other_source_waiting_and_is_told() {
    let world = World::new().await;
    let (slow, url) = on_the_web(&world, 400);
    world.upstream.behaves("pub", Some(SLOW));
    world.publish("20 00:00");
    let slow = world.gfs(&slow).replace("[source.gfs]", "[source.before]");
    let poller = world.polling(&(slow + &world.gfs("look_back = '6h'"))).await;
    let polled = world.poll(&poller, "20 05:00").await;
    assert_eq!(triggered(&polled), ["gfs/2026112000"], "{polled}");
    let said = why(&polled, "before/2026112000").expect("it is named");
    assert!(said.contains(&format!("{url}: it took longer than 10 s of this poll")), "{said}");
    let told = failed(&polled);
    assert!(told.len() == 1 && told[0].0 == url && told[0].1.contains("longer than 10 s"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_whose_time_is_used_up_is_passed_over_for_the_next_that_has_the_cycle() {
    let world = World::new().await;
    let (source, url) = on_the_web(&world, 400);
    for n in 0..400 {
        world.upstream.publish("copy", &format!("gfs.20261120/00/f{n:03}"), 10, at("20 01:00"));
    }
    world.upstream.behaves("pub", Some(SLOW));
    let copy = url.replace("/pub/", "/copy/");
    let both = source.replace(&format!("['{url}']"), &format!("['{url}', '{copy}']"));
    let poller = world.polling(&world.gfs(&both)).await;
    let polled = world.poll(&poller, "20 05:00").await;
    assert_eq!(triggered(&polled), ["gfs/2026112000"], "{polled}");
    assert_eq!(world.runpod.jobs()[0].input["url"], copy);
    assert_eq!(failed(&polled).iter().map(|(name, _)| name).collect::<Vec<_>>(), [&url], "{polled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_old_cycles_of_one_source_keep_a_new_one_of_another_not_waiting() {
    let world = World::new().await;
    let old = "look_back = '25d'\nupstream.s3 = { buckets = ['archive'] }";
    let old = world.gfs(old).replace("[source.gfs]", "[source.old]");
    world.upstream.behaves("archive", Some(SLOW));
    world.publish("20 00:00");
    let poller = world.polling(&(old + &world.gfs("look_back = '6h'"))).await;
    let polled = world.poll(&poller, "20 05:00").await;
    assert_eq!(triggered(&polled), ["gfs/2026112000"], "{polled}");
    // What the mirror had no time for, the oldest, is left to the next poll: it is not that it could not be read.
    assert!(polled["remaining"].as_array().is_some_and(|left| left.contains(&json!("old/2026102606"))), "{polled}");
    assert!(why(&polled, "old/2026102606").is_none(), "{polled}");
    let told = failed(&polled);
    assert!(told.len() == 1 && told[0].0 == "archive" && told[0].1.contains("longer than 10 s"), "{told:?}");
}
