//! Rules of telling without the record, one idea per test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::alert::{Alert, Gathering};
use crate::decide::{Plan, State, decide};
use crate::delivery::{Delivery, DeliveryStatus, Outcome};
use crate::policy::{Integration, Matcher, Policy, Receiver, Route};
use crate::{Fingerprint, Notice, Severity, Signal, SignalStatus};

fn at(text: &str) -> Timestamp {
    format!("2026-03-01T{text}Z").parse().expect("a time of day")
}

/// CRITICAL and HIGH go to PagerDuty and mail, the rest to the hook.
fn policy() -> Policy {
    let receiver = |integration| Receiver { integration, switch: None };
    Policy {
        environment: "prod".into(),
        namespace: "N".into(),
        metric_severity: BTreeMap::new(),
        metric_runbook: BTreeMap::new(),
        receivers: [
            ("on-call".to_owned(), receiver(Integration::Pagerduty)),
            ("mail".to_owned(), receiver(Integration::Sns)),
            ("hook".to_owned(), receiver(Integration::Webhook)),
            ("self".to_owned(), receiver(Integration::Sns)),
        ]
        .into(),
        routes: vec![Route {
            when: Matcher { severity: vec![Severity::Critical, Severity::High], ..Matcher::default() },
            to: vec!["on-call".into(), "mail".into()],
            ..Route::default()
        }],
        default_route: Route { to: vec!["hook".into()], ..Route::default() },
        classify: vec![],
        inhibit: vec![],
        quarantine: vec![],
        dedup_window: SignedDuration::from_hours(1),
        digest_every: None,
        flapping: None,
        remind_every: BTreeMap::new(),
        heartbeat_remind_every: BTreeMap::new(),
    }
}

fn says(status: SignalStatus, severity: Severity, occurred_at: &str) -> Signal {
    let fingerprint = Fingerprint::of("prod", "metric", "Q/Depth", &BTreeMap::new());
    Signal {
        id: Uuid::from_u128(7),
        idempotency_key: format!("{occurred_at}/{status:?}/{severity}"),
        occurred_at: at(occurred_at),
        source: "alarm".into(),
        sender: "topic:alarms".into(),
        kind: "metric".into(),
        subject: "Q/Depth".into(),
        environment: "prod".into(),
        status,
        severity,
        fingerprint,
        labels: BTreeMap::new(),
        summary: "deep".into(),
        runbook: None,
        body: "{}".into(),
    }
}

fn fires(severity: Severity, occurred_at: &str) -> Signal {
    says(SignalStatus::Firing, severity, occurred_at)
}

/// Whom a sandbox that remembers this tells now: receiver, notice and severity.
fn told_now(signal: &Signal, remembered: &Remembered, now: &str) -> Vec<String> {
    let tellings = tellings(signal, remembered, &policy(), &BTreeSet::new(), at(now));
    let words = |telling: &Telling| {
        let notification = &telling.notification;
        format!("{} {} {}", telling.receiver, notification.notice.as_str(), notification.severity)
    };
    tellings.iter().map(words).collect()
}

/// The note of everybody having taken what a sandbox tells now.
fn taken(signal: &Signal, remembered: &mut Remembered, now: &str) -> Vec<Told> {
    let tellings = tellings(signal, remembered, &policy(), &BTreeSet::new(), at(now));
    let told: Vec<Told> = tellings.iter().map(|telling| took(telling, now)).collect();
    remembered.hear(signal, at(now));
    for told in &told {
        remembered.remember(signal.severity, told);
    }
    told
}

fn took(telling: &Telling, now: &str) -> Told {
    Told {
        n: 1,
        fingerprint: telling.notification.fingerprint.clone(),
        receiver: telling.receiver.clone(),
        notice: telling.notification.notice,
        dedup_key: telling.notification.dedup_key.clone(),
        outcome: Outcome::Accepted,
        provider_id: None,
        at: at(now),
    }
}

/// What the record makes of signals and of a note, where nothing was open.
fn recorded(signals: &[Signal], told: &[Told], now: &str) -> Plan {
    let known = BTreeMap::new();
    let mut plan = decide(State::default(), signals, &policy(), at(now));
    mark(
        &mut plan,
        &Decided { known: &known, signals, said: signals, recorded: &[], came_before: false, ended: &[], now: at(now) },
        told,
        &policy(),
    );
    plan
}

/// Receiver, notice and status of every delivery of a plan.
fn deliveries(plan: &Plan) -> Vec<String> {
    let words = |(_, delivery): &(Uuid, crate::delivery::Delivery)| {
        format!("{} {} {}", delivery.receiver, delivery.notice.as_str(), delivery.status.as_str())
    };
    plan.deliveries.iter().map(words).collect()
}

#[test]
fn who_is_told_and_under_which_key_is_what_the_record_would_say() {
    for signal in [fires(Severity::Critical, "06:00:00"), says(SignalStatus::Event, Severity::High, "06:00:00")] {
        let without = tellings(&signal, &Remembered::default(), &policy(), &BTreeSet::new(), at("06:00:05"));
        let with = decide(State::default(), std::slice::from_ref(&signal), &policy(), at("06:00:05"));
        let key = |receiver: &str, key: &str| format!("{receiver} {key}");
        let told: Vec<String> = without.iter().map(|one| key(&one.receiver, &one.notification.dedup_key)).collect();
        let due: Vec<String> = with.deliveries.iter().map(|(_, one)| key(&one.receiver, &one.dedup_key)).collect();
        assert_eq!((told.len(), told), (2, due));
    }
}

#[test]
fn what_can_wait_waits() {
    for severity in [Severity::Low, Severity::Medium] {
        assert!(told_now(&fires(severity, "06:00:00"), &Remembered::default(), "06:00:05").is_empty());
    }
    assert!(
        told_now(&says(SignalStatus::None, Severity::Critical, "06:00:00"), &Remembered::default(), "06:01:00")
            .is_empty()
    );
}

#[test]
fn nobody_is_told_the_same_or_less_within_the_hour() {
    let mut remembered = Remembered::default();
    taken(&fires(Severity::Critical, "06:00:00"), &mut remembered, "06:00:05");
    for severity in [Severity::Critical, Severity::High] {
        assert!(told_now(&fires(severity, "06:30:00"), &remembered, "06:59:00").is_empty());
    }
    let later = told_now(&fires(Severity::Critical, "07:00:00"), &remembered, "07:00:05");
    assert_eq!(later, ["on-call firing CRITICAL", "mail firing CRITICAL"]);
}

#[test]
fn what_is_worse_is_told_as_a_rise() {
    let mut remembered = Remembered::default();
    taken(&fires(Severity::High, "06:00:00"), &mut remembered, "06:00:05");
    let rise = told_now(&fires(Severity::Critical, "06:01:00"), &remembered, "06:01:05");
    assert_eq!(rise, ["on-call severity CRITICAL", "mail severity CRITICAL"]);
}

#[test]
fn who_did_not_take_it_is_told_by_the_next_message() {
    let mut remembered = Remembered::default();
    let signal = fires(Severity::High, "06:00:00");
    let all = tellings(&signal, &remembered, &policy(), &BTreeSet::new(), at("06:00:05"));
    remembered.remember(signal.severity, &took(&all[1], "06:00:05"));
    assert_eq!(told_now(&signal, &remembered, "06:00:10"), ["on-call firing HIGH"]);
}

#[test]
fn an_end_closes_all_four_keys_where_incidents_are_kept_and_nowhere_else() {
    let end = says(SignalStatus::Resolved, Severity::High, "06:10:00");
    let closed = ["CRITICAL", "HIGH", "MEDIUM", "LOW"].map(|severity| format!("on-call resolved {severity}"));
    assert_eq!(told_now(&end, &Remembered::default(), "06:10:05"), closed);
}

#[test]
fn after_an_end_incidents_are_opened_anew_and_others_are_told_once_an_hour() {
    let mut remembered = Remembered::default();
    taken(&fires(Severity::High, "06:00:00"), &mut remembered, "06:00:05");
    remembered.hear(&says(SignalStatus::Resolved, Severity::High, "06:10:00"), at("06:10:05"));
    remembered.end(&["on-call"]);
    let again = fires(Severity::High, "06:20:00");
    assert_eq!(told_now(&again, &remembered, "06:20:05"), ["on-call firing HIGH"]);
    assert!(remembered.told().is_empty(), "nobody was told of this occurrence yet");
}

#[test]
fn what_its_source_has_contradicted_since_is_told_to_nobody() {
    let mut remembered = Remembered::default();
    remembered.hear(&fires(Severity::High, "06:10:00"), at("06:10:05"));
    let late_end = says(SignalStatus::Resolved, Severity::High, "06:05:00");
    assert!(told_now(&late_end, &remembered, "06:11:00").is_empty());
    let equal_end = says(SignalStatus::Resolved, Severity::High, "06:10:00");
    assert!(told_now(&equal_end, &remembered, "06:11:00").is_empty(), "at equal instants firing wins");
}

#[test]
fn who_is_switched_off_is_not_told() {
    let off = BTreeSet::from(["on-call".to_owned()]);
    let signal = fires(Severity::High, "06:00:00");
    let due = tellings(&signal, &Remembered::default(), &policy(), &off, at("06:00:05"));
    assert_eq!(due.iter().map(|telling| telling.receiver.as_str()).collect::<Vec<_>>(), ["mail"]);
    let end = says(SignalStatus::Resolved, Severity::High, "06:10:00");
    assert!(tellings(&end, &Remembered::default(), &policy(), &off, at("06:10:05")).is_empty());
}

#[test]
fn a_storm_of_conditions_does_not_fill_the_memory() {
    let signal = fires(Severity::High, "06:00:00");
    let mut told = Remembered::default();
    taken(&signal, &mut told, "06:00:00");
    let mut memory = Memory::default();
    for n in 0..6_000_i64 {
        let now = at("06:00:00").saturating_add(SignedDuration::from_millis(n)).expect("a time");
        memory.keep(Fingerprint::from_stored(n.to_string()), told.clone(), now);
    }
    memory.forget(at("06:10:00"));
    let is_known = |memory: &mut Memory, n: i64| {
        let remembered = memory.take(&Fingerprint::from_stored(n.to_string()));
        !told_now(&signal, &remembered, "06:10:01").is_empty()
    };
    assert!(is_known(&mut memory, 0), "the oldest is told again");
    assert!(!is_known(&mut memory, 5_999));
}

#[test]
fn who_was_told_is_on_record_as_sent_and_only_the_others_are_told() {
    let signal = fires(Severity::High, "06:00:00");
    let told = taken(&signal, &mut Remembered::default(), "06:00:05");
    let plan = recorded(std::slice::from_ref(&signal), &told[1..], "06:30:00");
    assert_eq!(deliveries(&plan), ["on-call firing pending", "mail firing sent"]);
    assert_eq!(plan.told.len(), 1);
    assert!(plan.told[0].settles && plan.told[0].at == at("06:00:05"));
}

#[test]
fn a_try_that_failed_is_on_record_and_settles_nothing() {
    let signal = fires(Severity::High, "06:00:00");
    let mut told = taken(&signal, &mut Remembered::default(), "06:00:05");
    told[0].outcome = Outcome::Transient;
    told[1].outcome = Outcome::Ambiguous;
    let plan = recorded(std::slice::from_ref(&signal), &told, "06:30:00");
    assert_eq!(deliveries(&plan), ["on-call firing pending", "mail firing pending"]);
    assert!(plan.told.len() == 2 && plan.told.iter().all(|marked| !marked.settles));
}

#[test]
fn a_note_on_every_repeat_settles_a_delivery_once() {
    let signals = [fires(Severity::High, "06:00:00"), fires(Severity::High, "06:05:00")];
    let told = taken(&signals[0], &mut Remembered::default(), "06:00:05");
    let repeated = told.iter().map(|told| Told { n: 0, ..told.clone() });
    let both: Vec<Told> = repeated.chain(told.clone()).collect();
    let plan = recorded(&signals, &both, "06:30:00");
    assert_eq!((deliveries(&plan).len(), plan.told.len()), (2, 2));
}

#[test]
fn an_end_is_told_to_who_heard_of_the_beginning_and_does_not_say_both() {
    let signals = [fires(Severity::High, "06:00:00"), says(SignalStatus::Resolved, Severity::High, "06:10:00")];
    let told = taken(&signals[0], &mut Remembered::default(), "06:00:05");
    let plan = recorded(&signals, &told[1..], "06:30:00");
    let to_mail: Vec<_> = plan.deliveries.iter().filter(|(_, delivery)| delivery.receiver == "mail").collect();
    assert_eq!(to_mail[0].1.status, DeliveryStatus::Sent);
    assert_eq!(to_mail[1].1.status, DeliveryStatus::Pending);
    assert!(!to_mail[1].1.notification.as_ref().expect("a notification").tells_firing_too);
}

#[test]
fn an_end_that_was_told_before_its_beginning_is_told_again_after_it() {
    let signals = [fires(Severity::High, "06:00:00"), says(SignalStatus::Resolved, Severity::High, "06:10:00")];
    let ends = taken(&signals[1], &mut Remembered::default(), "06:10:05");
    let plan = recorded(&signals, &ends, "06:30:00");
    let to_on_call: Vec<String> = deliveries(&plan).into_iter().filter(|words| words.starts_with("on-call")).collect();
    assert_eq!(to_on_call, ["on-call firing pending", "on-call resolved pending"], "else the incident would stay open");
}

#[test]
fn who_was_told_beyond_the_plan_is_told_of_the_end_as_well() {
    let signal = fires(Severity::High, "06:00:00");
    let told = Told { receiver: "self".into(), ..taken(&signal, &mut Remembered::default(), "06:00:05").remove(1) };
    let open = recorded(std::slice::from_ref(&signal), std::slice::from_ref(&told), "06:30:00");
    assert_eq!(deliveries(&open), ["on-call firing pending", "mail firing pending", "self firing sent"]);
    let over = recorded(
        &[signal, says(SignalStatus::Resolved, Severity::High, "06:10:00")],
        std::slice::from_ref(&told),
        "06:30:00",
    );
    let to_self: Vec<String> = deliveries(&over).into_iter().filter(|words| words.starts_with("self")).collect();
    assert_eq!(to_self, ["self firing sent", "self resolved pending"]);
}

#[test]
fn a_delivery_that_was_written_before_and_told_meanwhile_is_settled() {
    let signal = fires(Severity::High, "06:00:00");
    let before = decide(State::default(), std::slice::from_ref(&signal), &policy(), at("06:00:01"));
    let told = taken(&signal, &mut Remembered::default(), "06:00:05");
    let alert: Alert = before.opened[0].clone();
    let known = BTreeMap::from([(signal.fingerprint.clone(), alert)]);
    let mut nothing_new = Plan::default();
    mark(
        &mut nothing_new,
        &Decided {
            known: &known,
            signals: &[],
            said: &[],
            recorded: &[],
            came_before: false,
            ended: &[],
            now: at("06:30:00"),
        },
        &told,
        &policy(),
    );
    assert_eq!(nothing_new.told.iter().filter(|marked| marked.settles).count(), 2);
    assert!(nothing_new.deliveries.is_empty() && nothing_new.opened.is_empty());
}

#[test]
fn who_was_told_does_not_wait_for_others_any_more() {
    let waits = Some(Gathering { key: "0/metric".into(), until: at("06:31:00") });
    let signal = fires(Severity::High, "06:00:00");
    let told = taken(&signal, &mut Remembered::default(), "06:00:05");
    let signals = [signal];
    let mut plan = decide(State::default(), &signals, &policy(), at("06:30:00"));
    plan.opened[0].gathering.clone_from(&waits);
    let alert = plan.opened[0].clone();
    let nothing = BTreeMap::new();
    mark(
        &mut plan,
        &Decided {
            known: &nothing,
            signals: &signals,
            said: &signals,
            recorded: &[],
            came_before: false,
            ended: &[],
            now: at("06:30:00"),
        },
        &told,
        &policy(),
    );
    assert_eq!(plan.opened[0].gathering, None);

    let known = BTreeMap::from([(alert.fingerprint.clone(), alert)]);
    let mut plan = Plan::default();
    mark(
        &mut plan,
        &Decided {
            known: &known,
            signals: &[],
            said: &[],
            recorded: &[],
            came_before: false,
            ended: &[],
            now: at("06:30:00"),
        },
        &told,
        &policy(),
    );
    let changed: Vec<bool> = plan.changed.iter().map(|alert| alert.gathering.is_some()).collect();
    assert_eq!(changed, [false], "nor does one that was on record before");
}

#[test]
fn an_incident_that_was_closed_while_another_source_fires_is_opened_again_once() {
    let one = fires(Severity::Critical, "06:00:00");
    let other = Signal { source: "other".into(), id: Uuid::from_u128(7), ..one.clone() };
    let before = decide(State::default(), &[one, other.clone()], &policy(), at("06:00:01"));
    let mut alert: Alert = before.opened[0].clone();
    for delivery in &mut alert.deliveries {
        (delivery.status, delivery.created_at) = (DeliveryStatus::Sent, Some(at("06:00:01")));
        delivery.notification = None;
    }
    let over = Signal { source: "other".into(), ..says(SignalStatus::Resolved, Severity::Critical, "06:10:00") };
    let told = taken(&over, &mut Remembered::default(), "06:10:05");
    assert_eq!(told.len(), 4, "every key that may be open");
    let known = BTreeMap::from([(over.fingerprint.clone(), alert)]);
    let state = State { alerts: known.clone(), sources: before.sources.into_iter().collect(), ..State::default() };
    let signals = [over];
    let mut plan = decide(state, &signals, &policy(), at("06:30:00"));
    let twice = [told.clone(), told].concat();
    mark(
        &mut plan,
        &Decided {
            known: &known,
            signals: &signals,
            said: &signals,
            recorded: &[],
            came_before: false,
            ended: &[],
            now: at("06:30:00"),
        },
        &twice,
        &policy(),
    );
    assert_eq!(deliveries(&plan), ["on-call firing pending"], "it still fires, and PagerDuty must show it");
    assert!(plan.deliveries[0].1.dedup_key.ends_with(":CRITICAL"));
}

#[test]
fn the_ids_of_a_message_are_the_same_whenever_it_is_read() {
    let three = |message: &str| {
        let mut ids = ids(message);
        [ids(), ids(), ids()]
    };
    assert_eq!(three("m-1"), three("m-1"));
    let distinct: BTreeSet<Uuid> = [three("m-1"), three("m-2")].concat().into_iter().collect();
    assert_eq!(distinct.len(), 6);
}

#[test]
fn of_a_note_too_long_what_was_taken_is_kept() {
    let signal = fires(Severity::High, "06:00:00");
    let mut told = taken(&signal, &mut Remembered::default(), "06:00:05");
    told[0].outcome = Outcome::Transient;
    told[1].receiver = "zażółć\u{fffe}".into();
    let all = fitting(&told, 10_000);
    assert!(all.is_ascii());
    assert_eq!(read(&all).expect("a note"), [told[1].clone(), told[0].clone()]);
    let short = read(&fitting(&told, all.len() - 1)).expect("a note");
    assert_eq!(short, [told[1].clone()]);
    assert_eq!(fitting(&told, 2), "[]");
    assert_eq!(told[0].notice, Notice::Firing);
    assert!(read("{}").is_err() && read("[{\"n\": 1}]").is_err());
}

#[test]
fn a_note_about_what_was_over_since_does_not_settle_what_fires_now() {
    let first = fires(Severity::High, "06:00:00");
    let told = taken(&first, &mut Remembered::default(), "06:00:05");
    // It ended and fired again, both on record by another sandbox, before the first message is brought in.
    let open = {
        let now = fires(Severity::High, "06:10:00");
        let plan = decide(State::default(), std::slice::from_ref(&now), &policy(), at("06:10:01"));
        (plan.sources, plan.opened.into_iter().next().expect("open"))
    };
    let (sources, mut alert) = open;
    alert.deliveries.iter_mut().for_each(|row| row.notification = None);
    let alerts = BTreeMap::from([(alert.fingerprint.clone(), alert)]);
    let state = State { alerts: alerts.clone(), sources: sources.into_iter().collect(), ..State::default() };
    let signals = [first];
    let mut plan = decide(state, &signals, &policy(), at("06:10:30"));
    mark(
        &mut plan,
        &Decided {
            known: &alerts,
            signals: &signals,
            said: &signals,
            recorded: &[],
            came_before: false,
            ended: &[],
            now: at("06:10:30"),
        },
        &told,
        &policy(),
    );
    let open = alerts[&signals[0].fingerprint].id;
    let of_it = |marked: &&Marked| marked.settles && marked.alert_id == open && marked.sequence == 0;
    let settled: Vec<_> = plan.told.iter().filter(of_it).collect();
    assert!(settled.is_empty(), "nobody was told that it fires again: {settled:?}");
}

/// An alert on record that two sources opened, told to everybody before the record was gone.
fn open_by_two_sources() -> (BTreeMap<Fingerprint, Alert>, State) {
    let one = fires(Severity::Critical, "06:00:00");
    let other = Signal { source: "other".into(), id: Uuid::from_u128(8), ..one.clone() };
    let before = decide(State::default(), &[one, other], &policy(), at("06:00:01"));
    let mut alert = before.opened[0].clone();
    for row in &mut alert.deliveries {
        (row.status, row.sent_at, row.notification) = (DeliveryStatus::Sent, Some(at("06:00:02")), None);
    }
    let known = BTreeMap::from([(alert.fingerprint.clone(), alert)]);
    let state = State { alerts: known.clone(), sources: before.sources.into_iter().collect(), ..State::default() };
    (known, state)
}

/// What becomes of the end of one of these sources, whose message came before or not.
fn deliveries_of_an_end(came_before: bool) -> Vec<String> {
    let (known, state) = open_by_two_sources();
    let signals = [Signal { source: "other".into(), ..says(SignalStatus::Resolved, Severity::Critical, "06:10:00") }];
    let mut plan = decide(state, &signals, &policy(), at("06:10:05"));
    let decided = Decided {
        known: &known,
        signals: &signals,
        said: &signals,
        recorded: &[],
        came_before,
        ended: &[],
        now: at("06:10:05"),
    };
    mark(&mut plan, &decided, &[], &policy());
    deliveries(&plan)
}

#[test]
fn an_end_that_its_first_reader_may_have_passed_on_before_it_died_leaves_no_incident_closed_that_fires() {
    assert_eq!(deliveries_of_an_end(true), ["on-call firing pending"], "another source fires still");
    assert!(deliveries_of_an_end(false).is_empty(), "nobody can have passed it on");
}

#[test]
fn an_end_is_not_passed_on_while_another_source_is_known_to_fire() {
    let mut remembered = Remembered::default();
    remembered.hear(&fires(Severity::High, "06:00:00"), at("06:00:05"));
    let other = |status, at: &str| Signal { source: "other".into(), ..says(status, Severity::High, at) };
    remembered.hear(&other(SignalStatus::Firing, "06:01:00"), at("06:01:05"));
    let end = says(SignalStatus::Resolved, Severity::High, "06:10:00");
    assert!(told_now(&end, &remembered, "06:10:05").is_empty());
    remembered.hear(&other(SignalStatus::Resolved, "06:05:00"), at("06:05:05"));
    assert_eq!(told_now(&end, &remembered, "06:10:05").len(), 4);
}

#[test]
fn a_note_that_is_on_record_is_not_recorded_again_with_the_next_message_that_carries_it() {
    let (known, state) = open_by_two_sources();
    let note = Told {
        receiver: "hook".into(),
        ..taken(&fires(Severity::High, "06:00:00"), &mut Remembered::default(), "06:00:05").remove(1)
    };
    let signals = [fires(Severity::High, "06:11:00")];
    let mark_with = |recorded: &[Told], told: &[Told]| {
        let mut plan = decide(state.clone(), &signals, &policy(), at("06:30:00"));
        let now = at("06:30:00");
        let decided =
            Decided { known: &known, signals: &signals, said: &signals, recorded, came_before: false, ended: &[], now };
        mark(&mut plan, &decided, told, &policy());
        deliveries(&plan)
    };
    let note = [note];
    assert_eq!(mark_with(&[], &note), ["hook firing sent"]);
    assert!(mark_with(&note, &[]).is_empty());
}

#[test]
fn what_was_told_before_an_end_that_is_on_record_already_is_open_at_the_provider_all_the_same() {
    let signals = [fires(Severity::High, "06:11:00")];
    let note = taken(&signals[0], &mut Remembered::default(), "06:11:05");
    let (known, nothing) = (BTreeMap::new(), State::default());
    let with_an_end_at = |ended: &str| {
        let mut plan = decide(nothing.clone(), &signals, &policy(), at("06:30:00"));
        let ended = [(signals[0].fingerprint.clone(), at(ended))];
        let decided = Decided {
            known: &known,
            signals: &signals,
            said: &signals,
            recorded: &[],
            came_before: false,
            ended: &ended,
            now: at("06:30:00"),
        };
        mark(&mut plan, &decided, &note, &policy());
        deliveries(&plan)
    };
    let before = with_an_end_at("05:30:00");
    assert!(before.contains(&"on-call firing sent".to_owned()), "{before:?}");
    let since = [&before[..], &["on-call firing pending".to_owned()]].concat();
    assert_eq!(with_an_end_at("06:12:00"), since, "whoever received it may have closed the incident");
}

#[test]
fn an_end_before_its_receiver_was_told_anew_does_not_settle_the_end_that_follows() {
    let signals = [fires(Severity::High, "06:00:00"), says(SignalStatus::Resolved, Severity::High, "06:10:00")];
    let mut told = taken(&signals[0], &mut Remembered::default(), "06:00:05");
    told.extend(taken(&signals[1], &mut Remembered::default(), "06:10:05"));
    let on_call = |plan: &Plan| -> Vec<String> {
        deliveries(plan).into_iter().filter(|words| words.starts_with("on-call")).collect()
    };
    assert_eq!(on_call(&recorded(&signals, &told, "06:30:00")), ["on-call firing sent", "on-call resolved sent"]);
    told.extend(taken(&signals[0], &mut Remembered::default(), "06:10:06"));
    let plan = recorded(&signals, &told, "06:30:00");
    assert_eq!(on_call(&plan), ["on-call firing sent", "on-call resolved pending"], "the incident is open again");
}

#[test]
fn an_incident_that_was_superseded_and_opened_again_is_closed_in_the_end() {
    let (_, mut state) = open_by_two_sources();
    let alert = state.alerts.values_mut().next().expect("open");
    let key = alert.dedup_key(Severity::Critical);
    let mut rows: Vec<_> = alert.deliveries.iter().filter(|row| row.receiver == "on-call").cloned().collect();
    rows.retain(|row| row.dedup_key == key);
    for (sequence, notice) in [(1, Notice::Resolved), (2, Notice::Firing)] {
        alert.deliveries.push(Delivery { sequence, notice, ..rows[0].clone() });
    }
    let over =
        |source: &str| Signal { source: source.into(), ..says(SignalStatus::Resolved, Severity::Low, "06:10:00") };
    let plan = decide(state, &[over("alarm"), over("other")], &policy(), at("06:10:05"));
    let ends: Vec<String> = deliveries(&plan).into_iter().filter(|words| words.starts_with("on-call")).collect();
    assert_eq!(ends, ["on-call resolved pending"]);
}
