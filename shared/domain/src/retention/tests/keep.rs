//! How long rows are kept: what is read, and what is older.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::{BadKeep, Keep};
use super::at;

#[test]
fn years_and_months_are_steps_of_the_calendar_as_in_postgres() {
    for (keep, now, cutoff) in [
        ("2y", "2026-11-22T10:00:00Z", "2024-11-22T10:00:00Z"),
        ("1y", "2024-02-29T12:00:00Z", "2023-02-28T12:00:00Z"),
        ("6mo", "2026-08-31T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("1mo", "2026-03-31T23:59:59Z", "2026-02-28T23:59:59Z"),
        ("90d", "2026-11-22T10:00:00Z", "2026-08-24T10:00:00Z"),
        ("30d12h", "2026-11-22T10:00:00Z", "2026-10-22T22:00:00Z"),
        ("1y1mo1w1d1h1m1s", "2026-11-22T10:00:00Z", "2025-10-14T08:58:59Z"),
        // Nobody's clock changes in UTC.
        ("1d", "2026-03-29T12:00:00Z", "2026-03-28T12:00:00Z"),
    ] {
        let keep = Keep::read(keep).expect(keep);
        assert_eq!(keep.cutoff(at(now)), Ok(at(cutoff)), "{keep} before {now}");
    }
}

#[test]
fn what_can_be_meant_two_ways_is_refused() {
    for text in ["", "2", "y", "1mo1y", "1y1y", "-1y", "1.5y", "2 y", "6M", "2years", "1y 6mo", "١y"] {
        assert_eq!(Keep::read(text), Err(BadKeep::Unreadable(text.to_owned())), "{text}");
    }
}

#[test]
fn nothing_is_kept_longer_than_a_hundred_years() {
    assert!(Keep::read("100y").is_ok() && Keep::read("36500d").is_ok());
    for text in
        ["101y", "100y1mo", "100y1s", "1201mo", "36501d", "99999999999999999999y", "9223372036854775807w", "50y18300d"]
    {
        assert_eq!(Keep::read(text), Err(BadKeep::TooLong(text.to_owned())), "{text}");
    }
}

#[test]
fn before_the_year_one_nothing_is_cut_off() {
    let told = Keep::read("100y").expect("it is right").cutoff(at("0050-01-01T00:00:00Z"));
    assert!(told.is_err_and(|error| error.to_string().contains("before the year 1")));
}

fn keeps() -> impl Strategy<Value = Keep> {
    (0..40_u16, 0..24_u16, 0..4_000_u16, 0..48_u16).prop_map(|(years, months, days, hours)| {
        Keep::read(&format!("{years}y{months}mo{days}d{hours}h")).expect("read")
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(keep in keeps()) {
        prop_assert_eq!(Keep::read(&keep.to_string()), Ok(keep));
    }

    #[test]
    fn a_row_stays_at_least_as_long_as_the_shortest_months_are(keep in keeps(), second in 0_i64..4_000_000_000) {
        let now = jiff::Timestamp::from_second(second).expect("an instant");
        let kept = now.duration_since(keep.cutoff(now).expect("a cutoff"));
        prop_assert!(kept >= keep.at_least(), "{keep}: {kept:?}");
    }

    #[test]
    fn whoever_keeps_longer_keeps_more(keep in keeps(), more in 1_i64..1_000, second in 0_i64..4_000_000_000) {
        let now = jiff::Timestamp::from_second(second).expect("an instant");
        let longer = Keep { length: keep.length + SignedDuration::from_hours(more), ..keep };
        prop_assert!(longer.cutoff(now).expect("a cutoff") < keep.cutoff(now).expect("a cutoff"));
    }
}
