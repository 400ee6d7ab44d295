//! What follows when evaluations stood still, runs were killed, and signs come in another order than they were told.

use super::*;
use crate::heartbeat::take;

impl Watched {
    /// Pings as the queue gives them, taken at an instant.
    fn takes(&mut self, beats: &[Beat], when: &str) -> Vec<Transition> {
        let open: Vec<Slot> = self.slots.iter().filter(|slot| !slot.settled).cloned().collect();
        let advanced = take(&self.heartbeat, self.state.as_ref(), &open, beats, at(when));
        self.write(advanced)
    }
}

#[test]
fn pings_that_come_again_after_an_outage_tell_nobody_what_the_next_one_may_deny() {
    let mut watched =
        Watched::loaded(Heartbeat { schedule: Schedule::Every(minutes(10)), grace: minutes(5), ..hourly() }, "08:00");
    watched.ping(BeatKind::Success, "08:10");
    // Nothing was evaluated until 09:00; then messages come one by one.
    for sent in ["08:20", "08:30", "08:40", "08:50"] {
        assert_eq!(watched.takes(&[told(BeatKind::Success, at(sent))], "09:00"), [], "{sent}");
    }
    watched.tick("09:01");
    assert_eq!(watched.told(), []);
    // What is missing then is told by the evaluation.
    assert_eq!(watched.takes(&[told(BeatKind::Log, at("09:06"))], "09:06"), []);
    watched.tick("09:06");
    assert_eq!(watched.status(), Status::Down);
}

#[test]
fn while_pings_are_waited_for_one_of_them_does_not_end_the_waiting() {
    let mut watched = Watched::loaded(hourly(), "08:00");
    let waiting = Reading::Waiting { until: at("09:26"), why: "nothing was evaluated for 45 min".to_owned() };
    assert_eq!(watched.step(&waiting, at("09:20")), []);
    watched.takes(&[of_run(BeatKind::Start, at("08:50"), "a")], "09:21");
    assert_eq!(watched.step(&waiting, at("09:21")), []);
    watched.takes(&[of_run(BeatKind::Success, at("08:55"), "a")], "09:22");
    watched.step(&Reading::Seen { beats: Vec::new(), note: None }, at("09:27"));
    assert_eq!(watched.told(), []);
}

#[test]
fn a_run_that_was_killed_and_started_again_under_another_id_serves_its_nominal_time() {
    let nightly = Heartbeat { schedule: cron("0 * * * *", "UTC"), ..hourly() };
    let mut watched = Watched::loaded(nightly, "07:30");
    watched.ping_run(BeatKind::Start, "2026-11-22T08:00:05Z", "a");
    watched.ping_run(BeatKind::Start, "08:03", "b");
    watched.ping_run(BeatKind::Success, "08:05", "b");
    watched.tick("08:11");
    assert_eq!((watched.told(), watched.slot("08:00").status), (vec![], SlotStatus::Done));
}

#[test]
fn a_run_that_was_too_fast_is_one_failure_however_often_it_is_read() {
    let mut watched = Watched::loaded(Heartbeat { min_runtime: Some(minutes(1)), fail_after: 2, ..hourly() }, "08:00");
    let row = Beat {
        started_at: Some(at("08:10")),
        run: Some("7".to_owned()),
        ..Beat::found(BeatKind::Success, at("2026-11-22T08:10:02Z"))
    };
    for minute in ["08:11", "08:12", "08:13"] {
        watched.sees(vec![row.clone()], minute);
    }
    assert_eq!(watched.told(), []);
}

#[test]
fn of_every_a_run_under_way_is_the_one_that_is_expected() {
    let often = Heartbeat { schedule: Schedule::Every(minutes(10)), start_grace: Some(minutes(5)), ..hourly() };
    let mut watched = Watched::loaded(often, "08:00");
    watched.ping_run(BeatKind::Success, "2026-11-22T08:01:30Z", "1");
    watched.ping_run(BeatKind::Start, "2026-11-22T08:10:30Z", "2");
    watched.tick("08:17");
    assert_eq!(watched.told(), []);
}

#[test]
fn a_start_is_not_for_a_nominal_time_whose_grace_is_over() {
    let hours = Heartbeat { schedule: cron("0 * * * *", "UTC"), start_grace: Some(minutes(5)), ..hourly() };
    let mut watched = Watched::loaded(hours, "08:30");
    watched.sees(vec![of_run(BeatKind::Start, at("2026-11-22T10:00:05Z"), "a")], "2026-11-22T10:00:10Z");
    watched.ping_run(BeatKind::Success, "10:07", "a");
    assert_eq!(watched.slot("10:00").status, SlotStatus::Done);
}

#[test]
fn what_was_down_while_nothing_was_evaluated_was_down_from_the_first_that_was_missed() {
    let mut watched = Watched::loaded(Heartbeat { schedule: cron("0 * * * *", "UTC"), ..hourly() }, "08:02");
    watched.tick("13:30");
    watched.ping(BeatKind::Success, "14:05");
    let told = watched.told();
    assert!(told.last().is_some_and(|(firing, said)| !firing && said.contains("back after 4h 55m")), "{told:?}");
}

#[test]
fn two_clocks_may_date_the_beginning_of_a_run_after_its_end() {
    let mut watched = Watched::loaded(Heartbeat { max_runtime: Some(minutes(30)), ..hourly() }, "08:00");
    watched.ping_run(BeatKind::Start, "2026-11-22T08:10:01Z", "a");
    watched.sees(vec![of_run(BeatKind::Success, at("2026-11-22T08:10:00Z"), "a")], "2026-11-22T08:10:01Z");
    watched.tick("08:41");
    assert_eq!(watched.told(), []);
}
