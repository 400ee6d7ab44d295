//! Heartbeats found in watched databases: statements, and tables of runs.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::binaries::workspace;
use testkit::postgres::Postgres;
use watched::{Cell, Rows};

use super::*;
use crate::signals::{runs, sql};

struct World {
    database: String,
    readers: Readers,
    secrets: Secrets,
}

impl World {
    async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let database = format!("signals_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let url = Postgres::shared().create_database(&database).expect("a database");
        let sdk = emulator();
        let closed = url.replace(&database, "nowhere");
        let secrets = secrets(&sdk, &[("pipeline_url", &url), ("closed_url", &closed)]).await;
        Self { database, readers: Readers::new(&sdk), secrets }
    }

    fn execute(&self, statements: &str) {
        Postgres::shared().execute(&self.database, statements).expect(statements);
    }

    async fn read<'w>(&self, watch_file: &'w WatchFile) -> BTreeMap<&'w str, Reading> {
        read_all(&self.readers, watch_file, &[], None, &self.secrets, now()).await
    }
}

fn asking(name: &str, sql: &str) -> String {
    every(name, &format!("database = \"pipeline\", sql = '''{sql}'''"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_says_when_its_job_last_succeeded_and_may_say_more() {
    let world = World::new().await;
    let file = watch_file(
        &[
            asking("one", "select timestamptz '2026-03-01 05:00:00Z' as whenever"),
            asking("never", "select null::timestamptz"),
            asking("no-row", "select now() where false"),
            asking(
                "named",
                "select 'x' as who, timestamptz '2026-03-01 05:00Z' as last_success_at, timestamptz '2026-03-01 04:50Z' as started_at",
            ),
            asking(
                "failed",
                "select timestamptz '2026-03-01 03:00Z' as last_success_at, timestamptz '2026-03-01 05:50Z' as started_at,
                        timestamptz '2026-03-01 05:30Z' as failed_at, 'no space left' as error",
            ),
            asking("future", "select timestamptz '2027-01-01Z'"),
        ]
        .concat(),
    );
    let readings = world.read(&file).await;
    assert_eq!(beats(&readings["one"]), [success("2026-03-01T05:00:00Z")]);
    assert_eq!(beats(&readings["never"]), []);
    assert_eq!(beats(&readings["no-row"]), []);
    assert_eq!(seen(&readings["named"]).0[0].started_at, Some(at("2026-03-01T04:50:00Z")));
    assert_eq!(
        beats(&readings["failed"]),
        [
            success("2026-03-01T03:00:00Z"),
            (BeatKind::Fail, "2026-03-01T05:30:00Z".to_owned()),
            (BeatKind::Start, "2026-03-01T05:50:00Z".to_owned()),
        ]
    );
    assert_eq!(seen(&readings["failed"]).0[1].note.as_deref(), Some("no space left"));
    assert_eq!(beats(&readings["future"]), []);
    let expected = "its newest row is dated 2027-01-01T00:00:00Z, in the future, and does not count";
    assert_eq!(seen(&readings["future"]).1.as_deref(), Some(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_answers_something_else_is_unknown_and_costs_no_other() {
    let world = World::new().await;
    let file = watch_file(
        &[
            asking("several", "select now() from generate_series(1, 3)"),
            asking("epoch", "select extract(epoch from now())"),
            asking("zoneless", "select localtimestamp as t"),
            asking("text", "select 'yesterday' as t"),
            asking("columns", "select now() as a, now() as b"),
            asking("syntax", "selec now()"),
            asking("writes", "create table t (a int)"),
            asking("slow", "select now() from pg_sleep(5)"),
            asking("fine", "select timestamptz '2026-03-01 05:00:00Z'"),
        ]
        .concat(),
    );
    let readings = world.read(&file).await;
    for (name, said) in [
        ("several", "the statement answered several rows, expected one"),
        ("epoch", "is a number, expected a timestamptz: as in to_timestamp(…)"),
        ("zoneless", "column `t` is of type timestamp, expected a timestamptz: cast it, as in … at time zone 'UTC'"),
        ("text", "column `t` is of type text, expected a timestamptz: cast it"),
        ("columns", "the row has no column `last_success_at`, it has a, b"),
        ("syntax", "[42601]"),
        ("writes", "read-only transaction"),
        ("slow", "the statement took too long and was stopped"),
    ] {
        assert!(why(&readings[name]).contains(said), "{name}: {}", why(&readings[name]));
    }
    assert_eq!(beats(&readings["fine"]), [success("2026-03-01T05:00:00Z")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lets_nobody_in_is_unknown_to_all_who_ask_it_and_its_secret_is_doubted() {
    let world = World::new().await;
    let closed = |name: &str| every(name, "database = \"closed\", sql = \"select now()\"");
    let file = watch_file(&[closed("one"), closed("two"), asking("fine", "select timestamptz '2026-03-01Z'")].concat());
    let readings = world.read(&file).await;
    for name in ["one", "two"] {
        assert!(why(&readings[name]).starts_with("database closed: failed to connect to Postgres at"), "{name}");
        assert!(!why(&readings[name]).contains("postgres://"), "no address shows");
    }
    assert_eq!(beats(&readings["fine"]), [success("2026-03-01T00:00:00Z")]);
    assert!(world.readers.take_refused());
    assert!(!world.readers.take_refused(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_start_succeed_and_fail_as_their_table_says() {
    let world = World::new().await;
    for example in ["telemetry_runs", "feature_runs", "watchlist_runs", "signal_runs"] {
        let path = workspace().join(format!("docs/examples/runs/create_{example}.sql"));
        world.execute(&std::fs::read_to_string(&path).expect("an example"));
    }
    world.execute(
        "create schema odd;
         create table odd.\"Order\" (run_id int, started_at timestamptz, finished_at timestamptz, error_message text);
         insert into odd.\"Order\" values (7, '2026-03-01 05:00Z', null, null);
         insert into telemetry_runs (run_id, started_at, finished_at, error_message) values
             ('00000000-0000-0000-0000-000000000001', '2026-03-01 03:00Z', '2026-03-01 03:10Z', null),
             ('00000000-0000-0000-0000-000000000002', '2026-03-01 04:00Z', '2026-03-01 04:10Z', 'no such ticker'),
             ('00000000-0000-0000-0000-000000000003', '2026-03-01 05:00Z', null, null),
             ('00000000-0000-0000-0000-000000000009', '2025-03-01 05:00Z', null, null),
             ('00000000-0000-0000-0000-000000000004', '2026-04-01 05:00Z', '2026-04-01 05:00Z', null)",
    );
    // Evidence stays: a run is begun, and finished once.
    let refused = |statement: &str| Postgres::shared().execute(&world.database, statement).is_err();
    assert!(refused("delete from telemetry_runs"));
    assert!(refused("update telemetry_runs set error_message = null where error_message is not null"));
    world.execute("insert into feature_runs (run_id, started_at) values ('00000000-0000-0000-0000-000000000005', '2025-03-01 05:00Z')");
    world.execute("update feature_runs set finished_at = '2025-03-01 05:01Z', rows_read = 3");
    let runs_of = |name: &str, table: &str| every(name, &format!("database = \"pipeline\", runs = \"{table}\""));
    let file = watch_file(
        &[
            runs_of("telemetry", "telemetry_runs"),
            runs_of("feature", "public.feature_runs"),
            runs_of("watchlist", "watchlist_runs"),
            runs_of("signal", "signal_runs"),
            runs_of("order", "odd.Order"),
            runs_of("none", "no_such_runs"),
        ]
        .concat(),
    );
    let readings = world.read(&file).await;
    assert_eq!(
        beats(&readings["telemetry"]),
        [
            success("2026-03-01T03:10:00Z"),
            (BeatKind::Fail, "2026-03-01T04:10:00Z".to_owned()),
            (BeatKind::Start, "2026-03-01T05:00:00Z".to_owned()),
        ]
    );
    let (found, note) = seen(&readings["telemetry"]);
    assert_eq!(
        note.as_deref(),
        Some("its newest row is dated 2026-04-01T05:00:00Z, in the future, and does not count")
    );
    let failed = found.iter().find(|beat| beat.kind == BeatKind::Fail).expect("the failure");
    assert_eq!(failed.note.as_deref(), Some("no such ticker"));
    assert_eq!(failed.run.as_deref(), Some("00000000-0000-0000-0000-000000000002"));
    assert_eq!(failed.started_at, Some(at("2026-03-01T04:00:00Z")));
    for name in ["feature", "watchlist", "signal"] {
        assert_eq!(beats(&readings[name]), [], "{name}");
    }
    let (order, _) = seen(&readings["order"]);
    assert_eq!(order[0].run.as_deref(), Some("7"));
    assert!(why(&readings["none"]).contains("\"no_such_runs\" does not exist"), "{}", why(&readings["none"]));
}

/// What a query function answers: JSON has no instants.
fn written(cells: &[(&str, &str)]) -> Rows {
    let cell = |text: &str| if text.is_empty() { Cell::Null } else { Cell::Written(text.to_owned()) };
    Rows {
        columns: cells.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows: vec![cells.iter().map(|(_, text)| cell(text)).collect()],
    }
}

#[test]
fn instants_from_a_query_function_are_texts_with_an_offset() {
    for text in [
        "2026-03-01T06:00:00Z",
        "2026-03-01 06:00:00+00:00",
        "2026-03-01T01:00:00.000-05:00",
        " 2026-03-01 06:00:00+00 ",
    ] {
        let found = sql::beats(&written(&[("last_success_at", text)])).expect(text);
        assert_eq!(found, [Beat::found(BeatKind::Success, now())], "{text}");
    }
    for text in ["2026-03-01T06:00:00", "yesterday", "1772344800"] {
        let error = sql::beats(&written(&[("last_success_at", text)])).expect_err(text);
        assert!(error.contains(&format!("the text `{text}`, expected a timestamptz with its offset")), "{error}");
    }
}

#[test]
fn runs_from_a_query_function_are_read_alike() {
    let row = |finished, error| {
        written(&[
            ("error_message", error),
            ("finished_at", finished),
            ("run_id", "7"),
            ("started_at", "2026-03-01T05:00:00Z"),
        ])
    };
    for (finished, error, kind) in [
        ("", "", BeatKind::Start),
        ("2026-03-01T06:00:00Z", "", BeatKind::Success),
        ("2026-03-01T06:00:00Z", "  ", BeatKind::Success),
        ("2026-03-01T06:00:00Z", "oh", BeatKind::Fail),
    ] {
        assert_eq!(runs::beats(&row(finished, error)).expect("beats")[0].kind, kind, "{finished} {error}");
    }
    assert!(runs::beats(&written(&[("run_id", "7")])).is_err_and(|error| error.contains("`started_at` is null")));
}
