//! The proxy before Postgres: what it lets pass, what it refuses and how it breaks.

use std::time::{Duration, Instant};

use testkit::postgres::Postgres;
use testkit::proxy::{Fault, Proxy, Towards};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, NoTls};

const SOON: Duration = Duration::from_millis(300);

async fn strict() -> anyhow::Result<(Proxy, String)> {
    let postgres = Postgres::shared();
    let proxy = Proxy::strict(&format!("127.0.0.1:{}", postgres.port())).await?;
    let url = proxy.url(&postgres.url("postgres"))?;
    Ok((proxy, url))
}

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn answers(client: &Client) -> bool {
    matches!(tokio::time::timeout(SOON, client.batch_execute("select 1")).await, Ok(Ok(())))
}

#[tokio::test]
async fn a_strict_proxy_lets_transactions_and_unnamed_statements_pass() {
    let (proxy, url) = strict().await.expect("a proxy");
    let client = connect(&url).await.expect("a connection");
    client.batch_execute("begin; set local statement_timeout = '5s'").await.expect("a transaction");
    let rows = client.query_typed("select $1::int8 + 1", &[(&1_i64, Type::INT8)]).await.expect("an unnamed statement");
    assert_eq!(rows[0].get::<_, i64>(0), 2);
    client.batch_execute("select pg_advisory_xact_lock(1); commit").await.expect("a lock of the transaction");
    assert_eq!(proxy.take_refused(), Vec::<String>::new());
    assert_eq!((proxy.take_asked(), proxy.take_asked()), (3, 0), "each statement is waited for");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the named statement that must not pass")]
async fn a_strict_proxy_refuses_named_statements_and_state_of_the_session_with_the_reason() {
    let (proxy, url) = strict().await.expect("a proxy");
    let client = connect(&url).await.expect("a connection");
    let error = client.query("select 1", &[]).await.expect_err("a named statement");
    let said = error.as_db_error().expect("the server says so").message().to_owned();
    assert!(said.contains("the pooler refuses named statement s0"), "{said}");
    for sql in ["set search_path = x", "listen alerts", "select pg_advisory_lock(1)", "create temp table t (n int)"] {
        let error = client.batch_execute(sql).await.expect_err(sql);
        assert!(error.as_db_error().is_some_and(|error| error.message().contains("the pooler refuses")), "{error:?}");
    }
    assert!(answers(&client).await, "the connection goes on");
    assert_eq!(proxy.take_refused().len(), 5);
}

#[tokio::test]
async fn a_startup_parameter_that_poolers_do_not_know_lets_nobody_in() {
    let (proxy, url) = strict().await.expect("a proxy");
    assert!(connect(&format!("{url}?options=-csearch_path%3Dx")).await.is_err());
    assert_eq!(proxy.take_refused(), ["startup parameter options"]);
}

#[tokio::test]
async fn a_proxy_that_refuses_hangs_up_on_everybody_until_it_is_over() {
    let (proxy, url) = strict().await.expect("a proxy");
    let before = connect(&url).await.expect("a connection");
    proxy.behave(Fault::Refuse);
    assert!(connect(&url).await.is_err());
    assert!(before.batch_execute("select 1").await.is_err());
    proxy.behave(Fault::None);
    assert!(answers(&connect(&url).await.expect("a connection")).await);
}

#[tokio::test]
async fn a_full_pooler_says_so_and_lets_those_go_on_who_are_in() {
    let (proxy, url) = strict().await.expect("a proxy");
    let before = connect(&url).await.expect("a connection");
    proxy.behave(Fault::PoolerIsFull);
    let error = connect(&url).await.expect_err("no connection");
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("53300"), "{error:?}");
    assert!(answers(&before).await);
}

#[tokio::test]
async fn what_hangs_goes_on_when_it_is_over() {
    let (proxy, url) = strict().await.expect("a proxy");
    let before = connect(&url).await.expect("a connection");
    proxy.behave(Fault::Hang);
    assert!(!answers(&before).await);
    assert!(tokio::time::timeout(SOON, connect(&url)).await.is_err(), "accepted, and not a word");
    proxy.behave(Fault::None);
    assert!(answers(&before).await);
}

#[tokio::test]
async fn bytes_are_delayed_lost_or_cut_off_in_one_direction() {
    let (proxy, url) = strict().await.expect("a proxy");
    let client = connect(&url).await.expect("a connection");
    proxy.behave(Fault::Delay(Duration::from_millis(50)));
    let began = Instant::now();
    assert!(answers(&client).await && began.elapsed() >= Duration::from_millis(100), "both ways");
    for (lost, arrives) in [(Towards::Client, true), (Towards::Server, false)] {
        proxy.behave(Fault::None);
        let client = connect(&url).await.expect("a connection");
        client
            .batch_execute(&format!("create table if not exists half_open_{arrives} (n int)"))
            .await
            .expect("a table");
        proxy.behave(Fault::HalfOpen { lost });
        let insert = format!("insert into half_open_{arrives} values (1)");
        assert!(tokio::time::timeout(SOON, client.batch_execute(&insert)).await.is_err(), "nothing is said");
        proxy.behave(Fault::None);
        let count = format!("select from half_open_{arrives}");
        let rows = connect(&url).await.expect("a connection").query_typed(&count, &[]).await.expect("rows");
        assert_eq!(rows.len() == 1, arrives, "bytes towards {lost:?} are lost");
    }
    let client = connect(&url).await.expect("a connection");
    proxy.behave(Fault::Cut { towards: Towards::Client, after: 100 });
    assert!(client.batch_execute("select 1").await.is_ok(), "its answer has less than 100 bytes");
    assert!(client.batch_execute("select 1").await.is_err());
}

#[tokio::test]
async fn a_connection_is_cut_at_its_commit_before_or_after_the_server_has_it() {
    let (proxy, url) = strict().await.expect("a proxy");
    for arrives in [true, false] {
        proxy.behave(Fault::None);
        let client = connect(&url).await.expect("a connection");
        client.batch_execute(&format!("create table committed_{arrives} (n int)")).await.expect("a table");
        client.batch_execute(&format!("begin; insert into committed_{arrives} values (1)")).await.expect("open");
        proxy.behave(Fault::CutAt { statement: "commit", arrives });
        assert!(client.batch_execute("commit").await.is_err(), "nobody says what came of it");
        proxy.behave(Fault::None);
        let other = connect(&url).await.expect("a connection");
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let rows = other.query_typed(&format!("select from committed_{arrives}"), &[]).await.expect("rows");
            if rows.len() == usize::from(arrives) || Instant::now() > deadline {
                assert_eq!(rows.len(), usize::from(arrives), "arrives: {arrives}");
                break;
            }
        }
    }
}
