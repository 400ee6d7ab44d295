//! What was archived comes back exactly, also from the glacier, and without what has become void.

use serde_json::{Value, json};

use crate::world::{AUDIT_LOGS, World, audit_policy};

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_changed_between_export_and_delete_stay_and_are_not_restored_twice() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(30, 60).await;
    world.kill_at("noting a verification", &audit_policy(""), 30).await;
    world
        .run("update audit_logs set actor = 'changed' where id in (select id from audit_logs order by created_at limit 3)")
        .await;
    let answer = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    // The batch that was begun is closed without the three, which go with the next.
    assert!(answer["skipped"].to_string().contains("3 rows changed between export and delete"), "{answer:#}");
    assert_eq!(answer["did"]["rows"], json!(30), "{answer:#}");
    assert_eq!(world.value("select count(*) from audit_logs").await, "0");
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    assert_eq!(world.ask(&audit_policy(""), payload).await["rows"], json!(30));
    assert_eq!(world.value("select count(*) from restored where actor = 'changed'").await, "3");
    let manifests: Vec<String> = world.archive().keys().into_iter().filter(|key| key.ends_with(".json")).collect();
    assert_eq!(manifests.len(), 2, "{manifests:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_every_row_of_a_batch_changed_before_it_was_deleted_they_go_with_another_of_the_same_range() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(5, 60).await;
    for n in 1..=3 {
        world.kill_at("noting a verification", &audit_policy(""), 5).await;
        world.run(&format!("update audit_logs set actor = 'changed-{n}'")).await;
    }
    let answer = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    assert_eq!((&answer["failed"], &answer["did"]["rows"]), (&json!([]), &json!(5)), "{answer:#}");
    assert_eq!(world.value("select count(*) from audit_logs").await, "0");
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    assert_eq!(world.ask(&audit_policy(""), payload).await["rows"], json!(5));
    assert_eq!(world.value("select count(*) from restored where actor = 'changed-3'").await, "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_rows_between_two_instants_are_restored() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(100, 60).await;
    world.run("create table before as select * from audit_logs").await;
    world.ask(&audit_policy("batch_rows = 30"), json!({"task": "archive"})).await;
    let (from, to) = ("2024-09-14T00:00:00Z", "2024-09-15T00:00:00Z");
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored", "from": from, "to": to});
    let answer = world.ask(&audit_policy(""), payload).await;
    let expected =
        world.value(&format!("select count(*) from before where created_at >= '{from}' and created_at < '{to}'")).await;
    assert_eq!(answer["rows"].to_string(), expected, "{answer:#}");
    assert_ne!(expected, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_glacier_thaws_first_and_is_restored_by_a_later_run() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(60, 60).await;
    world.ask(&audit_policy("batch_rows = 30"), json!({"task": "archive"})).await;
    for key in world.objects() {
        world.archive().transition(&key, "GLACIER");
    }
    let restore = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    for _ in 0..2 {
        let answer = world.ask(&audit_policy(""), restore.clone()).await;
        assert!(answer["skipped"].to_string().contains("thawing"), "{answer:#}");
        assert_eq!((answer["rows"].clone(), answer["remaining"].as_array().map(Vec::len)), (json!(0), Some(2)));
        let verify = world.ask(&audit_policy(""), json!({"task": "verify", "from": "2020-01-01T00:00:00Z"})).await;
        assert_eq!(verify["did"]["thawing"], json!(2), "{verify:#}");
    }
    // What is left is gone on with where it begins, without what is restored already.
    let begins =
        world.stored("select to_json(first_at) #>> '{}' from watchkeeper.archive_batches order by first_at").await;
    let instant = |text: &str| text.parse::<jiff::Timestamp>().expect("an instant");
    let goes_on = |answer: &Value| instant(answer["remaining_from"].as_str().expect("where to go on"));
    let [first, second] = world.objects().try_into().expect("two objects");
    world.archive().thaw(&first);
    let half = world.ask(&audit_policy(""), restore.clone()).await;
    assert_eq!((&half["rows"], goes_on(&half)), (&json!(30), instant(&begins[1])), "{half:#}");
    world.archive().thaw(&second);
    let mut rest = restore;
    rest["from"] = half["remaining_from"].clone();
    let rest = world.ask(&audit_policy(""), rest).await;
    assert_eq!(
        (&rest["rows"], &rest["looked_at"]["batches"], &rest["remaining_from"]),
        (&json!(30), &json!(1), &Value::Null)
    );
    assert_eq!(world.value("select count(*) from restored").await, "60");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reads_every_batch_back_and_names_the_one_that_is_damaged() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(90, 60).await;
    world.ask(&audit_policy("batch_rows = 30"), json!({"task": "archive"})).await;
    let later = json!({"task": "verify", "now": "2026-11-29T12:00:00Z"});
    let whole = world.ask(&audit_policy(""), later.clone()).await;
    assert_eq!((&whole["did"]["verified"], &whole["outcome"]), (&json!(3), &json!("ok")), "{whole:#}");
    // Read back in this run, none is read again at the same time.
    assert_eq!(world.ask(&audit_policy(""), later).await["did"]["verified"], json!(0));
    world.archive().rot(&world.objects()[1]);
    let damaged = world.ask(&audit_policy(""), json!({"task": "verify", "now": "2026-12-06T12:00:00Z"})).await;
    assert_eq!(damaged["did"]["verified"], json!(2), "{damaged:#}");
    assert!(damaged["failed"].to_string().contains("is damaged in cold storage"), "{damaged:#}");
    assert_eq!(world.raised().await, ["archive-damaged firing audit-logs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_every_kind_of_column_is_restored_as_it_was() {
    let world = World::new(
        "create type mood as enum ('sad', 'ok');
         create type pair as (a int, b text);
         create domain positive as int check (value > 0);
         create table everything (
           id bigint generated always as identity, at timestamptz not null, b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8,
           n numeric, n2 numeric(10,2), t text, v varchar(20), c char(8), bytes bytea, u uuid, ts timestamp, d date, tm time,
           ttz timetz, iv interval, j json, jb jsonb, ip inet, net cidr, mac macaddr, arr int[], texts text[], m mood, p pair,
           pos positive, r int4range, bits bit(3), vb varbit, pt point, mo money, x xml, tsv tsvector, o oid,
           twice int generated always as (i4 * 2) stored, primary key (at, id));
         insert into everything (at, b, i2, i4, i8, f4, f8, n, n2, t, v, c, bytes, u, ts, d, tm, ttz, iv, j, jb, ip, net, mac,
                                 arr, texts, m, p, pos, r, bits, vb, pt, mo, x, tsv, o)
         values
         ('2020-01-01', true, -32768, 1073741823, -9223372036854775808, 'NaN', '-Infinity', 'NaN', 1.10, E'a\\nb\\t\\'ü', '', 'x',
          '\\x00ff', gen_random_uuid(), 'infinity', '-infinity', '24:00:00', '12:00:00+05:30', '1 year -3 days 4.5 seconds',
          '{\"a\" : 1}', '{\"b\": [null]}', '10.1.2.3/8', '10.0.0.0/8', '08:00:2b:01:02:03', '{1,NULL,3}', '{\"a,b\",NULL}', 'ok',
          '(1,\"x,y\")', 7, '[1,5)', '101', '1', '(1.5,2)', '12.34', '<a>b</a>', 'fat:2 cat', 4294967295),
         ('2020-01-02', null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
          null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
         ('2020-01-03', false, 0, -1, 0, '-0', '5e-324', '123456789012345678901234567890.000100', 0, '', 'v', '', '', null,
          '294276-12-31 23:59:59.999999', '5874897-12-31', '00:00', null, '-0.000001 seconds', '[]', 'null', '::1', 'fe80::/10', null,
          '{{1,2},{3,4}}', '{}', 'sad', '(,)', 1, 'empty', '000', '', '(0,-0)', '-1', null, '', 0)",
    )
    .await;
    world.run("create table before as select * from everything").await;
    let policy = "[retention.everything]\ndatabase = 'pipeline'\ntable = 'everything'\ntime = 'at'\nkey = ['at', 'id']\n\
                  keep = '2y'\narchive = 'all/'\n";
    let answer = world.ask(policy, json!({"task": "archive"})).await;
    assert_eq!(answer["did"]["rows"], json!(3), "{answer:#}");
    assert_eq!(world.value("select count(*) from everything").await, "0");
    for into in ["restored", "created"] {
        if into == "restored" {
            world.run("create table restored (like everything including all)").await;
        }
        let answer = world.ask(policy, json!({"task": "restore", "policy": "everything", "into": into})).await;
        assert_eq!(answer["rows"], json!(3), "{into}: {answer:#}");
        let rows = |table: &str| format!("select r::text from {table} as r order by at");
        assert_eq!(world.rows(&rows(into)).await, world.rows(&rows("before")).await, "{into}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_restored_from_a_backup_finds_its_objects_again() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(40, 60).await;
    world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    let backup = "update watchkeeper.archive_batches set status = 'planned', rows = 0, checksum = null, content = null";
    world.store.client.batch_execute(backup).await.expect("a record of yesterday");
    let answer = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    assert_eq!(answer["outcome"], "ok", "{answer:#}");
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    assert_eq!(world.ask(&audit_policy(""), payload).await["rows"], json!(40));
    assert_eq!(world.objects().len(), 1, "{:?}", world.objects());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_keys_the_table_has_are_left_out_and_it_is_said() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(20, 60).await;
    world.run("create table restored (like audit_logs including all)").await;
    world.run("insert into restored select * from audit_logs order by id limit 5").await;
    world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    let answer = world.ask(&audit_policy(""), payload).await;
    assert_eq!(answer["rows"], json!(15), "{answer:#}");
    assert!(answer["skipped"].to_string().contains("5 of its 20 rows are left out"), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_void_stays_void_when_the_record_has_forgotten_it() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(30, 60).await;
    world.kill_at("noting a verification", &audit_policy(""), 30).await;
    world
        .run("update audit_logs set actor = 'changed' where id in (select id from audit_logs order by created_at limit 3)")
        .await;
    world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    // The record of the evening before: the first batch was only planned, and of the second nobody knew.
    let backup = "delete from watchkeeper.archive_batches where rows = 3;
                  update watchkeeper.archive_batches set status = 'planned', rows = 0, kept = '[]', checksum = null, content = null";
    world.store.client.batch_execute(backup).await.expect("a record of yesterday");
    let answer = world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    assert_eq!(answer["outcome"], "ok", "{answer:#}");
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    assert_eq!(world.ask(&audit_policy(""), payload).await["rows"], json!(27));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_damaged_batch_is_restored() {
    let world = World::new(AUDIT_LOGS).await;
    world.log(30, 60).await;
    world.run("create table restored (like audit_logs including all)").await;
    world.ask(&audit_policy(""), json!({"task": "archive"})).await;
    world.archive().rot(&world.objects()[0]);
    let payload = json!({"task": "restore", "policy": "audit-logs", "into": "restored"});
    let (_, message) = world.refused(&audit_policy(""), payload).await;
    assert!(message.contains("audit-logs/"), "it names the batch: {message}");
    assert_eq!(world.value("select count(*) from restored").await, "0");
}
