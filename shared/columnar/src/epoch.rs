//! Postgres counts from 2000-01-01, Parquet from 1970-01-01.
//!
//! Postgres has ±infinity at the ends of its range (`DT_NOBEGIN`, `DT_NOEND`, `DATEVAL_NOBEGIN`, `DATEVAL_NOEND`); here
//! they are ±MAX, which DuckDB reads as infinite.
//! <https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/datatype/timestamp.h>

/// From 1970-01-01 to 2000-01-01, in microseconds.
const MICROS: i64 = 946_684_800_000_000;
/// The same in days.
const DAYS: i32 = 10_957;

/// Microseconds since 1970; `None` where they do not fit or would read as infinite (years after 294246).
pub(crate) fn timestamp_to_parquet(postgres: i64) -> Option<i64> {
    match postgres {
        i64::MAX => Some(i64::MAX),
        i64::MIN => Some(-i64::MAX),
        finite => finite.checked_add(MICROS).filter(|unix| unix.unsigned_abs() < i64::MAX.unsigned_abs()),
    }
}

/// What [`timestamp_to_parquet`] was given; `None` for a number that it never gives.
pub(crate) fn timestamp_from_parquet(unix: i64) -> Option<i64> {
    match unix {
        i64::MAX => Some(i64::MAX),
        i64::MIN => None,
        unix if unix == -i64::MAX => Some(i64::MIN),
        unix => unix.checked_sub(MICROS).filter(|finite| *finite != i64::MIN),
    }
}

/// Days since 1970; `None` where they do not fit or would read as infinite.
pub(crate) fn date_to_parquet(postgres: i32) -> Option<i32> {
    match postgres {
        i32::MAX => Some(i32::MAX),
        i32::MIN => Some(-i32::MAX),
        finite => finite.checked_add(DAYS).filter(|unix| unix.unsigned_abs() < i32::MAX.unsigned_abs()),
    }
}

/// What [`date_to_parquet`] was given; `None` for a number that it never gives.
pub(crate) fn date_from_parquet(unix: i32) -> Option<i32> {
    match unix {
        i32::MAX => Some(i32::MAX),
        i32::MIN => None,
        unix if unix == -i32::MAX => Some(i32::MIN),
        unix => unix.checked_sub(DAYS).filter(|finite| *finite != i32::MIN),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days_and_instants_are_where_they_belong() {
        // 2000-01-01 and the last instant of 1969.
        assert_eq!(timestamp_to_parquet(0), Some(946_684_800_000_000));
        assert_eq!(timestamp_to_parquet(-MICROS - 1), Some(-1));
        assert_eq!(date_to_parquet(0), Some(10_957));
        assert_eq!(date_to_parquet(-10_957), Some(0));
    }

    #[test]
    fn a_year_that_would_overflow_or_read_as_infinite_is_refused() {
        for postgres in [i64::MAX - 1, i64::MAX - MICROS, i64::MAX - MICROS + 1] {
            assert_eq!(timestamp_to_parquet(postgres), None);
        }
        assert_eq!(timestamp_to_parquet(i64::MAX - MICROS - 1), Some(i64::MAX - 1));
        assert_eq!(date_to_parquet(i32::MAX - DAYS), None);
    }

    proptest! {
        #[test]
        fn what_is_carried_comes_back(
            instant in prop_oneof![any::<i64>(), Just(i64::MAX), Just(i64::MIN), Just(i64::MIN + 1)],
            day in prop_oneof![any::<i32>(), Just(i32::MAX), Just(i32::MIN), Just(i32::MIN + 1)],
        ) {
            if let Some(unix) = timestamp_to_parquet(instant) {
                prop_assert_eq!(timestamp_from_parquet(unix), Some(instant));
            }
            if let Some(unix) = date_to_parquet(day) {
                prop_assert_eq!(date_from_parquet(unix), Some(day));
            }
        }
    }
}
