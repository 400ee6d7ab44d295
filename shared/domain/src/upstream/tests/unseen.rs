//! Cycles that no poll has had time to look at.

use super::*;
use crate::upstream::plan::{Change, Fate, Left, Told};

/// What becomes of GFS of 06Z where there is no time to look at anything.
fn unseen(row: Option<Run>, now: &str, hours: Option<i64>) -> (Option<Change>, Fate) {
    let mut desk = Desk::of(Source { look_back: super::hours(6), ..gfs() }, at(now));
    desk.looks = 0;
    desk.runs = row.into_iter().collect();
    let plan = desk.asks(false, hours, None).plan();
    let planned = plan.cycles.into_iter().find(|planned| planned.key.at == at("22T06:00")).expect("06Z is planned");
    (planned.change, planned.fate)
}

#[test]
fn a_known_cycle_that_is_never_looked_at_is_late_in_its_time_and_stays_with_the_next_call() {
    let late = || Some(Change::Late { why: "it was not looked at".to_owned() });
    let why = "it was not looked at".to_owned();
    let given_up = || Some(Change::GivenUp { why: why.clone(), unseen: true, told: Told::WithAnother });
    let due = || Some(run("22T06:00", RunStatus::Due));
    let already = || Some(run("22T06:00", RunStatus::Late));
    for (row, now, hours, change) in [
        (due(), "22T11:59", None, None),
        (due(), "22T12:00", None, late()),
        // Older than `look_back`: nobody knows that upstream has not published it.
        (due(), "23T11:59", None, late()),
        (already(), "22T12:00", None, None),
        // A day later it is not waited for any more.
        (already(), "23T12:00", None, given_up()),
        // Nobody knew of it before this poll.
        (None, "22T12:00", None, None),
        // A backfill leaves to the next call what it has no time for.
        (due(), "22T12:00", Some(12), None),
    ] {
        let found = unseen(row.clone(), now, hours);
        assert_eq!(found, (change, Fate::Remaining(Left::Unseen)), "{row:?} at {now}");
    }
}
