//! What the throw-away server promises, on a real one.

use tokio_postgres::NoTls;

use super::*;

#[test]
fn databases_are_cloned_from_a_template() {
    let server = Postgres::shared();
    let template = server.create_database("template_of_clones").expect("create");
    execute(&template, "create table t (n int); insert into t values (1)").expect("fill");
    let copy = server.clone_database("template_of_clones", "clone_1").expect("clone");
    execute(&copy, "do $$ begin assert (select n from t) = 1; end $$").expect("the copy holds the row");
}

#[test]
fn a_stopped_server_comes_back_with_its_data_on_its_port() {
    let mut server = Postgres::start().expect("start");
    let url = server.create_database("kept").expect("create");
    server.stop();
    assert!(execute(&url, "select 1").is_err());
    server.start_again().expect("start again");
    execute(&url, "select 1").expect("the database is still there");
}

#[tokio::test]
async fn a_paused_server_hangs_and_goes_on_when_resumed() {
    let server = Postgres::start().expect("start");
    server.pause();
    let url = server.url("postgres");
    let attempt = tokio::time::timeout(Duration::from_millis(200), tokio_postgres::connect(&url, NoTls)).await;
    assert!(attempt.is_err(), "a paused server must not answer");
    server.resume();
    execute(&url, "select 1").expect("answers again");
}

#[test]
fn a_dropped_server_leaves_nothing_behind() {
    let server = Postgres::start().expect("start");
    let directory = server.directory.path().to_owned();
    let pid = server.process.as_ref().expect("running").id();
    drop(server);
    assert!(!directory.exists());
    assert!(!children::exists(pid));
}
