//! Who is told without the record, of what, and under which keys.

use super::*;

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
