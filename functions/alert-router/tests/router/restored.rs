//! After a restore: what the backup held still to be told is listed, not sent, and nobody is left in the dark for ever.

use serde_json::json;
use testkit::binaries::workspace;
use testkit::postgres::run_script;
use testkit::receivers::Behaviour;

use crate::calm::{ROUTES, router_with, tick};
use crate::messages::{native, one};
use crate::operations::ask;
use crate::world::{World, accepts, retry};

const NO_DIGESTS: &str = "[noise]\ndigest_every = \"0s\"\n";
const TO_ON_CALL: &str = "\n[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = [\"CRITICAL\", \"HIGH\"] }\n\
                          to = [\"on-call\"]\n";

/// Nobody takes anything, as when a backup is made in the middle of it.
fn refuse(world: &World) {
    for receiver in ["pagerduty", "webhook"] {
        world.receivers.behave(Behaviour::answer(receiver, 503));
    }
}

/// So many hours lie between the backup and now. What waits has been due since then.
async fn hours_pass(world: &World, hours: usize) {
    let back = format!("- interval '{hours} hours'");
    world
        .rows(&format!(
            "update watchkeeper.deliveries set created_at = created_at {back}, due_at = created_at {back};
             update watchkeeper.alerts set opened_at = opened_at {back}, last_signal_at = last_signal_at {back}"
        ))
        .await;
}

fn restore(world: &World) -> String {
    run_script(&world.database_url, &workspace().join("docs/runbooks/after-restore.sql"), &[]).expect("it runs")
}

/// The script ran, and the receivers take what they are told.
fn restored(world: &World) -> String {
    world.receivers.behave_normally();
    restore(world)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restore_left_untold_is_not_sent_but_listed_once_even_where_there_are_no_digests() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, &(NO_DIGESTS.to_owned() + ROUTES)).await;
    refuse(&world);
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("lamp", "firing", "LOW", "06:00:00"))).await;
    world
        .rows(
            "update watchkeeper.deliveries set status = 'held', held_because = 'switched-off' where receiver = 'hook'",
        )
        .await;
    world
        .rows(
            "update watchkeeper.deliveries set status = 'sending', lease_token = gen_random_uuid(), lease_until = now()
               where receiver = 'on-call'",
        )
        .await;
    hours_pass(&world, 7).await;
    accepts(&router, one(&native("fan", "firing", "HIGH", "07:00:00"))).await;
    assert_eq!(world.mails().await.len(), 2, "by mail both were told");

    let said = restored(&world);
    assert!(said.starts_with("2 deliveries are not sent any more"), "{said}");
    assert!(restore(&world).starts_with("0 deliveries"), "a second run finds nothing");
    world.rows("update watchkeeper.deliveries set due_at = now() where status = 'pending'").await;
    retry(&router, None).await;
    assert_eq!(world.incidents(), ["HIGH open 1"], "the fan's, which is no older than an outage");
    let before = world.receivers.received_by("webhook").len();

    let now = world.in_minutes(1).await;
    let summary = tick(&router, "digest", &now).await;
    assert_eq!(summary["did"]["deliveries_listed_after_a_restore"], 2, "{summary}");
    tick(&router, "digest", &now).await;
    let digests = world.receivers.received_by("webhook").split_off(before);
    assert_eq!(digests.len(), 1, "{digests:?}");
    let alerts = world.column("select alert_id from watchkeeper.alerts order by opened_at limit 2").await;
    let parts =
        ["restored: 2 deliveries were not sent", "[HIGH] drill disk since ", "firing to on-call", "[LOW] drill lamp"];
    for part in parts.into_iter().chain(alerts.iter().map(String::as_str)) {
        assert!(digests[0].body.contains(part), "{part}: {}", digests[0].body);
    }
    let why = ask(&router, json!({"explain": alerts[0]})).await;
    assert!(why["why_nobody"].to_string().contains("too old when the database was restored"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_fires_after_a_restore_and_was_told_to_nobody_is_told_when_things_have_settled() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, TO_ON_CALL).await;
    refuse(&world);
    for subject in ["disk", "tape"] {
        accepts(&router, one(&native(subject, "firing", "HIGH", "06:00:00"))).await;
    }
    hours_pass(&world, 7).await;
    restored(&world);
    retry(&router, None).await;
    assert_eq!(world.incidents(), [] as [&str; 0], "what is over by now may still be heard");
    let disk = world.column("select alert_id from watchkeeper.alerts where subject = 'disk'").await.remove(0);
    let why = ask(&router, json!({"explain": disk})).await["why_nobody"].to_string();
    assert!(why.contains("It is kept back since ") && why.contains("told then if it still fires"), "{why}");

    accepts(&router, one(&native("tape", "resolved", "HIGH", "13:00:00"))).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "13:00:00"))).await;
    assert_eq!(world.decisions().await[2..], ["suppressed/restored", "suppressed/duplicate"]);
    assert_eq!(world.incidents(), [] as [&str; 0], "nobody knew of the tape");
    retry(&router, Some(&world.in_minutes(61).await)).await;
    assert_eq!(world.incidents(), ["HIGH open 1"], "the disk is told at last");
    let page = world.receivers.received_by("pagerduty").pop().expect("a page").body;
    assert!(page.contains("Not told since ") && page.contains("restored from a backup"), "{page}");
    accepts(&router, one(&native("disk", "resolved", "HIGH", "15:00:00"))).await;
    assert_eq!(world.incidents(), ["HIGH resolved 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_what_a_restore_left_untold_pages_at_once() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, TO_ON_CALL).await;
    refuse(&world);
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    hours_pass(&world, 7).await;
    restored(&world);
    accepts(&router, one(&native("disk", "firing", "CRITICAL", "13:00:00"))).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"]);
    retry(&router, Some(&world.in_minutes(61).await)).await;
    assert_eq!(world.incidents(), ["CRITICAL open 1"], "and once");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_knew_how_bad_it_is_is_not_told_again_after_a_restore() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, TO_ON_CALL).await;
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    accepts(&router, one(&native("tape", "firing", "HIGH", "06:00:00"))).await;
    refuse(&world);
    accepts(&router, one(&native("disk", "resolved", "HIGH", "06:30:00"))).await;
    accepts(&router, one(&native("tape", "firing", "CRITICAL", "06:30:00"))).await;
    hours_pass(&world, 7).await;
    let said = restored(&world);
    assert!(said.contains("\n1 alerts are told at "), "{said}");
    retry(&router, Some(&world.in_minutes(59).await)).await;
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH open 1"]);
    retry(&router, Some(&world.in_minutes(61).await)).await;
    assert_eq!(world.incidents(), ["HIGH open 1", "HIGH resolved 1", "CRITICAL open 1"], "the tape got worse unheard");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_takes_digests_the_operator_gets_the_list_of_what_a_restore_left_untold() {
    let world = World::new().await;
    let (_file, router) = router_with(&world, "[routes]\ndefault = [\"on-call\"]\n").await;
    refuse(&world);
    accepts(&router, one(&native("disk", "firing", "HIGH", "06:00:00"))).await;
    hours_pass(&world, 7).await;
    restored(&world);
    tick(&router, "digest", &world.in_minutes(1).await).await;
    let mails = world.mails_to_operator().await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("restored: 1 delivery was not sent"), "{mails:?}");
    assert_eq!(world.incidents(), [] as [&str; 0], "a digest wakes nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_to_be_told_with_one_that_a_restore_left_untold_is_told_as_late() {
    let world = World::new().await;
    let group = "[routes]\ndefault = [\"hook\"]\n[[routes.route]]\nwhen = { severity = [\"HIGH\"] }\nto = [\"on-call\"]\n\
                 group_by = [\"kind\"]\ngroup_wait = \"5m\"\n";
    let (_file, router) = router_with(&world, group).await;
    for subject in ["disk", "tape"] {
        accepts(&router, one(&native(subject, "firing", "HIGH", "06:00:00"))).await;
    }
    hours_pass(&world, 7).await;
    restored(&world);
    retry(&router, None).await;
    assert_eq!(world.incidents(), [] as [&str; 0]);
    retry(&router, Some(&world.in_minutes(61).await)).await;
    retry(&router, Some(&world.in_minutes(70).await)).await;
    let told = world.receivers.received_by("pagerduty");
    let all: String = told.iter().map(|one| one.body.as_str()).collect();
    assert!(all.contains("disk") && all.contains("tape"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_refuses_what_is_no_restored_record_and_changes_nothing_then() {
    let world = World::new().await;
    let script = workspace().join("docs/runbooks/after-restore.sql");
    let backwards = run_script(&world.database_url, &script, &[("older_than", "-6 hours")]).expect_err("refused");
    assert!(backwards.to_string().contains("neither may be negative"), "{backwards}");
    let unread =
        run_script(&world.database_url, &script, &[("older_than", "six'; drop table x")]).expect_err("refused");
    assert!(unread.to_string().contains("invalid input syntax for type interval"), "{unread}");
    world.rows("alter table watchkeeper.deliveries drop column cancelled_because").await;
    let old = run_script(&world.database_url, &script, &[]).expect_err("refused");
    assert!(old.to_string().contains("let the migrator bring its schema up to date first"), "{old}");
    world.rows("drop schema watchkeeper cascade").await;
    let other = run_script(&world.database_url, &script, &[]).expect_err("refused");
    assert!(other.to_string().contains("there is no schema watchkeeper"), "{other}");
}
