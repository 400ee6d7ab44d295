//! Patterns of keys: what they name, and what is wrong with those that are none.

use super::*;
use crate::upstream::pattern::Wanted;

fn pattern(text: &str) -> KeyPattern {
    KeyPattern::read(text).expect("a pattern")
}

fn keys(text: &str, cycle: &str) -> Vec<String> {
    let key = |wanted| match wanted {
        Wanted::Key(key) => key,
        Wanted::Like(pieces) => panic!("no key: {pieces:?}"),
    };
    pattern(text).wanted(at(cycle)).into_iter().map(key).collect()
}

#[test]
fn a_cycle_of_gfs_is_209_files_by_their_real_names() {
    let all: Vec<String> = presets::GFS_KEYS.iter().flat_map(|text| keys(text, "22T06:00")).collect();
    assert_eq!(all.len(), 121 + 88);
    assert_eq!(all[0], "gfs.20261122/06/atmos/gfs.t06z.pgrb2.0p25.f000");
    assert_eq!(all[120], "gfs.20261122/06/atmos/gfs.t06z.pgrb2.0p25.f120");
    assert_eq!(all[121], "gfs.20261122/06/atmos/gfs.t06z.pgrb2.0p25.f123");
    assert_eq!(all[208], "gfs.20261122/06/atmos/gfs.t06z.pgrb2.0p25.f384");
}

#[test]
fn placeholders_are_the_nominal_time_and_ranges_multiply() {
    assert_eq!(
        keys("{yyyy}/{mm}/{dd}/{jjj}/{hh}{min}/m{1..2}.f{08..10..1}", "02T06:10"),
        [
            "2026/11/02/306/0610/m1.f08",
            "2026/11/02/306/0610/m1.f09",
            "2026/11/02/306/0610/m1.f10",
            "2026/11/02/306/0610/m2.f08",
            "2026/11/02/306/0610/m2.f09",
            "2026/11/02/306/0610/m2.f10",
        ]
    );
    assert_eq!(keys("{8..10..2}", "02T06:00"), ["8", "10"]);
}

#[test]
fn what_is_listed_is_what_all_keys_of_a_cycle_begin_with() {
    let gfs = pattern(presets::GFS_KEYS[0]);
    assert_eq!(gfs.prefix(at("22T06:00")), "gfs.20261122/06/atmos/gfs.t06z.pgrb2.0p25.f");
    let goes = pattern(presets::GOES_KEYS);
    let searched = goes.prefixes(at("22T23:55"), at("23T00:15"));
    assert_eq!(
        Vec::from_iter(searched),
        ["ABI-L2-RRQPEF/2026/326/23/OR_ABI-L2-RRQPEF-M", "ABI-L2-RRQPEF/2026/327/00/OR_ABI-L2-RRQPEF-M"]
    );
}

#[test]
fn a_real_key_of_goes_and_mrms_says_when_it_was_observed() {
    let observed = |text: &str, cycle: &str, key: &str| {
        let at: Timestamp = cycle.parse().expect("an instant");
        let wanted = pattern(text).wanted(at);
        wanted.iter().find_map(|wanted| wanted.matches(key)).and_then(|matched| matched.observed_at)
    };
    let goes = "ABI-L2-RRQPEF/2026/248/20/OR_ABI-L2-RRQPEF-M6_G19_s20262482020207_e20262482029515_c20262482029565.nc";
    assert_eq!(
        observed(presets::GOES_KEYS, "2026-09-05T20:20:00Z", goes),
        Some("2026-09-05T20:20:20Z".parse().expect("an instant"))
    );
    let mrms = "CONUS/PrecipRate_00.00/20260905/MRMS_PrecipRate_00.00_20260905-202000.grib2.gz";
    assert_eq!(
        observed(presets::MRMS_KEYS, "2026-09-05T20:20:00Z", mrms),
        Some("2026-09-05T20:20:00Z".parse().expect("an instant"))
    );
    assert_eq!(observed(presets::MRMS_KEYS, "2026-09-05T20:20:00Z", &mrms.replace("-202000", "-2x2000")), None);
    assert_eq!(observed(presets::MRMS_KEYS, "2026-09-05T20:20:00Z", &mrms.replace("-202000", "-256000")), None);
    assert_eq!(observed(presets::MRMS_KEYS, "2026-09-05T20:20:00Z", &format!("{mrms}.tmp")), None);
}

#[test]
fn a_pattern_that_is_none_is_refused_with_where_and_what_was_expected() {
    for (text, wanted) in [
        ("", "is empty"),
        ("gfs/{hh", "a `{` at character 5"),
        ("gfs/hh}", "a `}` at character 7"),
        ("gfs/{h{hh}", "a `{` at character 5"),
        ("ä/{HH}/x", "`{HH}` at character 3: expected yyyymmdd"),
        ("f{}", "`{}` at character 2"),
        ("f{384..0}", "384 comes after 0"),
        ("f{000..384..0}", "its step is 0"),
        ("f{000..384..5}", "end at 380"),
        ("f{000..384..-3}", "its step is `-3`"),
        ("f{-1..4}", "its first number is `-1`"),
        ("f{0..}", "its last number is ``"),
        ("f{0..99999999999999999999}", "from 0 to 999999"),
        ("f{000..99}", "expected 099"),
        ("f{0..1..2..3}", "first..last or first..last..step"),
        ("f{0..999999}", "names 1000000 keys: expected at most 20000"),
        ("f{0..999}{0..999}{0..999}{0..999}", "names 1000000000000 keys"),
        ("f{0..999}*", "expected at most 500"),
        ("f{time:%Y}", "`{time:%Y}` at character 2"),
        ("f{time:%Q%Y%m%d%H}", "expected a format of fixed width"),
        ("f{time:}", "expected a format of fixed width"),
        ("{time:%Y%j%H}_{time:%Y%j%H}", "a second `{time:…}` at character 15"),
    ] {
        let said = KeyPattern::read(text).expect_err(text).to_string();
        assert!(said.contains(wanted), "{text}: {said}");
    }
    assert!(KeyPattern::read(&"x".repeat(1_025)).is_err());
}

#[test]
fn a_key_made_to_be_slow_to_compare_is_given_up() {
    let wanted = pattern("*a*a*a*a*a*a*a*a*b").wanted(at("22T06:00"));
    assert_eq!(wanted[0].matches(&"a".repeat(1_024)), None);
}
