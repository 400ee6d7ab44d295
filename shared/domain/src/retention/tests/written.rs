//! Names, prefixes and quotes as the watch file writes them.

use super::super::{BadName, Table, check_archive, check_below, quoted};
use super::table;

#[test]
fn a_table_is_quoted_whatever_its_name_holds() {
    for (text, sql) in [
        ("audit_logs", "\"audit_logs\""),
        ("public.audit_logs", "\"public\".\"audit_logs\""),
        ("Odd \"name\"; drop table x", "\"Odd \"\"name\"\"; drop table x\""),
    ] {
        assert_eq!(table(text).quoted(), sql);
        assert_eq!(table(text).to_string(), text);
    }
    assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
}

#[test]
fn what_postgres_would_take_for_another_table_is_refused() {
    let long = "x".repeat(64);
    for (text, bad) in [
        ("", BadName::Blank(String::new())),
        ("public.", BadName::Blank(String::new())),
        (".audit_logs", BadName::Blank(String::new())),
        (" audit_logs", BadName::Blank(" audit_logs".to_owned())),
        ("audit\nlogs", BadName::Control("audit\nlogs".to_owned())),
        ("db.public.audit_logs", BadName::Dots("db.public.audit_logs".to_owned())),
        (long.as_str(), BadName::Long(long.clone())),
    ] {
        assert_eq!(Table::read(text), Err(bad), "{text}");
    }
    assert!(Table::read(&long[..63]).is_ok());
}

#[test]
fn a_table_without_a_schema_may_be_in_any() {
    let same = |one, another| table(one).may_be(&table(another));
    assert!(same("users", "public.users") && same("public.users", "users") && same("a.users", "a.users"));
    assert!(!same("a.users", "b.users") && !same("users", "user"));
}

#[test]
fn an_archive_is_a_folder_that_athena_finds() {
    for right in ["audit/", "audit/2026/", "a.b_c-d/"] {
        assert_eq!(check_archive(right), Ok(()), "{right}");
    }
    for wrong in [
        "",
        "/",
        "audit",
        "/audit/",
        "audit//x/",
        "../x/",
        "a/../b/",
        "a/./b/",
        "Audit/",
        "a b/",
        "_x/",
        "a/.b/",
        "a=1/",
    ] {
        assert!(check_archive(wrong).is_err(), "{wrong}");
    }
    assert!(check_archive(&format!("{}/", "x".repeat(200))).is_err());
}

#[test]
fn objects_are_deleted_below_a_folder_and_never_in_all_of_a_bucket() {
    for right in ["nowcast/", "Forecasts/run=1/"] {
        assert_eq!(check_below(right), Ok(()), "{right}");
    }
    for wrong in ["", "/", "*/", "now*", "a?/", "a/../b/", "//", "a,b/", "${aws}/"] {
        assert!(check_below(wrong).is_err(), "{wrong}");
    }
}
