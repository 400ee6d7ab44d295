//! An organisation that asks to be forgotten: counted, confirmed, gone in one transaction, and nobody else with it.

use std::time::Duration;

use futures::future::join;
use serde_json::{Value, json};
use testkit::binaries::workspace;
use testkit::postgres::run_script;

mod by_itself;
mod refusals;

use crate::world::{NOW, World, answer, dated};

const WATCHPOINT: &str = include_str!("../../../../localstack/sql/watchpoint.sql");
const ACME: &str = "00000000-0000-4000-8000-0000000000a1";
const GLOBEX: &str = "00000000-0000-4000-8000-0000000000a2";
const INITECH: &str = "00000000-0000-4000-8000-0000000000a3";
const TABLES: &str = "'notifications', 'watchpoints', 'api_keys', 'sessions', 'users', 'rate_limits', \
                      { table = 'organizations', key = 'id' }";
/// What the examples hold of each organisation.
const OF_ONE: [(&str, u64); 9] = [
    ("notifications", 2),
    ("watchpoints", 2),
    ("api_keys", 1),
    ("sessions", 1),
    ("users", 2),
    ("rate_limits", 3),
    ("organizations", 1),
    ("notification_deliveries", 4),
    ("watchpoint_evaluation_state", 2),
];
const EVERYTHING: [&str; 11] = [
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
    "hard_deletions",
];

fn of(tables: &str, more: &str) -> String {
    format!(
        "[hard_delete.organization]\ndatabase = 'pipeline'\nkey = 'organization_id'\ntables = [{tables}]\n\
         keep = ['audit_logs']\nrecord = 'hard_deletions'\n{more}\n"
    )
}

fn organization() -> String {
    of(TABLES, "")
}

fn soft() -> String {
    of(TABLES, "soft_deleted = { column = 'deleted_at', keep = '30d' }")
}

/// The example product, with its deletions at the tests' time.
async fn world() -> World {
    let world = World::new(WATCHPOINT).await;
    world
        .run(&format!(
            "update organizations set deleted_at = '{NOW}'::timestamptz - interval '40 days' where id = '{GLOBEX}';
             update organizations set deleted_at = '{NOW}'::timestamptz - interval '5 days' where id = '{INITECH}'"
        ))
        .await;
    world
}

fn about(id: &str) -> Value {
    json!({"task": "hard_delete", "organization_id": id})
}

fn confirmed(id: &str, token: &Value) -> Value {
    json!({"task": "hard_delete", "organization_id": id, "confirm": token})
}

/// The token of a dry run.
async fn token(world: &World, id: &str) -> Value {
    world.ask(&organization(), about(id)).await["hard_delete"]["confirm"].clone()
}

fn listed(counts: &[(&str, u64)]) -> Value {
    counts.iter().map(|(table, rows)| json!({"table": table, "rows": rows})).collect()
}

/// A sum over every row of every table; of those that are not Globex's, where it says so.
async fn sums(world: &World, but_globex: bool) -> Vec<String> {
    let mut sums = Vec::new();
    for table in EVERYTHING {
        let whose = match table {
            "organizations" => "id",
            "watchpoint_evaluation_state" => "(select organization_id from watchpoints where id = watchpoint_id)",
            "notification_deliveries" => "(select organization_id from notifications where id = notification_id)",
            "hard_deletions" => "id::uuid",
            _ => "organization_id",
        };
        let only =
            if but_globex && table != "audit_logs" { format!("where {whose} <> '{GLOBEX}'") } else { String::new() };
        let sum = format!(
            "select count(*) || ' ' || coalesce(md5(string_agg(t::text, ';' order by t::text)), '') from {table} t {only}"
        );
        sums.push(format!("{table} {}", world.value(&sum).await));
    }
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_counts_and_its_token_deletes_exactly_that_once_and_on_record() {
    let world = world().await;
    let (all, others) = (sums(&world, false).await, sums(&world, true).await);

    let counted = world.ask(&organization(), about(GLOBEX)).await;
    let said = &counted["hard_delete"];
    assert_eq!(
        (&said["status"], &said["counts"], &said["rows"]),
        (&json!("counted"), &listed(&OF_ONE), &json!(18)),
        "{counted:#}"
    );
    assert_eq!(said["kept"], listed(&[("audit_logs", 48)]), "{counted:#}");
    assert_eq!((&counted["dry_run"], &said["confirm_until"]), (&json!(true), &json!("2026-11-22T13:00:00Z")));
    assert_eq!(sums(&world, false).await, all, "a dry run changes nothing");
    let rehearsed =
        json!({"task": "hard_delete", "organization_id": GLOBEX, "confirm": said["confirm"], "dry_run": true});
    world.ask(&organization(), rehearsed).await;
    assert_eq!(sums(&world, false).await, all, "nor does one with a token");

    let deleted = world.ask(&organization(), confirmed(GLOBEX, &said["confirm"])).await;
    let told = &deleted["hard_delete"];
    assert_eq!((&told["status"], &told["counts"]), (&json!("deleted"), &listed(&OF_ONE)), "{deleted:#}");
    assert_eq!(
        (&deleted["did"]["hard_deleted"], &deleted["did"]["rows"], &deleted["outcome"]),
        (&json!(1), &json!(18), &json!("ok"))
    );
    assert_eq!(sums(&world, true).await, others, "nobody else is touched, and audit logs stay");
    let left = sums(&world, false).await;
    let whole: Vec<&String> = left[..9].iter().collect();
    assert_eq!(whole, others[..9].iter().collect::<Vec<_>>(), "nothing of it is left");
    let record = "select what || ' ' || id || ' ' || confirmed_by || ' ' || deleted_at from hard_deletions";
    let by = said["confirm"].as_str().expect("a token");
    assert_eq!(world.rows(record).await, [format!("organization {GLOBEX} {by} 2026-11-22 12:00:00+00")]);

    // However its id is spelled, and with whatever token.
    for payload in [about(&GLOBEX.to_uppercase()), confirmed(GLOBEX, &said["confirm"]), confirmed(GLOBEX, &json!("x"))]
    {
        let again = world.ask(&organization(), payload.clone()).await;
        let again = &again["hard_delete"];
        assert_eq!(
            (&again["status"], &again["counts"]),
            (&json!("already_done"), &listed(&OF_ONE)),
            "{payload}: {again:#}"
        );
    }
    assert_eq!(sums(&world, false).await, left, "a second call changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn payload_and_script_delete_and_record_the_same_and_know_of_each_other() {
    let (by_payload, by_script) = (world().await, world().await);
    let script = workspace().join("docs/runbooks/hard-delete-organization.sql");
    let variables = [("org_id", GLOBEX), ("confirmed_by", "ticket 4711")];
    run_script(&by_script.pipeline_url, &script, &variables).expect("it runs");
    let token = token(&by_payload, GLOBEX).await;
    by_payload.ask(&organization(), confirmed(GLOBEX, &token)).await;
    let record = "select what || ' ' || id || ' ' || counts from hard_deletions";
    assert_eq!(by_payload.rows(record).await, by_script.rows(record).await);
    assert_eq!(by_payload.rows(record).await.len(), 1);

    let again = by_script.ask(&organization(), about(GLOBEX)).await;
    let again = &again["hard_delete"];
    assert_eq!(
        (&again["status"], &again["confirmed_by"]),
        (&json!("already_done"), &json!("ticket 4711")),
        "{again:#}"
    );
    assert_eq!(again["counts"], listed(&OF_ONE));
    let said = run_script(&by_payload.pipeline_url, &script, &variables).expect("it runs");
    assert!(said.starts_with(&format!("already done: organisation {GLOBEX}")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_something_else_deletes_nothing() {
    let world = world().await;
    let made = token(&world, GLOBEX).await;
    let all = sums(&world, false).await;
    let mut late = confirmed(GLOBEX, &made);
    late["now"] = json!("2026-11-22T13:00:01Z");
    for (payload, said) in [
        (confirmed(ACME, &made), "another key, other tables or other counts"),
        (confirmed(GLOBEX, &json!("yes")), "`confirm` is no token"),
        (late, "holds for an hour"),
    ] {
        let (error_type, message) = world.refused(&organization(), payload.clone()).await;
        assert_eq!(error_type, "BadPayload", "{payload}");
        assert!(message.contains(said), "{payload}: {message}");
    }
    assert_eq!(sums(&world, false).await, all);
    // What goes by a cascade was counted, too.
    world
        .run(&format!(
            "insert into notification_deliveries (notification_id, channel, destination, status)
             select id, 'email', 'ada@globex.example', 'pending' from notifications where organization_id = '{GLOBEX}' limit 1"
        ))
        .await;
    let (error_type, message) = world.refused(&organization(), confirmed(GLOBEX, &made)).await;
    assert_eq!(error_type, "BadPayload");
    assert!(message.contains("rows came or went since the dry run"), "{message}");
    assert_eq!(world.value("select count(*) from hard_deletions").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_cannot_be_meant_is_refused_and_says_what_was_expected() {
    let world = world().await;
    for (id, said) in [
        ("Globex", "organization_id: `Globex` is no uuid, as organizations.id holds it"),
        ("'; drop table users; --", "is no uuid"),
        ("00000000-0000-4000-8000-0000000000ff", "no record in hard_deletions that there ever was"),
    ] {
        let (error_type, message) = world.refused(&organization(), about(id)).await;
        assert_eq!(error_type, "BadPayload", "{id}");
        assert!(message.contains(said), "{id}: {message}");
    }
    let mut named = about(GLOBEX);
    named["policy"] = json!("person");
    let (_, message) = world.refused(&organization(), named).await;
    assert!(message.contains("there is no [hard_delete.person]; there are organization"), "{message}");
    let (error_type, message) = world.refused("", about(GLOBEX)).await;
    assert_eq!(error_type, "BadConfig");
    assert!(message.contains("there is no [hard_delete.NAME]"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_may_be_numbers_or_texts_and_no_longer_one_is_cut_to_another() {
    for (ty, id, other) in [("bigint", "42", "43"), ("text", "a'b", "a'c"), ("varchar(4)", "acme", "acmf")] {
        let world = World::new(&format!(
            "create table users (org {ty}, n int); create table orgs (id {ty} primary key);
             create table hard_deletions (what text, id text, confirmed_by text, counts jsonb, deleted_at timestamptz);
             insert into orgs select unnest(array[$a${id}$a$, $a${other}$a$]::{ty}[]);
             insert into users select id, n from orgs, generate_series(1, 3) as n"
        ))
        .await;
        let file = "[hard_delete.org]\ndatabase = 'pipeline'\nkey = 'org'\n\
                    tables = ['users', { table = 'orgs', key = 'id' }]\nrecord = 'hard_deletions'\n";
        let token = world.ask(file, about(id)).await["hard_delete"]["confirm"].clone();
        let done = world.ask(file, confirmed(id, &token)).await;
        assert_eq!(done["hard_delete"]["rows"], json!(4), "{ty}: {done:#}");
        assert_eq!(world.rows("select id::text from orgs").await, [other], "{ty}");
        assert_eq!(world.value("select count(*) from users").await, "3", "{ty}");
        assert_eq!(world.refused(file, about(&format!("{other}0000"))).await.0, "BadPayload", "{ty}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_is_there_again_is_not_taken_for_done() {
    let world = world().await;
    let token = token(&world, GLOBEX).await;
    world.ask(&organization(), confirmed(GLOBEX, &token)).await;
    world.run(&format!("insert into organizations (id, name) values ('{GLOBEX}', 'Globex')")).await;
    let (error_type, message) = world.refused(&organization(), about(GLOBEX)).await;
    assert_eq!(error_type, "BadPayload");
    assert!(message.contains("rows are there again: 1 of organizations"), "{message}");
}
