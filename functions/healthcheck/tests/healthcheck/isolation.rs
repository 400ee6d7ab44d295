//! A check that goes wrong costs only itself, is named, and changes nothing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::postgres::Postgres;

use crate::world::{World, answer, check};

/// `name: error` of everything that failed.
fn failed(summary: &Value) -> Vec<String> {
    let failed = summary["failed"].as_array().cloned().unwrap_or_default();
    failed
        .iter()
        .map(|one| format!("{}: {}", one["name"].as_str().unwrap_or("?"), one["error"].as_str().unwrap_or("?")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_check_is_named_and_the_others_are_measured() {
    let world = World::new().await;
    let wrong = [
        ("no-table", "select count(*) as n from nowhere", "relation \"nowhere\" does not exist [42P01]"),
        ("no-sense", "selekt 1", "syntax error at or near \"selekt\" [42601]"),
        ("by-zero", "select 1 / 0 as n", "division by zero [22012]"),
        ("no-row", "select 1 as n where false", "the statement answered no row, expected one"),
        (
            "two-rows",
            "select n from generate_series(1, 100000) as n",
            "the statement answered several rows, expected one (`dimensions` names columns that tell rows apart)",
        ),
        (
            "two-statements",
            "select 1 as n; drop table lane_telemetry",
            "cannot insert multiple commands into a prepared statement [42601]",
        ),
        (
            "writes",
            "with gone as (delete from lane_telemetry returning 1) select count(*) as n from gone",
            "cannot execute SELECT in a read-only transaction [25006]",
        ),
        ("commits", "commit", "the statement answered no row, expected one"),
        ("hangs", "select 1 as n from pg_sleep(20)", "the statement took too long and was stopped"),
        (
            "dies",
            "select 1 as n from pg_terminate_backend(pg_backend_pid())",
            "terminating connection due to administrator command [57P01]",
        ),
        ("no-column", "select 1 as m, 2 as o", "the row has no column `n`, it has m, o"),
        (
            "no-number",
            "select now() as n",
            "column `n` is of type timestamptz, expected a number: cast it, as in extract(epoch from …)",
        ),
        (
            "a-word",
            "select '12' as n",
            "column `n` is of type text, expected a number: cast it, as in extract(epoch from …)",
        ),
    ];
    world.execute("insert into lane_telemetry values ('ACME', now())");
    let mut checks = vec![check("first", "select 1 as n", &[("n", "First")])];
    for (index, (name, sql, _)) in wrong.iter().enumerate() {
        checks.push(check(name, sql, &[("n", &format!("Wrong{index}"))]));
        checks.push(check(
            &format!("after-{name}"),
            "select count(*) as n from lane_telemetry",
            &[("n", &format!("After{index}"))],
        ));
    }
    let healthcheck = world.watching(&checks).await;
    let started = Instant::now();
    let summary = answer(&healthcheck, json!({})).await;
    assert!(started.elapsed().as_secs() < 5, "the hanging check costs its second and no more");
    let expected: Vec<_> = wrong.iter().map(|(name, _, error)| format!("{name}: {error}")).collect();
    assert_eq!(failed(&summary), expected);
    assert_eq!(summary["outcome"], "partial");
    let measured = summary["metrics"].as_object().expect("metrics");
    assert_eq!(measured.len(), 1 + wrong.len());
    assert!(measured.values().all(|value| *value == json!(1.0)), "nothing was deleted: {measured:?}");
    assert_eq!(world.metrics().await.len(), measured.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_column_costs_no_other_of_its_row() {
    let world = World::new().await;
    let metrics = [("good", "Good"), ("missing", "Missing"), ("word", "Word"), ("empty", "Empty")];
    let rows = check("rows", "select 1 as good, 'x'::text as word, null::int as empty", &metrics);
    let healthcheck = world.watching(&[rows]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["metrics"], json!({"Good": 1.0, "Empty": null}));
    assert_eq!(
        failed(&summary),
        [
            "rows: the row has no column `missing`, it has good, word, empty",
            "rows: column `word` is of type text, expected a number: cast it, as in extract(epoch from …)",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_share_one_connection_and_leave_nothing_behind_on_it() {
    let world = World::new().await;
    let pid = |name: &str, metric: &str| check(name, "select pg_backend_pid() as n", &[("n", metric)]);
    let leaves = check(
        "leaves",
        "select length(set_config('application_name', 'left', true) || set_config('statement_timeout', '0', true)) as n",
        &[("n", "Leaves")],
    );
    let sees = check(
        "sees",
        "select count(*) filter (where current_setting('application_name') = 'left') as n,
                extract(epoch from current_setting('statement_timeout')::interval) as t,
                case current_setting('transaction_read_only') when 'on' then 1 else 0 end as r",
        &[("n", "Sees"), ("t", "Limit"), ("r", "ReadOnly")],
    );
    let healthcheck = world.watching(&[pid("one", "One"), leaves, pid("two", "Two"), sees]).await;
    let metrics = answer(&healthcheck, json!({})).await["metrics"].clone();
    assert_eq!(metrics["One"], metrics["Two"]);
    assert_eq!((&metrics["Sees"], &metrics["Limit"], &metrics["ReadOnly"]), (&json!(0.0), &json!(1.0), &json!(1.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_of_one_database_have_ten_seconds_together_and_what_they_leave_unrun_is_named() {
    let world = World::new().await;
    let slow = |name: &str, timeout: &str| {
        let slow = check(name, "select 1 as n from pg_sleep(20)", &[("n", name)]);
        slow.replace("sql =", &format!("timeout = \"{timeout}\"\nsql ="))
    };
    let quick = check("quick", "select 1 as n", &[("n", "Quick")]);
    let checks = [quick, slow("slow", "6s"), slow("slower", "10s"), check("last", "select 1 as n", &[("n", "Last")])];
    let summary = answer(&world.watching(&checks).await, json!({})).await;
    assert_eq!(summary["metrics"], json!({"Quick": 1.0}));
    // The second had a third of its own time: that is no failure of its own.
    assert_eq!(failed(&summary), ["slow: the statement took too long and was stopped"]);
    assert_eq!(summary["remaining"], json!(["slower", "last"]), "{summary}");
    let took = summary["duration_ms"].as_u64().expect("a duration");
    assert!((9_000..13_000).contains(&took), "{took} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_breaks_the_connection_leaves_a_new_one_to_the_next() {
    let world = World::new().await;
    let pid = |name: &str, metric: &str| check(name, "select pg_backend_pid() as n", &[("n", metric)]);
    let dies = check("dies", "select pg_terminate_backend(pg_backend_pid())::int as n", &[("n", "Dies")]);
    let summary = answer(&world.watching(&[pid("one", "One"), dies, pid("two", "Two")]).await, json!({})).await;
    assert_eq!(failed(&summary).len(), 1);
    assert!(summary["metrics"]["Two"].is_number());
    assert_ne!(summary["metrics"]["One"], summary["metrics"]["Two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_in_which_the_server_falls_silent_costs_itself_and_the_next_gets_a_new_connection() {
    let postgres = Postgres::start().expect("a Postgres");
    let url = postgres.create_database("pipeline").expect("a database");
    let world = World::on("pipeline".to_owned(), url).await;
    let silent = check("silent", "select 1 as n from pg_sleep(0.9)", &[("n", "Silent")]);
    let next = check("next", "select 1 as n", &[("n", "Next")]);
    let healthcheck = world.watching(&[silent, next]).await;
    answer(&healthcheck, json!({"checks": ["next"]})).await;
    // The server stops while it sleeps for the first check, and goes on before the second gives up connecting.
    let interrupted = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        postgres.pause();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        postgres.resume();
    };
    let (summary, ()) = tokio::join!(answer(&healthcheck, json!({})), interrupted);
    assert_eq!(failed(&summary), ["silent: database pipeline did not answer within 1.0s"], "{summary}");
    assert_eq!(summary["metrics"], json!({"Next": 1.0}));
}
