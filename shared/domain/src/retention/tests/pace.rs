//! The pace of deletes and what cold storage saves.

use jiff::SignedDuration;

use super::super::{GLACIER_FLEXIBLE, GLACIER_INSTANT, Limits, Pace, Pressure, pace, saving};

const fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn look(pressure: Pressure, waited: i64) -> Pace {
    pace(&pressure, &Limits::default(), seconds(waited))
}

#[test]
fn a_quiet_database_is_not_waited_for_and_neither_is_one_that_says_nothing() {
    assert_eq!(look(Pressure::default(), 0), Pace::Go);
    let limits = Limits::default();
    let just = Pressure {
        replication_lag: Some(limits.replication_lag),
        waiting_for_us: limits.waiting_for_us,
        oldest_transaction: Some(limits.oldest_transaction),
    };
    assert_eq!(look(just, 0), Pace::Go);
    assert_eq!(look(just, 600), Pace::Go, "what was too much is over");
}

#[test]
fn each_pressure_is_waited_for_by_name() {
    for (pressure, name) in [
        (Pressure { waiting_for_us: 1, ..Pressure::default() }, "sessions wait for a lock of ours: 1"),
        (
            Pressure { replication_lag: Some(seconds(31)), ..Pressure::default() },
            "a replica is 31s behind, more than 30s",
        ),
        (
            Pressure { oldest_transaction: Some(seconds(1801)), ..Pressure::default() },
            "another transaction has been open for 30m 1s, more than 30m",
        ),
    ] {
        assert_eq!(look(pressure, 0), Pace::Wait { for_: seconds(1), why: name.to_owned() });
        assert_eq!(look(pressure, 120), Pace::Stop { why: format!("{name}, for 2m") });
    }
}

#[test]
fn waits_grow_and_end_when_the_patience_does() {
    let pressure = Pressure { waiting_for_us: 2, ..Pressure::default() };
    let (mut waited, mut last) = (SignedDuration::ZERO, SignedDuration::ZERO);
    let mut looks = 0;
    while let Pace::Wait { for_, .. } = pace(&pressure, &Limits::default(), waited) {
        assert!(for_ >= last || waited + for_ == Limits::default().patience, "{for_:?} after {last:?}");
        (waited, last, looks) = (waited + for_, for_, looks + 1);
    }
    assert_eq!(waited, Limits::default().patience);
    assert!((5..=20).contains(&looks), "{looks}");
}

#[test]
fn a_terabyte_saves_what_the_price_lists_say() {
    let terabyte = 1_u64 << 40;
    let monthly = saving(terabyte, terabyte / 4, 2_000, GLACIER_INSTANT);
    assert!((monthly - (1_024.0 * 0.115 - 256.0 * 0.004)).abs() < 1e-9, "{monthly}");
    assert!(saving(terabyte, terabyte / 4, 2_000, GLACIER_FLEXIBLE) > monthly);
}

#[test]
fn objects_that_are_too_small_cost_more_than_their_rows() {
    assert!(saving(1_000, 200, 1, GLACIER_INSTANT) < 0.0);
    assert!(saving(0, 0, 0, GLACIER_INSTANT).abs() < f64::EPSILON);
}
