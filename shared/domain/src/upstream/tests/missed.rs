//! Cycles that nobody looked at in time, or that were gone before a source was watched: each is a row, and one signal tells of all.

use super::*;
use crate::upstream::plan::{Change, Fate, Left, Why};

/// What becomes of each cycle's row, and with which words where those are told alone.
fn changes(plan: &Plan) -> Vec<String> {
    let word = |cycle: &Planned| {
        let change = match &cycle.change {
            None => "-".to_owned(),
            Some(Change::GivenUp { .. }) => "given up".to_owned(),
            Some(Change::Failed { why }) => format!("told: {why}"),
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
    let told = "told: so have 4 before it, from gfs 12Z of 20 Nov on \
                (`{\"source\": \"gfs\", \"backfill_hours\": 50}` looks at them again): nobody looked at it within 1d: \
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
    desk.runs.extend(["20T12:00", "21T12:00"].map(|cycle| run(cycle, RunStatus::Due).given_up("nobody looked")));
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
    assert!(first[1].starts_with("2206 told: so has gfs 00Z of 22 Nov ("), "{first:?}");
    let given_up = run("22T06:00", RunStatus::Late).given_up("upstream has not published it");
    let mut desk = Desk::of(gfs(), at("23T12:00"));
    desk.runs = vec![given_up, row("22T12:00", RunStatus::Late)];
    assert_eq!(changes(&desk.plan_looking(missing))[0], "2212 given up");
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
    assert_eq!(changes(&desk.plan_looking(missing))[..2], ["2118 given up", "2200 -"]);
    // A backfill of ten days asks for what may never have been there.
    let mut desk = Desk::of(gfs(), at("22T13:00")).asks(false, Some(240), None);
    let plan = desk.plan_looking(missing);
    assert!(plan.cycles.iter().all(|cycle| !matches!(cycle.change, Some(Change::Failed { .. }))));
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
    assert_eq!(looks, ["1918", "2000", "2006", "2200", "2206", "2212"], "missing rows first, then the oldest");
    let plan = desk.plan_looking(complete);
    let triggered: Vec<String> = plan.triggers().map(|cycle| crate::upstream::cycles::name(cycle.key.at)).collect();
    assert!(triggered.is_sorted(), "{triggered:?}");
}
