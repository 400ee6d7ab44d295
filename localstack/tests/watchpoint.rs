//! The scripts of the runbooks for the example product, as people run them: what support sees, and how one is forgotten.
#![expect(clippy::expect_used, reason = "a test that cannot go on says why")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use testkit::binaries::workspace;
use testkit::postgres::{Postgres, run_script};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

const GLOBEX: &str = "00000000-0000-4000-8000-0000000000a2";
const HARBOUR_OF_ACME: &str = "00000000-0000-4000-8000-1000000000a1";
/// What the examples hold of each organisation, in the order in which it is deleted.
const OF_ONE: &str = "notification_deliveries: 4\nnotifications: 2\nwatchpoint_evaluation_state: 2\nwatchpoints: 2\n\
                      api_keys: 1\nsessions: 1\nusers: 2\nrate_limits: 3\norganizations: 1\n";
const TABLES: [&str; 10] = [
    "organizations",
    "users",
    "sessions",
    "api_keys",
    "rate_limits",
    "watchpoints",
    "watchpoint_evaluation_state",
    "notifications",
    "notification_deliveries",
    "audit_logs",
];

/// A database of its own with the examples in it.
fn world() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static TEMPLATE: OnceLock<()> = OnceLock::new();
    // One clone at a time: nobody may be connected to what is cloned.
    static CLONING: Mutex<()> = Mutex::new(());
    let server = Postgres::shared();
    TEMPLATE.get_or_init(|| {
        let url = server.create_database("examples").expect("a database");
        localstack::pipeline::seed(&url).expect("the examples");
    });
    let _one = CLONING.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("world_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server.clone_database("examples", &name).expect("a copy of the examples")
}

fn forget(url: &str, variables: &[(&str, &str)]) -> anyhow::Result<String> {
    run_script(url, &workspace().join("docs/runbooks/hard-delete-organization.sql"), variables)
}

fn forget_globex(url: &str) -> anyhow::Result<String> {
    forget(url, &[("org_id", GLOBEX), ("confirmed_by", "ticket 4711")])
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

/// The rows of a statement, their columns joined with `|`.
async fn rows(client: &Client, statement: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let said = client.simple_query(statement).await?;
    let text = |row: &tokio_postgres::SimpleQueryRow| {
        let columns = (0..row.len()).map(|column| row.get(column).unwrap_or("null"));
        columns.collect::<Vec<_>>().join("|")
    };
    Ok(said
        .iter()
        .filter_map(|one| if let SimpleQueryMessage::Row(row) = one { Some(text(row)) } else { None })
        .collect())
}

/// A sum over everything that is not Globex's.
async fn everything_else(client: &Client) -> Vec<String> {
    let mut sums = Vec::new();
    for table in TABLES {
        let whose = match table {
            "organizations" => "id",
            "watchpoint_evaluation_state" => "(select organization_id from watchpoints where id = watchpoint_id)",
            "notification_deliveries" => "(select organization_id from notifications where id = notification_id)",
            _ => "organization_id",
        };
        let statement = format!(
            "select '{table}', count(*), md5(string_agg(t::text, ';' order by t::text)) from {table} t where {whose} <> '{GLOBEX}'"
        );
        sums.extend(rows(client, &statement).await.expect("a sum"));
    }
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_organisation_is_gone_counted_and_on_record_and_nobody_else_is_touched() {
    let url = world();
    let client = connect(&url).await;
    let others = everything_else(&client).await;
    let logs = rows(&client, "select count(*) from audit_logs").await.expect("a count");

    let said = forget_globex(&url).expect("it runs");
    assert_eq!(said, format!("{OF_ONE}organisation {GLOBEX} is deleted\n"));
    assert_eq!(everything_else(&client).await, others);
    assert_eq!(rows(&client, "select count(*) from audit_logs").await.expect("a count"), logs, "they outlive it");
    for table in &TABLES[..5] {
        let whose = if *table == "organizations" { "id" } else { "organization_id" };
        let left = rows(&client, &format!("select from {table} where {whose} = '{GLOBEX}'")).await.expect("rows");
        assert!(left.is_empty(), "{table}: {left:?}");
    }
    let record =
        "select what, id, confirmed_by, counts ->> 'users', counts ->> 'notification_deliveries' from hard_deletions";
    let record = rows(&client, record).await.expect("a record");
    assert_eq!(record, [format!("organization|{GLOBEX}|ticket 4711|2|4")]);

    let again = forget(&url, &[("org_id", GLOBEX), ("confirmed_by", "somebody else")]).expect("no error");
    assert!(again.starts_with(&format!("already done: organisation {GLOBEX}")), "{again}");
    assert!(again.contains("ticket 4711") && again.contains("\"users\": 2"), "{again}");
    assert_eq!(rows(&client, "select confirmed_by from hard_deletions").await.expect("a record"), ["ticket 4711"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_forgotten_is_refused_with_a_reason_and_nothing_is_deleted() {
    let url = world();
    let client = connect(&url).await;
    let everything = "select count(*) from organizations union all select count(*) from notifications";
    let before = rows(&client, everything).await.expect("counts");
    let globex = ("org_id", GLOBEX);
    for (variables, reason) in [
        (vec![globex], "--set confirmed_by=…"),
        (vec![("confirmed_by", "ticket 4711")], "expected --set org_id=…"),
        (vec![("org_id", "Globex"), ("confirmed_by", "x")], "invalid input syntax for type uuid: \"Globex\""),
        (vec![("org_id", "'; drop table users; --"), ("confirmed_by", "x")], "invalid input syntax for type uuid"),
        (vec![("org_id", "00000000-0000-4000-8000-0000000000ff"), ("confirmed_by", "x")], "there is no organisation"),
    ] {
        let error = forget(&url, &variables).expect_err("refused");
        assert!(format!("{error:#}").contains(reason), "{error:#}");
    }
    // A table that the script does not know.
    let unknown = "create table invoices (organization_id uuid not null references organizations (id));
                   insert into invoices values ('00000000-0000-4000-8000-0000000000a2')";
    client.batch_execute(unknown).await.expect("a table");
    let error = forget_globex(&url).expect_err("refused");
    assert!(format!("{error:#}").contains("invoices"), "{error:#}");
    assert_eq!(rows(&client, everything).await.expect("counts"), before);

    client.batch_execute("drop table invoices").await.expect("gone");
    forget_globex(&url).expect("it runs");
    let back = format!("insert into organizations (id, name) values ('{GLOBEX}', 'Globex, from a backup')");
    client.batch_execute(&back).await.expect("it is back");
    let error = forget_globex(&url).expect_err("refused");
    assert!(format!("{error:#}").contains("is there again"), "{error:#}");
    assert_eq!(
        rows(&client, &format!("select count(*) from organizations where id = '{GLOBEX}'")).await.expect("a count"),
        ["1"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_forget_the_same_organisation_at_once_delete_and_record_it_once() {
    let url = world();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || forget_globex(&url).expect("it runs"))
        })
        .collect();
    let mut said: Vec<_> = both.into_iter().map(|one| one.join().expect("it ends")).collect();
    said.sort();
    assert!(said[0].starts_with("already done") && said[1].starts_with(OF_ONE), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn support_finds_the_story_of_a_missed_alert() {
    let url = world();
    let as_support = format!("{url}?options=-c%20role%3Dwatchpoint_support_ro");
    let story = |watchpoint: &str| {
        let script = workspace().join("docs/runbooks/missed-alert.sql");
        run_script(&as_support, &script, &[("watchpoint_id", watchpoint)])
    };
    let said = story(HARBOUR_OF_ACME).expect("it runs");
    assert!(said.contains("(4 rows)"), "{said}");
    let refused: Vec<_> = said.lines().filter(|line| line.contains("failed")).collect();
    assert_eq!(refused.len(), 1, "{said}");
    for part in ["active", "threshold_crossed", "410 Gone: the webhook does not exist any more", "| t "] {
        assert!(refused[0].contains(part), "{part} in {said}");
    }
    assert_eq!(said.lines().filter(|line| line.contains(" sent ")).count(), 3, "{said}");
    assert!(story("00000000-0000-4000-8000-1000000000ff").expect("it runs").contains("(0 rows)"));
    let error = story("x' or true; --").expect_err("what is handed over is no SQL");
    assert!(format!("{error:#}").contains("invalid input syntax for type uuid"), "{error:#}");
    let error =
        run_script(&as_support, &workspace().join("docs/runbooks/missed-alert.sql"), &[]).expect_err("of what?");
    assert!(format!("{error:#}").contains("expected --set watchpoint_id=…"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn support_changes_nothing_and_reads_no_secret() {
    let url = world();
    let client = connect(&url).await;
    client.batch_execute("set role watchpoint_support_ro").await.expect("the role");
    for allowed in ["select prefix, last_used_at from api_keys", "select created_at, expires_at from sessions"] {
        assert!(!rows(&client, allowed).await.expect("allowed").is_empty(), "{allowed}");
    }
    let mut refused: Vec<String> = [
        "select * from sessions",
        "select token_hash from sessions",
        "select key_hash from api_keys",
        "select password_hash from users",
        "select email from users",
        "select destination from notification_deliveries",
        "select from audit_logs",
        "select from hard_deletions",
        "update watchpoints set status = status",
        "insert into organizations (name) values ('mine')",
        "create table mine ()",
        "grant watchpoint_support_ro to current_user",
    ]
    .map(str::to_owned)
    .into();
    refused.extend(TABLES.map(|table| format!("delete from {table}")));
    refused.extend(TABLES.map(|table| format!("truncate {table} cascade")));
    for statement in refused {
        let error = rows(&client, &statement).await.expect_err(&statement);
        let code = error.code().map(tokio_postgres::error::SqlState::code);
        // 42501 insufficient_privilege.
        assert_eq!(code, Some("42501"), "{statement}: {error:?}");
    }
}

#[test]
fn databases_of_one_server_are_filled_at_once_and_share_the_role() {
    // A server where nobody has made the role yet.
    let server = Postgres::start().expect("a Postgres");
    let urls: Vec<_> = (0..4).map(|n| server.create_database(&format!("at_once_{n}")).expect("a database")).collect();
    let filling: Vec<_> = urls.into_iter().map(|url| thread::spawn(move || localstack::pipeline::seed(&url))).collect();
    for one in filling {
        one.join().expect("it ends").expect("the examples");
    }
}
