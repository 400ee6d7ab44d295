//! Clocks that are set, leap days, business hours and maintenance.

use super::*;
use crate::hours::Hours;
use crate::silence::{Recurrence, Written};
use BeatKind::Success;

fn slots(text: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let heartbeat = Heartbeat { schedule: cron(text, zone), ..hourly() };
    let mut found = Vec::new();
    let mut after = at(from);
    for _ in 0..count {
        after = heartbeat.next_slot(after).expect("a slot");
        found.push(after.to_string());
    }
    found
}

#[test]
fn a_slot_that_the_clock_skips_comes_when_it_has_skipped_it() {
    // New York skips 02:00 to 03:00 on 2026-03-08, Berlin on 2026-03-29.
    let found = slots("30 2 * * *", "America/New_York", "2026-03-07T00:00:00Z", 3);
    assert_eq!(found, ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
    let found = slots("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
    assert_eq!(found, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn a_slot_that_the_clock_shows_twice_comes_once() {
    // New York shows 01:00 to 02:00 twice on 2026-11-01, Berlin 02:00 to 03:00 on 2026-10-25.
    let found = slots("30 1 * * *", "America/New_York", "2026-10-31T00:00:00Z", 3);
    assert_eq!(found, ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    let found = slots("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3);
    assert_eq!(found, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn every_hour_is_every_hour_whatever_the_clock_shows() {
    for (zone, from, spring) in [
        ("America/New_York", "2026-11-01T03:30:00Z", false),
        ("America/New_York", "2026-03-08T04:30:00Z", true),
        ("Europe/Berlin", "2026-10-24T22:30:00Z", false),
        ("Europe/Berlin", "2026-03-28T22:30:00Z", true),
    ] {
        let found = slots("0 * * * *", zone, from, 6);
        let instants: Vec<Timestamp> = found.iter().map(|text| text.parse().expect("an instant")).collect();
        let hourly = instants.windows(2).all(|pair| pair[1].duration_since(pair[0]) == minutes(60));
        assert!(hourly, "{zone}, spring {spring}: {found:?}");
    }
}

#[test]
fn on_the_days_on_which_clocks_are_set_nothing_is_missed_and_nothing_is_late() {
    for (zone, day) in [
        ("America/New_York", "2026-03-08"),
        ("America/New_York", "2026-11-01"),
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
    ] {
        for text in ["30 2 * * *", "30 1 * * *", "*/30 * * * *"] {
            let heartbeat = Heartbeat { schedule: cron(text, zone), grace: minutes(5), ..hourly() };
            let mut watched = Watched::new(heartbeat.clone());
            let begin: Timestamp = format!("{day}T00:00:00Z").parse().expect("an instant");
            let mut now = begin - minutes(2 * 60);
            while now < begin + minutes(27 * 60) {
                // The job runs when the clock says so, and says so a minute later.
                let due = heartbeat.last_slot(now).is_some_and(|slot| now.duration_since(slot) == minutes(1));
                let beats = if due { vec![told(Success, now)] } else { Vec::new() };
                watched.step(&Reading::Seen { beats, note: None }, now);
                now += minutes(1);
            }
            assert!(watched.told().is_empty(), "{zone} {day} {text}: {:?}", watched.told());
            let open = watched.slots.iter().filter(|slot| slot.status != SlotStatus::Done).count();
            assert_eq!(open, 1, "{zone} {day} {text}: only the coming slot is open");
        }
    }
}

#[test]
fn a_leap_day_is_a_day() {
    let found = slots("0 6 29 2 *", "UTC", "2026-11-22T00:00:00Z", 2);
    assert_eq!(found, ["2028-02-29T06:00:00Z", "2032-02-29T06:00:00Z"]);
    let found = slots("0 6 * * *", "UTC", "2028-02-28T00:00:00Z", 3);
    assert_eq!(found, ["2028-02-28T06:00:00Z", "2028-02-29T06:00:00Z", "2028-03-01T06:00:00Z"]);
}

fn market() -> Calendar {
    let open = vec!["mon-fri 09:30-16:00".parse().expect("a shift")];
    let zone = hours::timezone("America/New_York").expect("a zone");
    Calendar { hours: Some(Hours::new(zone, open, Default::default())), maintenance: Vec::new() }
}

#[test]
fn nothing_is_expected_outside_business_hours() {
    // The market of Friday 2026-11-20 closes at 21:00Z and opens on Monday at 14:30Z.
    let heartbeat =
        Heartbeat { schedule: Schedule::Every(minutes(5)), grace: minutes(10), calendar: market(), ..hourly() };
    let mut watched = Watched::loaded(heartbeat, "2026-11-20T20:00:00Z");
    watched.ping(Success, "2026-11-20T20:58:00Z");
    for when in ["2026-11-20T21:30:00Z", "2026-11-21T12:00:00Z", "2026-11-23T14:44:00Z"] {
        watched.tick(when);
        assert!(watched.told().is_empty(), "{when}: {:?}", watched.told());
    }
    watched.tick("2026-11-23T14:45:00Z");
    assert_eq!(watched.told().len(), 1, "five minutes to beat and ten of grace after it opened");
}

#[test]
fn slots_outside_business_hours_and_in_maintenance_do_not_exist() {
    let hours = Heartbeat { schedule: cron("0 * * * *", "UTC"), calendar: market(), ..hourly() };
    let next = |heartbeat: &Heartbeat, after: &str| heartbeat.next_slot(at(after)).map(|slot| slot.to_string());
    assert_eq!(next(&hours, "2026-11-20T20:00:00Z").as_deref(), Some("2026-11-23T15:00:00Z"));
    let written = |cron: &str| Written { cron: cron.into(), duration: "3h".into(), timezone: "UTC".into() };
    let window = Recurrence::read(written("30 1 * * *")).expect("a window");
    let calendar = Calendar { hours: None, maintenance: vec![window] };
    let maintained = Heartbeat { schedule: cron("0 * * * *", "UTC"), calendar, ..hourly() };
    assert_eq!(next(&maintained, "01:00").as_deref(), Some("2026-11-22T05:00:00Z"));
    // What was due just before waits until it is over.
    assert_eq!(maintained.deadline(at("01:00")), Some(at("01:10")));
    let long = Heartbeat { grace: minutes(45), ..maintained };
    assert_eq!(long.deadline(at("01:00")), Some(at("05:15")));
}
