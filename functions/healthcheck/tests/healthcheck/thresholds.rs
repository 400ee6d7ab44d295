//! What crosses its threshold is raised: after it has lasted, once, and its end as well.

use serde_json::{Value, json};

use crate::world::{World, answer, check, watch_file};

/// A check of the newest telemetry, with more lines for its metric.
fn lag(more: &str) -> String {
    let sql = "select extract(epoch from now() - max(ts)) as lag from lane_telemetry";
    check("telemetry", sql, &[("lag", "TelemetryLag")]) + "above = 180\nseverity = \"HIGH\"\n" + more
}

/// The statuses of signals that were raised about a subject.
fn statuses(signals: &[Value], subject: &str) -> Vec<String> {
    let about = signals.iter().filter(|signal| signal["subject"] == subject);
    about.map(|signal| signal["status"].as_str().unwrap_or("?").to_owned()).collect()
}

fn at(minute: u32) -> Value {
    json!({"now": format!("2026-03-01T06:{minute:02}:00Z")})
}

const SUBJECT: &str = "OPsPipeline/TelemetryLag";

fn stale(world: &World) {
    world.execute("truncate lane_telemetry; insert into lane_telemetry values ('ACME', now() - interval '1 hour')");
}

fn fresh(world: &World) {
    world.execute("insert into lane_telemetry values ('ACME', now())");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bad_evaluations_in_a_row_raise_one_signal_and_a_good_one_its_end() {
    let world = World::new().await;
    let healthcheck = world.watching(&[lag("")]).await;
    stale(&world);
    answer(&healthcheck, at(0)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "one may be chance");
    let summary = answer(&healthcheck, at(5)).await;
    assert_eq!(summary["did"]["raised"], 1);
    let raised = world.raised().await;
    let [signal] = raised.as_slice() else { panic!("one signal: {raised:?}") };
    assert_eq!((&signal["source"], &signal["kind"]), (&json!("check:telemetry"), &json!("metric")));
    assert_eq!((&signal["subject"], &signal["severity"]), (&json!(SUBJECT), &json!("HIGH")));
    assert_eq!((&signal["environment"], &signal["labels"]), (&json!("local"), &json!({})));
    assert_eq!(signal["occurred_at"], "2026-03-01T06:05:00Z");
    assert_eq!(signal["details"]["since"], "2026-03-01T06:00:00Z");
    assert_eq!(signal["details"]["threshold"], "above 180");
    answer(&healthcheck, at(10)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "it is told once");
    fresh(&world);
    answer(&healthcheck, at(15)).await;
    let raised = world.raised().await;
    assert_eq!(statuses(&raised, SUBJECT), ["resolved"]);
    assert!(raised[0]["summary"].as_str().is_some_and(|text| text.starts_with("Over after 15m.")), "{raised:?}");
    assert_eq!(
        world.stored("select status from watchkeeper.check_states where metric = 'TelemetryLag'").await,
        ["resolved"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_table_says_nothing_unless_a_missing_value_counts_as_breaching() {
    let world = World::new().await;
    let healthcheck = world.watching(&[lag("for = \"0s\"\n")]).await;
    answer(&healthcheck, at(0)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
    let strict = world.watching(&[lag("for = \"0s\"\nmissing = \"breaching\"\n")]).await;
    answer(&strict, at(5)).await;
    let raised = world.raised().await;
    assert_eq!(statuses(&raised, SUBJECT), ["firing"]);
    assert!(raised[0]["summary"].as_str().is_some_and(|text| text.contains("has no value")), "{raised:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_business_hours_nobody_is_told() {
    let world = World::new().await;
    stale(&world);
    let hours = "[hours.office]\ntimezone = \"UTC\"\nopen = [\"mon-sun 06:10-06:30\"]\n";
    let text = watch_file(&[lag("for = \"0s\"\nhours = \"office\"\n")]) + hours;
    let healthcheck = world.start(&world.write(&text), &[]).await;
    answer(&healthcheck, at(5)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
    answer(&healthcheck, at(10)).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["firing"]);
    fresh(&world);
    answer(&healthcheck, at(40)).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["resolved"], "the end is told whenever it comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_combination_of_dimensions_is_a_condition_of_its_own_and_one_that_vanishes_does_not_end() {
    let world = World::new().await;
    let sql = "select ticker, extract(epoch from now() - max(ts)) as lag from lane_telemetry group by ticker";
    let check = format!(
        "[check.telemetry]\ndatabase = \"pipeline\"\ndimensions = [\"ticker\"]\nsql = \"{sql}\"\n\
         [check.telemetry.metric.lag]\nname = \"TelemetryLag\"\nunit = \"Seconds\"\nabove = 180\n\
         severity = \"HIGH\"\nfor = \"0s\"\n"
    );
    let healthcheck = world.watching(&[check]).await;
    stale(&world);
    world.execute("insert into lane_telemetry values ('GOOD', now())");
    let summary = answer(&healthcheck, at(0)).await;
    assert!(summary["metrics"]["TelemetryLag{ticker=GOOD}"].is_number(), "{summary}");
    let raised = world.raised().await;
    assert_eq!(statuses(&raised, SUBJECT), ["firing"]);
    assert_eq!(raised[0]["labels"], json!({"ticker": "ACME"}));
    world.execute("delete from lane_telemetry where ticker = 'ACME'");
    answer(&healthcheck, at(5)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "no row is no recovery");
    answer(&healthcheck, json!({"now": "2026-03-08T06:05:00Z"})).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["resolved"], "after a week it is not expected any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asks_about_any_more_ends() {
    let world = World::new().await;
    let healthcheck = world.watching(&[lag("for = \"0s\"\n")]).await;
    stale(&world);
    answer(&healthcheck, at(0)).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["firing"]);
    let other = check("one", "select 1 as n", &[("n", "N")]);
    let healthcheck = world.watching(&[other]).await;
    answer(&healthcheck, json!({"now": "2026-03-01T06:05:00Z", "checks": ["one"]})).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "a run of some checks says nothing of others");
    answer(&healthcheck, at(10)).await;
    let raised = world.raised().await;
    assert_eq!(statuses(&raised, SUBJECT), ["resolved"]);
    assert!(raised[0]["summary"].as_str().is_some_and(|text| text.contains("not in the watch file any more")));
    assert_eq!(world.stored("select count(*) from watchkeeper.check_states where metric is not null").await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_remembers_and_raises_nothing_and_leaves_no_trace_in_the_ledger() {
    let world = World::new().await;
    let healthcheck = world.watching(&[lag("for = \"0s\"\n")]).await;
    stale(&world);
    let summary = answer(&healthcheck, json!({"dry_run": true})).await;
    assert_eq!(summary["did"].get("raised"), None, "{summary}");
    assert_eq!(world.raised().await, Vec::<Value>::new());
    let rows = "select (select count(*) from watchkeeper.check_states) + (select count(*) from watchkeeper.ledger)";
    assert_eq!(world.stored(rows).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_is_in_the_ledger_with_what_came_of_it() {
    let world = World::new().await;
    let healthcheck = world.watching(&[lag("")]).await;
    let scheduled = json!({"scheduled_at": "2026-03-01T06:00:00Z"});
    let summary = answer(&healthcheck, scheduled).await;
    let of = |column: &str| format!("select {column} from watchkeeper.ledger");
    assert_eq!(world.stored(&of("run_id")).await, [summary["run_id"].as_str().unwrap_or("?")]);
    assert_eq!(world.stored(&of("function || ' ' || outcome")).await, ["healthcheck ok"]);
    assert_eq!(
        world.stored(&of("to_char(scheduled_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')")).await,
        ["2026-03-01 06:00"]
    );
    assert_eq!(world.stored(&of("summary ->> 'function'")).await, ["healthcheck"]);
    assert_eq!(
        world.stored(&of("started_at <= finished_at and now() - started_at < interval '5 minutes'")).await,
        ["t"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_bad_for_a_week_and_vanishes_does_not_end_for_that() {
    let world = World::new().await;
    let sql = "select ticker, extract(epoch from now() - max(ts)) as lag from lane_telemetry group by ticker";
    let check = format!(
        "[check.telemetry]\ndatabase = \"pipeline\"\ndimensions = [\"ticker\"]\nsql = \"{sql}\"\n\
         [check.telemetry.metric.lag]\nname = \"TelemetryLag\"\nunit = \"Seconds\"\nabove = 180\n\
         severity = \"HIGH\"\nfor = \"0s\"\nmissing = \"breaching\"\n"
    );
    let healthcheck = world.watching(&[check]).await;
    stale(&world);
    world.execute("insert into lane_telemetry values ('GOOD', now())");
    answer(&healthcheck, json!({"now": "2026-03-01T06:00:00Z"})).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["firing"]);
    answer(&healthcheck, json!({"now": "2026-03-09T06:00:00Z"})).await;
    world.execute("delete from lane_telemetry where ticker = 'ACME'");
    answer(&healthcheck, json!({"now": "2026-03-09T06:05:00Z"})).await;
    assert_eq!(world.raised().await, Vec::<Value>::new(), "it has only just vanished");
    answer(&healthcheck, json!({"now": "2026-03-16T06:05:00Z"})).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["resolved"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_switched_off_ends_what_it_raised() {
    let world = World::new().await;
    let switched = lag("for = \"0s\"\n").replace("[check.telemetry]\n", "[check.telemetry]\nswitch = \"enable_lag\"\n");
    let other = check("one", "select 1 as n", &[("n", "N")]);
    stale(&world);
    answer(&world.watching(&[switched.clone(), other.clone()]).await, at(0)).await;
    assert_eq!(statuses(&world.raised().await, SUBJECT), ["firing"]);
    world.put_parameter("local", "features/enable_lag", "off").await;
    // A new sandbox reads the switch at once; a warm one within a minute.
    answer(&world.watching(&[switched, other]).await, at(5)).await;
    let raised = world.raised().await;
    assert_eq!(statuses(&raised, SUBJECT), ["resolved"]);
    assert!(raised[0]["summary"].as_str().is_some_and(|text| text.contains("is switched off")), "{raised:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_its_business_hours_a_check_that_cannot_run_tells_nobody() {
    let world = World::new().await;
    let hours = "[hours.office]\ntimezone = \"UTC\"\nopen = [\"mon-sun 06:10-06:30\"]\n";
    let wrong = check("wrong", "select nothing as n", &[("n", "N")]);
    let wrong = wrong.replace("[check.wrong]\n", "[check.wrong]\nhours = \"office\"\n");
    let healthcheck = world.start(&world.write(&(watch_file(&[wrong]) + hours)), &[]).await;
    answer(&healthcheck, at(0)).await;
    assert_eq!(world.raised().await, Vec::<Value>::new());
    answer(&healthcheck, at(10)).await;
    assert_eq!(statuses(&world.raised().await, "wrong"), ["firing"]);
}
