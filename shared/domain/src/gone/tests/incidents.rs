//! Incidents of a provider that keeps them: none is left closed while something fires, or open after the end.

use super::*;

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
