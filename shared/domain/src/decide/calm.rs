//! What mutes, holds, reminds, escalates and bars: one idea per test.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::tests::{Says, World, at, policy, says};
use super::*;
use crate::alert::Mute;
use crate::delivery::{DeliveryStatus, HeldBecause};
use crate::hours::{Hours, Shift, timezone};
use crate::policy::{Escalate, Flapping, Group, Inhibition, Matcher, QuarantineRule, Receiver, Route};
use crate::signal::SignalStatus::{self, Event, Firing};
use crate::silence::Silence;
use Decision::{Opened, Resolved, Suppressed, Updated};
use Severity::{Critical, High, Low, Medium};

const OVER: SignalStatus = SignalStatus::Resolved;

pub(super) fn world(change: impl FnOnce(&mut Policy)) -> World {
    let mut policy = policy();
    change(&mut policy);
    World { policy: Some(policy), ..World::default() }
}

pub(super) fn silence(from: &str, until: &str) -> Silence {
    Silence {
        id: Uuid::from_u128(99),
        matchers: Matcher { subject: vec!["Q/*".into()], ..Matcher::default() },
        from: at(from),
        until: at(until),
        recurring: None,
        author: "ana".into(),
        reason: "deployment".into(),
    }
}

fn fires(now: &str, world: &mut World) -> Vec<Decision> {
    world.hears(now, vec![says("a", Firing, High, now)])
}

#[test]
fn a_silence_mutes_and_what_still_fires_at_its_end_is_told_then_with_the_reason() {
    let mut world = World::default();
    world.state.silences = vec![silence("06:00:00", "07:00:00")];
    assert_eq!(fires("06:10:00", &mut world), [Suppressed(Reason::Muted(Mute::Silenced))]);
    let alert = world.state.alerts.values().next().expect("open");
    let muted = alert.muted.clone().expect("muted");
    assert_eq!((muted.until, muted.by), (Some(at("07:00:00")), Some(Uuid::from_u128(99))));
    assert_eq!((alert.notified_severity, world.told().len()), (None, 0));
    assert_eq!(world.ticks("06:59:59"), 0);
    let plan = decide_again(world.state.clone(), &policy(), at("07:00:00"));
    let said = plan.deliveries[0].1.notification.as_ref().expect("new").notes.clone();
    assert_eq!(said, ["Not told since 2026-03-01T06:10:00Z (50m): silenced by ana: deployment"]);
    assert_eq!(world.ticks("07:00:00"), 2);
    assert_eq!(world.told(), ["on-call firing HIGH", "mail firing HIGH"]);
    assert_eq!(world.state.alerts.values().next().expect("open").muted, None);
}

#[test]
fn a_silence_outside_its_window_changes_nothing() {
    let mut world = World::default();
    world.state.silences = vec![silence("06:00:00", "07:00:00")];
    assert_eq!(fires("05:59:59", &mut world), [Opened]);
    let again = vec![says("b", Firing, High, "06:10:00")];
    assert_eq!(world.hears("06:10:00", again), [Suppressed(Reason::NoChange)], "what was told is not muted");
}

#[test]
fn who_was_told_before_a_silence_is_told_the_end_within_it() {
    let mut world = World::default();
    world.state.silences = vec![silence("06:00:00", "07:00:00")];
    fires("05:59:00", &mut world);
    world.everything_is_sent();
    let rise = vec![says("a", Firing, Critical, "06:10:00")];
    assert_eq!(world.hears("06:10:00", rise), [Suppressed(Reason::Muted(Mute::Silenced))]);
    assert_eq!(world.hears("06:20:00", vec![says("a", OVER, Critical, "06:20:00")]), [Resolved]);
    assert_eq!(world.told()[2..], ["mail resolved HIGH", "on-call resolved HIGH"]);
}

#[test]
fn what_ends_within_its_silence_is_told_to_nobody_and_says_why() {
    let mut world = World::default();
    world.state.silences = vec![silence("06:00:00", "07:00:00")];
    fires("06:10:00", &mut world);
    let over = vec![says("a", OVER, High, "06:20:00")];
    assert_eq!(world.hears("06:20:00", over), [Suppressed(Reason::Muted(Mute::Silenced))]);
    assert!(world.told().is_empty() && world.state.alerts.is_empty());
    assert_eq!(world.ticks("07:00:00"), 0);
}

#[test]
fn a_signal_after_the_silence_does_not_wait_for_the_tick() {
    let mut world = World::default();
    world.state.silences = vec![silence("06:00:00", "07:00:00")];
    fires("06:10:00", &mut world);
    assert_eq!(world.hears("07:00:01", vec![says("b", Firing, High, "07:00:01")]), [Updated]);
    assert_eq!(world.told(), ["on-call firing HIGH", "mail firing HIGH"]);
}

#[test]
fn a_consequence_is_muted_while_its_cause_is_open_and_told_and_is_told_when_that_is_over() {
    let upstream = |status, now: &str| says("poller", status, High, now).of("upstream-late", "gfs");
    let rule = Inhibition {
        when: Matcher { kind: vec!["upstream-late".into()], ..Matcher::default() },
        mutes: Matcher { kind: vec!["metric".into()], ..Matcher::default() },
        equal: vec![],
    };
    let mut world = world(|policy| policy.inhibit = vec![rule]);
    world.hears("06:00:00", vec![upstream(Firing, "06:00:00")]);
    assert_eq!(fires("06:01:00", &mut world), [Opened], "nobody was told of the cause yet");
    world.hears("06:02:00", vec![says("a", OVER, High, "06:02:00")]);
    world.everything_is_sent();
    assert_eq!(fires("06:03:00", &mut world), [Suppressed(Reason::Muted(Mute::Inhibited))]);
    assert_eq!(world.ticks("06:04:00"), 0, "the cause is open");
    world.hears("06:05:00", vec![upstream(OVER, "06:05:00")]);
    assert_eq!(world.ticks("06:06:00"), 2);
}

#[test]
fn of_two_that_match_both_sides_neither_mutes_the_other() {
    let both = Matcher { kind: vec!["metric".into()], ..Matcher::default() };
    let rule = Inhibition { when: both.clone(), mutes: both, equal: vec![] };
    let mut world = world(|policy| policy.inhibit = vec![rule]);
    fires("06:00:00", &mut world);
    world.everything_is_sent();
    assert_eq!(world.hears("06:01:00", vec![says("b", Firing, High, "06:01:00").of("metric", "other")]), [Opened]);
}

fn changes(world: &mut World, minute: &mut u32, decisions: &mut Vec<Decision>) {
    for status in [Firing, OVER] {
        let now = format!("06:{minute:02}:00");
        decisions.extend(world.hears(&now, vec![says("a", status, High, &now)]));
        world.everything_is_sent();
        *minute += 1;
    }
}

#[test]
fn flapping_is_told_once_and_then_not_until_it_has_calmed_down() {
    let rule = Flapping { changes: 5, within: SignedDuration::from_mins(30) };
    let mut world = world(|policy| policy.flapping = Some(rule));
    let (mut minute, mut decisions) = (0, Vec::new());
    for _ in 0..5 {
        changes(&mut world, &mut minute, &mut decisions);
    }
    let muted = Suppressed(Reason::Muted(Mute::Flapping));
    assert_eq!(decisions, [Opened, Resolved, Opened, Resolved, Opened, Resolved, muted, muted, muted, muted]);
    let flapping: Vec<String> = world.told().into_iter().filter(|told| told.contains("flapping")).collect();
    assert_eq!(flapping, ["on-call flapping HIGH", "mail flapping HIGH"]);
    assert_eq!(fires("06:10:00", &mut world), [muted], "and now it stays");
    assert_eq!(world.ticks("06:20:00"), 0);
    assert_eq!(world.ticks("06:38:00"), 2, "fewer than five changes are left of the last half hour");
}

#[test]
fn alerts_of_a_group_that_open_within_its_wait_are_one_notice() {
    let group = Group { by: vec!["kind".into()], wait: SignedDuration::from_secs(30) };
    let mut world = world(|policy| policy.routes[0].group = Some(group));
    let one = |n: u32, now: &str| says("a", Firing, High, now).of("metric", &format!("Q{n}"));
    let decisions = world.hears("06:00:00", vec![one(1, "06:00:00"), one(2, "06:00:00"), one(3, "06:00:00")]);
    let grouped = Suppressed(Reason::Muted(Mute::Grouped));
    assert_eq!(decisions, [Opened, grouped, grouped]);
    assert_eq!(world.told(), ["on-call firing HIGH", "mail firing HIGH"]);
    assert_eq!(world.hears("06:00:20", vec![one(4, "06:00:20")]), [grouped]);
    assert_eq!(world.hears("06:00:29", vec![one(5, "06:00:29")]), [Opened], "too late: the notice is about to leave");
    world.everything_is_sent();
    world.hears("06:05:00", vec![says("a", OVER, High, "06:05:00").of("metric", "Q1")]);
    assert_eq!(world.ticks("06:06:00"), 2, "of those that still fire one leads, and the others are told with it");
    let muted = world.state.alerts.values().filter(|alert| alert.muted.is_some()).count();
    assert_eq!(muted, 2);
}

#[test]
fn whoever_is_told_with_others_is_named_on_their_notice() {
    let group = Group { by: vec![], wait: SignedDuration::from_secs(30) };
    let mut policy = policy();
    policy.routes[0].group = Some(group);
    let mut signals: Vec<Signal> = Vec::new();
    for n in 1..=40_u128 {
        let Says { signal } = says("a", Firing, High, "06:00:00").of("metric", &format!("Q{n}"));
        signals.push(Signal { id: Uuid::from_u128(n), ..signal });
    }
    let plan = decide(State::default(), &signals, &policy, at("06:00:00"));
    assert_eq!(plan.deliveries.len(), 2);
    let notes = &plan.deliveries[0].1.notification.as_ref().expect("new").notes;
    assert_eq!((notes.len(), notes[0].as_str()), (21, "Also [HIGH] metric Q2"));
    assert_eq!(notes[20], "and more of its group");
    assert_eq!(plan.deliveries[0].1.not_before, Some(at("06:00:30")));
    let later = State { gathering: vec![gatherer(&plan)], ..State::default() };
    let Says { signal } = says("a", Firing, High, "06:00:10").of("metric", "late");
    let joined = decide(later, &[signal], &policy, at("06:00:10")).joined;
    assert_eq!(joined, [Joined { leader: Uuid::from_u128(1), note: "Also [HIGH] metric late".to_owned() }]);
}

fn gatherer(plan: &Plan) -> Gatherer {
    let leader = plan.opened.iter().find(|alert| alert.gathering.is_some()).expect("a leader");
    Gatherer { alert_id: leader.id, gathering: leader.gathering.clone().expect("it waits") }
}

pub(super) fn office() -> Hours {
    let shifts: Vec<Shift> = vec!["mon-sun 09:00-17:00".parse().expect("a shift")];
    Hours::new(timezone("UTC").expect("a zone"), shifts, Default::default())
}

#[test]
fn outside_its_hours_a_route_holds_what_is_not_critical() {
    let mut world = world(|policy| policy.routes[0].hours = Some(office()));
    assert_eq!(fires("06:00:00", &mut world), [Suppressed(Reason::Held(HeldBecause::OutsideHours))]);
    let rows = &world.state.alerts.values().next().expect("open").deliveries;
    assert!(rows.iter().all(|row| row.held.and_then(|held| held.until) == Some(at("09:00:00"))));
    assert_eq!(world.hears("06:01:00", vec![says("a", Firing, Critical, "06:01:00")]), [Updated], "at any time");
    assert_eq!(world.told(), ["on-call severity CRITICAL", "mail severity CRITICAL"], "what was held is outdated");
}

#[test]
fn what_ends_while_it_is_held_is_told_to_nobody() {
    let mut world = world(|policy| policy.routes[0].hours = Some(office()));
    fires("06:00:00", &mut world);
    let over = vec![says("a", OVER, High, "06:10:00")];
    assert_eq!(world.hears("06:10:00", over), [Suppressed(Reason::Held(HeldBecause::OutsideHours))]);
    assert!(world.told().is_empty());
}

#[test]
fn outside_hours_the_end_waits_too_but_where_it_closes_an_incident() {
    let mut world = world(|policy| policy.routes[0].hours = Some(office()));
    world.hears("16:59:00", vec![says("a", Firing, High, "16:59:00")]);
    world.everything_is_sent();
    world.hears("17:10:00", vec![says("a", OVER, High, "17:10:00")]);
    let ends: Vec<_> = world.ended[0].deliveries.iter().filter(|row| row.notice == crate::Notice::Resolved).collect();
    let held: BTreeMap<&str, bool> = ends.iter().map(|row| (row.receiver.as_str(), row.held.is_some())).collect();
    assert_eq!(held, BTreeMap::from([("mail", true), ("on-call", false)]));
}

#[test]
fn a_receiver_that_is_switched_off_keeps_its_notices_and_critical_goes_to_the_next() {
    let mut world = world(|policy| {
        policy.routes[0].to = vec!["on-call".into()];
        policy.routes[0].fallback = vec!["mail".into()];
    });
    world.state.switched_off = ["on-call".to_owned()].into();
    assert_eq!(fires("06:00:00", &mut world), [Suppressed(Reason::Held(HeldBecause::SwitchedOff))]);
    assert_eq!(world.hears("06:01:00", vec![says("a", Firing, Critical, "06:01:00")]), [Updated]);
    assert_eq!(world.told()[1..], ["mail severity CRITICAL"]);
    world.state.switched_off = ["on-call", "mail", "hook"].map(str::to_owned).into();
    let of_nobody = vec![says("b", Firing, Critical, "06:02:00").of("metric", "other")];
    assert_eq!(world.hears("06:02:00", of_nobody), [Opened], "in the end, people are told directly");
    assert!(world.told().contains(&"self firing CRITICAL".to_owned()), "{:?}", world.told());
}

#[test]
fn a_receiver_is_not_told_that_it_cannot_be_told() {
    let mut world = World::default();
    let failed = |receiver: &str| says("receiver:x", Event, High, "06:00:00").of(DELIVERY_FAILED, receiver);
    world.hears("06:00:00", vec![failed("on-call")]);
    assert_eq!(world.told(), ["mail firing HIGH"]);
    let of_the_last = says("receiver:hook", Event, Medium, "06:00:00").of(DELIVERY_FAILED, "hook");
    world.hears("06:00:01", vec![of_the_last]);
    assert!(world.told().contains(&"self firing MEDIUM".to_owned()), "{:?}", world.told());
}

#[test]
fn people_are_reminded_but_not_where_the_provider_does_so_by_itself() {
    let mut world = world(|policy| policy.remind_every = [(High, SignedDuration::from_hours(1))].into());
    fires("06:00:00", &mut world);
    world.everything_is_sent();
    assert_eq!(world.ticks("06:59:59"), 0);
    assert_eq!(world.ticks("07:00:00"), 1);
    assert_eq!(world.told()[2..], ["mail reminder HIGH"]);
    world.everything_is_sent();
    assert_eq!(world.ticks("07:59:00"), 0);
    assert_eq!(world.ticks("08:00:00"), 1);
}

#[test]
fn a_heartbeat_that_says_how_often_reminds_so_often_and_everything_else_as_its_severity_does() {
    let mut world = world(|policy| {
        policy.remind_every = [(High, SignedDuration::from_hours(4))].into();
        policy.heartbeat_remind_every = [("nightly".to_owned(), SignedDuration::from_hours(1))].into();
    });
    let down = |kind: &str, subject: &str| says("a", Firing, High, "06:00:00").of(kind, subject);
    let signals = [("heartbeat", "nightly"), ("heartbeat", "hourly"), ("metric", "nightly")];
    world.hears("06:00:00", signals.map(|(kind, subject)| down(kind, subject)).into());
    world.everything_is_sent();
    assert_eq!(world.ticks("06:59:59"), 0);
    assert_eq!(world.ticks("07:00:00"), 1);
    let reminded = world
        .state
        .alerts
        .values()
        .find(|alert| alert.deliveries.iter().any(|row| row.notice == crate::Notice::Reminder));
    assert_eq!(reminded.map(|alert| (&*alert.kind, &*alert.subject)), Some(("heartbeat", "nightly")));
    world.everything_is_sent();
    assert_eq!(world.ticks("08:00:00"), 1);
    world.everything_is_sent();
    assert_eq!(world.ticks("10:00:00"), 3, "four hours are over for the others, too");
}

#[test]
fn an_acknowledgement_ends_reminders_until_it_runs_out_and_then_there_is_one() {
    let mut world = world(|policy| policy.remind_every = [(High, SignedDuration::from_hours(1))].into());
    fires("06:00:00", &mut world);
    world.everything_is_sent();
    let taken = |until: &str| Some(crate::alert::Acknowledged { by: "ana".into(), until: Some(at(until)) });
    world.state.alerts.values_mut().for_each(|alert| alert.acknowledged = taken("10:00:00"));
    assert_eq!(world.ticks("09:59:00"), 0);
    assert_eq!(world.ticks("10:00:00"), 1);
    assert_eq!(world.ticks("10:30:00"), 0);
}

#[test]
fn what_nobody_acknowledged_escalates_unless_a_provider_that_escalates_has_it() {
    let escalate = || Some(Escalate { after: SignedDuration::from_mins(15), to: vec!["hook".into()] });
    let mut left = world(|policy| policy.routes[0].escalate = escalate());
    fires("06:00:00", &mut left);
    left.everything_is_sent();
    assert_eq!(left.ticks("06:15:00"), 0, "PagerDuty has it");
    let mut alone = world(|policy| {
        policy.routes[0].to = vec!["mail".into()];
        policy.routes[0].escalate = escalate();
    });
    fires("06:00:00", &mut alone);
    alone.everything_is_sent();
    assert_eq!(alone.ticks("06:14:59"), 0);
    assert_eq!(alone.ticks("06:15:00"), 1);
    alone.everything_is_sent();
    assert_eq!(alone.ticks("07:15:00"), 0, "once");
    assert_eq!(alone.hears("07:20:00", vec![says("a", OVER, High, "07:20:00")]), [Resolved]);
    assert_eq!(alone.told()[1..], ["hook escalation HIGH", "hook resolved HIGH", "mail resolved HIGH"]);
}

fn barring(policy: &mut Policy) {
    policy.quarantine = vec![QuarantineRule {
        when: Matcher { severity: vec![Critical], ..Matcher::default() },
        from: vec!["topic:claims".into()],
        deny_without_store: true,
    }];
}

fn claim(severity: Severity, now: &str) -> Says {
    says("claim", Event, severity, now).of("claim", "worker-7").sent_by("topic:claims")
}

#[test]
fn a_workers_high_and_then_its_critical_are_two_notices_and_one_bar() {
    let mut world = world(barring);
    assert_eq!(world.hears("06:00:00", vec![claim(High, "06:00:00")]), [Opened]);
    world.everything_is_sent();
    assert_eq!(world.hears("06:01:00", vec![claim(Critical, "06:01:00")]), [Updated]);
    assert_eq!(world.hears("06:02:00", vec![claim(Critical, "06:02:00")]), [Suppressed(Reason::Duplicate)]);
    let mail: Vec<String> = world.told().into_iter().filter(|told| told.starts_with("mail")).collect();
    assert_eq!(mail, ["mail firing HIGH", "mail severity CRITICAL"]);
    assert_eq!(world.bars.len(), 1);
    assert_eq!((world.bars[0].worker_id.as_str(), world.bars[0].environment.as_str()), ("worker-7", "prod"));
}

#[test]
fn who_is_told_of_the_claim_is_told_of_the_bar_with_it() {
    let mut policy = policy();
    barring(&mut policy);
    let Says { signal } = claim(Critical, "06:00:00");
    let plan = decide(State::default(), &[signal], &policy, at("06:00:00"));
    let told = plan.deliveries[0].1.notification.as_ref().expect("new");
    assert_eq!(told.notes, ["The worker worker-7 is barred in prod until a person releases it"]);
}

#[test]
fn a_bar_is_told_even_where_the_claim_is_silenced() {
    let mut world = world(barring);
    world.state.silences = vec![Silence { matchers: Matcher::default(), ..silence("06:00:00", "07:00:00") }];
    assert_eq!(world.hears("06:01:00", vec![claim(Critical, "06:01:00")]), [Suppressed(Reason::Muted(Mute::Silenced))]);
    assert_eq!(world.told(), ["on-call quarantined CRITICAL", "mail quarantined CRITICAL"]);
}

#[test]
fn a_report_from_a_sender_that_is_not_declared_bars_nobody() {
    let mut world = world(barring);
    for sender in ["topic:alarms", "principal:AIDA", "topic:claims-2"] {
        world.hears("06:00:00", vec![claim(Critical, "06:00:00").sent_by(sender)]);
    }
    assert!(world.bars.is_empty());
    world.hears("06:01:00", vec![claim(Critical, "06:01:00")]);
    assert_eq!(world.bars.len(), 1, "a duplicate from a sender that may bars all the same");
}

#[test]
fn routes_that_go_on_tell_everybody_once() {
    let route = |to: &str, goes_on| Route { to: vec![to.into()], goes_on, ..Route::default() };
    let mut world = world(|policy| {
        policy.routes = vec![route("mail", true), route("mail", true), route("hook", false), route("on-call", false)];
    });
    fires("06:00:00", &mut world);
    assert_eq!(world.told(), ["mail firing HIGH", "hook firing HIGH"]);
}

#[test]
fn the_synthetic_alert_is_told_to_the_null_receiver_alone_and_is_never_muted() {
    let mut world = world(|policy| {
        let receiver = Receiver { integration: crate::policy::Integration::Null, switch: None };
        policy.receivers.insert("null".into(), receiver);
        let group = Group { by: vec!["environment".into()], wait: SignedDuration::from_secs(30) };
        policy.routes = vec![Route { to: vec!["hook".into()], group: Some(group), ..Route::default() }];
    });
    let everything = Matcher { environment: vec!["prod".into()], ..Matcher::default() };
    world.state.silences = vec![Silence { matchers: everything, ..silence("06:00:00", "07:00:00") }];
    world.hears("06:00:00", vec![says("a", Event, Low, "06:00:00").of(SYNTHETIC, "walk")]);
    assert_eq!(world.told(), ["null firing LOW"]);
    assert_eq!(world.everyone().next().expect("open").gathering, None, "nor does it wait for others");
    assert_eq!(world.everyone().next().expect("open").deliveries[0].status, DeliveryStatus::Pending);
}
