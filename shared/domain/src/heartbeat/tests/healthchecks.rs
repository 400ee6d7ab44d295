//! The state machine of Healthchecks (`hc/api/models.py`, `hc/api/tests/test_check_model.py`, `test_ping.py`), case by
//! case, and the cases that it gets wrong.

use super::*;
use BeatKind::{Fail, Log, Start, Success};
use Status::{Down, Late, New, Paused, Up};

/// What happens to an hourly heartbeat with ten minutes of grace that was loaded at 00:00.
enum Does {
    Tick,
    Ping(BeatKind),
    Run(BeatKind, &'static str),
    Pause,
    Resume,
}

fn walk(heartbeat: Heartbeat, steps: &[(&str, Does, Status)]) -> Watched {
    let mut watched = Watched::loaded(heartbeat, "00:00");
    for (n, (when, does, expected)) in steps.iter().enumerate() {
        match does {
            Does::Tick => watched.tick(when),
            Does::Ping(kind) => watched.ping(*kind, when),
            Does::Run(kind, run) => watched.ping_run(*kind, when, run),
            Does::Pause => watched.pause(when),
            Does::Resume => watched.resume(when),
        };
        assert_eq!(watched.status(), *expected, "step {n} at {when}");
    }
    watched
}

fn told(heartbeat: Heartbeat, steps: &[(&str, Does, Status)]) -> Vec<bool> {
    walk(heartbeat, steps).told().into_iter().map(|(firing, _)| firing).collect()
}

#[test]
fn a_new_one_waits_for_its_first_signal_but_not_for_ever() {
    // Healthchecks waits for ever: nobody hears of a job that never ran.
    let steps = [("01:00", Does::Tick, New), ("01:09", Does::Tick, New), ("01:10", Does::Tick, Down)];
    assert_eq!(told(hourly(), &steps), [true]);
}

#[test]
fn the_first_success_is_no_news() {
    assert!(told(hourly(), &[("00:30", Does::Ping(Success), Up), ("01:29", Does::Tick, Up)]).is_empty());
}

#[test]
fn a_new_one_that_fails_is_news() {
    assert_eq!(told(hourly(), &[("00:30", Does::Ping(Fail), Down)]), [true]);
}

#[test]
fn it_is_up_then_late_then_down() {
    let steps = [
        ("00:30", Does::Ping(Success), Up),
        ("01:29", Does::Tick, Up),
        ("01:30", Does::Tick, Late),
        ("01:39", Does::Tick, Late),
        ("01:40", Does::Tick, Down),
        ("01:41", Does::Tick, Down),
    ];
    assert_eq!(told(hourly(), &steps), [true], "once, however often it is evaluated");
}

#[test]
fn a_success_ends_it_and_says_how_long_it_was() {
    let steps = [("00:30", Does::Ping(Success), Up), ("01:40", Does::Tick, Down), ("03:53", Does::Ping(Success), Up)];
    let watched = walk(hourly(), &steps);
    let (firing, reason) = watched.told().pop().expect("told");
    assert!(!firing && reason.contains("is back after 2h 13m"), "{reason}");
}

#[test]
fn a_failure_is_down_at_once_and_a_second_one_is_no_news() {
    let steps = [
        ("00:30", Does::Ping(Success), Up),
        ("00:40", Does::Ping(Fail), Down),
        ("00:45", Does::Ping(Fail), Down),
        ("00:50", Does::Ping(Success), Up),
    ];
    assert_eq!(told(hourly(), &steps), [true, false]);
}

#[test]
fn a_log_changes_nothing() {
    let steps = [
        ("00:30", Does::Ping(Log), New),
        ("00:40", Does::Ping(Success), Up),
        ("01:49", Does::Ping(Log), Late),
        ("01:50", Does::Ping(Log), Down),
        ("01:51", Does::Ping(Log), Down),
    ];
    assert_eq!(told(hourly(), &steps), [true]);
}

#[test]
fn a_start_times_its_run() {
    let limited = || Heartbeat { max_runtime: Some(minutes(5)), ..hourly() };
    let overrun = [
        ("00:30", Does::Ping(Success), Up),
        ("00:40", Does::Ping(Start), Up),
        ("00:44", Does::Tick, Up),
        ("00:45", Does::Tick, Down),
        ("00:50", Does::Ping(Success), Up),
    ];
    assert_eq!(told(limited(), &overrun), [true, false]);
    let in_time = [("00:40", Does::Ping(Start), New), ("00:44", Does::Ping(Success), Up), ("00:50", Does::Tick, Up)];
    assert!(told(limited(), &in_time).is_empty());
    let never_seen = [("00:40", Does::Ping(Start), New), ("00:45", Does::Tick, Down)];
    assert_eq!(told(limited(), &never_seen), [true], "a start arms the timer of a new one");
}

#[test]
fn grace_is_no_limit_of_the_run_time() {
    // Healthchecks: `grace` doubles as the run-time limit (#910).
    let steps = [
        ("00:30", Does::Ping(Success), Up),
        ("00:40", Does::Ping(Start), Up),
        ("01:20", Does::Tick, Up),
        ("01:25", Does::Ping(Success), Up),
    ];
    assert!(told(hourly(), &steps).is_empty());
}

#[test]
fn a_success_of_another_run_leaves_this_one_running() {
    let limited = Heartbeat { max_runtime: Some(minutes(30)), ..hourly() };
    let steps = [
        ("00:10", Does::Run(Start, "a"), New),
        ("00:20", Does::Run(Start, "b"), New),
        ("00:25", Does::Run(Success, "b"), Up),
        ("00:39", Does::Tick, Up),
        ("00:40", Does::Tick, Down),
        ("00:45", Does::Run(Success, "a"), Up),
    ];
    let watched = walk(limited, &steps);
    assert!(watched.told()[0].1.contains("run a"), "{:?}", watched.told());
    assert_eq!(watched.told().len(), 2);
}

#[test]
fn each_of_two_overlapping_runs_has_its_own_clock() {
    // Healthchecks times the last start only (#268, #461, #480).
    let limited = Heartbeat { max_runtime: Some(minutes(30)), ..hourly() };
    let mut watched = Watched::loaded(limited, "00:00");
    watched.ping_run(Start, "00:10", "a");
    watched.ping_run(Start, "00:30", "b");
    watched.tick("00:40");
    assert_eq!(watched.status(), Down);
    watched.tick("01:00");
    let told = watched.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("run a") && !told[0].1.contains("run b"), "{told:?}");
    assert!(told[1].1.contains("run a") && told[1].1.contains("run b"), "{told:?}");
}

#[test]
fn a_run_that_died_without_a_word_is_forgotten_when_a_later_one_succeeds() {
    let limited = Heartbeat { max_runtime: Some(minutes(30)), ..hourly() };
    let steps = [
        ("00:10", Does::Run(Start, "a"), New),
        ("00:40", Does::Tick, Down),
        ("00:50", Does::Run(Start, "b"), Down),
        ("00:55", Does::Run(Success, "b"), Up),
        ("02:04", Does::Tick, Late),
    ];
    assert_eq!(told(limited, &steps), [true, false]);
}

#[test]
fn a_success_without_an_id_ends_what_ran() {
    let limited = Heartbeat { max_runtime: Some(minutes(30)), ..hourly() };
    let steps = [("00:10", Does::Run(Start, "a"), New), ("00:20", Does::Ping(Success), Up), ("00:50", Does::Tick, Up)];
    assert!(told(limited, &steps).is_empty());
}

#[test]
fn a_pause_stops_the_watch_and_ends_what_was_told() {
    let steps = [
        ("01:10", Does::Tick, Down),
        ("01:20", Does::Pause, Paused),
        ("09:00", Does::Tick, Paused),
        ("09:30", Does::Resume, New),
        ("10:39", Does::Tick, New),
        ("10:40", Does::Tick, Down),
    ];
    assert_eq!(told(hourly(), &steps), [true, false, true]);
}

#[test]
fn resuming_what_is_not_paused_and_pausing_twice_change_nothing() {
    let mut watched = Watched::loaded(hourly(), "00:00");
    assert!(watched.resume("00:10").is_empty());
    watched.pause("00:20");
    assert!(watched.pause("00:30").is_empty());
}

#[test]
fn the_next_success_or_failure_ends_a_pause_and_a_start_does_not() {
    let success = [
        ("00:30", Does::Pause, Paused),
        ("00:40", Does::Ping(Start), Paused),
        ("00:50", Does::Ping(Success), Up),
        ("02:00", Does::Tick, Down),
    ];
    assert_eq!(told(hourly(), &success), [true], "paused to up is no news");
    assert_eq!(told(hourly(), &[("00:30", Does::Pause, Paused), ("00:40", Does::Ping(Fail), Down)]), [true]);
}

#[test]
fn with_manual_resume_only_a_person_ends_a_pause() {
    let manual = Heartbeat { manual_resume: true, ..hourly() };
    let steps = [
        ("00:30", Does::Pause, Paused),
        ("00:40", Does::Ping(Success), Paused),
        ("00:50", Does::Ping(Fail), Paused),
        ("01:00", Does::Resume, New),
    ];
    assert!(told(manual, &steps).is_empty());
}

#[test]
fn an_early_signal_counts_for_the_coming_slot() {
    // Healthchecks: a ping at 22:50 for 22:51 does not count, and is missed at 22:51 plus grace (#830).
    let nightly = Heartbeat { schedule: cron("51 22 * * *", "UTC"), grace: minutes(5), ..hourly() };
    let mut watched = Watched::loaded(nightly, "12:00");
    watched.ping(Success, "22:50");
    assert_eq!(watched.slot("22:51").status, SlotStatus::Done);
    watched.tick("22:51");
    watched.tick("23:30");
    assert_eq!(watched.status(), Up);
    assert_eq!(watched.deadline(), Some(at("2026-11-23T22:56:00Z")));
    // One that comes half a day early is another run.
    watched.ping(Success, "2026-11-23T11:00:00Z");
    watched.tick("2026-11-23T22:56:00Z");
    assert_eq!(watched.status(), Down);
}

#[test]
fn a_late_start_is_told_before_the_run_could_be_late() {
    // Healthchecks has no clock for it (#910, #1135).
    let clocks = Heartbeat { start_grace: Some(minutes(15)), max_runtime: Some(minutes(120)), ..gfs() };
    let mut watched = Watched::loaded(clocks, "01:00");
    watched.tick("06:00");
    watched.tick("06:14");
    assert_ne!(watched.status(), Down);
    watched.tick("06:15");
    assert_eq!(watched.status(), Down);
    assert!(
        watched.told()[0].1.contains("has not started 06Z of 22 Nov: due to start by 06:15Z"),
        "{:?}",
        watched.told()
    );
    watched.ping_run(Start, "06:40", "r");
    assert_ne!(watched.status(), Down, "it has begun");
    watched.ping_run(Success, "08:39", "r");
    assert_eq!(watched.told().len(), 2);
    assert_eq!(watched.slot("06:00").status, SlotStatus::Done);
}

#[test]
fn the_run_time_counts_from_the_start_however_late_that_was() {
    let clocks = Heartbeat { start_grace: Some(minutes(60)), max_runtime: Some(minutes(120)), ..gfs() };
    let mut watched = Watched::loaded(clocks, "01:00");
    watched.ping_run(Start, "06:50", "r");
    assert_eq!(watched.slot("06:00").status, SlotStatus::Running);
    watched.tick("08:49");
    assert_ne!(watched.status(), Down);
    watched.tick("08:50");
    let told = watched.told();
    assert!(told[0].1.contains("takes too long: run r of 06Z of 22 Nov began at 06:50Z"), "{told:?}");
}
