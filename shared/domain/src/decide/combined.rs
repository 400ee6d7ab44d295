//! How mutes, groups, hours and rises combine: what must not be lost, and what nobody needs.

use jiff::SignedDuration;

use super::calm::{office, silence, world};
use super::tests::{World, at, says};
use super::*;
use crate::delivery::DeliveryStatus;
use crate::policy::{Escalate, Flapping, Group, Inhibition, Matcher, Route};
use crate::signal::SignalStatus::{self, Event, Firing};
use Severity::{Critical, High, Low};

const OVER: SignalStatus = SignalStatus::Resolved;

fn by(what: &str) -> Option<Group> {
    Some(Group { by: vec![what.into()], wait: SignedDuration::from_secs(30) })
}

#[test]
fn a_member_of_a_group_that_becomes_critical_is_told() {
    let mut world = world(|policy| policy.default_route.group = None);
    let policy = world.policy.as_mut().expect("given");
    policy.routes[1].to = vec!["hook".into()];
    policy.routes[1].group = by("kind");
    let one = |n: u32, severity, now: &str| says("a", Firing, severity, now).of("metric", &format!("Q{n}"));
    world.hears("06:00:00", vec![one(1, Low, "06:00:00"), one(2, Low, "06:00:00")]);
    world.everything_is_sent();
    let decisions = world.hears("06:10:00", vec![one(2, Critical, "06:10:00")]);
    world.ticks("06:20:00");
    assert!(world.told().iter().any(|told| told.contains("CRITICAL")), "{decisions:?} {:?}", world.told());
}

#[test]
fn what_flaps_and_becomes_critical_is_told() {
    let rule = Flapping { changes: 5, within: SignedDuration::from_mins(30) };
    let mut world = world(|policy| {
        policy.flapping = Some(rule);
        policy.routes[1].to = vec!["hook".into()];
    });
    for n in 0..4 {
        for (status, minute) in [(Firing, 2 * n), (OVER, 2 * n + 1)] {
            let now = format!("06:{minute:02}:00");
            world.hears(&now, vec![says("a", status, Low, &now)]);
            world.everything_is_sent();
        }
    }
    world.hears("06:08:00", vec![says("a", Firing, Low, "06:08:00")]);
    let decisions = world.hears("06:09:00", vec![says("a", Firing, Critical, "06:09:00")]);
    assert!(world.told().iter().any(|told| told.contains("CRITICAL")), "{decisions:?} {:?}", world.told());
}

#[test]
fn what_flaps_and_opens_again_as_critical_is_told() {
    let rule = Flapping { changes: 5, within: SignedDuration::from_mins(30) };
    let mut world = world(|policy| {
        policy.flapping = Some(rule);
        policy.routes[1].to = vec!["hook".into()];
    });
    for n in 0..4 {
        for (status, minute) in [(Firing, 2 * n), (OVER, 2 * n + 1)] {
            let now = format!("06:{minute:02}:00");
            world.hears(&now, vec![says("a", status, Low, &now)]);
            world.everything_is_sent();
        }
    }
    let decisions = world.hears("06:09:00", vec![says("a", Firing, Critical, "06:09:00")]);
    assert!(world.told().iter().any(|told| told.contains("CRITICAL")), "{decisions:?} {:?}", world.told());
}

#[test]
fn an_event_after_a_silence_is_told_although_one_within_it_was_muted() {
    let mut world = World::default();
    world.state.silences = vec![silence("06:00:00", "06:05:00")];
    world.hears("06:04:00", vec![says("a", Event, Critical, "06:04:00")]);
    let decisions = world.hears("06:10:00", vec![says("a", Event, Critical, "06:10:00")]);
    assert!(!world.told().is_empty(), "{decisions:?}");
}

#[test]
fn alerts_that_others_have_to_be_told_of_are_of_another_group() {
    let mut world = world(|policy| {
        let route =
            |when, to: &str, group, goes_on| Route { when, to: vec![to.into()], group, goes_on, ..Route::default() };
        policy.routes = vec![
            route(Matcher { severity: vec![High], ..Matcher::default() }, "mail", by("environment"), true),
            route(Matcher { kind: vec!["run-failed".into()], ..Matcher::default() }, "on-call", None, false),
        ];
    });
    world.hears("06:00:00", vec![says("a", Firing, High, "06:00:00")]);
    let decisions = world.hears("06:00:05", vec![says("p", Firing, High, "06:00:05").of("run-failed", "gfs")]);
    world.everything_is_sent();
    world.ticks("06:10:00");
    assert!(world.told().iter().any(|told| told.contains("on-call")), "{decisions:?} {:?}", world.told());
}

#[test]
fn an_event_is_told_with_the_alert_it_joined_even_if_that_ends_first() {
    let mut world = world(|policy| policy.routes[0].group = by("environment"));
    world.hears("06:00:00", vec![says("a", Firing, High, "06:00:00")]);
    world.hears("06:00:05", vec![says("aws", Event, High, "06:00:05").of("budget", "monthly")]);
    world.hears("06:00:10", vec![says("a", OVER, High, "06:00:10")]);
    let told = world.told();
    assert_eq!(told[..2], ["on-call firing HIGH", "mail firing HIGH"], "the notice that names it goes out");
    assert!(told.contains(&"mail resolved HIGH".to_owned()), "{told:?}");
}

#[test]
fn reminders_and_escalations_count_from_when_people_were_told() {
    let mut world = world(|policy| {
        policy.routes[0].to = vec!["mail".into()];
        policy.routes[0].hours = Some(office());
        policy.routes[0].escalate = Some(Escalate { after: SignedDuration::from_mins(15), to: vec!["hook".into()] });
        policy.remind_every = [(High, SignedDuration::from_hours(1))].into();
    });
    world.hears("02:00:00", vec![says("a", Firing, High, "02:00:00")]);
    world.ticks("09:00:00");
    for row in world.state.alerts.values_mut().flat_map(|alert| &mut alert.deliveries) {
        assert_eq!(row.status, DeliveryStatus::Held);
        (row.status, row.held, row.created_at) = (DeliveryStatus::Sent, None, Some(at("09:00:00")));
    }
    world.ticks("09:01:00");
    assert_eq!(world.told(), ["mail firing HIGH"], "a minute after they were told");
}

#[test]
fn reminders_do_not_pile_up_before_a_receiver_that_is_down() {
    let mut world = world(|policy| {
        policy.routes[0].to = vec!["mail".into()];
        policy.remind_every = [(High, SignedDuration::from_mins(30))].into();
    });
    world.hears("06:00:00", vec![says("a", Firing, High, "06:00:00")]);
    world.everything_is_sent();
    for hour in 7..17 {
        world.ticks(&format!("{hour:02}:00:00"));
        world.ticks(&format!("{hour:02}:30:00"));
    }
    assert!(world.told().len() <= 2, "{:?}", world.told());
}

#[test]
fn a_consequence_is_told_when_its_cause_is_no_cause_any_more() {
    let rule = Inhibition {
        when: Matcher { kind: vec!["upstream-late".into()], severity: vec![Critical], ..Matcher::default() },
        mutes: Matcher { kind: vec!["metric".into()], ..Matcher::default() },
        equal: vec![],
    };
    let mut world = world(|policy| policy.inhibit = vec![rule]);
    world.hears("06:00:00", vec![says("p", Firing, Critical, "06:00:00").of("upstream-late", "gfs")]);
    world.everything_is_sent();
    world.hears("06:03:00", vec![says("a", Firing, High, "06:03:00")]);
    world.hears("06:05:00", vec![says("p", Firing, Low, "06:05:00").of("upstream-late", "gfs")]);
    assert_eq!(world.ticks("06:06:00"), 2, "domain would tell; the SQL of list_due_again decides whether it is asked");
}

#[test]
fn what_becomes_critical_does_not_wait_for_its_group() {
    let mut world = world(|policy| {
        policy.routes[1].to = vec!["hook".into()];
        policy.routes[1].group = Some(Group { by: vec!["kind".into()], wait: SignedDuration::from_hours(1) });
    });
    world.hears("06:00:00", vec![says("a", Firing, Low, "06:00:00")]);
    let plan = decide(
        world.state.clone(),
        &[says("a", Firing, Critical, "06:01:00").signal],
        world.policy.as_ref().expect("given"),
        at("06:01:00"),
    );
    let waits: Vec<_> = plan.deliveries.iter().map(|(_, d)| (d.receiver.clone(), d.not_before)).collect();
    assert!(waits.iter().all(|(_, at)| at.is_none()), "{waits:?}");
}

#[test]
fn outside_its_hours_a_route_does_not_escalate() {
    let mut world = world(|policy| {
        policy.routes[0].to = vec!["mail".into()];
        policy.routes[0].hours = Some(office());
        policy.routes[0].escalate = Some(Escalate { after: SignedDuration::from_mins(15), to: vec!["hook".into()] });
    });
    world.hears("16:55:00", vec![says("a", Firing, High, "16:55:00")]);
    world.everything_is_sent();
    world.ticks("17:11:00");
    let out: Vec<_> = world
        .state
        .alerts
        .values()
        .flat_map(|a| &a.deliveries)
        .filter(|d| d.notice == crate::Notice::Escalation)
        .map(|d| d.status)
        .collect();
    assert!(!out.contains(&DeliveryStatus::Pending), "{out:?}");
}

#[test]
fn who_is_named_on_a_held_notice_is_told_when_that_one_is_overtaken() {
    let mut world = world(|policy| {
        policy.routes[0].to = vec!["mail".into()];
        policy.routes[0].group = by("kind");
        policy.routes[0].hours = Some(office());
    });
    let one = |n: u32, status, severity, now: &str| says("a", status, severity, now).of("metric", &format!("Q{n}"));
    world.hears("02:00:00", vec![one(1, Firing, High, "02:00:00"), one(2, Firing, High, "02:00:00")]);
    world.hears("03:00:00", vec![one(1, Firing, Critical, "03:00:00")]);
    let rows: Vec<_> =
        world.everyone().flat_map(|a| a.deliveries.iter().map(|d| (a.subject.clone(), d.notice, d.status))).collect();
    world.everything_is_sent();
    world.ticks("09:01:00");
    let of_q2 = world.everyone().filter(|a| a.subject == "Q2").flat_map(|a| &a.deliveries).count();
    assert!(
        of_q2 > 0
            || rows
                .iter()
                .any(|(s, n, st)| s == "Q1" && *n == crate::Notice::Firing && *st != DeliveryStatus::Cancelled),
        "{rows:?}"
    );
}
