//! Cycles that nobody looked at in time, or that were gone before a source was watched: each is a row, and one signal tells of all.

use super::*;
use crate::upstream::plan::{Change, Fate, Left, Told, Why};

/// What becomes of each cycle's row, and with which words where those are told alone.
fn changes(plan: &Plan) -> Vec<String> {
    let word = |cycle: &Planned| {
        let change = match &cycle.change {
            None => "-".to_owned(),
            Some(Change::GivenUp { told: Told::Nobody, .. }) => "given up, and nobody told".to_owned(),
            Some(Change::GivenUp { told: Told::WithAnother, .. }) => "given up".to_owned(),
            Some(Change::GivenUp { told: Told::Itself, why, .. }) => format!("told: {why}"),
            Some(change) => change.to().to_string(),
        };
        format!("{} {change}", crate::upstream::cycles::name(cycle.key.at).split_at(6).1)
    };
    plan.cycles.iter().map(word).collect()
}

#[test]
fn after_an_outage_of_the_poller_every_cycle_has_a_row_and_one_signal_tells_of_those_too_old_to_be_made_up_for() {
    let mut desk = Desk::of(gfs(), at("22T13:00"));
    desk.runs = vec![run("20T06:00", RunStatus::Complete)];
    let plan = desk.plan_looking(complete);
    let told = "told: never triggered, nor were 4 before it, from gfs 12Z of 20 Nov on (`{\"source\": \"gfs\", \
                \"force_retry\": true, \"backfill_hours\": 50}` looks at them again): nobody looked at it within 1d: \
                data-poller did not run, or did not know of gfs";
    assert_eq!(
        changes(&plan),
        [
            "2012 given up",
            "2018 given up",
            "2100 given up",
            "2106 given up",
            &format!("2112 {told}"),
            "2118 -",
            "2200 -",
            "2206 -",
            "2212 -"
        ]
    );
    assert_eq!(plan.triggers().count(), 4);
    assert_eq!(plan.missing_rows().count(), 9);
    // A backfill takes up what nobody triggered, whatever its reason.
    desk.runs.extend(
        ["20T12:00", "21T12:00"]
            .map(|cycle| run(cycle, RunStatus::Due).given_up("nobody looked", true, Told::WithAnother)),
    );
    let wide = Source { concurrency: 20, ..gfs() };
    let mut desk = Desk { runs: desk.runs, ..Desk::of(wide, at("22T13:00")).asks(false, Some(72), None) };
    let taken_up = desk.plan_looking(complete);
    assert_eq!(taken_up.triggers().count(), 11, "{:?}", changes(&taken_up));
}

#[test]
fn where_the_window_has_rows_nothing_was_missed_whatever_the_schedule_is_by_now() {
    let hourly = Source { schedule: Schedule::every(hours(1)).expect("a length"), ..gfs() };
    let mut desk = Desk::of(hourly, at("22T13:00"));
    desk.runs = ["21T12:00", "21T18:00", "22T00:00", "22T06:00", "22T12:00"]
        .map(|cycle| run(cycle, RunStatus::Complete))
        .into();
    assert!(desk.plan_looking(complete).cycles.iter().all(|cycle| cycle.key.at >= at("21T13:00")));
}

#[test]
fn what_was_missed_while_a_switch_was_off_is_held() {
    let mut desk = Desk::of(gfs(), at("22T13:00"));
    desk.runs = vec![run("21T06:00", RunStatus::Held)];
    desk.held = BTreeMap::from([("gfs".to_owned(), "the switch `x` is off".to_owned())]);
    assert_eq!(changes(&desk.plan())[..2], ["2112 held", "2118 held"]);
}

#[test]
fn of_an_outage_upstream_the_first_cycle_that_is_given_up_is_told_and_those_that_follow_are_not() {
    let mut desk = Desk::of(gfs(), at("23T06:00"));
    let row = |cycle, status| run(cycle, status);
    desk.runs =
        vec![row("21T18:00", RunStatus::Complete), row("22T00:00", RunStatus::Late), row("22T06:00", RunStatus::Late)];
    let first = changes(&desk.plan_looking(missing));
    assert_eq!(first[0], "2200 given up");
    assert!(first[1].starts_with("2206 told: never triggered, nor was gfs 00Z of 22 Nov ("), "{first:?}");
    for (told, follows) in [
        (Told::Itself, "2212 given up"),
        (Told::WithAnother, "2212 given up"),
        // What a person or a new source gave up is no story that anybody was told.
        (Told::Nobody, "2212 told: upstream has not published it"),
    ] {
        let before = run("22T06:00", RunStatus::Late).given_up("upstream has not published it", false, told);
        let mut desk = Desk::of(gfs(), at("23T12:00"));
        desk.runs = vec![before, row("22T12:00", RunStatus::Late)];
        let said = changes(&desk.plan_looking(missing)).swap_remove(0);
        assert!(said.starts_with(follows), "{told:?}: {said}");
    }
}

#[test]
fn what_a_source_missed_before_it_was_watched_is_awaited_and_told_to_nobody_but_what_is_late_now() {
    let mut desk = Desk::of(gfs(), at("22T13:00"));
    assert_eq!(changes(&desk.plan_looking(missing)), ["2118 due", "2200 due", "2206 late", "2212 -"]);
    let from_before = |cycle: &str| Run { from_before: true, ..run(cycle, RunStatus::Due) };
    let mut desk = Desk::of(gfs(), at("22T14:00"));
    desk.runs = vec![from_before("21T18:00"), from_before("22T00:00"), run("22T06:00", RunStatus::Late)];
    assert_eq!(changes(&desk.plan_looking(missing))[..3], ["2118 -", "2200 -", "2206 -"]);
    assert_eq!(desk.plan_looking(missing).triggers().count(), 0);
    desk.found.clear();
    assert_eq!(desk.plan_looking(complete).triggers().count(), 4, "it came after all");
    let mut desk = Desk::of(gfs(), at("22T18:00"));
    desk.runs = vec![from_before("21T18:00"), from_before("22T00:00")];
    assert_eq!(changes(&desk.plan_looking(missing))[..2], ["2118 given up, and nobody told", "2200 -"]);
    // A backfill of ten days asks for what may never have been there.
    let mut desk = Desk::of(gfs(), at("22T13:00")).asks(false, Some(240), None);
    let plan = desk.plan_looking(missing);
    assert!(changes(&plan).iter().all(|change| change.ends_with(" -") || !change.contains("told:")), "{plan:?}");
    assert_eq!(plan.missing_rows().count(), 4, "polls go on with what is young, and with nothing else");
}

#[test]
fn a_cycle_that_would_be_late_is_looked_at_though_all_places_are_taken() {
    let mut desk = Desk::of(Source { concurrency: 1, ..gfs() }, at("22T13:00"));
    desk.runs = vec![run("22T00:00", RunStatus::Running), run("22T06:00", RunStatus::Due)];
    let plan = desk.plan_looking(missing);
    let of = |cycle: &str| plan.cycles.iter().find(|planned| planned.key.at == at(cycle)).expect("planned");
    assert!(matches!(of("22T06:00").fate, Fate::Skipped(Why::Late(_))), "{:?}", of("22T06:00"));
    assert_eq!(of("22T12:00").fate, Fate::Remaining(Left::Concurrency(1)));
}

#[test]
fn what_comes_after_a_long_outage_upstream_is_looked_at_before_what_was_missing_in_it() {
    let mut desk = Desk::of(Source { look_back: hours(72), ..gfs() }, at("22T13:00"));
    let late = ["20T00:00", "20T06:00", "20T12:00", "20T18:00", "21T00:00", "21T06:00", "21T12:00", "21T18:00"];
    desk.runs = late.map(|cycle| run(cycle, RunStatus::Late)).into();
    desk.runs.push(run("22T12:00", RunStatus::Due));
    desk.looks = 6;
    let looks: Vec<String> =
        desk.plan().looks().map(|key| crate::upstream::cycles::name(key.at).split_off(6)).collect();
    assert_eq!(looks, ["2212", "2206", "2200", "1918", "2118", "2112"], "what nobody has seen, then the newest");
    let plan = desk.plan_looking(complete);
    let triggered: Vec<String> = plan.triggers().map(|cycle| crate::upstream::cycles::name(cycle.key.at)).collect();
    assert!(triggered.len() == 6 && triggered.is_sorted(), "{triggered:?}");
}

#[test]
fn whatever_calls_come_in_an_outage_every_cycle_from_the_newest_row_on_has_one() {
    let mut desk = Desk::of(gfs(), at("22T13:00")).asks(false, Some(1), None);
    desk.runs = vec![run("20T06:00", RunStatus::Complete)];
    let plan = desk.plan_looking(complete);
    let young = ["2118 -", "2200 -", "2206 -", "2212 -"];
    assert_eq!(changes(&plan)[5..], young, "left to the next poll, but for the one that is asked for");
    assert_eq!((plan.missing_rows().count(), plan.triggers().count()), (9, 1));
    // Nobody has looked at those before: that is told, whoever asked.
    assert!(changes(&plan)[4].starts_with("2112 told: never triggered, nor were 4 before it"), "{:?}", changes(&plan));
}

#[test]
fn a_backfill_gives_up_nothing_that_polls_wait_for_and_asks_again_for_what_settles() {
    let mut desk = Desk::of(gfs(), at("23T13:00")).asks(false, Some(48), None);
    desk.runs = vec![run("22T06:00", RunStatus::Due)];
    let of = |plan: &Plan| plan.cycles.iter().find(|one| one.key.at == at("22T06:00")).cloned().expect("planned");
    assert_eq!(
        of(&desk.plan_looking(missing)).change,
        Some(Change::Late { why: "37 of 209 files are missing".to_owned() })
    );
    let settling = |_| Found::Waiting { why: "sizes".to_owned(), settling: true, look: None };
    desk.runs = vec![run("22T06:00", RunStatus::Due).given_up("nobody looked", true, Told::Itself)];
    desk.found.clear();
    assert_eq!(of(&desk.plan_looking(settling)).fate, Fate::Remaining(Left::Settling));
    // What is absent when it is looked at is not looked at by the next backfill: that comes to an end.
    desk.found.clear();
    let gone = of(&desk.plan_looking(missing));
    assert!(matches!(gone.change, Some(Change::GivenUp { unseen: false, told: Told::Nobody, .. })), "{gone:?}");
}

#[test]
fn a_backfill_takes_what_a_statement_has_reset_though_its_window_has_moved_on() {
    let mut desk = Desk::of(gfs(), at("22T13:00")).asks(false, Some(24), None);
    desk.runs = vec![Run { triggered_at: Some(at("20T06:00")), ..run("20T00:00", RunStatus::Failed) }];
    let plan = desk.plan_looking(complete);
    assert_eq!(plan.triggers().next().expect("a trigger").key.at, at("20T00:00"));
}
