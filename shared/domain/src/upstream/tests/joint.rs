//! When observations of several instruments belong together.

use proptest::prelude::*;

use super::*;
use crate::upstream::joint::{Joint, Readiness};

fn nowcast() -> Joint {
    presets::nowcast().expect("patterns")
}

/// A scan that began so many seconds after the beginning of 22 November, or a mosaic of then.
fn scan(second: i64) -> Object {
    let start = stamp(second).strftime("%Y%j%H%M%S").to_string();
    let hour = stamp(second).strftime("%Y/%j/%H").to_string();
    object(format!("ABI-L2-RRQPEF/{hour}/OR_ABI-L2-RRQPEF-M6_G19_s{start}7_e{start}9_c{start}9.nc"))
}

fn mosaic(second: i64) -> Object {
    let day = stamp(second).strftime("%Y%m%d").to_string();
    let time = stamp(second).strftime("%Y%m%d-%H%M%S").to_string();
    object(format!("CONUS/PrecipRate_00.00/{day}/MRMS_PrecipRate_00.00_{time}.grib2.gz"))
}

fn stamp(second: i64) -> Timestamp {
    at("22T00:00").saturating_add(SignedDuration::from_secs(second)).expect("an instant")
}

fn object(key: String) -> Object {
    Object { key, bytes: 1_000_000, last_modified: None, etag: None }
}

fn ready(scans: &[i64], mosaics: &[i64], cycle: &str) -> Readiness {
    let listings = [scans.iter().map(|s| scan(*s)).collect(), mosaics.iter().map(|s| mosaic(*s)).collect()];
    let next = at(cycle).saturating_add(minutes(10)).expect("an instant");
    nowcast().ready(at(cycle), next, &listings)
}

#[test]
fn a_nowcast_is_ready_with_a_scan_and_the_mosaic_nearest_to_it() {
    // 00:10:20, with mosaics of 00:08, 00:10 and 00:12.
    match ready(&[20, 620, 1_220], &[480, 600, 720], "22T00:10") {
        Readiness::Ready { keys, observed_at } => {
            assert_eq!(observed_at, stamp(620));
            assert_eq!(keys, [scan(620).key, mosaic(600).key]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nowcast_waits_for_the_instrument_that_is_missing_and_names_it() {
    for (scans, mosaics, wanted) in [
        (&[][..], &[600][..], "goes has no observation yet"),
        (&[20][..], &[600][..], "goes has no observation yet"),
        (&[620][..], &[][..], "mrms has no observation yet"),
        // 00:10:20 and 00:05:18 are more than five minutes apart.
        (&[620][..], &[318][..], "the nearest observation of mrms is 5m 2s away"),
    ] {
        assert_eq!(ready(scans, mosaics, "22T00:10").to_string(), wanted);
    }
    assert!(
        matches!(ready(&[620], &[320], "22T00:10"), Readiness::Ready { .. }),
        "five minutes are within five minutes"
    );
}

#[test]
fn observations_beyond_midnight_belong_together() {
    // The scan of 00:00:20 and the mosaic of 23:58 the day before.
    assert!(matches!(ready(&[20], &[-120], "22T00:00"), Readiness::Ready { .. }));
}

#[test]
fn an_observation_of_no_bytes_is_none() {
    let mut empty = scan(620);
    empty.bytes = 0;
    let found = nowcast().ready(at("22T00:10"), at("22T00:20"), &[vec![empty], vec![mosaic(600)]]);
    assert!(matches!(found, Readiness::Waiting { instrument, .. } if instrument == "goes"));
}

proptest! {
    #[test]
    fn what_is_ready_is_of_the_cycle_and_close_to_each_other(
        scans in prop::collection::vec(-2_000..4_000_i64, 0..8),
        mosaics in prop::collection::vec(-2_000..4_000_i64, 0..8),
    ) {
        let possible = scans.iter().any(|scan| {
            (600..1_200).contains(scan) && mosaics.iter().any(|mosaic| (scan - mosaic).abs() <= 300)
        });
        match ready(&scans, &mosaics, "22T00:10") {
            Readiness::Ready { observed_at, .. } => {
                prop_assert!(possible);
                prop_assert!((at("22T00:10")..at("22T00:20")).contains(&observed_at));
            }
            Readiness::Waiting { .. } => prop_assert!(!possible),
        }
    }
}
