//! The keys of objects: the same for the same rows, another for others, and such as S3 and Athena take.

use proptest::prelude::*;

use super::super::{KeyRange, Partition, Policy, Table, object_key, table_folder};
use super::{at, policy, table};

const FIRST: &str = "2024-03-01T00:00:00.000001Z";
const LAST: &str = "2024-03-09T17:30:00Z";

fn range<'a>(key_from: &'a str, key_to: &'a str) -> KeyRange<'a> {
    KeyRange { first: at(FIRST), last: at(LAST), key_from, key_to }
}

#[test]
fn an_object_lies_in_its_tables_folder_in_the_month_of_its_rows() {
    let key = object_key(&policy("audit_logs"), &range("[\"1\"]", "[\"9\"]"), 1).expect("it archives");
    let (place, name) = key.rsplit_once('/').expect("a folder");
    assert_eq!(place, "audit/audit_logs/year=2024/month=03");
    let (times, rest) = name.split_at("20240301T000000.000001Z-20240309T173000.000000Z-".len());
    assert_eq!(times, "20240301T000000.000001Z-20240309T173000.000000Z-");
    assert!(rest.len() == "0123abcd-g1.parquet".len() && rest.ends_with("-g1.parquet"), "{rest}");
}

#[test]
fn whatever_tells_batches_apart_tells_their_keys_apart() {
    let key = |policy: &Policy, from, to, generation| object_key(policy, &range(from, to), generation);
    let one = policy("audit_logs");
    let first = key(&one, "1", "9", 1);
    assert_eq!(first, key(&one, "1", "9", 1), "nothing else goes into it");
    let renamed = Policy { name: "other".to_owned(), ..one.clone() };
    let elsewhere = Policy { database: "other".to_owned(), ..one.clone() };
    let others = [
        key(&one, "1", "9", 2),
        key(&one, "2", "9", 1),
        key(&one, "1", "8", 1),
        key(&one, "19", "", 1),
        key(&renamed, "1", "9", 1),
        key(&elsewhere, "1", "9", 1),
        key(&policy("public.audit_logs"), "1", "9", 1),
    ];
    for (at, other) in others.iter().enumerate() {
        assert!(other != &first && !others[..at].contains(other), "{at}");
    }
}

#[test]
fn a_policy_that_only_prunes_has_no_objects() {
    let prunes = Policy { archive: None, ..policy("audit_logs") };
    assert_eq!(object_key(&prunes, &range("1", "9"), 1), None);
}

#[test]
fn a_month_ends_where_the_next_begins() {
    for (instant, end) in [
        ("2024-02-29T23:59:59.999999Z", "2024-03-01T00:00:00Z"),
        ("2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-02-01T00:00:00Z"),
    ] {
        assert_eq!(Partition::of(at(instant)).end(), Some(at(end)), "{instant}");
    }
    assert_eq!(Partition::of(jiff::Timestamp::MAX).end(), None);
}

#[test]
fn tables_whose_names_differ_in_what_folders_cannot_show_have_folders_of_their_own() {
    let folders: Vec<String> =
        ["audit_logs", "Audit_logs", "_audit_logs", "audit logs", "audit-logs", "audit/logs", "äudit_logs", "ღ"]
            .map(|name| table_folder(&table(name)))
            .to_vec();
    assert_eq!(folders[0], "audit_logs");
    for (at, folder) in folders.iter().enumerate() {
        assert!(!folders[..at].contains(folder), "{folder}");
    }
}

proptest! {
    #[test]
    fn every_folder_is_one_that_athena_finds(name in "[^\\pC.]{1,20}") {
        let Ok(table) = Table::read(&name) else { return Ok(()) };
        let folder = table_folder(&table);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        prop_assert!(folder.chars().all(plain) && !folder.starts_with(['_', '.']), "{folder}");
        prop_assert!(folder.len() <= 80);
    }
}
