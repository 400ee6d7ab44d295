//! When a cycle is complete upstream: by one listing, by two, and by several mirrors.

use super::*;
use crate::upstream::mirrors::{Answer, Ask, Known, next};
use crate::upstream::pattern::Wanted;

const NOW: &str = "22T11:20";

/// The first so many files of GFS 06Z, each of this size, written at 11:00.
fn files(count: usize, bytes: u64) -> Vec<Object> {
    let keys =
        presets::GFS_KEYS.iter().flat_map(|text| KeyPattern::read(text).expect("a pattern").wanted(at("22T06:00")));
    let object = |wanted| match wanted {
        Wanted::Key(key) => {
            Object { etag: Some(format!("{}-1", key.len())), key, bytes, last_modified: Some(at("22T11:00")) }
        }
        Wanted::Like(_) => panic!("GFS names its keys"),
    };
    keys.map(object).take(count).collect()
}

fn judged(objects: &[Object], before: Option<&Look>, now: &str) -> Verdict {
    let requirement = presets::gfs().expect("patterns");
    judge(&requirement, at("22T06:00"), objects, "noaa", before, at(now))
}

fn growing(verdict: Verdict) -> Growing {
    match verdict {
        Verdict::Growing(growing) => growing,
        other => panic!("not growing: {other:?}"),
    }
}

#[test]
fn a_cycle_is_complete_with_its_last_file_and_not_before() {
    assert_eq!(judged(&[], None, NOW), Verdict::Absent { wanted: 209 });
    let almost = growing(judged(&files(208, 500_000_000), None, NOW));
    assert_eq!((almost.wanted, almost.missing), (209, 1));
    assert_eq!(
        almost.to_string(),
        "1 of 209 files are missing, the first gfs.20261122/06/atmos/gfs.t06z.pgrb2.0p25.f384"
    );
    assert!(matches!(judged(&files(209, 500_000_000), None, NOW), Verdict::Complete(look) if look.objects == 209));
}

#[test]
fn a_file_that_was_cut_keeps_a_cycle_from_being_complete() {
    let mut objects = files(209, 500_000_000);
    objects[7].bytes = 0;
    let growing = growing(judged(&objects, None, NOW));
    assert_eq!((growing.missing, growing.too_small), (0, 1));
    assert!(growing.to_string().contains("gfs.t06z.pgrb2.0p25.f007 of 0 bytes"), "{growing}");
}

#[test]
fn strange_keys_and_repeated_ones_complete_nothing() {
    let mut objects = files(100, 500_000_000);
    objects.extend(files(100, 500_000_000));
    let strange = objects[0].clone();
    objects.extend((0..5_000).map(|n| Object { key: format!("gfs.20261122/06/x{n}"), ..strange.clone() }));
    assert_eq!(growing(judged(&objects, None, NOW)).missing, 109);
}

#[test]
fn what_was_written_just_now_is_settled_by_the_second_look_that_shows_it_unchanged() {
    let mut objects = files(209, 500_000_000);
    objects[208].last_modified = Some(at(NOW));
    let first = growing(judged(&objects, None, NOW));
    assert!(first.is_settling(), "{first}");
    assert!(
        matches!(judged(&objects, Some(&first.look), NOW), Verdict::Growing(_)),
        "the same look twice is no second look"
    );
    let second = judged(&objects, Some(&first.look), "22T11:21");
    assert!(matches!(second, Verdict::Complete(_)), "{second:?}");
    objects[208].bytes += 1;
    objects[208].last_modified = Some(at("22T11:21"));
    assert!(matches!(judged(&objects, Some(&first.look), "22T11:21"), Verdict::Growing(_)), "it still grows");
}

#[test]
fn what_has_no_date_needs_two_looks_unless_it_was_published_long_ago() {
    let mut objects = files(209, 500_000_000);
    objects.iter_mut().for_each(|object| object.last_modified = None);
    assert!(matches!(judged(&objects, None, NOW), Verdict::Growing(_)));
    assert!(matches!(judged(&objects, None, "22T18:00"), Verdict::Complete(_)));
    objects.iter_mut().for_each(|object| object.last_modified = Some(at("29T00:00")));
    assert!(matches!(judged(&objects, None, NOW), Verdict::Growing(_)), "a date to come says nothing");
    assert!(matches!(judged(&objects, None, "22T18:00"), Verdict::Complete(_)));
}

#[test]
fn patterns_of_any_key_want_one_each_and_a_count() {
    let keys = vec![KeyPattern::read("radar/{yyyymmdd}{hh}/*.h5").expect("a pattern")];
    let requirement = Requirement { keys, at_least: 3, min_bytes: 1, settle: Settle::AtOnce, past: hours(1) };
    let object = |n: u32| Object { key: format!("radar/2026112206/{n}.h5"), bytes: 9, last_modified: None, etag: None };
    let of = |count: u32| {
        let objects: Vec<Object> = (0..count).map(object).collect();
        judge(&requirement, at("22T06:00"), &objects, "radar", None, at(NOW))
    };
    assert_eq!(of(0), Verdict::Absent { wanted: 3 });
    assert_eq!(growing(of(2)).to_string(), "1 of 3 files are missing, the first after 2 that are there");
    assert!(matches!(of(3), Verdict::Complete(_)));
}

#[test]
fn a_cycle_that_is_published_again_differs_by_size_or_within_one_mirror_by_tag() {
    let look = |objects: &[Object], mirror: &str| {
        let requirement = presets::gfs().expect("patterns");
        match judge(&requirement, at("22T06:00"), objects, mirror, None, at(NOW)) {
            Verdict::Complete(look) => look,
            other => panic!("{other:?}"),
        }
    };
    let first = look(&files(209, 500_000_000), "noaa");
    let mut again = files(209, 500_000_000);
    again.reverse();
    assert!(!look(&again, "noaa").differs(&first), "the order of a listing is nothing");
    again[3].etag = Some("other".to_owned());
    assert!(look(&again, "noaa").differs(&first));
    assert!(!look(&again, "mirror").differs(&first), "a copy has tags of its own");
    again[3].bytes += 1;
    assert!(look(&again, "mirror").differs(&first));
}

#[test]
fn mirrors_are_asked_in_order_until_one_has_the_cycle() {
    let mirrors = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
    let listed = |count| Some(Answer::Listed(judged(&files(count, 500_000_000), None, NOW)));
    let forbidden = || Some(Answer::Unreadable("403 Forbidden".to_owned()));
    let slow = || Some(Answer::Unreadable("no answer within 5s".to_owned()));
    for (answers, wanted) in [
        (vec![], "ask 0"),
        (vec![None, None, None], "ask 0"),
        (vec![listed(209)], "complete 0"),
        (vec![listed(100)], "ask 1"),
        (vec![listed(0)], "ask 1"),
        (vec![forbidden()], "ask 1"),
        (vec![forbidden(), listed(209)], "complete 1"),
        (vec![forbidden(), slow(), None], "ask 2"),
        (vec![listed(100), listed(120), listed(0)], "growing 1"),
        (vec![listed(100), listed(100), forbidden()], "growing 0"),
        (vec![listed(0), forbidden(), slow()], "absent"),
        (
            vec![forbidden(), slow(), forbidden()],
            "no mirror could be read: one: 403 Forbidden; two: no answer within 5s; three: 403 Forbidden",
        ),
    ] {
        let found = match next(&mirrors, &answers) {
            Ask::Mirror(mirror) => format!("ask {mirror}"),
            Ask::Known(Known::Complete { mirror, .. }) => format!("complete {mirror}"),
            Ask::Known(Known::Growing { mirror, .. }) => format!("growing {mirror}"),
            Ask::Known(Known::Absent { .. }) => "absent".to_owned(),
            Ask::Known(unreadable @ Known::Unreadable(_)) => unreadable.to_string(),
        };
        assert_eq!(found, wanted);
    }
}

#[test]
fn what_could_not_be_read_is_said_beside_what_the_others_have() {
    let mirrors = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
    let listed = |count| Some(Answer::Listed(judged(&files(count, 500_000_000), None, NOW)));
    let forbidden = || Some(Answer::Unreadable("403 Forbidden".to_owned()));
    let slow = || Some(Answer::Unreadable("no answer within 6 s".to_owned()));
    for (answers, begins, ends) in [
        (vec![listed(0), forbidden(), listed(0)], "none of 209", "; two could not be read: 403 Forbidden"),
        (
            vec![forbidden(), listed(0), slow()],
            "none of 209",
            "; one could not be read: 403 Forbidden; three could not be read: no answer within 6 s",
        ),
        (vec![listed(200), listed(0), slow()], "9 of 209", "; three could not be read: no answer within 6 s"),
        (vec![listed(0), listed(0), listed(0)], "none of 209", "is there"),
        (vec![forbidden(), slow(), forbidden()], "no mirror could be read: one: 403 Forbidden; two: no answer", ""),
    ] {
        let Ask::Known(known) = next(&mirrors, &answers) else { panic!("all have answered") };
        let said = known.to_string();
        assert!(said.starts_with(begins) && said.ends_with(ends), "{said}");
    }
}
