//! Which cycles there are, and their names.

use proptest::prelude::*;

use super::*;
use crate::upstream::alike::two_alike;
use crate::upstream::cycles::{MOST_CYCLES, after, expected, name, spoken, too_many_in};

fn every(length: SignedDuration) -> Schedule {
    Schedule::every(length).expect("a length in range")
}

#[test]
fn a_window_has_every_nominal_time_in_it_and_no_other() {
    let gfs = gfs();
    let of = |from, to| expected("gfs", &gfs.schedule, at(from), at(to)).expect("few cycles");
    assert_eq!(of("21T06:00", "22T06:00"), ["21T06:00", "21T12:00", "21T18:00", "22T00:00", "22T06:00"].map(at));
    assert_eq!(of("22T06:01", "22T11:59"), []);
    assert_eq!(of("22T12:00", "22T06:00"), []);
}

#[test]
fn cycles_every_ten_minutes_are_the_same_whoever_asks_and_whenever() {
    let schedule = every(minutes(10));
    let of = |from, to| expected("nowcast", &schedule, at(from), at(to)).expect("few cycles");
    assert_eq!(of("22T06:03", "22T06:31"), ["22T06:10", "22T06:20", "22T06:30"].map(at));
    assert_eq!(of("22T06:10", "22T06:20"), ["22T06:10", "22T06:20"].map(at));
    assert_eq!(after(&schedule, at("22T06:10")), Some(at("22T06:20")));
}

#[test]
fn a_window_with_absurdly_many_cycles_is_refused_with_its_length() {
    let schedule = every(minutes(1));
    let refused = expected("nowcast", &schedule, at("01T00:00"), at("30T00:00")).expect_err("41,760 cycles");
    let said = refused.to_string();
    assert!(said.contains("`nowcast`") && said.contains("4w 1d") && said.contains("20000"), "{said}");
    let most = at("01T00:00").saturating_add(minutes(MOST_CYCLES as i64 - 1)).expect("an instant");
    assert_eq!(expected("nowcast", &schedule, at("01T00:00"), most).map(|cycles| cycles.len()), Ok(MOST_CYCLES));
}

#[test]
fn a_window_that_may_have_too_many_cycles_is_known_before_anybody_asks_for_it() {
    let cron = |text: &str| Schedule::cron(text, TimeZone::UTC).expect("a schedule");
    let month = hours(31 * 24);
    for schedule in [every(minutes(1)), every(minutes(2)), cron("* * * * *"), cron("*/2 * * * *"), cron("* 0-21 * * *")]
    {
        let shortest = too_many_in(&schedule, month).expect("too many in a month");
        for start in ["01T00:00", "10T13:37"].map(at) {
            let until = |length: SignedDuration| start.saturating_add(length).expect("an instant");
            assert!(expected("x", &schedule, start, until(month)).is_err());
            assert!(expected("x", &schedule, start, until(shortest - minutes(1))).is_ok(), "{schedule:?} {shortest}");
        }
        assert_eq!(too_many_in(&schedule, shortest), Some(shortest));
        assert_eq!(too_many_in(&schedule, shortest - minutes(1)), None);
    }
    for schedule in [every(minutes(3)), cron("*/2 * * * mon-fri"), cron("0 * * * *"), cron("* * 1 1 *")] {
        assert_eq!(too_many_in(&schedule, month), None, "{schedule:?}");
    }
}

#[test]
fn cycles_are_called_as_people_and_files_call_them() {
    assert_eq!(
        (name(at("22T06:00")), spoken("gfs", at("22T06:00"))),
        ("2026112206".into(), "gfs 06Z of 22 Nov".into())
    );
    assert_eq!(name(at("02T06:10")), "202611020610");
    assert_eq!(spoken("nowcast", at("02T06:10")), "nowcast 06:10Z of 2 Nov");
}

proptest! {
    #[test]
    fn cycles_that_are_written_to_the_minute_are_never_alike_and_those_without_a_time_always(step in 1..50_000_i64) {
        let schedule = every(minutes(step));
        let alike = |key: &str| two_alike(&schedule, &[KeyPattern::read(key).expect("a pattern")]);
        prop_assert_eq!(alike("{yyyy}/{jjj}/x_{hh}{min}_{000..384..3}*"), None);
        let (one, other) = alike("latest/{000..384..3}*").expect("the same for all");
        prop_assert_eq!(after(&schedule, one), Some(other));
    }

    #[test]
    fn windows_that_tile_a_time_have_its_cycles_once_each(start in 0..40_000_i64, cuts in prop::collection::vec(1..4_000_i64, 1..6), step in 1..700_i64) {
        let schedule = every(minutes(step));
        let minute = |count: i64| Timestamp::from_second(1_790_000_000 + count * 60 + 17).expect("an instant");
        let mut edges = vec![start];
        edges.extend(cuts.iter().scan(start, |edge, cut| { *edge += cut; Some(*edge) }));
        let whole = expected("x", &schedule, minute(start), minute(*edges.last().unwrap_or(&start))).expect("few cycles");
        let tiles: Vec<Timestamp> = edges
            .windows(2)
            .flat_map(|edge| expected("x", &schedule, minute(edge[0]), minute(edge[1])).expect("few cycles"))
            .collect();
        prop_assert_eq!(whole, tiles);
    }
}
