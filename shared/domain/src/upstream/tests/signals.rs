//! What sources raise, and that it ends.

use serde_json::{Value, json};

use super::*;
use crate::upstream::signals::{Overdue, run_failed, run_recovered, upstream_late};

fn late(cycle: &str) -> Overdue {
    Overdue { at: at(cycle), why: "37 of 209 files are missing, the first f268".to_owned() }
}

fn body(raised: &crate::condition::Raised) -> Value {
    serde_json::from_str(&raised.body).expect("JSON")
}

#[test]
fn upstream_is_late_says_what_is_missing_and_what_is_usual() {
    let raised = upstream_late(&gfs(), false, &[late("22T06:00")], &[], at("22T12:02"), "prod").expect("a signal");
    let body = body(&raised);
    assert_eq!(
        body["summary"],
        "gfs 06Z of 22 Nov is late upstream, 6h 2m after it: 37 of 209 files are missing, the first f268. \
         Usually a cycle is complete 5h 15m after its nominal time; what is made from it waits."
    );
    assert_eq!(body["details"]["expected_after_s"], 18_900);
    assert_eq!(body["details"]["runbook"], "docs/runbooks/gfs.md");
    assert_eq!(
        [&body["kind"], &body["subject"], &body["source"], &body["status"], &body["severity"], &body["labels"]],
        [&json!("upstream-late"), &json!("gfs"), &json!("source:gfs"), &json!("firing"), &json!("MEDIUM"), &json!({})]
    );
}

#[test]
fn upstream_is_late_once_until_its_last_late_cycle_is_there() {
    let raised = |before, late: &[Overdue], now| upstream_late(&gfs(), before, late, &[], at(now), "prod");
    let first = raised(false, &[late("22T06:00")], "22T12:02").expect("it begins");
    assert_eq!(raised(true, &[late("22T06:00"), late("22T12:00")], "22T18:02"), None);
    assert_eq!(raised(true, &[late("22T12:00")], "22T18:17"), None);
    let over = raised(true, &[], "22T18:32").expect("it ends");
    assert_eq!(raised(false, &[], "22T18:47"), None);
    assert_eq!(body(&over)["status"], "resolved");
    assert_eq!(first.id.split('/').next(), over.id.split('/').next());
    assert!(first.id.ends_with("/firing/MEDIUM/2026-11-22T12:02:00Z"), "{}", first.id);
}

#[test]
fn many_late_cycles_are_counted_and_not_all_named() {
    let many = ["21T00:00", "21T06:00", "21T12:00", "21T18:00", "22T00:00"].map(late);
    let raised = upstream_late(&gfs(), false, &many, &[], at("22T12:00"), "prod").expect("a signal");
    let summary = body(&raised)["summary"].to_string();
    assert!(summary.contains("12Z of 21 Nov") && !summary.contains("18Z of 21 Nov"), "{summary}");
    assert!(summary.contains("; and 2 more"), "{summary}");
}

#[test]
fn the_end_of_it_names_what_was_given_up_meanwhile() {
    let over = |given_up: &[&str]| {
        let given_up: Vec<Timestamp> = given_up.iter().map(|cycle| at(cycle)).collect();
        body(&upstream_late(&gfs(), true, &[], &given_up, at("22T12:00"), "prod").expect("it ends"))
    };
    assert_eq!(over(&[])["summary"], "Over. No cycle of gfs is late any more.");
    assert_eq!(
        over(&["21T06:00"])["summary"],
        "Over. No cycle of gfs is late any more. gfs 06Z of 21 Nov was not published in time and is given up; \
         `{\"source\": \"gfs\", \"force_retry\": true, \"backfill_hours\": 31}` looks again."
    );
    let three = over(&["20T18:00", "21T00:00", "21T06:00"]);
    let words = "3 were not published in time and are given up, gfs 18Z of 20 Nov to gfs 06Z of 21 Nov;";
    assert!(three["summary"].to_string().contains(words), "{three}");
    assert_eq!(three["details"]["given_up"][0], "2026-11-20T18:00:00Z");
}

#[test]
fn each_failed_run_is_an_alert_of_its_own_with_its_reason_and_its_end() {
    let failed = |cycle| run_failed(&gfs(), at(cycle), "attempt 3 of 3: no GPU", at("22T14:00"), "prod");
    let (six, twelve) = (failed("22T06:00"), failed("22T12:00"));
    assert_ne!(six.id.split('/').next(), twelve.id.split('/').next());
    let over = run_recovered(&gfs(), at("22T06:00"), at("22T15:00"), "prod");
    assert_eq!(six.id.split('/').next(), over.id.split('/').next());
    let body = body(&six);
    assert_eq!(body["labels"], json!({"run_timestamp": "2026-11-22T06:00:00Z"}));
    assert_eq!(
        body["summary"],
        "gfs 06Z of 22 Nov has failed: attempt 3 of 3: no GPU. It is not tried again by itself; \
         `{\"source\": \"gfs\", \"force_retry\": true, \"backfill_hours\": 9}` does."
    );
    assert_eq!((&body["kind"], &body["severity"]), (&json!("run-failed"), &json!("HIGH")));
    assert_eq!(failed("22T06:00"), six, "sending it twice is harmless");
}
