//! What is missing is named, told once, and ended by what comes.

use super::*;
use BeatKind::{Fail, Start, Success};
use proptest::prelude::*;

#[test]
fn what_is_missing_is_named_with_when_it_was_due_and_what_was_last_good() {
    let mut watched = Watched::loaded(gfs(), "2026-11-21T23:00:00Z");
    watched.ping(Success, "05:00");
    assert_eq!(watched.state.as_ref().expect("evaluated").memory.last_good, Some(at("00:00")));
    watched.tick("14:29");
    assert_ne!(watched.status(), Status::Down);
    let told = watched.tick("15:17");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].at, at("14:30"), "dated when it became true");
    assert_eq!(told[0].reason, "gfs 06Z of 22 Nov is missing: due by 14:30Z, 47m late; last good 00Z of 22 Nov");
    assert_eq!(watched.slot("06:00").status, SlotStatus::Missing);
}

#[test]
fn further_missing_slots_update_the_same_alert() {
    let mut watched = Watched::loaded(gfs(), "2026-11-21T23:00:00Z");
    for hour in 0..27 {
        watched.step(&Reading::Unread, at("08:00") + minutes(60 * hour + 31));
    }
    let told = watched.told();
    assert_eq!(told.len(), 5, "00Z, 06Z, 12Z, 18Z and 00Z again: {told:?}");
    assert!(told.iter().all(|(firing, _)| *firing));
    assert!(told[2].1.contains("12Z of 22 Nov is missing") && told[2].1.contains("so is 06Z of 22 Nov and 1 more"));
    let seen: Vec<Timestamp> = watched.transitions.iter().map(|one| one.at).collect();
    assert!(seen.is_sorted_by(|a, b| a < b), "each has an instant of its own: {seen:?}");
    let back = watched.ping(Success, "2026-11-23T12:00:00Z");
    assert_eq!(back.len(), 1);
    assert!(back[0].reason.contains("never came"), "{}", back[0].reason);
    assert_eq!(watched.status(), Status::Late, "12Z of that day has just come");
}

#[test]
fn what_says_which_slot_it_is_for_ends_no_later_one() {
    let of = |slot: &str, when: &str| Beat { slot: Some(at(slot)), ..Beat::found(Success, at(when)) };
    let mut watched = Watched::loaded(gfs(), "2026-11-21T23:00:00Z");
    watched.tick("14:31");
    assert_eq!(watched.status(), Status::Down);
    watched.sees(vec![of("00:00", "15:00")], "15:01");
    assert_eq!((watched.status(), watched.slot("00:00").status), (Status::Down, SlotStatus::Done));
    watched.sees(vec![of("06:00", "16:00")], "16:01");
    assert_ne!(watched.status(), Status::Down);
    assert_eq!(watched.slot("06:00").status, SlotStatus::Done);
}

#[test]
fn it_is_down_after_as_many_failures_in_a_row_as_are_too_many() {
    let patient = Heartbeat { fail_after: 3, ..hourly() };
    let mut watched = Watched::loaded(patient, "00:00");
    watched.ping(Fail, "00:10");
    watched.ping(Fail, "00:20");
    watched.ping(Success, "00:30");
    watched.ping(Fail, "00:40");
    watched.ping(Fail, "00:50");
    assert!(watched.told().is_empty());
    let failed = Beat { note: Some("exit status 3: no space".to_owned()), ..told(Fail, at("01:00")) };
    watched.sees(vec![failed], "01:00");
    assert_eq!(watched.told()[0].1, "nightly failed 3 times in a row, last at 01:00Z: exit status 3: no space");
}

#[test]
fn a_run_that_is_too_fast_did_nothing() {
    let thorough = Heartbeat { min_runtime: Some(minutes(5)), ..hourly() };
    let mut watched = Watched::loaded(thorough, "00:00");
    watched.ping(Start, "00:10");
    watched.ping(Success, "00:11");
    assert!(watched.told()[0].1.contains("it took 1m and takes at least 5m"), "{:?}", watched.told());
    watched.ping(Start, "00:20");
    watched.ping(Success, "00:25");
    assert_eq!(watched.status(), Status::Up);
}

#[test]
fn what_was_read_before_changes_nothing_when_it_is_read_again() {
    let beats = |upto: &str| {
        let all = [(Start, "00:10", "a"), (Fail, "00:15", "a"), (Start, "00:20", "b"), (Success, "00:30", "b")];
        let until = at(upto);
        all.into_iter().map(|(kind, when, run)| of_run(kind, at(when), run)).filter(|beat| beat.at <= until).collect()
    };
    let mut watched = Watched::loaded(hourly(), "00:00");
    watched.sees(beats("00:16"), "00:16");
    watched.sees(beats("00:31"), "00:31");
    let after = (watched.state.clone().map(|state| (state.status, state.memory.failures)), watched.transitions.len());
    watched.sees(beats("00:40"), "00:41");
    watched.sees(beats("00:40"), "00:42");
    assert_eq!(after.0, watched.state.clone().map(|state| (state.status, state.memory.failures)));
    assert_eq!(after.1, watched.transitions.len());
    assert!(watched.state.expect("evaluated").memory.runs.is_empty());
}

#[test]
fn a_success_that_is_seen_late_moves_what_is_expected() {
    let mut watched = Watched::loaded(hourly(), "00:00");
    watched.sees(vec![Beat::found(Success, at("00:30"))], "01:20");
    assert!(watched.told().is_empty(), "{:?}", watched.told());
    assert_eq!(watched.deadline(), Some(at("01:40")));
    let mut lagging = Watched::loaded(hourly(), "00:00");
    lagging.tick("01:05");
    lagging.sees(vec![Beat::found(Success, at("00:30"))], "01:20");
    assert!(lagging.told().is_empty(), "{:?}", lagging.told());
}

#[test]
fn what_a_job_told_just_before_its_heartbeat_was_first_loaded_is_heard() {
    let mut watched = Watched::new(hourly());
    watched.sees(vec![told(Fail, at("00:00"))], "00:01");
    assert_eq!(watched.status(), Status::Down, "its message lay in a queue while nobody knew of it");
    let limited = Heartbeat { max_runtime: Some(minutes(5)), ..hourly() };
    let mut watched = Watched::new(limited);
    watched.sees(vec![of_run(Start, at("00:00"), "a")], "00:01");
    watched.tick("00:05");
    assert_eq!(watched.status(), Status::Down);
    // What is found in a table of runs is history.
    let mut watched = Watched::new(hourly());
    watched.sees(vec![Beat::found(Fail, at("00:00"))], "00:01");
    assert_eq!(watched.status(), Status::New);
}

#[test]
fn a_start_that_a_queue_delivers_after_its_end_begins_nothing() {
    let limited = Heartbeat { max_runtime: Some(minutes(5)), ..hourly() };
    let mut watched = Watched::loaded(limited, "00:00");
    watched.ping_run(Success, "00:12", "a");
    watched.sees(vec![of_run(Start, at("00:10"), "a")], "00:13");
    watched.tick("00:40");
    assert!(watched.told().is_empty());
}

#[test]
fn a_date_in_the_future_is_no_sign_of_life() {
    let mut watched = Watched::loaded(hourly(), "00:00");
    let future = || vec![Beat::found(Success, at("2027-01-01T00:00:00Z"))];
    watched.sees(future(), "00:30");
    watched.sees(future(), "01:10");
    assert_eq!(watched.status(), Status::Down);
    let soon = Beat::found(Success, at("01:12"));
    watched.sees(vec![soon], "01:11");
    assert_eq!(watched.state.as_ref().expect("evaluated").last_success_at, Some(at("01:11")), "a clock that is ahead");
}

#[test]
fn what_cannot_be_read_is_neither_alive_nor_dead_until_its_own_limit() {
    let mut watched = Watched::loaded(hourly(), "00:00");
    watched.sees(vec![Beat::found(Success, at("00:30"))], "00:31");
    watched.cannot_read("01:00");
    watched.tick("01:39");
    watched.cannot_read("01:39");
    assert!(watched.told().is_empty());
    watched.cannot_read("01:40");
    let told = watched.told();
    assert!(told[0].1.contains("its signal cannot be read since 01:00Z: ThrottlingException"), "{told:?}");
    watched.sees(vec![Beat::found(Success, at("01:30"))], "01:45");
    assert_eq!(watched.status(), Status::Up);
    assert_eq!(watched.told().len(), 2);
}

#[test]
fn one_call_that_is_throttled_at_the_deadline_wakes_nobody() {
    let mut watched = Watched::loaded(hourly(), "00:00");
    watched.sees(vec![Beat::found(Success, at("00:30"))], "00:31");
    watched.cannot_read("01:40");
    assert!(watched.told().is_empty());
    watched.sees(vec![Beat::found(Success, at("01:35"))], "01:41");
    assert!(watched.told().is_empty());
}

#[test]
fn a_signal_that_can_be_read_again_and_says_nothing_is_missing() {
    let mut watched = Watched::loaded(hourly(), "00:00");
    watched.cannot_read("01:00");
    watched.cannot_read("01:10");
    watched.sees(Vec::new(), "01:11");
    let told = watched.told();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|(firing, _)| *firing) && told[1].1.contains("is silent"), "{told:?}");
}

#[test]
fn the_first_evaluation_after_an_outage_catches_up_without_paging_for_what_came() {
    let mut watched = Watched::loaded(gfs(), "2026-11-21T23:00:00Z");
    watched.sees(vec![told(Success, at("05:00")), told(Success, at("11:00")), told(Success, at("17:00"))], "20:00");
    assert!(watched.told().is_empty(), "{:?}", watched.told());
    for slot in ["00:00", "06:00", "12:00"] {
        assert_eq!(watched.slot(slot).status, SlotStatus::Done, "{slot}");
    }
}

#[test]
fn after_a_long_outage_the_newest_slots_count() {
    let every_minute = Heartbeat { schedule: cron("* * * * *", "UTC"), grace: minutes(1), ..hourly() };
    let mut watched = Watched::loaded(every_minute, "2026-10-01T00:00:00Z");
    watched.tick("12:00");
    assert!(watched.slots.len() <= 502, "{}", watched.slots.len());
    assert_eq!(watched.told().len(), 1);
    assert!(watched.slots.iter().any(|slot| slot.at == at("11:59") && slot.status == SlotStatus::Missing));
}

#[test]
fn another_schedule_begins_anew() {
    let mut watched = Watched::loaded(gfs(), "01:00");
    watched.tick("06:01");
    watched.heartbeat.schedule = cron("30 9 * * *", "Europe/Berlin");
    watched.tick("06:02");
    watched.ping(Success, "09:00");
    watched.tick("2026-11-23T08:29:00Z");
    assert!(watched.told().is_empty(), "what the old one waited for is not waited for: {:?}", watched.told());
    watched.tick("2026-11-23T17:00:00Z");
    assert_eq!(watched.told().len(), 1);
    assert!(watched.told()[0].1.contains("09:30 of 23 Nov (Europe/Berlin) is missing"), "{:?}", watched.told());
}

#[test]
fn a_severity_that_is_written_higher_is_told() {
    let mut watched = Watched::loaded(Heartbeat { severity: Severity::High, ..hourly() }, "00:00");
    watched.tick("01:10");
    watched.heartbeat.severity = Severity::Critical;
    watched.tick("01:11");
    watched.tick("01:12");
    assert_eq!(watched.told().len(), 2);
}

#[test]
fn without_a_record_it_is_silent_by_what_cloudwatch_says_alone() {
    let from = at("2026-11-21T00:00:00Z");
    assert_eq!(silent(&hourly(), Some(at("00:30")), from, at("01:39")), None);
    let said = silent(&hourly(), Some(at("00:30")), from, at("01:40")).expect("silent");
    assert!(said.contains("last signal at 00:30Z"), "{said}");
    assert!(silent(&hourly(), None, from, at("12:00")).is_some());
    assert_eq!(silent(&gfs(), Some(at("05:00")), from, at("14:29")), None);
    let said = silent(&gfs(), Some(at("02:00")), from, at("14:30")).expect("silent");
    assert!(said.contains("gfs 06Z of 22 Nov is missing"), "{said}");
    assert_eq!(silent(&gfs(), Some(at("12:00")), from, at("14:30")), None);
}

#[test]
fn a_signal_tells_the_router_what_it_has_to_know() {
    let mut watched = Watched::loaded(gfs(), "2026-11-21T23:00:00Z");
    let told = watched.tick("08:31");
    let raised = raise(&watched.heartbeat, &told[0], watched.state.as_ref().expect("evaluated"), "prod").expect("told");
    let body: serde_json::Value = serde_json::from_str(&raised.body).expect("json");
    let fingerprint = fingerprint("prod", "gfs");
    assert_eq!(raised.id, format!("{fingerprint}/firing/CRITICAL/2026-11-22T08:30:00Z"));
    assert_eq!((&body["source"], &body["kind"]), (&"heartbeat:gfs".into(), &"heartbeat".into()));
    assert_eq!((&body["subject"], &body["labels"]), (&"gfs".into(), &serde_json::json!({})));
    assert_eq!(body["occurred_at"], "2026-11-22T08:30:00Z");
}

proptest! {
    #[test]
    fn people_are_told_in_turns_and_instants_only_grow(steps in proptest::collection::vec((1i64..90, 0u8..6), 1..60)) {
        let clocks = Heartbeat { max_runtime: Some(minutes(20)), start_grace: Some(minutes(8)), ..hourly() };
        for heartbeat in [clocks.clone(), Heartbeat { schedule: cron("*/20 * * * *", "UTC"), ..clocks }] {
            let mut watched = Watched::new(heartbeat);
            let mut now = at("00:00");
            for (gap, what) in &steps {
                now += minutes(*gap);
                let kind = [Success, Fail, Start].get(usize::from(*what)).copied();
                let reading = match (kind, *what) {
                    (Some(kind), _) => Reading::Seen { beats: vec![told(kind, now)], note: None },
                    (None, 3) => Reading::Unknown { why: "gone".to_owned() },
                    _ => Reading::Unread,
                };
                watched.step(&reading, now);
            }
            let mut firing = false;
            for (one, next) in watched.transitions.iter().zip(watched.transitions.iter().skip(1)) {
                prop_assert!(one.at < next.at, "{one:?} {next:?}");
            }
            for one in &watched.transitions {
                match one.told {
                    Some(Told::Firing) => firing = true,
                    Some(Told::Resolved { .. }) => {
                        prop_assert!(firing, "{one:?} ends nothing");
                        firing = false;
                    }
                    None => {}
                }
            }
            prop_assert_eq!(firing, watched.status() == Status::Down);
        }
    }
}
