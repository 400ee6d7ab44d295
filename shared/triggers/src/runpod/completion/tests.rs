//! What a completion is read as, and what is said of one that is none.

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::json;

use super::*;

const RUN: &str = "01900000-0000-7000-8000-000000000001";

#[test]
fn a_success_names_its_run_and_attempt() {
    let body = json!({
        "id": "60902e6c-08a1-426e-9cb9-9eaec90f5e2b-u1", "status": "COMPLETED", "delayTime": 31618, "executionTime": 1437,
        "output": {"key": "runs/gfs/2026112206.zarr"}, "input": {"run_id": RUN, "attempt": 2, "model": "medium"},
    });
    let completion = Completion::parse(&body.to_string(), &[]).expect("a completion");
    assert_eq!((completion.run_id, completion.attempt), (RUN.parse().ok(), Some(2)));
    assert_eq!(completion.external_id, "60902e6c-08a1-426e-9cb9-9eaec90f5e2b-u1");
    let output = json!({"key": "runs/gfs/2026112206.zarr"});
    assert_eq!(completion.standing, Standing::Succeeded { output, execution_ms: Some(1437) });
}

#[test]
fn a_completion_without_its_input_is_known_by_its_id() {
    let completion = Completion::parse(r#"{"id": "j-1", "status": "TIMED_OUT"}"#, &[]).expect("a completion");
    assert_eq!((completion.run_id, completion.attempt, completion.standing), (None, None, Standing::TimedOut));
}

#[test]
fn a_failure_says_why_and_leaves_the_traceback_out() {
    let error = json!({
        "error_type": "<class 'MemoryError'>", "error_message": "out of memory", "error_traceback": "Traceback (most…",
    });
    for (said, expected) in [
        (json!({"error": error.to_string()}), "RunPod says that the job failed: <class 'MemoryError'>: out of memory"),
        (json!({"error": "worker exited"}), "RunPod says that the job failed: worker exited"),
        (json!({"output": {"error": "no GPU"}}), "RunPod says that the job failed: no GPU"),
        (json!({}), "RunPod says that the job failed: it gives no reason; the endpoint's logs may"),
    ] {
        let mut body = json!({"id": "j-1", "status": "FAILED"});
        body.as_object_mut().expect("an object").extend(said.as_object().cloned().unwrap_or_default());
        let standing = Completion::parse(&body.to_string(), &[]).expect("a completion").standing;
        assert!(matches!(&standing, Standing::Failed(cause) if cause.text == expected), "{standing:?}");
    }
}

#[test]
fn what_is_no_completion_is_refused_by_the_field_that_is_wrong() {
    for (body, named) in [
        ("", "no JSON"),
        ("[]", "no object"),
        (r#"{"status": "COMPLETED"}"#, "`id` is missing"),
        (r#"{"id": 7, "status": "COMPLETED"}"#, "`id` is 7"),
        (r#"{"id": "j-1"}"#, "`status` is missing"),
        (r#"{"id": "j-1", "status": "completed"}"#, "none of IN_QUEUE"),
        (r#"{"id": "j-1", "status": "COMPLETED", "executionTime": "fast"}"#, "a time is no number"),
        (r#"{"id": "j-1", "status": "COMPLETED", "input": {"run_id": "gfs"}}"#, "`input.run_id`"),
        (r#"{"id": "j-1", "status": "COMPLETED", "input": {"attempt": 0}}"#, "`input.attempt` is 0"),
        (r#"{"id": "j-1", "status": "COMPLETED", "input": {"attempt": 4294967296}}"#, "`input.attempt`"),
    ] {
        let said = Completion::parse(body, &[]).err().map(|err| err.to_string()).unwrap_or_default();
        assert!(said.contains(named) && said.contains("expected"), "{body}: {said}");
    }
}

#[test]
fn a_webhook_that_is_repeated_does_not_show_in_the_error() {
    let body = r#"{"webhook": "https://hooks.example.com/T0KEN", "status": "COMPLETED"}"#;
    let said = Completion::parse(body, &[]).err().map(|err| err.to_string()).unwrap_or_default();
    assert!(!said.is_empty() && !said.contains("T0KEN"), "{said}");
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(body in "\\PC{0,60}", status in "[A-Z_]{0,12}", error in "\\PC{0,900}") {
        let _ = Completion::parse(&body, &[]);
        let read = Completion::parse(&json!({"id": "j", "status": status, "error": error}).to_string(), &[]);
        prop_assert_eq!(read.is_ok(), STATUSES.contains(&status.as_str()));
        let long = Completion::parse(&json!({"id": "j", "status": "FAILED", "error": error}).to_string(), &[]);
        prop_assert!(long.is_ok_and(|long| matches!(long.standing, Standing::Failed(cause) if cause.text.chars().count() <= 500)));
    }
}

#[test]
fn what_a_job_says_of_why_it_failed_has_no_secret_that_began_it() {
    let key = SecretString::from("rpa_KEY0123456789");
    let body = json!({"id": "j", "status": "FAILED", "error": "401 with Bearer rpa_KEY0123456789"}).to_string();
    let standing = Completion::parse(&body, &[&key]).expect("a completion").standing;
    let Standing::Failed(cause) = standing else { panic!("{standing:?}") };
    assert_eq!(cause.text, "RunPod says that the job failed: 401 with Bearer [secret]");
}
