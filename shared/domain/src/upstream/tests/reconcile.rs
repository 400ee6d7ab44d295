//! How a run that was triggered comes to its end.

use super::*;
use crate::upstream::reconcile::Job;
use crate::upstream::sending::{Sent, after_sending};

const SENT: &str = "22T11:20";
/// `max_runtime` after it.
const OVER: &str = "22T13:50";

fn triggered(external_id: Option<&str>) -> Run {
    let run = run("22T06:00", RunStatus::Due).triggered(false, at(SENT));
    Run { external_id: external_id.map(str::to_owned), ..run }
}

fn said(job: Job) -> Evidence {
    Evidence::Said { attempt: None, job }
}

fn words(next: &Next) -> String {
    let clock = |at: &Timestamp| at.strftime("%d %H:%M").to_string();
    match next {
        Next::Nothing => "nothing".to_owned(),
        Next::Wait { until } => format!("wait until {}", clock(until)),
        Next::Accepted { external_id } => format!("accepted {external_id}"),
        Next::Ask { external_id } => format!("ask {external_id}"),
        Next::Cancel { external_id } => format!("cancel {external_id}"),
        Next::Running => "running".to_owned(),
        Next::Complete => "complete".to_owned(),
        Next::Retry { at, why } => format!("retry at {}: {why}", clock(at)),
        Next::Later { at, why, rearmed } => {
            format!("later at {}{}: {why}", clock(at), if *rearmed { ", armed" } else { "" })
        }
        Next::GiveUp { why } => format!("give up: {why}"),
        Next::Fail { why } => format!("fail: {why}"),
    }
}

#[test]
fn what_shows_how_a_run_stands_decides_what_is_done() {
    let failed = || said(Job::Failed("CUDA out of memory".to_owned()));
    let old = || Evidence::Said { attempt: Some(7), job: Job::Failed("old".to_owned()) };
    let cut = || Evidence::Unanswered("no answer within 10s".to_owned());
    let lost = "nothing has shown for 2h 30m that its trigger was accepted";
    let gone = "nothing has shown for 2h 30m that it ended, and the provider does not know of it";
    for (id, evidence, now, wanted) in [
        // Asked while there is somebody to ask, and nothing is known.
        (Some("j"), vec![], "22T11:21", "ask j".to_owned()),
        (Some("j"), vec![said(Job::Queued)], "22T11:21", "wait until 22 13:50".to_owned()),
        (Some("j"), vec![said(Job::Running)], "22T11:21", "running".to_owned()),
        (Some("j"), vec![cut()], "22T11:21", "wait until 22 13:50".to_owned()),
        (Some("j"), vec![Evidence::NoStatus], "22T11:21", "wait until 22 13:50".to_owned()),
        // 404 is unknown, not failed.
        (Some("j"), vec![Evidence::Forgotten], "22T13:49", "wait until 22 13:50".to_owned()),
        (Some("j"), vec![Evidence::Forgotten], OVER, format!("retry at 22 13:52: {gone}")),
        (Some("j"), vec![Evidence::NoStatus], OVER, format!("retry at 22 13:52: {gone}")),
        // An ambiguous send: nothing before `max_runtime` has passed.
        (None, vec![], "22T11:21", "wait until 22 13:50".to_owned()),
        (None, vec![], "22T13:49", "wait until 22 13:50".to_owned()),
        (None, vec![], OVER, format!("retry at 22 13:52: {lost}")),
        (None, vec![said(Job::Running)], "22T11:30", "running".to_owned()),
        // Success by whatever shows it, however late.
        (Some("j"), vec![said(Job::Succeeded)], "22T11:21", "complete".to_owned()),
        (None, vec![Evidence::Output], "22T11:21", "complete".to_owned()),
        (None, vec![Evidence::CompletionRow], "22T23:00", "complete".to_owned()),
        (Some("j"), vec![Evidence::Forgotten, Evidence::Output], "22T23:00", "complete".to_owned()),
        (Some("j"), vec![old(), Evidence::Output], "22T11:21", "complete".to_owned()),
        // Failure, but not an earlier attempt's.
        (Some("j"), vec![failed()], "22T11:30", "retry at 22 11:32: CUDA out of memory".to_owned()),
        (Some("j"), vec![old()], "22T11:30", "wait until 22 13:50".to_owned()),
        // Too long: asked once more, cancelled, given as long again where that cannot be.
        (Some("j"), vec![], OVER, "ask j".to_owned()),
        (Some("j"), vec![said(Job::Running)], OVER, "cancel j".to_owned()),
        (
            Some("j"),
            vec![said(Job::Running), Evidence::Cancelled],
            OVER,
            "retry at 22 13:52: it took longer than 2h 30m and was cancelled".to_owned(),
        ),
        (
            Some("j"),
            vec![said(Job::Running), Evidence::NotCancelled("500".into())],
            OVER,
            "wait until 22 16:20".to_owned(),
        ),
        (Some("j"), vec![cut()], OVER, "wait until 22 16:20".to_owned()),
        (
            Some("j"),
            vec![cut()],
            "22T16:20",
            "retry at 22 16:22: it took longer than 5h, and could not be cancelled: no answer within 10s".to_owned(),
        ),
    ] {
        let next = reconcile(&gfs(), &triggered(id), &evidence, at(now));
        assert_eq!(words(&next), wanted, "{id:?} {evidence:?} at {now}");
    }
}

#[test]
fn the_last_attempt_that_is_lost_fails_with_its_reason() {
    let run = Run { attempts: 3, ..triggered(Some("j")) };
    let next = reconcile(&gfs(), &run, &[said(Job::Failed("no GPU".to_owned()))], at("22T12:00"));
    assert_eq!(words(&next), "fail: attempt 3 of 3: no GPU");
    let failed = run.after(&next);
    assert_eq!((failed.status, failed.failure_reason.as_deref()), (RunStatus::Failed, Some("attempt 3 of 3: no GPU")));
    assert_eq!(reconcile(&gfs(), &failed, &[], at("23T12:00")), Next::Nothing);
    let late = reconcile(&gfs(), &failed, &[said(Job::Succeeded)], at("22T12:10"));
    assert_eq!(late, Next::Complete, "it has ended well after all");
    let complete = failed.after(&late);
    assert_eq!((complete.status, complete.failure_reason, complete.told_failed), (RunStatus::Complete, None, false));
}

#[test]
fn a_run_that_a_statement_has_reset_is_not_completed_by_an_old_job() {
    let reset = Run { status: RunStatus::Failed, ..triggered(Some("j")) };
    assert_eq!(reconcile(&gfs(), &reset, &[Evidence::Output], at("22T12:00")), Next::Nothing);
    let again = reset.triggered(true, at("22T12:00"));
    assert_eq!((again.attempts, again.external_id, again.status), (1, None, RunStatus::Triggered));
}

#[test]
fn a_run_that_began_under_an_unknown_id_is_given_as_long_again() {
    let run = Run { status: RunStatus::Running, ..triggered(None) };
    assert_eq!(words(&reconcile(&gfs(), &run, &[], at(OVER))), "wait until 22 16:20");
    assert!(words(&reconcile(&gfs(), &run, &[], at("22T16:20"))).contains("its job's id is not known"));
}

#[test]
fn waits_grow_and_the_last_chance_before_the_heartbeat_turns_down_is_taken() {
    // The heartbeat of 06Z turns down at 14:30, so that a run must begin by 12:00 to be sure to end in time.
    let at_of = |attempts, now| {
        let run = Run { attempts, ..triggered(Some("j")) };
        words(&reconcile(&Source { attempts: 10, ..gfs() }, &run, &[said(Job::Failed("x".into()))], at(now)))
    };
    assert_eq!(at_of(1, "22T11:30"), "retry at 22 11:32: x");
    assert_eq!(at_of(2, "22T11:30"), "retry at 22 11:36: x");
    assert_eq!(at_of(3, "22T11:30"), "retry at 22 11:48: x");
    assert_eq!(at_of(4, "22T11:30"), "retry at 22 12:00: x");
    assert_eq!(at_of(4, "22T11:59"), "retry at 22 12:00: x");
    assert_eq!(at_of(4, "22T12:00"), "retry at 22 12:54: x");
    assert_eq!(at_of(9, "22T12:00"), "retry at 22 13:00: x");
}

#[test]
fn what_was_surely_not_accepted_costs_no_attempt_and_what_may_have_been_is_not_sent_again() {
    let now = at("22T11:20");
    let of = |run: &Run, sent: Sent| after_sending(&gfs(), run, &sent, now);
    let refused = |after| Sent::Refused { retry_after: after, why: "429".to_owned() };
    let run = triggered(None);
    assert_eq!(words(&of(&run, Sent::Accepted { external_id: "j".to_owned() })), "accepted j");
    assert_eq!(words(&of(&run, Sent::Unknown { why: "cut".to_owned() })), "wait until 22 13:50");
    assert_eq!(words(&of(&run, refused(None))), "later at 22 11:22: 429");
    assert_eq!(words(&of(&run, refused(Some(minutes(9))))), "later at 22 11:29: 429");
    assert_eq!(words(&of(&run, refused(Some(SignedDuration::MAX)))), "later at 22 12:20: 429");
    assert_eq!(words(&of(&run, refused(Some(SignedDuration::MIN)))), "later at 22 11:22: 429");
    let later = run.after(&of(&run, refused(None)));
    assert_eq!((later.status, later.attempts, later.refusals), (RunStatus::Due, 0, 1));
    let often = Run { refusals: retry::MOST_REFUSALS - 1, ..run };
    assert_eq!(words(&of(&often, refused(None))), "give up: the trigger refused it 20 times: 429");
}

#[test]
fn a_trigger_that_refuses_for_good_is_asked_once_more_and_then_the_cycle_fails() {
    let banned = Sent::Banned { why: "401 Unauthorized".to_owned() };
    let first = after_sending(&gfs(), &triggered(None), &banned, at(SENT));
    assert_eq!(words(&first), "later at 22 11:35, armed: 401 Unauthorized");
    let armed = triggered(None).after(&first).triggered(false, at("22T11:35"));
    assert_eq!(armed.attempts, 1);
    let second = after_sending(&gfs(), &armed, &banned, at("22T11:35"));
    assert_eq!(words(&second), "give up: the trigger refuses it: 401 Unauthorized");
}

#[test]
fn a_run_of_which_nobody_noted_when_it_was_triggered_comes_to_an_end() {
    let run = Run { triggered_at: None, ..triggered(Some("j")) };
    assert_eq!(words(&reconcile(&gfs(), &run, &[Evidence::Forgotten], at("22T12:00"))), "wait until 23 08:30");
    assert!(words(&reconcile(&gfs(), &run, &[Evidence::Forgotten], at("23T08:30"))).starts_with("retry"));
}

#[test]
fn a_reason_is_cut_at_a_character() {
    let failed = triggered(None).failed(&"ß".repeat(2_000));
    assert_eq!(failed.failure_reason.map(|reason| reason.chars().count()), Some(500));
}
