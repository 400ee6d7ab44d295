//! What holds whatever happens: two evaluators are one, and how often anybody looks does not matter.

use super::*;
use BeatKind::{Fail, Success};
use proptest::prelude::*;

proptest! {
    #[test]
    fn two_evaluations_at_one_instant_are_one(gaps in proptest::collection::vec((1i64..400, any::<bool>()), 1..40)) {
        let (mut once, mut twice) = (Watched::new(gfs()), Watched::new(gfs()));
        let mut now = at("00:00");
        for (gap, beats) in gaps {
            now += minutes(gap);
            let reading = match beats {
                true => Reading::Seen { beats: vec![Beat::found(Success, now)], note: None },
                false => Reading::Unread,
            };
            once.step(&reading, now);
            twice.step(&reading, now);
            let again = twice.step(&reading, now);
            prop_assert!(again.is_empty(), "{again:?}");
        }
        prop_assert_eq!(&once.slots, &twice.slots);
        prop_assert_eq!(&once.state, &twice.state);
        prop_assert_eq!(once.transitions, twice.transitions);
    }

    #[test]
    fn whoever_fails_is_down_until_a_success(fails in 1u32..5, minutes_between in 1i64..30) {
        let mut watched = Watched::loaded(Heartbeat { fail_after: fails, ..hourly() }, "00:00");
        let mut now = at("00:00");
        for _ in 0..fails {
            prop_assert_ne!(watched.status(), Status::Down);
            now += minutes(minutes_between.min(60 / i64::from(fails)));
            watched.step(&Reading::Seen { beats: vec![told(Fail, now)], note: None }, now);
        }
        prop_assert_eq!(watched.status(), Status::Down);
        now += minutes(1);
        watched.step(&Reading::Seen { beats: vec![told(Success, now)], note: None }, now);
        prop_assert_eq!(watched.status(), Status::Up);
    }
}

proptest! {
    // Each case is two days of minutes, twice.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn missed_evaluations_change_neither_what_is_missing_nor_when(
        ticks in proptest::collection::btree_set(1i64..2880, 0..200),
        successes in proptest::collection::btree_set(1i64..2880, 0..20),
    ) {
        // One evaluates each minute, the other now and then; pings come to both at once.
        let (mut each, mut some) = (Watched::new(gfs()), Watched::new(gfs()));
        let begin = at("00:30");
        each.step(&Reading::Unread, begin);
        some.step(&Reading::Unread, begin);
        for minute in 1..=2880 {
            let now = begin + minutes(minute);
            if successes.contains(&minute) {
                let reading = Reading::Seen { beats: vec![told(Success, now)], note: None };
                // Whoever has not looked since the deadline passed must not page for what has come meanwhile.
                each.step(&reading, now);
                some.step(&reading, now);
            } else {
                each.step(&Reading::Unread, now);
                if ticks.contains(&minute) || minute == 2880 {
                    some.step(&Reading::Unread, now);
                }
            }
        }
        prop_assert_eq!(each.status(), some.status());
        prop_assert_eq!(each.deadline(), some.deadline());
        prop_assert!(some.told().len() <= each.told().len());
        prop_assert_eq!(each.state.map(|state| state.last_success_at), some.state.map(|state| state.last_success_at));
    }
}
