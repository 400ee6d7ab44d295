//! Heartbeats found in our own database: the ledger, and the cycles of upstream products.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::postgres::Postgres;

use super::*;

/// A migrated database of its own with these rows, and a connection to it.
async fn database(rows: &str) -> store::Connection {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("records_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let url = Postgres::shared().create_database(&name).expect("a database");
    let connection = store::Connection::open(&url.as_str().into(), None).await.expect("a connection");
    store::migrations::migrate(&connection.client, None).await.expect("migrated");
    Postgres::shared().execute(&name, rows).expect(rows);
    connection
}

async fn read_from<'w>(
    store: Option<&store::Connection>,
    file: &'w WatchFile,
    slots: &[Slot],
) -> BTreeMap<&'w str, Reading> {
    let readers = Readers::new(&sdk("http://127.0.0.1:1", "100000000001"));
    read_all(&readers, file, slots, store, &no_secrets().await, now()).await
}

fn run(function: &str, finished: &str, outcome: &str) -> String {
    let error = if outcome == "failed" { format!("'broke at {finished}'") } else { "null".to_owned() };
    format!(
        "insert into watchkeeper.ledger (run_id, function, started_at, finished_at, outcome, summary, error)
         values (gen_random_uuid(), '{function}', timestamptz '{finished}' - interval '1 minute', '{finished}', '{outcome}', '{{}}', {error});"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_tells_the_last_run_that_did_its_work_and_what_failed_since() {
    let rows = [
        run("archiver", "2026-03-01 01:00Z", "failed"),
        run("archiver", "2026-03-01 02:00Z", "ok"),
        run("archiver", "2026-03-01 03:00Z", "partial"),
        run("archiver", "2026-03-01 04:00Z", "failed"),
        run("archiver", "2026-03-01 05:00Z", "failed"),
        run("healthcheck", "2026-03-01 05:59Z", "ok"),
        run("migrator", "2026-03-01 05:00Z", "failed"),
        run("data-poller", "2027-01-01 00:00Z", "ok"),
    ];
    let store = database(&rows.concat()).await;
    let ledgers = ["archiver", "healthcheck", "migrator", "data-poller", "alert-router"];
    let text: String = ledgers.iter().map(|function| every(function, &format!("ledger = \"{function}\""))).collect();
    let file = watch_file(&text);
    let readings = read_from(Some(&store), &file, &[]).await;
    let failed = |at: &str| (BeatKind::Fail, at.to_owned());
    assert_eq!(
        beats(&readings["archiver"]),
        [success("2026-03-01T03:00:00Z"), failed("2026-03-01T04:00:00Z"), failed("2026-03-01T05:00:00Z")]
    );
    let (archiver, _) = seen(&readings["archiver"]);
    let last = archiver.iter().max_by_key(|beat| beat.at).expect("the last failure");
    assert_eq!(last.note.as_deref(), Some("broke at 2026-03-01 05:00Z"));
    assert_eq!(last.started_at, Some(at("2026-03-01T04:59:00Z")));
    assert_eq!(beats(&readings["healthcheck"]), [success("2026-03-01T05:59:00Z")]);
    assert_eq!(beats(&readings["migrator"]), [failed("2026-03-01T05:00:00Z")]);
    assert_eq!(beats(&readings["alert-router"]), []);
    assert_eq!(beats(&readings["data-poller"]), []);
    let expected = "its newest row in the ledger is dated 2027-01-01T00:00:00Z, in the future, and does not count";
    assert_eq!(seen(&readings["data-poller"]).1.as_deref(), Some(expected));
}

/// A source and the heartbeat on its cycles.
fn awaited(source: &str) -> String {
    let heartbeat = scheduled(source, &format!("cycles_of = \"{source}\""));
    format!(
        "{heartbeat}[source.{source}]\nforecast_type = '{source}'\nschedule = '0 0,6,12,18 * * *'\nexpected_after = '5h'\n\
         late_after = '6h'\nmax_runtime = '2h'\nupstream.s3 = {{ buckets = ['upstream'] }}\n\
         complete.keys = ['{source}.{{yyyymmdd}}{{hh}}']\ntrigger.sqs = {{ queue = 'jobs' }}\n"
    )
}

fn cycle(source: &str, slot: &str, status: &str, rest: &str) -> String {
    let (mut columns, mut values) = (String::new(), String::new());
    for (column, value) in rest.split(", ").filter_map(|pair| pair.split_once(" = ")) {
        columns.push_str(&format!(", {column}"));
        values.push_str(&format!(", '{value}'"));
    }
    format!(
        "insert into watchkeeper.forecast_runs (source, run_timestamp, status{columns})
         values ('{source}', '{slot}', '{status}'{values});"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn cycles_tell_how_far_the_poller_has_come_with_each_nominal_time() {
    let rows = [
        cycle(
            "gfs",
            "2026-02-28 12:00Z",
            "complete",
            "triggered_at = 2026-02-28 17:00Z, finished_at = 2026-02-28 18:00Z",
        ),
        cycle(
            "gfs",
            "2026-02-28 18:00Z",
            "complete",
            "triggered_at = 2026-02-28 23:00Z, finished_at = 2026-03-01 00:30Z",
        ),
        cycle("gfs", "2026-03-01 00:00Z", "running", "triggered_at = 2026-03-01 05:40Z, retry_count = 1"),
        cycle("gfs", "2026-03-01 06:00Z", "due", ""),
        cycle(
            "hrrr",
            "2026-03-01 00:00Z",
            "failed",
            "triggered_at = 2026-03-01 05:00Z, finished_at = 2026-03-01 05:20Z, failure_reason = out of memory",
        ),
        cycle("icon", "2026-03-01 00:00Z", "late", ""),
        cycle("ukv", "2026-03-01 00:00Z", "due", "retry_at = 2026-03-01 06:10Z, last_failure = no worker"),
        cycle("old", "2026-03-01 00:00Z", "deleted", "finished_at = 2026-03-01 05:20Z"),
    ];
    let store = database(&rows.concat()).await;
    let text: String = ["gfs", "hrrr", "icon", "ukv", "old", "none"].map(awaited).concat();
    let file = watch_file(&text);
    let readings = read_from(Some(&store), &file, &slots(&["2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z"])).await;

    let (gfs, note) = seen(&readings["gfs"]);
    assert_eq!(note.as_deref(), Some("poller: attempt 2 of 3 since 05:40"));
    assert_eq!(
        beats(&readings["gfs"]),
        [success("2026-03-01T00:30:00Z"), (BeatKind::Start, "2026-03-01T05:40:00Z".to_owned())],
        "what is awaited, and the newest that is complete"
    );
    let running = gfs.iter().find(|beat| beat.kind == BeatKind::Start).expect("the run");
    assert_eq!(running.slot, Some(at("2026-03-01T00:00:00Z")));
    assert!(running.run.is_some());

    let (hrrr, note) = seen(&readings["hrrr"]);
    assert_eq!(note.as_deref(), Some("poller: attempt 1 of 3 failed: out of memory"));
    assert_eq!((hrrr[0].kind, hrrr[0].note.as_deref()), (BeatKind::Fail, Some("out of memory")));
    let failed = "poller: attempt 1 of 3 failed, the next comes at 06:10: no worker";
    assert_eq!(seen(&readings["ukv"]), (Vec::new(), Some(failed.to_owned())));
    assert_eq!(seen(&readings["icon"]), (Vec::new(), Some("poller: upstream is late".to_owned())));
    assert_eq!(seen(&readings["old"]), (Vec::new(), None));
    assert_eq!(seen(&readings["none"]), (Vec::new(), None));

    let both = slots(&["2026-03-01T00:00:00Z", "2026-03-01T06:00:00Z"]);
    let (_, note) = seen(&read_from(Some(&store), &file, &both).await["gfs"]);
    assert_eq!(note.as_deref(), Some("poller: 00:00 attempt 2 of 3 since 05:40; 06:00 waits for upstream"));
}

#[tokio::test]
async fn without_our_own_database_what_only_it_tells_is_unknown() {
    let text = [every("archiver", "ledger = \"archiver\""), awaited("gfs"), every("job", "ping = true")];
    let file = watch_file(&text.concat());
    let readings = read_from(None, &file, &[]).await;
    assert_eq!(why(&readings["archiver"]), "Watchkeeper's own database is out of reach");
    assert_eq!(why(&readings["gfs"]), "Watchkeeper's own database is out of reach");
    assert_eq!(readings["job"], Reading::Unread);
}
