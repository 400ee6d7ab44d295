//! Sources whose every word can be read, and which still cannot mean what they say: they would miss cycles, or mix them.

use crate::sources::{COMPLETE, LENGTHS, TIMES, TRIGGER, TYPE, UPSTREAM, mistakes};

const JOINT: &str = "upstream.joint = { of = [\"goes\", \"mrms\"] }\n";

/// A source every six hours that is complete with these.
fn complete(says: &str) -> String {
    format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}complete = {{ {says} }}\n{TRIGGER}")
}

/// A source with such times and lengths, and with whatever `more` says.
fn times(says: &str, more: &str) -> String {
    format!("{TYPE}{says}max_runtime = \"2h\"\n{UPSTREAM}{TRIGGER}{more}")
}

fn with(more: &str) -> String {
    format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}{more}\n")
}

fn joint(more: &str) -> String {
    format!("{TYPE}{TIMES}{LENGTHS}{TRIGGER}{more}")
}

fn refused(sources: &[(String, &str)]) {
    for (says, expected) in sources {
        let told = mistakes(says);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{says}\n{expected}\n{}", told.join("\n"));
    }
}

fn taken(sources: &[String]) {
    for says in sources {
        assert_eq!(mistakes(says), Vec::<String>::new(), "{says}");
    }
}

#[test]
fn keys_with_a_star_say_how_many_objects_a_cycle_has_and_others_say_it_themselves() {
    refused(&[
        (
            complete("keys = [\"{yyyymmdd}/{hh}/*\"]"),
            "1: source.x: `{yyyymmdd}/{hh}/*` is like any number of keys: expected `complete.at_least`, how many objects \
             a cycle has; without it the first one would complete it",
        ),
        (
            complete("keys = [\"{yyyymmdd}/{hh}/*\"], at_least = 0"),
            "1: source.x: `{yyyymmdd}/{hh}/*` is like any number",
        ),
        (
            complete("keys = [\"{yyyymmdd}/{hh}/f{0..2}\", \"{yyyymmdd}/{hh}/f{2..3}\"], at_least = 5"),
            "1: source.x: `complete.at_least` is 5, but `complete.keys` have no `*` and name 4, of which each must be \
             there: expected 4, or leave it out",
        ),
        (complete("keys = [\"{yyyymmdd}/{hh}/f{0..2}\"], at_least = 2"), "1: source.x: `complete.at_least` is 2, but"),
    ]);
    taken(&[
        complete("keys = [\"{yyyymmdd}/{hh}/*\"], at_least = 1"),
        complete("keys = [\"{yyyymmdd}/{hh}/f{0..2}\"], at_least = 3"),
        complete("keys = [\"{yyyymmdd}/{hh}/f{0..2}\", \"{yyyymmdd}/{hh}/extra*\"], at_least = 300"),
    ]);
}

#[test]
fn keys_that_are_the_same_for_two_cycles_are_refused_for_the_objects_of_one_would_complete_the_other() {
    let every = |length: &str, keys: &str| {
        let lengths = "expected_after = \"5m\"\nlate_after = \"10m\"\n";
        times(&format!("every = \"{length}\"\n{lengths}"), &format!("complete.keys = [\"{keys}\"]\n"))
    };
    refused(&[
        (
            complete("keys = [\"gfs.{yyyymmdd}/f{0..2}\"]"),
            "1: source.x: `complete.keys` are the same for the cycles 2026040100 and 2026040106, so that what is \
             published for one would complete the other: expected the nominal time down to what tells them apart, as in \
             `{yyyymmdd}/{hh}`, or {min} besides",
        ),
        (complete("keys = [\"mask.nc\"]"), "1: source.x: `complete.keys` are the same for the cycles"),
        (
            complete("keys = [\"{yyyy}/{jjj}/*\"], at_least = 3"),
            "1: source.x: `complete.keys` are the same for the cycles",
        ),
        // Nothing says the day, or the hour.
        (
            complete("keys = [\"{hh}/f{0..2}\"]"),
            "1: source.x: `complete.keys` are the same for the cycles 2026040100 and",
        ),
        (
            every("10m", "{hh}{min}"),
            "1: source.x: `complete.keys` are the same for the cycles 2026033120 and 2026040120",
        ),
        (
            every("10m", "{yyyymmdd}{min}"),
            "1: source.x: `complete.keys` are the same for the cycles 2026033120 and 2026033121",
        ),
        (
            every("10m", "{yyyymmdd}{hh}"),
            "1: source.x: `complete.keys` are the same for the cycles 2026033120 and 202603312010",
        ),
    ]);
    taken(&[
        // One file a day beside those of each cycle; a day that is written by its number; names without a year.
        complete("keys = [\"{yyyymmdd}/{hh}/f{0..2}\", \"{yyyymmdd}/mask.nc\"]"),
        complete("keys = [\"{yyyy}{jjj}/{hh}\"]"),
        complete("keys = [\"D1D{mm}{dd}{hh}{min}\"]"),
        every("10m", "{yyyymmdd}{hh}{min}"),
        every("1h", "{yyyymmdd}{hh}"),
        every("24h", "{yyyymmdd}"),
    ]);
}

#[test]
fn an_output_that_is_the_same_for_two_cycles_is_refused_for_it_would_complete_the_wrong_run() {
    let output = |key: &str| with(&format!("output = \"s3://forecasts/{key}\""));
    let said = "10: source.x.output: is the same for the cycles 2026040100 and 2026040106, so that what one run writes \
                would complete the other: expected the nominal time down to what tells them apart";
    refused(&[
        (output("{yyyymmdd}/_SUCCESS"), said),
        (output("latest/_SUCCESS"), said),
        (output("{hh}/_SUCCESS"), "10: source.x.output: is the same for the cycles 2026040100 and 2026040200"),
    ]);
    taken(&[output("{yyyymmdd}{hh}/_SUCCESS")]);
}

#[test]
fn an_output_that_two_sources_write_is_refused_but_both_may_look_at_the_same_keys() {
    let one = with("output = \"s3://forecasts/{yyyymmdd}{hh}/_SUCCESS\"");
    let two = |output: &str| format!("{one}[source.y]\n{}", with(&format!("output = \"s3://{output}\"")));
    let said = "20: source.y.output: is what source.x writes as well, so that a run of one would complete one of the other: \
                expected another key";
    refused(&[(two("forecasts/{yyyymmdd}{hh}/_SUCCESS"), said), (two("forecasts/{yyyy}{mm}{dd}{hh}/_SUCCESS"), said)]);
    taken(&[two("forecasts/{yyyymmdd}{hh}/y"), two("others/{yyyymmdd}{hh}/_SUCCESS")]);
}

#[test]
fn a_table_that_is_written_twice_is_one_mistake_with_both_its_lines() {
    let twice = format!("{}[source.y]\n{}[source.x]\n{}", with(""), with(""), with(""));
    refused(&[(
        twice,
        "21: source.x: is written twice, first in line 15: expected another name, or all of it in one place",
    )]);
    let inside = "[source.x.complete]\nkeys = [\n  [\"a\"],\n]\nsettle = \"1m\"\nsettle = \"2m\"\n";
    refused(&[(inside.to_owned(), "7: source.x.complete.settle: is written twice: expected it once")]);
    refused(&[(with("attempts = 2\nattempts = 3"), "11: source.x.attempts: is written twice: expected it once")]);
}

#[test]
fn a_cycle_is_settled_before_it_is_late_and_late_before_it_has_failed() {
    let keys = "keys = [\"{yyyymmdd}{hh}\"]";
    let daily = |lengths: &str| {
        let times_of = format!("schedule = \"0 0 * * *\"\nexpected_after = \"1h\"\n{lengths}");
        times(&times_of, "complete.keys = [\"{yyyymmdd}\"]\n")
    };
    refused(&[
        (
            complete(&format!("{keys}, settle = \"6h1m\"")),
            "1: source.x: `complete.settle` is 6h 1m: expected from 0s to 6h",
        ),
        (
            times(
                "every = \"1h\"\nexpected_after = \"5m\"\nlate_after = \"20m\"\n",
                &format!("complete = {{ {keys}, settle = \"30m\" }}\n"),
            ),
            "1: source.x: `complete.settle` is 30m: expected from 0s to 20m",
        ),
        (with("look_back = \"6h\""), "1: source.x: `look_back` is 6h: expected from 6h 5m to 4w 3d"),
        (daily("late_after = \"31d\"\n"), "1: source.x: `late_after` is 4w 3d: expected from 1m to 4w 2d"),
    ]);
    taken(&[
        complete(&format!("{keys}, settle = \"6h\"")),
        with("look_back = \"6h5m\""),
        daily("late_after = \"30d\"\n"),
        daily("late_after = \"30d\"\nlook_back = \"31d\"\n"),
    ]);
}

#[test]
fn a_window_with_more_cycles_than_are_ever_planned_is_refused_however_the_schedule_is_written() {
    let lengths = "expected_after = \"5m\"\nlate_after = \"10m\"\n";
    let window = |schedule: &str, look_back: &str| {
        let more = format!("complete.keys = [\"{{yyyymmdd}}{{hh}}{{min}}\"]\nlook_back = \"{look_back}\"\n");
        times(&format!("{schedule}\n{lengths}"), &more)
    };
    let said = "1: source.x: `look_back` is 2w, which is more than 20000 cycles: expected less than 1w 6d";
    refused(&[
        (window("every = \"1m\"", "14d"), said),
        (window("schedule = \"* * * * *\"", "14d"), said),
        (
            window("schedule = \"*/2 * * * *\"", "31d"),
            "1: source.x: `look_back` is 4w 3d, which is more than 20000 cycles: expected less than 3w 6d",
        ),
    ]);
    taken(&[
        window("every = \"1m\"", "13d"),
        window("schedule = \"* * * * *\"", "13d"),
        window("schedule = \"*/2 * * * mon-fri\"", "31d"),
        window("every = \"10m\"", "31d"),
    ]);
}

#[test]
fn what_is_joined_is_joined_with_something_else_and_is_not_looked_at_again() {
    refused(&[
        (
            joint("upstream.joint = { of = [\"goes\", \"mrms\", \"goes\"] }\n"),
            "1: source.x: `upstream.joint.of` names `goes` twice: expected different upstreams",
        ),
        (
            joint(&format!("{JOINT}republished = \"rerun\"\n")),
            "1: source.x: `republished` is \"rerun\", which says nothing beside `upstream.joint`: observations that were \
             joined are not looked at again; expected it left out",
        ),
    ]);
    taken(&[joint(JOINT), joint(&format!("{JOINT}republished = \"ignore\"\n"))]);
}

#[test]
fn a_region_is_one_that_could_be_amazons() {
    let region = |name: &str| {
        let s3 = format!("upstream.s3 = {{ buckets = [\"abc\"], region = \"{name}\" }}\n");
        format!("{TYPE}{TIMES}{LENGTHS}{s3}{COMPLETE}{TRIGGER}")
    };
    for name in [
        "us-east",
        "useast1",
        "us_east_1",
        "US-EAST-1",
        "us-east-1a",
        "eu-frankfurt-x",
        "us-east-+1",
        "-east-1",
        "us--1",
        "aws-global",
    ] {
        refused(&[(region(name), "7: source.x.upstream.s3.region: expected the name of a region, as in `us-east-1`")]);
    }
    taken(
        &["us-east-1", "ap-southeast-5", "us-gov-west-1", "us-isob-east-1", "cn-north-1", "eusc-de-east-1"].map(region),
    );
}
