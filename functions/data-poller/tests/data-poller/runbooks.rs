//! The runbooks' scripts, told by the function what nobody wants to hear. The timelines run them against the function itself.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::binaries::workspace;

/// `aws lambda invoke`, whose n-th call answers with the n-th file; after the last it fails.
const AWS: &str = r#"#!/bin/sh
for last; do :; done
calls=$(cat "$ANSWERS/calls" 2>/dev/null || echo 0)
echo $((calls + 1)) > "$ANSWERS/calls"
cp "$ANSWERS/$calls.json" "$last"
"#;

fn run(script: &str, arguments: &[&str], answers: &[Value]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = folder.path().join("aws");
    std::fs::write(&aws, AWS).expect("written");
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).expect("it may run");
    for (n, answer) in answers.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{n}.json")), answer.to_string()).expect("written");
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.path().display());
    let program = workspace().join("docs/runbooks").join(script);
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("ANSWERS", folder.path()).env("WAIT", "0");
    command.output().expect("it runs")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

fn answer(triggered: &[&str], failed: &[&str], remaining: &[&str]) -> Value {
    let failed: Vec<Value> = failed.iter().map(|name| json!({"name": name, "error": "RunPod answered 429"})).collect();
    json!({"triggered": triggered, "skipped": [], "failed": failed, "remaining": remaining})
}

#[test]
fn catching_up_goes_on_until_nothing_is_left() {
    let caught_up =
        run("catch-up.sh", &["poller"], &[answer(&["gfs/1"], &[], &["gfs/2"]), answer(&["gfs/2"], &[], &[])]);
    assert!(caught_up.status.success(), "{}", said(&caught_up));
    assert_eq!(said(&caught_up), "triggered gfs/1\n1 left\ntriggered gfs/2\n0 left\n");
}

#[test]
fn a_cycle_that_could_not_be_triggered_is_named_and_the_script_has_failed() {
    for (script, arguments) in [("catch-up.sh", vec!["poller"]), ("retry-source.sh", vec!["poller", "gfs"])] {
        let failed = run(script, &arguments, &[answer(&["gfs/1"], &["gfs/2"], &[])]);
        let said = said(&failed);
        assert!(!failed.status.success(), "{script}: {said}");
        assert!(said.contains("gfs/2") && said.contains("RunPod answered 429"), "{script}: {said}");
    }
}

#[test]
fn whatever_the_function_fails_with_is_said_in_its_words() {
    let errors = [
        json!({"errorType": "Unavailable", "errorMessage": "the database did not answer"}),
        // Lambda's own, of a function that ran out of time.
        json!({"errorMessage": "2026-11-22T06:00:00Z Task timed out after 60.00 seconds"}),
    ];
    for (script, arguments) in [("catch-up.sh", vec!["poller"]), ("retry-source.sh", vec!["poller", "gfs"])] {
        for error in &errors {
            let failed = run(script, &arguments, std::slice::from_ref(error));
            let said = said(&failed);
            assert!(!failed.status.success() && said.starts_with("data-poller: "), "{script}: {said}");
            assert!(said.contains(error["errorMessage"].as_str().expect("a message")), "{script}: {said}");
            assert!(!said.contains("Traceback"), "{script}: {said}");
        }
    }
}

#[test]
fn words_that_cannot_be_meant_are_refused_before_anything_is_asked() {
    let wrong: [(&str, &[&str], &str); 6] = [
        ("catch-up.sh", &[], "usage: catch-up.sh FUNCTION"),
        ("catch-up.sh", &["poller", "two-days"], "HOURS is `two-days`"),
        // An octal number to some, a decimal one to others.
        ("catch-up.sh", &["poller", "048"], "HOURS is `048`"),
        ("catch-up.sh", &["poller", "48", "-3"], "LIMIT is `-3`"),
        ("retry-source.sh", &["poller"], "usage: retry-source.sh FUNCTION SOURCE"),
        ("retry-source.sh", &["poller", "gfs\", \"limit\": 0, \"source\": \"x"], "SOURCE is `gfs\""),
    ];
    for (script, arguments, expected) in wrong {
        let refused = run(script, arguments, &[answer(&["gfs/1"], &[], &[])]);
        let said = said(&refused);
        assert!(!refused.status.success() && said.contains(expected), "{script} {arguments:?}: {said}");
        assert!(!said.contains("triggered"), "{said}");
    }
}
