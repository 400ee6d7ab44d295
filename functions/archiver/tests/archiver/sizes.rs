//! Which rows make a batch: as many as go into one, the oldest first, whatever their instants, keys, sizes and names.

use serde_json::{Value, json};

use crate::world::World;

/// Columns that are called what statements may call something of their own.
const NOTES: &str =
    "create table notes (size integer, t text, n bigint, at timestamptz not null, body text, primary key (t, size));";

fn policy(limits: &str) -> String {
    format!(
        "[retention.notes]\ndatabase = 'pipeline'\ntable = 'notes'\ntime = 'at'\nkey = ['t', 'size']\nkeep = '1y'\n\
         archive = 'notes/'\n{limits}\n"
    )
}

async fn notes(values: &str) -> World {
    let world = World::new(NOTES).await;
    world.run(&format!("insert into notes {values}")).await;
    world
}

/// How many rows each batch had, in their order; no row is left.
async fn batches(world: &World, limits: &str) -> (Vec<String>, Value) {
    let answer = world.ask(&policy(limits), json!({"task": "archive"})).await;
    assert_eq!(answer["failed"], json!([]), "{answer:#}");
    let rows = world.stored("select rows::text from watchkeeper.archive_batches order by batch_id").await;
    (rows, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_one_instant_are_cut_by_their_keys_where_a_batch_is_full() {
    // By `size`, and by what statements themselves may call `t`, the order is another.
    let world = notes(
        "select 100 - n, lpad(n::text, 3, '0'), n, case when n <= 3 then '2025-03-01'::timestamptz else '2025-03-02' end, ''
         from generate_series(1, 25) as n",
    )
    .await;
    let (rows, answer) = batches(&world, "batch_rows = 10").await;
    assert_eq!(rows, ["10", "10", "5"], "{answer:#}");
    let ranges =
        world.stored("select key_from || ' ' || key_to from watchkeeper.archive_batches order by batch_id").await;
    let is_key = |text: &&str| text.len() == 3 && text.parse::<u8>().is_ok();
    let keys = |range: &String| range.split('"').filter(is_key).map(str::to_owned).collect();
    let keys: Vec<Vec<String>> = ranges.iter().map(keys).collect();
    assert_eq!(keys, [["001", "010"], ["011", "020"], ["021", "025"]], "{ranges:?}");
    assert_eq!(world.value("select count(*) from notes").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_ends_at_the_end_of_a_month_and_where_its_bytes_are_enough() {
    let world = notes(
        "select n, 'note', n, '2025-03-31T00:00:00Z'::timestamptz + n * interval '1 hour', repeat('x', 104000)
         from generate_series(1, 40) as n",
    )
    .await;
    let (rows, answer) = batches(&world, "batch_bytes = 1048576\nmax_row_bytes = 1048576").await;
    assert_eq!(rows, ["10", "10", "3", "10", "7"], "{answer:#}");
    assert_eq!(world.value("select count(*) from notes").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_too_large_stays_between_those_that_go() {
    let world = notes(
        "select n, 'note', n, '2025-03-01'::timestamptz + n * interval '1 hour', repeat('x', case when n = 7 then 128000 else 32 end)
         from generate_series(1, 20) as n",
    )
    .await;
    let (rows, answer) = batches(&world, "batch_rows = 10\nmax_row_bytes = 65536").await;
    assert_eq!(rows.iter().map(|rows| rows.parse::<u32>().expect("a number")).sum::<u32>(), 19, "{answer:#}");
    let skipped = answer["skipped"][0].to_string();
    assert!(skipped.contains("a row of 128") && skipped.contains("it stays"), "{answer:#}");
    assert_eq!(world.rows("select n::text from notes").await, ["7"]);
}
