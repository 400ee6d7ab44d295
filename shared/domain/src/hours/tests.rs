//! Business hours over nights, weeks, holidays, and the days on which clocks are set.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Hours, Shift, timezone, timezones};

fn hours(zone: &str, open: &[&str], closed: &[&str]) -> Hours {
    let open = open.iter().map(|text| text.parse().expect(text)).collect();
    let closed: BTreeSet<_> = closed.iter().map(|text| text.parse().expect(text)).collect();
    Hours::new(timezone(zone).expect(zone), open, closed)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// Asserts for each instant whether somebody is there.
fn assert_open(hours: &Hours, expected: &[(&str, bool)]) {
    for (instant, open) in expected {
        assert_eq!(hours.is_open(at(instant)), *open, "{instant}");
    }
}

#[test]
fn a_market_is_open_from_its_first_minute_to_its_last() {
    let market = hours("America/New_York", &["mon-fri 09:30-16:00"], &["2026-12-25"]);
    assert_open(
        &market,
        &[
            ("2026-11-23T14:29:59.999Z", false),
            ("2026-11-23T14:30:00Z", true),
            ("2026-11-23T20:59:59.999Z", true),
            ("2026-11-23T21:00:00Z", false),
            ("2026-11-22T15:00:00Z", false), // a Sunday
            ("2026-12-24T15:00:00Z", true),
            ("2026-12-25T15:00:00Z", false), // a closed date
            ("2026-07-01T13:30:00Z", true),  // an hour earlier in summer
        ],
    );
    assert_eq!(market.next_change(at("2026-12-24T22:00:00Z")), Some(at("2026-12-28T14:30:00Z")), "over Christmas");
    assert_eq!(market.next_change(at("2026-12-24T15:00:00Z")), Some(at("2026-12-24T21:00:00Z")));
}

#[test]
fn a_night_shift_belongs_to_the_day_on_which_it_begins() {
    let nights = hours("UTC", &["fri-mon 22:00-06:00"], &["2026-11-22"]);
    assert_open(
        &nights,
        &[
            ("2026-11-20T21:59:00Z", false),
            ("2026-11-20T22:00:00Z", true), // Friday evening
            ("2026-11-21T05:59:59Z", true),
            ("2026-11-21T06:00:00Z", false),
            ("2026-11-22T05:00:00Z", true),  // Saturday's shift ends on the closed Sunday
            ("2026-11-22T23:00:00Z", false), // the closed Sunday's own shift
            ("2026-11-23T01:00:00Z", false), // and what of it would be on Monday
            ("2026-11-24T05:00:00Z", true),  // Monday's shift ends on Tuesday
            ("2026-11-24T23:00:00Z", false),
        ],
    );
}

#[test]
fn lists_of_days_and_the_end_of_the_day_are_understood() {
    let mixed = hours("UTC", &["Mon,WED 9:00-12:00", "sat 10:00-24:00"], &[]);
    assert_open(
        &mixed,
        &[
            ("2026-11-23T09:00:00Z", true),
            ("2026-11-24T09:00:00Z", false),
            ("2026-11-25T11:59:00Z", true),
            ("2026-11-28T23:59:59Z", true),
            ("2026-11-29T00:00:00Z", false),
        ],
    );
}

#[test]
fn who_is_always_there_never_changes() {
    let always = hours("Europe/Berlin", &["mon-sun 00:00-24:00"], &[]);
    assert_open(&always, &[("2026-03-29T01:00:00Z", true), ("2026-10-25T01:00:00Z", true)]);
    assert_eq!(always.next_change(at("2026-03-28T12:00:00Z")), None);
}

#[test]
fn an_hour_that_clocks_skip_is_nobodys() {
    // Berlin goes from 02:00 to 03:00 at 01:00Z, New York at 07:00Z.
    for (zone, day, skip) in [
        ("Europe/Berlin", "2026-03-29", "2026-03-29T01:00:00Z"),
        ("America/New_York", "2026-03-08", "2026-03-08T07:00:00Z"),
    ] {
        let skip = at(skip);
        let minutes = |count| skip + SignedDuration::from_mins(count);
        let within = hours(zone, &["sun 02:15-02:45"], &[]);
        assert!((-60..120).all(|count| !within.is_open(minutes(count))), "{zone} {day}");
        let into = hours(zone, &["sun 01:00-02:30"], &[]);
        assert!(into.is_open(minutes(-1)) && !into.is_open(skip));
        assert_eq!(into.next_change(minutes(-30)), Some(skip), "it ends when the clock is past its end");
        let out_of = hours(zone, &["sun 02:30-04:00"], &[]);
        assert!(!out_of.is_open(minutes(-1)) && out_of.is_open(skip));
        assert_eq!(out_of.next_change(minutes(-30)), Some(skip));
        assert_eq!(out_of.next_change(skip), Some(minutes(60)));
    }
}

#[test]
fn an_hour_that_clocks_show_twice_is_open_twice() {
    // Berlin shows 02:00 to 03:00 twice from 00:00Z on, New York 01:00 to 02:00 from 05:00Z on.
    for (zone, hour, first) in
        [("Europe/Berlin", "02", "2026-10-25T00:00:00Z"), ("America/New_York", "01", "2026-11-01T05:00:00Z")]
    {
        let first = at(first);
        let minutes = |count| first + SignedDuration::from_mins(count);
        let shift = hours(zone, &[&format!("sun {hour}:15-{hour}:45")], &[]);
        let open: Vec<i64> = (0..150).step_by(15).filter(|count| shift.is_open(minutes(*count))).collect();
        assert_eq!(open, [15, 30, 75, 90], "{zone}");
        let mut changes = Vec::new();
        let mut now = first;
        while let Some(change) = shift.next_change(now).filter(|change| *change < minutes(180)) {
            changes.push(change);
            now = change;
        }
        assert_eq!(changes, [15, 45, 75, 105].map(minutes), "{zone}");
    }
}

#[test]
fn what_is_no_shift_is_refused_with_the_reason() {
    for (text, why) in [
        ("", "is not one list of days"),
        ("mon-fri", "is not one list of days"),
        ("mon - fri 09:00-17:00", "is not one list of days"),
        ("mon-fry 09:00-17:00", "has no day `fry`"),
        ("monday 09:00-17:00", "has no day `monday`"),
        ("mon, 09:00-17:00", "has no day ``"),
        ("mon 09:00", "has no range of hours in `09:00`"),
        ("mon 9-17", "has no time of day in `9`"),
        ("mon 09:60-17:00", "has no time of day in `09:60`"),
        ("mon 09:00-24:01", "has no time of day in `24:01`"),
        ("mon 09:00-+7:00", "has no time of day in `+7:00`"),
        ("mon 09:00-09:00", "begins when it ends"),
        ("mon 24:00-06:00", "begins at 24:00"),
    ] {
        let error = text.parse::<Shift>().expect_err(text).to_string();
        assert!(error.contains(why) && error.contains("mon-fri 09:30-16:00"), "{error}");
    }
    assert!(timezone("America/NewYork").is_err());
    assert!(timezones().iter().any(|name| name == "America/New_York"));
}

fn some_shift() -> impl Strategy<Value = Shift> {
    (0..7usize, 0..7usize, 0..1440u32, 1..=1440u32).prop_filter_map("it would be empty", |(first, last, from, to)| {
        let day = |index: usize| ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][index];
        let time = |minutes: u32| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!("{}-{} {}-{}", day(first), day(last), time(from), time(to)).parse().ok()
    })
}

fn some_hours() -> impl Strategy<Value = Hours> {
    let zones =
        ["America/New_York", "Europe/Berlin", "UTC", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"];
    let shifts = prop::collection::vec(some_shift(), 1..4);
    let closed = prop::collection::vec(0..365i64, 0..5);
    (prop::sample::select(zones.to_vec()), shifts, closed).prop_map(|(zone, open, closed)| {
        let first: jiff::civil::Date = "2026-01-01".parse().expect("a date");
        let closed =
            closed.into_iter().filter_map(|days| first.checked_add(SignedDuration::from_hours(24 * days)).ok());
        Hours::new(timezone(zone).expect(zone), open, closed.collect())
    })
}

proptest! {
    #[test]
    fn nothing_changes_between_two_changes(hours in some_hours(), from in 0..31_536_000i64, part in 0.0..1.0f64) {
        let from = at("2026-01-01T00:00:00Z") + SignedDuration::from_secs(from);
        let open = hours.is_open(from);
        let until = hours.next_change(from).unwrap_or(from + SignedDuration::from_hours(24 * 300));
        prop_assert!(until > from);
        let between = from + SignedDuration::from_secs_f64(until.duration_since(from).as_secs_f64() * part * 0.999_999);
        prop_assert_eq!(hours.is_open(between), open, "{}", between);
    }

    #[test]
    fn a_change_is_one(hours in some_hours(), from in 0..31_536_000i64) {
        let from = at("2026-01-01T00:00:00Z") + SignedDuration::from_secs(from);
        if let Some(change) = hours.next_change(from) {
            prop_assert_ne!(hours.is_open(change), hours.is_open(change - SignedDuration::from_millis(1)));
            prop_assert_ne!(hours.is_open(change), hours.is_open(from));
        }
    }

    #[test]
    fn nobody_is_there_on_a_closed_date_but_from_the_night_before(
        shift in some_shift(), day in 0..365i64, minute in 0..1440i64,
    ) {
        let date = "2026-01-01".parse::<jiff::civil::Date>().expect("a date");
        let date = date.checked_add(SignedDuration::from_hours(24 * day)).expect("a date");
        let eve = date.yesterday().expect("a date");
        let zone = timezone("UTC").expect("UTC");
        let then = date.to_zoned(zone.clone()).expect("midnight").timestamp() + SignedDuration::from_mins(minute);
        prop_assert!(!Hours::new(zone, vec![shift], BTreeSet::from([date, eve])).is_open(then));
    }

    #[test]
    fn no_text_takes_the_parser_down(text in ".{0,40}") {
        let _ = text.parse::<Shift>();
    }
}
