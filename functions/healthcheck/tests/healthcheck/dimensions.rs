//! Rows told apart by their columns: each is a metric of its own, and a row that does not fit costs no other.

use serde_json::{Value, json};

use crate::world::{World, answer, check};

/// A check whose rows are told apart by the column `ticker`.
fn by_ticker(sql: &str) -> String {
    check("tickers", sql, &[("n", "PerTicker")]).replace("sql =", "dimensions = [\"ticker\"]\nsql =")
}

fn errors(summary: &Value) -> Vec<String> {
    let failed = summary["failed"].as_array().cloned().unwrap_or_default();
    failed.iter().filter_map(|one| one["error"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_combination_is_a_metric_of_its_own() {
    let world = World::new().await;
    world.execute(
        "insert into lane_telemetry values ('ACME', now()), ('GLOBEX', now() - interval '1 hour'), ('ACME', now())",
    );
    let sql = "select ticker, count(*) as n from lane_telemetry group by ticker";
    let healthcheck = world.watching(&[by_ticker(sql)]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["failed"], json!([]));
    assert_eq!(world.combinations("PerTicker").await, ["ticker=ACME", "ticker=GLOBEX"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_fit_is_named_and_costs_no_other() {
    let world = World::new().await;
    let sql = "select * from (values ('A', 1), ('B', 2), ('B', 3), (null, 4), (' ', 5), ('Ü', 6), ('C', 7))
               as rows (ticker, n)";
    let healthcheck = world.watching(&[by_ticker(sql)]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(
        errors(&summary),
        [
            "several rows have ticker = B: expected one",
            "several rows have ticker = B: expected one",
            "column `ticker` is null, and it is a dimension: leave such rows out",
            "column `ticker` is ` `, expected 1 to 1024 ASCII characters: it is a dimension",
            "column `ticker` is `Ü`, expected 1 to 1024 ASCII characters: it is a dimension",
        ]
    );
    assert_eq!(summary["outcome"], "partial");
    assert_eq!(world.combinations("PerTicker").await, ["ticker=A", "ticker=C"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_anybody_would_pay_for_are_refused_and_so_are_none() {
    let world = World::new().await;
    let many = |count: usize| format!("select 't' || n as ticker, n from generate_series(1, {count}) as n");
    let checks = [
        by_ticker(&many(101)),
        by_ticker(&many(100)).replace("tickers", "hundred").replace("PerTicker", "Hundred"),
        by_ticker(&many(0)).replace("tickers", "none").replace("PerTicker", "None"),
        by_ticker("select 7 as ticker, 1 as n").replace("tickers", "numbers").replace("PerTicker", "Numbers"),
    ];
    let healthcheck = world.watching(&checks).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(
        errors(&summary),
        [
            "the statement answered more than 100 rows: each ticker costs a metric of its own",
            "the statement answered no row, expected one for each ticker",
            "column `ticker` is a number, expected a text: cast it to text",
        ]
    );
    assert_eq!(world.combinations("Hundred").await.len(), 100);
    assert_eq!(world.combinations("PerTicker").await.len(), 0);
}
