//! What others read in the archive is what Postgres held: DuckDB and pyarrow agree with it, column by column.

use std::process::Command;

use serde_json::{Value, json};
use testkit::tools::READERS;

use crate::world::{AUDIT_LOGS, World, audit_policy};

const COLUMNS: [&str; 7] = ["id", "actor", "action", "metadata", "ip", "amount", "created_at"];

/// What Postgres says of a column of `before`, in the readers' words.
async fn expected(world: &World, column: &str) -> Value {
    let text = match column {
        "created_at" => "(extract(epoch from created_at) * 1000000)::bigint::text".to_owned(),
        other => format!("coalesce({other}::text, 'null')"),
    };
    let sql = format!(
        "select jsonb_build_object('least', min(v collate \"C\"), 'greatest', max(v collate \"C\"),
                                   'checksum', md5(string_agg(v, ',' order by id)))
         from (select id, {text} as v from before) as b"
    );
    serde_json::from_str(&world.value(&sql).await).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_pyarrow_read_what_postgres_held() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(2_000, 60).await;
    world
        .run("update audit_logs set actor = null, ip = null, amount = 'NaN' where metadata->>'n' like '%7'; create table before as
              select * from audit_logs where created_at < '2024-11-22T12:00:00Z'")
        .await;
    let answer = world.ask(&audit_policy("batch_rows = 700"), json!({"task": "archive"})).await;
    assert_eq!(answer["outcome"], "ok", "{answer:#}");

    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    for (n, key) in world.objects().iter().enumerate() {
        let path = folder.path().join(format!("{n}.parquet"));
        std::fs::write(&path, world.archive().bytes(key).expect("an object")).expect("written");
        files.push(path);
    }
    assert!(files.len() > 2, "{files:?}");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/readers.py");
    let python = READERS.install().expect("DuckDB and pyarrow").program("python");
    let said = Command::new(python).arg(script).args(&files).output().expect("the readers run");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let found: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let rows = world.value("select count(*) from before").await;
    for reader in ["duckdb", "pyarrow"] {
        assert_eq!(found[reader]["rows"].to_string(), rows, "{reader}");
        for column in COLUMNS {
            assert_eq!(found[reader]["columns"][column], expected(&world, column).await, "{reader}: {column}");
        }
    }
}
