//! What does not fit the tables, or would take more along than was declared, deletes nothing and says why.

use super::*;

/// Nothing is deleted, with these reasons.
async fn expect_refused(world: &World, file: &str, said: &[&str]) {
    let counted = world.ask(file, about(GLOBEX)).await;
    let all = sums(world, false).await;
    let made = &counted["hard_delete"]["confirm"];
    let (error_type, message) = world.refused(file, confirmed(GLOBEX, made)).await;
    assert_eq!(error_type, "BadConfig", "{message}");
    for said in said {
        assert!(message.contains(said), "{said}: {message}");
    }
    assert_eq!(sums(world, false).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_that_forbids_names_table_and_constraint_and_nothing_is_deleted() {
    let world = world().await;
    let swapped = of(
        "'notifications', 'watchpoints', 'api_keys', 'users', 'sessions', 'rate_limits', { table = 'organizations', key = 'id' }",
        "",
    );
    expect_refused(&world, &swapped, &["sessions_user_id_fkey", "sessions has to stand before it"]).await;
    for deferred in ["", "deferrable initially deferred"] {
        world
            .run(&format!(
                "drop table if exists invoices;
                 create table invoices (org uuid not null references organizations (id) {deferred});
                 insert into invoices values ('{GLOBEX}')"
            ))
            .await;
        expect_refused(&world, &organization(), &["invoices_org_fkey", "add invoices to `tables`"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_or_belongs_to_others_is_never_taken_along() {
    let cascade = "alter table audit_logs add foreign key (organization_id) references organizations on delete cascade";
    let deleting = "create function forget() returns trigger language plpgsql as $$ begin
                      delete from audit_logs where organization_id = old.id; return old; end $$;
                    create trigger forget before delete on organizations for each row execute function forget()";
    let shared = format!(
        "alter table api_keys drop constraint api_keys_created_by_fkey,
             add foreign key (created_by) references users on delete cascade;
         update api_keys set created_by = (select id from users where organization_id = '{GLOBEX}' limit 1)
         where organization_id = '{ACME}'"
    );
    let keeping = "create rule stay as on delete to rate_limits do instead nothing";
    for (change, said) in [
        (cascade, "would delete 48 rows of audit_logs, which are kept"),
        (deleting, "audit_logs is kept, and had 48 rows before and 0 after"),
        (&shared, "would delete 1 rows of api_keys, which belong to somebody else"),
        (keeping, "rate_limits lets go of 0 of 3 rows"),
    ] {
        let world = world().await;
        let made = token(&world, GLOBEX).await;
        world.run(change).await;
        let all = sums(&world, false).await;
        let (error_type, message) = world.refused(&organization(), confirmed(GLOBEX, &made)).await;
        assert_eq!(error_type, "BadConfig", "{message}");
        assert!(message.contains(said), "{said}: {message}");
        assert_eq!(sums(&world, false).await, all, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_delete_that_does_not_fit_the_tables_is_refused_with_every_reason() {
    let world = world().await;
    world.run("create view people as select * from users; create table deletions (what text, id text)").await;
    let file = "[hard_delete.organization]\ndatabase = 'pipeline'\nkey = 'organisation'\nrecord = 'deletions'\n\
                tables = ['invoices', 'people', 'sessions', { table = 'organizations', key = 'id' }]\n";
    let (error_type, message) = world.refused(file, about(GLOBEX)).await;
    assert_eq!(error_type, "BadConfig");
    for said in [
        "there is no table invoices",
        "people is no table of its own",
        "sessions has no column organisation",
        "the record deletions has no confirmed_by, counts, deleted_at",
    ] {
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_forgotten_is_named() {
    let world = world().await;
    world.run("create table invoices (organization_id uuid)").await;
    let counted = world.ask(&organization(), about(GLOBEX)).await;
    assert_eq!(counted["hard_delete"]["unmentioned"], json!(["invoices"]), "{counted:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_a_table_holds_in_other_letters_leaves_nothing_behind_unsaid() {
    let world = world().await;
    world.run("create table exports (organization_id text)").await;
    world.run(&format!("insert into exports values (upper('{GLOBEX}'))")).await;
    let file = of(&format!("'exports', {TABLES}"), "");
    let (error_type, message) = world.refused(&file, about(GLOBEX)).await;
    assert_eq!(error_type, "BadConfig", "{message}");
    assert!(message.contains("exports.organization_id is text, and the ids of organizations are uuid"), "{message}");
}
