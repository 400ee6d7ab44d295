//! What is done about every cycle of a window, and why nothing is done about the others.

use super::*;
use crate::upstream::plan::{Change, Fate, Left, Told, Why};

const NOW: &str = "22T13:00";

/// What becomes of each cycle, short.
fn fates(plan: &Plan) -> Vec<String> {
    let word = |cycle: &Planned| {
        let fate = match &cycle.fate {
            Fate::Look => "look".to_owned(),
            Fate::Trigger { attempt, anew } => format!("trigger {attempt}{}", if *anew { " anew" } else { "" }),
            Fate::Triggered => "triggered".to_owned(),
            Fate::Skipped(why) => why.to_string(),
            Fate::Remaining(left) => left.to_string(),
        };
        let change = cycle.change.as_ref().map(|change| format!("{} > ", change.to())).unwrap_or_default();
        format!("{} {change}{fate}", crate::upstream::cycles::name(cycle.key.at).split_at(6).1)
    };
    plan.cycles.iter().map(word).collect()
}

fn one(desk: &mut Desk, row: Run, upstream: impl Fn(Timestamp) -> Found) -> String {
    desk.runs = vec![row];
    desk.found.clear();
    let key = desk.runs[0].key();
    let plan = desk.plan_looking(upstream);
    let of_it = plan.cycles.into_iter().filter(|cycle| cycle.key == key).collect();
    fates(&Plan { cycles: of_it, looks: Vec::new() }).concat()
}

#[test]
fn a_poll_looks_at_every_cycle_of_its_window_before_it_triggers_the_oldest_first() {
    let mut desk = Desk::of(gfs(), at(NOW));
    assert_eq!(fates(&desk.plan()), ["2118 look", "2200 look", "2206 look", "2212 look"]);
    assert_eq!(desk.plan().triggers().count(), 0);
    assert_eq!(desk.plan().missing_rows().count(), 4);
    let upstream = |cycle| if cycle < at("22T06:00") { complete(cycle) } else { missing(cycle) };
    let plan = desk.plan_looking(upstream);
    assert_eq!(
        fates(&plan),
        [
            "2118 trigger 1",
            "2200 trigger 1",
            "2206 late > upstream is late: 37 of 209 files are missing",
            "2212 waiting for upstream: 37 of 209 files are missing"
        ]
    );
}

#[test]
fn each_state_says_why_nothing_is_done_or_what_is() {
    let now = at(NOW);
    let row = |status| run("22T06:00", status);
    let tried = |status| Run { attempts: 1, triggered_at: Some(at("22T11:20")), ..row(status) };
    let waits = Run { retry_at: Some(at("22T13:10")), last_failure: Some("503".to_owned()), ..tried(RunStatus::Due) };
    let again = Run { retry_at: Some(at(NOW)), ..waits.clone() };
    let used_up = Run { attempts: 3, ..again.clone() };
    let reason = Run { failure_reason: Some("out of memory".to_owned()), ..tried(RunStatus::Failed) };
    let reset = tried(RunStatus::Failed);
    let never = row(RunStatus::Failed);
    let failed = "06 failed: out of memory; `force_retry` tries it again";
    for (row, poll, backfill, forced) in [
        (row(RunStatus::Complete), "06 complete", "06 complete", "06 complete"),
        (
            row(RunStatus::Deleted),
            "06 its output was deleted",
            "06 its output was deleted",
            "06 its output was deleted",
        ),
        (row(RunStatus::Due), "06 trigger 1", "06 trigger 1", "06 trigger 1"),
        (row(RunStatus::Late), "06 due > trigger 1", "06 due > trigger 1", "06 due > trigger 1"),
        (row(RunStatus::Held), "06 due > trigger 1", "06 due > trigger 1", "06 due > trigger 1"),
        (
            waits,
            "06 tried again at 13:10Z of 22 Nov, because 503",
            "06 tried again at 13:10Z of 22 Nov, because 503",
            "06 trigger 2",
        ),
        (again, "06 trigger 2", "06 trigger 2", "06 trigger 2"),
        (
            used_up,
            "06 failed > failed: attempt 3 of 3: 503; `force_retry` tries it again",
            "06 failed > failed: attempt 3 of 3: 503; `force_retry` tries it again",
            "06 failed > failed: attempt 3 of 3: 503; `force_retry` tries it again",
        ),
        (
            tried(RunStatus::Triggered),
            "06 in flight: attempt 1 of 3 since 11:20Z of 22 Nov",
            "06 in flight: attempt 1 of 3 since 11:20Z of 22 Nov",
            "06 in flight: attempt 1 of 3 since 11:20Z of 22 Nov",
        ),
        (reason, failed, failed, "06 trigger 1 anew"),
        (reset, "06 marked as failed; `backfill_hours` tries it again", "06 trigger 1 anew", "06 trigger 1 anew"),
        (never, "06 marked as failed; `backfill_hours` tries it again", "06 trigger 1 anew", "06 trigger 1 anew"),
        (
            row(RunStatus::Due).given_up("it was not published", false, Told::Nobody),
            "06 given up: it was not published; `force_retry` with `backfill_hours` looks at it again",
            "06 given up: it was not published; `force_retry` with `backfill_hours` looks at it again",
            "06 trigger 1 anew",
        ),
        (
            row(RunStatus::Due).given_up("nobody looked", true, Told::WithAnother),
            "06 given up: nobody looked; `force_retry` with `backfill_hours` looks at it again",
            "06 trigger 1 anew",
            "06 trigger 1 anew",
        ),
    ] {
        let said = |force, hours| {
            let mut desk = Desk::of(gfs(), now).asks(force, hours, None);
            one(&mut desk, row.clone(), complete).split_off(2)
        };
        let words = format!("{:?}", row.status);
        assert_eq!(said(false, None), poll, "poll, {words}");
        assert_eq!(said(false, Some(48)), backfill, "backfill, {words}");
        assert_eq!(said(true, None), forced, "force_retry, {words}");
    }
}

#[test]
fn a_backfill_repeated_with_a_limit_takes_the_oldest_and_comes_to_nothing_left() {
    let mut desk = Desk::of(gfs(), at("22T18:00")).asks(false, Some(47), Some(3));
    let mut counts = Vec::new();
    for _ in 0..4 {
        desk.triggered.clear();
        let plan = desk.plan_looking(|cycle| if cycle < at("22T18:00") { complete(cycle) } else { missing(cycle) });
        let triggered: Vec<RunKey> = plan.triggers().map(|cycle| cycle.key.clone()).collect();
        let left = plan.remaining().filter(|(_, left)| **left == Left::Limit).count();
        counts.push((triggered.len(), left));
        assert!(triggered.is_sorted());
        desk.runs.extend(triggered.iter().map(|key| Run::new(&key.source, key.at).triggered(false, desk.now)));
    }
    // 21T00 … 22T12 are published, 22T18 is not: it is looked at once there is room.
    assert_eq!(counts, [(3, 5), (3, 2), (1, 0), (0, 0)]);
}

#[test]
fn what_was_triggered_in_this_invocation_is_not_triggered_again_and_counts() {
    let mut desk = Desk::of(gfs(), at(NOW)).asks(true, None, Some(2));
    let key = RunKey::of("gfs", at("21T18:00"));
    // Its trigger was refused for good meanwhile, and `force_retry` would take it up.
    desk.runs = vec![run("21T18:00", RunStatus::Due).failed("401")];
    desk.triggered.insert(key);
    let plan = desk.plan_looking(complete);
    assert_eq!(
        fates(&plan),
        ["2118 triggered", "2200 trigger 1", "2206 over this call's `limit`", "2212 over this call's `limit`"]
    );
}

#[test]
fn no_more_runs_are_under_way_than_may_be() {
    let mut desk = Desk::of(Source { concurrency: 2, ..gfs() }, at(NOW));
    desk.runs = vec![run("20T00:00", RunStatus::Running), run("21T18:00", RunStatus::Due)];
    let plan = desk.plan_looking(complete);
    let two = "2 runs of the source are under way, as many as may be";
    assert_eq!(
        fates(&plan),
        [
            // Older than anything that is looked for, and named: people ask where it is.
            "2000 in flight: attempt 0 of 3".into(),
            "2118 trigger 1".into(),
            format!("2200 {two}"),
            format!("2206 {two}"),
            format!("2212 {two}")
        ]
    );
}

#[test]
fn what_there_was_no_time_to_look_at_is_named() {
    let mut desk = Desk::of(gfs(), at(NOW));
    desk.looks = 3;
    desk.found = HashMap::from([(RunKey::of("gfs", at("21T18:00")), complete(at(NOW)))]);
    let unseen = "no time to look at it in this call";
    assert_eq!(fates(&desk.plan())[1..], [format!("2200 {unseen}"), "2206 look".into(), "2212 look".into()]);
}

#[test]
fn a_switch_that_is_off_holds_every_cycle_and_looks_at_none() {
    let mut desk = Desk::of(gfs(), at(NOW)).asks(true, Some(19), None);
    desk.held = BTreeMap::from([("gfs".to_owned(), "the switch `enable_medium_range` is off".to_owned())]);
    desk.runs =
        vec![run("22T00:00", RunStatus::Failed), run("22T06:00", RunStatus::Held), run("22T12:00", RunStatus::Running)];
    let held = "held: the switch `enable_medium_range` is off";
    assert_eq!(
        fates(&desk.plan()),
        [
            format!("2118 held > {held}"),
            format!("2200 {held}"),
            format!("2206 {held}"),
            "2212 in flight: attempt 0 of 3".to_owned()
        ]
    );
}

#[test]
fn what_was_held_too_long_ago_waits_for_a_backfill() {
    let mut desk = Desk::of(gfs(), at(NOW));
    desk.runs = vec![run("21T00:00", RunStatus::Held)];
    let old = RunKey::of("gfs", at("21T00:00"));
    assert!(desk.plan().cycles.iter().all(|cycle| cycle.key != old));
    let mut desk = Desk { runs: desk.runs, ..Desk::of(gfs(), at(NOW)).asks(false, Some(48), None) };
    let plan = desk.plan_looking(complete);
    let cycle = plan.cycles.iter().find(|cycle| cycle.key == old).expect("in the window");
    assert_eq!((&cycle.change, &cycle.fate), (&Some(Change::Due), &Fate::Trigger { attempt: 1, anew: false }));
}

#[test]
fn what_upstream_never_publishes_fails_with_what_is_missing() {
    let mut desk = Desk::of(gfs(), at("23T06:00"));
    let said = one(&mut desk, run("22T06:00", RunStatus::Late), missing);
    let reason = "upstream has not published it within 1d: 37 of 209 files are missing";
    assert_eq!(
        said,
        format!("2206 failed > given up: {reason}; `force_retry` with `backfill_hours` looks at it again")
    );
    // It was left waiting before the window, in an outage of the poller.
    let mut desk = Desk::of(gfs(), at("25T06:00"));
    assert!(one(&mut desk, run("22T06:00", RunStatus::Due), missing).contains("failed > "));
    assert_eq!(one(&mut desk, run("22T06:00", RunStatus::Due), complete), "2206 trigger 1");
    // A statement had reset it: it gets its reason.
    let mut desk = Desk::of(gfs(), at("23T06:00")).asks(false, Some(48), None);
    assert!(one(&mut desk, run("22T06:00", RunStatus::Failed), missing).contains(reason));
    let mut desk = Desk::of(gfs(), at("22T13:00")).asks(false, Some(48), None);
    // Still to be published, it is awaited as if it were new.
    let waiting = "2206 due > waiting for upstream: 37 of 209 files are missing";
    assert_eq!(one(&mut desk, run("22T06:00", RunStatus::Failed), missing), waiting);
}

#[test]
fn mirrors_that_cannot_be_read_once_do_not_fail_an_old_cycle_that_is_made_up_for() {
    let unreadable = |_| Found::Unreadable { why: "503".to_owned() };
    let mut desk = Desk::of(gfs(), at("23T18:00")).asks(false, Some(48), None);
    assert_eq!(one(&mut desk, run("22T06:00", RunStatus::Due), unreadable), "2206 late > upstream is late: 503");
    let mut desk = Desk::of(gfs(), at("23T18:00"));
    assert!(one(&mut desk, run("22T06:00", RunStatus::Late), unreadable).contains("failed > "));
}

#[test]
fn a_cycle_that_only_settles_is_not_late() {
    let settling = |_| Found::Waiting { why: "sizes".to_owned(), settling: true, look: None };
    let mut desk = Desk::of(gfs(), at(NOW));
    assert_eq!(one(&mut desk, run("22T06:00", RunStatus::Due), settling), "2206 waiting for upstream: sizes");
    assert_eq!(one(&mut desk, run("22T06:00", RunStatus::Late), settling), "2206 due > waiting for upstream: sizes");
}

#[test]
fn a_cycle_that_is_published_again_is_processed_again_where_that_is_wanted() {
    let look = |tags: &str| Look {
        at: at(NOW),
        since: at(NOW),
        mirror: "noaa".to_owned(),
        objects: 209,
        bytes: 1,
        sizes: "s".to_owned(),
        tags: tags.to_owned(),
        wanted: Some("209 files".to_owned()),
        again: None,
    };
    let row = Run { look: Some(look("a")), attempts: 2, ..run("22T06:00", RunStatus::Complete) };
    let shows = |tags: &'static str| move |_| Found::Complete { look: Some(look(tags)) };
    let mut ignoring = Desk::of(gfs(), at(NOW));
    assert_eq!(one(&mut ignoring, row.clone(), shows("b")), "2206 complete");
    let mut rerunning = Desk::of(Source { republished: Republished::Rerun, ..gfs() }, at(NOW));
    assert_eq!(one(&mut rerunning, row.clone(), shows("b")), "2206 due > trigger 1 anew");
    assert_eq!(one(&mut rerunning, row.clone(), shows("a")), "2206 complete");
    assert_eq!(one(&mut rerunning, Run { reruns: source::MOST_RERUNS, ..row.clone() }, shows("b")), "2206 complete");
    // Who changes what is wanted does not want all of it again.
    let other = |_| Found::Complete { look: Some(Look { wanted: Some("41 files".to_owned()), ..look("b") }) };
    assert_eq!(one(&mut rerunning, row.clone(), other), "2206 complete");
    let again = row.republished();
    assert_eq!((again.status, again.attempts, again.reruns), (RunStatus::Due, 0, 1));
}

#[test]
fn only_the_source_that_is_asked_for_is_planned() {
    let other = Source { name: "gefs".to_owned(), ..gfs() };
    let mut desk = Desk::of(gfs(), at(NOW));
    desk.sources.push(other);
    assert_eq!(desk.plan().cycles.len(), 8);
    desk.request = Request::read(Some("gefs".to_owned()), false, None, None, &desk.sources).expect("a source");
    assert!(desk.plan().cycles.iter().all(|cycle| cycle.key.source == "gefs"));
}

#[test]
fn absurd_numbers_are_refused_with_what_was_expected() {
    let sources = [gfs()];
    let read = |source: Option<&str>, hours, limit| {
        let request = Request::read(source.map(str::to_owned), false, hours, limit, &sources);
        request.map_err(|error| error.to_string()).expect_err("refused")
    };
    for hours in [0, -1, 8_785, i64::MIN, i64::MAX] {
        assert_eq!(
            read(None, Some(hours), None),
            format!("`backfill_hours` is {hours}: expected a whole number of hours from 1 to 8784, as in 48")
        );
    }
    for limit in [-1, 10_001, i64::MAX] {
        assert!(read(None, None, Some(limit)).contains("expected from 0 to 10000"));
    }
    assert_eq!(read(Some("gsf"), None, None), "`source` is `gsf`: expected one of the watch file's sources: gfs");
    assert_eq!(Request::read(None, false, Some(48), Some(0), &sources).expect("a request").limit(), None);
}

#[test]
fn a_source_with_absurd_numbers_is_refused_by_its_key() {
    let refused = |source: Source| source.checked().expect_err("refused").to_string();
    for (source, wanted) in [
        (Source { attempts: 0, ..gfs() }, "`attempts` is 0: expected from 1 to 10"),
        (Source { concurrency: 100_000, ..gfs() }, "`concurrency` is 100000: expected from 1 to 1000"),
        (Source { max_runtime: hours(-1), ..gfs() }, "`max_runtime` is -1h: expected from 1m to 1w"),
        (Source { max_runtime: SignedDuration::MIN, ..gfs() }, "`max_runtime` is 0s"),
        (Source { expected_after: hours(7), ..gfs() }, "`expected_after` is 7h: expected from 0s to 6h"),
        (Source { look_back: hours(6), ..gfs() }, "`look_back` is 6h: expected from 6h 5m to 4w 3d"),
    ] {
        let said = refused(source);
        assert!(said.starts_with(wanted), "{said}");
    }
    let joint = |parts: usize| {
        let mut joint = presets::nowcast().expect("patterns");
        joint.parts.truncate(parts);
        joint
    };
    assert!(refused(Source { upstream: Upstream::Joint(joint(1)), ..gfs() }).contains("names 1"));
    let mut timeless = joint(2);
    timeless.parts[1].pattern = KeyPattern::read("mrms/*").expect("a pattern");
    assert!(refused(Source { upstream: Upstream::Joint(timeless), ..gfs() }).contains("`mrms/*` has no `{time:…}`"));
}

#[test]
fn every_preset_can_be_read_by_its_name() {
    for name in presets::NAMES {
        assert!(presets::find(name).expect("patterns").is_some(), "{name}");
    }
    assert_eq!(presets::find("gfs"), Ok(None));
}

#[test]
fn every_cycle_of_the_window_is_named_once() {
    let mut desk = Desk::of(gfs(), at(NOW)).asks(false, Some(8_784), Some(5));
    desk.runs = vec![run("22T06:00", RunStatus::Complete), run("22T06:30", RunStatus::Due)];
    let plan = desk.plan_looking(complete);
    let keys: HashSet<&RunKey> = plan.cycles.iter().map(|cycle| &cycle.key).collect();
    assert_eq!((keys.len(), plan.cycles.len()), (1_465, 1_465));
    let skipped = plan.skipped().count();
    assert_eq!(skipped + plan.remaining().count() + plan.triggers().count(), 1_465);
    assert!(plan.skipped().all(|(_, why)| *why == Why::Complete));
}

#[test]
fn whatever_a_plan_changes_the_poller_may_change() {
    let settling = |_| Found::Waiting { why: "sizes".to_owned(), settling: true, look: None };
    let unreadable = |_| Found::Unreadable { why: "503".to_owned() };
    let upstreams: [&dyn Fn(Timestamp) -> Found; 4] = [&complete, &missing, &settling, &unreadable];
    for (now, backfill, status) in ["22T07:00", NOW, "23T08:00"]
        .into_iter()
        .flat_map(|now| [None, Some(48)].map(|hours| (now, hours)))
        .flat_map(|(now, hours)| RunStatus::ALL.map(|status| (now, hours, status)))
    {
        for (upstream, attempts) in upstreams.iter().flat_map(|upstream| [0, 9].map(|attempts| (upstream, attempts))) {
            let mut desk = Desk::of(gfs(), at(now)).asks(false, backfill, None);
            desk.runs = vec![Run { attempts, ..run("22T06:00", status) }];
            for planned in desk.plan_looking(upstream).cycles {
                let (from, change) = (planned.status.unwrap_or(RunStatus::Due), planned.change);
                // What a statement has reset, a person's backfill arms.
                let by = if change == Some(Change::Awaited) { Mover::Person } else { Mover::Poller };
                let Some(to) = change.map(|change| change.to()).filter(|to| *to != from) else { continue };
                assert!(may_move(from, to, by).is_ok(), "{from} to {to} at {now}, {attempts} attempts");
            }
        }
    }
}
