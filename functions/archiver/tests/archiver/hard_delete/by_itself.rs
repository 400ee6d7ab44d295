//! Two at once, a process that dies, those that go by themselves, a role with few rights, too little time.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_delete_it_once() {
    let world = world().await;
    let token = token(&world, GLOBEX).await;
    let (one, other) = (world.start(&organization(), &[]).await, world.start(&organization(), &[]).await);
    let payload = confirmed(GLOBEX, &token);
    let (this, that) = join(answer(&one, payload.clone()), answer(&other, payload)).await;
    let mut statuses =
        [this, that].map(|answer| answer["hard_delete"]["status"].as_str().expect("a status").to_owned());
    statuses.sort();
    assert_eq!(statuses, ["already_done", "deleted"]);
    assert_eq!(world.value("select count(*) from hard_deletions").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_point_all_of_it_is_gone_or_nothing() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut world = world().await;
    let (mut before, mut others) = (sums(&world, false).await, sums(&world, true).await);
    let made = token(&world, GLOBEX).await;
    let mut gone = 0;
    let mut n = 0;
    loop {
        n += 1;
        let number = n.to_string();
        let log = log.path().to_str().expect("a path");
        let doomed = world.start(&organization(), &[("FAILPOINT_ABORT_AT", &number), ("FAILPOINT_LOG", log)]).await;
        let ended = doomed.invoke(&dated(confirmed(GLOBEX, &made))).await.expect("an outcome").answered();
        if ended.is_ok() {
            break;
        }
        if world.value("select count(*) from hard_deletions").await == "0" {
            assert_eq!(sums(&world, false).await, before, "killed at point {n}");
            continue;
        }
        gone += 1;
        let left = sums(&world, false).await;
        assert_eq!(left[..9], others[..9], "killed at point {n}");
        let again = world.ask(&organization(), confirmed(GLOBEX, &made)).await;
        assert_eq!(again["hard_delete"]["status"], "already_done", "killed at point {n}");
        // The examples' keys are new in each world; its counts, and so its token, are not.
        world = self::world().await;
        (before, others) = (sums(&world, false).await, sums(&world, true).await);
    }
    println!("hard_delete: {} kills, {gone} of them after the commit", n - 1);
    let points = std::fs::read_to_string(log.path()).expect("points");
    for point in ["locking rows", "deleting rows", "putting the deletion on record", "committing rows"] {
        assert!(points.contains(point), "{point}");
    }
    assert!(gone > 0 && n > 30, "{n} {gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_marked_as_deleted_long_enough_ago_goes_by_itself() {
    let world = world().await;
    let all = sums(&world, false).await;
    let rehearsed = world.ask(&soft(), json!({"task": "prune", "dry_run": true})).await;
    assert_eq!(rehearsed["hard_deletes"]["organization"]["due"], json!([GLOBEX]), "{rehearsed:#}");
    assert_eq!(sums(&world, false).await, all);

    let pruned = world.ask(&soft(), json!({"task": "prune"})).await;
    let ended = &pruned["hard_deletes"]["organization"]["ended"];
    assert_eq!((&ended[0]["id"], &ended[0]["counts"]), (&json!(GLOBEX), &listed(&OF_ONE)), "{pruned:#}");
    assert_eq!((ended.as_array().map(Vec::len), &pruned["outcome"]), (Some(1), &json!("ok")), "{pruned:#}");
    assert_eq!(world.rows("select name from organizations order by 1").await, ["Acme", "Initech"]);
    let by = format!("run {}", pruned["run_id"].as_str().expect("a run"));
    assert_eq!(world.rows("select confirmed_by from hard_deletions").await, [by]);

    let mut later = json!({"task": "prune"});
    later["now"] = json!("2026-12-17T11:59:59Z");
    world.ask(&soft(), later.clone()).await;
    assert_eq!(
        world.rows("select name from organizations order by 1").await,
        ["Acme", "Initech"],
        "a second too early"
    );
    later["now"] = json!("2026-12-17T12:00:00Z");
    world.ask(&soft(), later).await;
    assert_eq!(world.rows("select name from organizations order by 1").await, ["Acme"]);
    assert_eq!(world.value("select count(*) from audit_logs").await, "144");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_forgotten_keeps_nobody_waiting_and_somebody_is_told_until_it_is_over() {
    let world = world().await;
    world
        .run(&format!(
            "update organizations set deleted_at = '{NOW}'::timestamptz - interval '31 days' where id = '{INITECH}';
             create table invoices (org uuid not null references organizations (id));
             insert into invoices values ('{GLOBEX}')"
        ))
        .await;
    let pruned = world.ask(&soft(), json!({"task": "prune"})).await;
    assert_eq!(pruned["outcome"], "partial");
    let failed = &pruned["failed"][0];
    assert_eq!(failed["name"], format!("organization/{GLOBEX}"), "{pruned:#}");
    assert!(failed["error"].as_str().is_some_and(|error| error.contains("invoices_org_fkey")), "{failed}");
    assert_eq!(world.rows("select name from organizations order by 1").await, ["Acme", "Globex"]);
    let firing = "archive-failed firing hard_delete.organization";
    assert_eq!(world.raised().await, [firing]);

    world.run("drop table invoices").await;
    let mut later = json!({"task": "prune"});
    later["now"] = json!("2026-11-23T12:00:00Z");
    world.ask(&soft(), later).await;
    assert_eq!(world.rows("select name from organizations order by 1").await, ["Acme"]);
    assert_eq!(world.raised().await, [firing, "archive-failed resolved hard_delete.organization"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_grants_suffice_and_what_is_lacking_is_named() {
    let world = world().await;
    world
        .run(
            "do $$ begin create role watchkeeper_archiver login; exception when duplicate_object then null; end $$;
             grant usage on schema public to watchkeeper_archiver",
        )
        .await;
    let (user, rest) = world.pipeline_url.split_once('@').expect("an address");
    let (scheme, _) = user.split_once("://").expect("a scheme");
    world.put("database/pipeline_url", &format!("{scheme}://watchkeeper_archiver@{rest}")).await;
    let (error_type, message) = world.refused(&organization(), about(GLOBEX)).await;
    assert_eq!(error_type, "BadConfig");
    for said in ["may not select, update, delete on sessions", "may not select, insert on hard_deletions"] {
        assert!(message.contains(said), "{said}: {message}");
    }
    let documented = include_str!("../../../../../docs/RETENTION.md");
    let about_it = ["organizations", "notification_deliveries", "hard_deletions"];
    let grants: Vec<&str> = documented
        .lines()
        .filter(|line| line.starts_with("grant ") && about_it.iter().any(|table| line.contains(table)))
        .collect();
    assert_eq!(grants.len(), 3, "{grants:?}");
    world.run(&grants.join("\n")).await;
    let token = token(&world, GLOBEX).await;
    let done = world.ask(&organization(), confirmed(GLOBEX, &token)).await;
    assert_eq!(done["hard_delete"]["counts"], listed(&OF_ONE), "{done:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_time_does_not_suffice_for_is_named_and_left() {
    let world = world().await;
    // As much as is kept back to record what was done, and a little to begin with.
    let hasty = world.start_within(&soft(), &[], Duration::from_millis(2_020)).await;
    let pruned = answer(&hasty, json!({"task": "prune"})).await;
    assert_eq!((&pruned["remaining"], &pruned["outcome"]), (&json!(["organization"]), &json!("partial")), "{pruned:#}");
    assert_eq!(world.value("select count(*) from organizations").await, "3");
}
