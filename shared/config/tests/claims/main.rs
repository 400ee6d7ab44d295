//! Claims of workers by the rules that the watch files ship: every one as bad as `claims.tsv` says.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod rules;

use std::path::Path;

use config::{Environment, WatchFile};
use domain::ingest::{Message, parse};
use domain::{Policy, Severity, Signal};
use serde_json::json;

const SHIPPED: [&str; 4] = ["local", "dev", "staging", "prod"];

fn policy(environment: &str) -> Policy {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(format!("{environment}.toml"));
    let environment = Environment::parse(environment).expect("an environment");
    WatchFile::load(&file, &environment).unwrap_or_else(|error| panic!("{error}")).policy()
}

/// The one signal of a report.
fn signal(policy: &Policy, environment: Option<&str>, verdict: &str, claim: &str) -> Signal {
    let mut report = json!({"worker_id": "worker-7", "status": verdict, "claim": claim});
    if let Some(environment) = environment {
        report["environment"] = json!(environment);
    }
    let sent_at = domain::Timestamp::UNIX_EPOCH;
    let message = Message { message_id: "m".into(), sender_id: None, sent_at, body: report.to_string() };
    let mut signals = parse(&message, policy, &mut Default::default);
    assert_eq!(signals.len(), 1);
    signals.remove(0)
}

fn severity(policy: &Policy, environment: Option<&str>, verdict: &str, claim: &str) -> Severity {
    signal(policy, environment, verdict, claim).severity
}

/// `(verdict, in prod, in test, claim)` of every line.
fn corpus() -> Vec<(&'static str, Severity, Severity, String)> {
    let lines = include_str!("claims.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [verdict, prod, test, claim] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let severity = |word: &str| word.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            let claim = serde_json::from_str(claim).unwrap_or_else(|error| panic!("{line}: {error}"));
            (verdict, severity(prod), severity(test), claim)
        })
        .collect()
}

#[test]
fn every_claim_of_the_corpus_is_as_bad_as_it_says_by_every_shipped_watch_file() {
    let corpus = corpus();
    assert!(corpus.len() >= 80, "{} claims", corpus.len());
    let mut wrong = Vec::new();
    for file in SHIPPED {
        let policy = policy(file);
        for (verdict, prod, test, claim) in &corpus {
            for (environment, expected) in [("prod", prod), ("prd", prod), ("test", test)] {
                let found = severity(&policy, Some(environment), verdict, claim);
                if found != *expected {
                    wrong.push(format!("{file}.toml: {verdict} in {environment}: {found}, not {expected}: {claim:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.len(), wrong.join("\n"));
}

#[test]
fn a_false_claim_is_low_in_no_environment_whatever_it_is_called() {
    let policy = policy("local");
    for environment in ["test", "staging", "stg", "dev", "local", "qa", "PRD ", "production", "eu-west"] {
        assert_ne!(severity(&policy, Some(environment), "FALSE", "nothing"), Severity::Low, "{environment}");
    }
}

#[test]
fn a_claim_that_names_no_environment_is_of_the_stack_s() {
    for environment in [None, Some(""), Some("  ")] {
        assert_eq!(severity(&policy("prod"), environment, "FALSE", "docker stop web"), Severity::Critical);
        assert_eq!(severity(&policy("staging"), environment, "FALSE", "docker stop web"), Severity::Medium);
    }
}

#[test]
fn a_command_at_the_end_of_a_very_long_claim_is_found() {
    let claim = format!("{} rm -rf /data", "all is well ".repeat(20_000));
    let signal = signal(&policy("prod"), None, "FALSE", &claim);
    assert_eq!(signal.severity, Severity::Critical);
    assert!(signal.summary.chars().count() <= 2_000);
}
