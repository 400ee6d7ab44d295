//! `explain`: the life of an alert in order, and why nobody was paged.

use serde_json::{Value, json};
use testkit::receivers::Behaviour;
use testkit::runtime_api::Sandbox;

use crate::calm::{ROUTES, router_with};
use crate::messages::{native, one};
use crate::operations::ask;
use crate::world::{World, accepts, retry};

/// Explains the newest alert.
async fn explain(world: &World, router: &Sandbox) -> Value {
    let id = world.column("select alert_id from watchkeeper.alerts order by alert_id desc limit 1").await.remove(0);
    ask(router, json!({"explain": id})).await
}

fn sentences(answer: &Value) -> Vec<String> {
    let sentences = answer["why_nobody"].as_array().cloned().unwrap_or_default();
    sentences.iter().filter_map(|sentence| sentence.as_str().map(str::to_owned)).collect()
}

/// Expects sentences that hold these parts, in order and no other.
fn expect(answer: &Value, parts: &[&[&str]]) {
    let said = sentences(answer);
    assert_eq!(said.len(), parts.len(), "{said:#?}");
    for (sentence, parts) in said.iter().zip(parts) {
        for part in *parts {
            assert!(sentence.contains(part), "{part}\n{said:#?}");
        }
    }
}

fn fires(subject: &str, severity: &str, at: &str) -> Value {
    one(&native(subject, "firing", severity, at))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_an_alert_is_told_in_order_with_every_attempt() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 500).times(1));
    accepts(&router, fires("disk", "HIGH", "06:00:00")).await;
    let waiting = explain(&world, &router).await;
    expect(&waiting, &[&["on-call did not take `firing` (transient: ", "and is tried again at "]]);
    world.rows("update watchkeeper.deliveries set due_at = now() where status = 'pending'").await;
    retry(&router, None).await;
    let id = world.column("select alert_id from watchkeeper.alerts").await.remove(0);
    ask(&router, json!({"acknowledge": {"alert_id": id, "by": "ana", "note": "on it"}})).await;
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:30:00"))).await;

    let answer = explain(&world, &router).await;
    let life = answer["life"].as_array().cloned().unwrap_or_default();
    let instants: Vec<&str> = life.iter().filter_map(|event| event["at"].as_str()).collect();
    assert!(instants.is_sorted() && instants.len() == life.len(), "{instants:?}");
    let what: Vec<String> = life
        .iter()
        .map(|event| {
            let of = |key: &str| event[key].as_str().map(|word| format!(" {word}")).unwrap_or_default();
            format!(
                "{}{}{}{}",
                event["what"].as_str().unwrap_or_default(),
                of("decision"),
                of("receiver"),
                of("outcome")
            )
        })
        .collect();
    assert_eq!(what[..4], ["signal opened", "opened", "delivery on-call", "delivery mail"]);
    let count = |word: &str| what.iter().filter(|what| *what == word).count();
    assert_eq!((count("attempt on-call transient"), count("attempt on-call accepted")), (1, 2), "{what:?}");
    assert_eq!((count("acknowledged"), count("signal resolved"), count("resolved")), (1, 1, 1), "{what:?}");
    expect(&answer, &[]);

    let key = world.column("select idempotency_key from watchkeeper.signals order by received_at").await.remove(0);
    assert_eq!(ask(&router, json!({"explain": key})).await["alert_id"], json!(id), "a signal's own key finds it too");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_an_alert_was_silenced_by_whom_why_and_until_when() {
    let world = World::new().await;
    let router = world.router().await;
    let silence = json!({"silence": {"matchers": {"kind": "drill"}, "until": "2099-01-01T00:00:00Z", "author": "ana",
        "reason": "new disks"}});
    ask(&router, silence).await;
    accepts(&router, fires("disk", "HIGH", "06:00:00")).await;
    let answer = explain(&world, &router).await;
    let until = "until 2099-01-01T00:00:00Z by silence ";
    expect(&answer, &[&["It is silenced since ", until, "ana", "new disks"], &["silenced", until, "(ana: new disks)"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_an_alert_is_a_consequence_and_of_what() {
    let world = World::new().await;
    let inhibit = "[[inhibit]]\nwhen = { subject = \"upstream\" }\nmutes = { subject = \"lane*\" }\n";
    let (_file, router) = router_with(&world, &format!("{inhibit}{ROUTES}")).await;
    accepts(&router, fires("upstream", "HIGH", "06:00:00")).await;
    let cause = world.column("select alert_id from watchkeeper.alerts").await.remove(0);
    accepts(&router, fires("lane-1", "HIGH", "06:01:00")).await;
    let answer = explain(&world, &router).await;
    expect(&answer, &[&["It is inhibited since ", &cause], &["inhibited", &cause, "whose consequence it is"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_with_what_an_alert_is_grouped() {
    let world = World::new().await;
    let group = "[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = \"HIGH\" }\nto = [\"mail\"]\n\
                 group_by = [\"kind\"]\ngroup_wait = \"5m\"\n";
    let (_file, router) = router_with(&world, group).await;
    accepts(&router, fires("one", "HIGH", "06:00:00")).await;
    let leader = world.column("select alert_id from watchkeeper.alerts").await.remove(0);
    expect(
        &explain(&world, &router).await,
        &[&["It waits until ", "for others of its group"], &["mail is told `firing` at "]],
    );
    accepts(&router, fires("two", "HIGH", "06:00:01")).await;
    let answer = explain(&world, &router).await;
    expect(&answer, &[&["It is grouped since ", &leader], &["grouped with alert", &leader, "with which it is told"]]);
    accepts(&router, one(&native("one", "resolved", "HIGH", "06:10:00"))).await;
    let said = sentences(&explain(&world, &router).await).join("\n");
    assert!(said.contains(", which ended before anybody was told of it"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_a_receiver_is_switched_off() {
    let world = World::new().await;
    world.put_parameter("features/enable_slack", "off").await;
    let (_file, router) = router_with(&world, "[routes]\ndefault = [\"team\"]\n").await;
    accepts(&router, fires("disk", "MEDIUM", "06:00:00")).await;
    let said = sentences(&explain(&world, &router).await);
    assert!(said.iter().any(|one| one.contains("for receivers that are switched off")), "{said:#?}");
    assert!(said.iter().any(|one| one.contains("team is switched off: `firing` is held until it is on")), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_so_too_of_what_a_receiver_had_not_taken_before() {
    let world = World::new().await;
    let routes = "[routes]\ndefault = [\"team\"]\n";
    let (_file, router) = router_with(&world, routes).await;
    world.receivers.behave(Behaviour::answer("slack", 503).times(1));
    accepts(&router, fires("disk", "MEDIUM", "06:00:00")).await;
    world.put_parameter("features/enable_slack", "off").await;
    world.rows("update watchkeeper.deliveries set due_at = now() - interval '1 minute'").await;
    let (_file, router) = router_with(&world, routes).await;
    let said = sentences(&explain(&world, &router).await);
    assert_eq!(said, ["team is switched off: `firing` waits until it is on again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_a_receiver_refused_and_who_was_told_instead() {
    let world = World::new().await;
    let (_file, router) = router_with(
        &world,
        "[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = \"HIGH\" }\nto = [\"on-call\"]\n\
         fallback = [\"mail\"]\n",
    )
    .await;
    world.receivers.behave(Behaviour::answer("pagerduty", 400).times(1));
    accepts(&router, fires("disk", "HIGH", "06:00:00")).await;
    let refused = "on-call did not take `firing`, given up after 1 tries (permanent";
    expect(&explain(&world, &router).await, &[&[refused, "told instead: mail"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_an_alert_was_over_before_somebody_could_be_told() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("webhook", 503).times(1));
    accepts(&router, fires("disk", "LOW", "06:00:00")).await;
    accepts(&router, one(&native("disk", "resolved", "LOW", "06:01:00"))).await;
    let said = sentences(&explain(&world, &router).await);
    assert!(said.iter().any(|one| one.contains("hook was not told `firing`: it was over before")), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_a_condition_is_flapping() {
    let world = World::new().await;
    let flapping = format!("[noise]\nflapping = {{ changes = 3, within = \"1h\" }}\n{ROUTES}");
    let (_file, router) = router_with(&world, &flapping).await;
    for minute in 0..6 {
        let status = if minute % 2 == 0 { "firing" } else { "resolved" };
        accepts(&router, one(&native("disk", status, "HIGH", &format!("06:0{minute}:00")))).await;
    }
    accepts(&router, fires("disk", "HIGH", "06:06:00")).await;
    let said = sentences(&explain(&world, &router).await).join("\n");
    assert!(said.contains("flapping"), "{said}\n{:?}", world.decisions().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_a_receiver_asked_to_be_left_alone() {
    let world = World::new().await;
    let router = world.router().await;
    world.receivers.behave(Behaviour::answer("pagerduty", 429).header("retry-after", "600").times(1));
    accepts(&router, fires("disk", "HIGH", "06:00:00")).await;
    let answer = explain(&world, &router).await;
    expect(&answer, &[&["on-call is rate-limited until ", "`firing` waits"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_nobody_is_there_and_when_they_come() {
    let world = World::new().await;
    // Open for the hour that began half a day from now, by the store's clock.
    let hours =
        world.column("select to_char(now() at time zone 'UTC' + interval '12 hours', 'HH24:00')").await.remove(0);
    let shift = format!("mon-sun {hours}-{}:59", &hours[..2]);
    let closed = format!(
        "[hours.office]\ntimezone = \"UTC\"\nopen = [\"{shift}\"]\n[routes]\ndefault = [\"hook\"]\n[[routes.route]]\n\
         when = {{ kind = \"drill\" }}\nto = [\"hook\"]\nhours = \"office\"\n"
    );
    let (_file, router) = router_with(&world, &closed).await;
    accepts(&router, fires("disk", "LOW", "06:00:00")).await;
    let said = sentences(&explain(&world, &router).await).join("\n");
    assert!(said.contains("hook is outside its hours: `firing` is held until "), "{said}");
    assert!(said.contains("outside the hours of its route: it is told when they open, at "), "{said}");
    accepts(&router, one(&native("disk", "resolved", "LOW", "06:30:00"))).await;
    let said = sentences(&explain(&world, &router).await).join("\n");
    assert!(said.contains("outside the hours of its route: it ended before they opened"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_that_a_signal_was_a_duplicate_and_how_many_were() {
    let world = World::new().await;
    let router = world.router().await;
    for _ in 0..3 {
        accepts(&router, fires("disk", "HIGH", "06:00:00")).await;
    }
    let id = world.column("select alert_id from watchkeeper.alerts").await.remove(0);
    let answer = explain(&world, &router).await;
    expect(&answer, &[&["2 signals, the last of ", "were a duplicate of alert ", &id]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_belongs_to_no_alert_is_explained_by_itself() {
    let world = World::new().await;
    let router = world.router().await;
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:00:00"))).await;
    let id = world.column("select signal_id from watchkeeper.signals").await.remove(0);
    let answer = ask(&router, json!({"explain": id})).await;
    assert_eq!((&answer["alert_id"], &answer["signal_id"]), (&Value::Null, &json!(id)));
    expect(&answer, &[&["about something that was not open"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_longer_holds_is_told_as_past() {
    let world = World::new().await;
    let router = world.router().await;
    let silence = json!({"silence": {"matchers": {"kind": "drill"}, "until": "2099-01-01T00:00:00Z", "author": "ana",
        "reason": "new disks"}});
    let id = ask(&router, silence).await["silence"]["silence_id"].clone();
    accepts(&router, fires("disk", "HIGH", "06:00:00")).await;
    ask(&router, json!({"unsilence": {"silence_id": id, "by": "ben"}})).await;
    let answer = explain(&world, &router).await;
    expect(
        &answer,
        &[&["It was silenced from ", "the next retry tick tells it"], &["(ana: new disks), which ended at "]],
    );
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:30:00"))).await;
    let said = sentences(&explain(&world, &router).await).join("\n");
    assert!(!said.contains("It is ") && !said.contains("the next retry tick"), "{said}");
}
