//! What the record makes of who was told without it: deliveries that are settled, and those that are left.

use super::*;

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
