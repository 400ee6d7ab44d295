//! A replay says what a watch file changes, and nothing else.

use jiff::SignedDuration;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::fingerprint::Fingerprint;
use crate::policy::{Flapping, Integration, Matcher, Receiver, Route};
use crate::signal::SignalStatus;

fn at(minute: u32) -> Timestamp {
    let midnight: Timestamp = "2026-03-01T00:00:00Z".parse().expect("an instant");
    midnight.saturating_add(SignedDuration::from_mins(minute.into())).expect("that day")
}

fn policy() -> Policy {
    let receiver = |integration| Receiver { integration, switch: None };
    Policy {
        environment: "prod".into(),
        receivers: [
            ("on-call".to_owned(), receiver(Integration::Pagerduty)),
            ("team".to_owned(), receiver(Integration::Slack)),
        ]
        .into(),
        routes: vec![Route {
            when: Matcher { severity: vec![Severity::Critical, Severity::High], ..Matcher::default() },
            to: vec!["on-call".into()],
            ..Route::default()
        }],
        default_route: Route { to: vec!["team".into()], ..Route::default() },
        dedup_window: SignedDuration::from_hours(1),
        ..Policy::default()
    }
}

fn signal(minute: u32, subject: &str, status: SignalStatus, severity: Severity) -> Signal {
    let labels = Labels::new();
    Signal {
        id: Uuid::from_u128(u128::from(minute) << 32 | subject.len() as u128),
        idempotency_key: format!("{minute}/{subject}"),
        occurred_at: at(minute),
        source: "alarm".into(),
        sender: "topic:alarms".into(),
        kind: "metric".into(),
        subject: subject.into(),
        environment: "prod".into(),
        status,
        severity,
        fingerprint: Fingerprint::of("prod", "metric", subject, &labels),
        labels,
        summary: String::new(),
        runbook: None,
        body: String::new(),
    }
}

fn replayed(other: &Policy, signals: &[Signal]) -> Difference {
    let in_force = policy();
    let mut replay = Replay::new(&in_force, other, &[], at(0));
    for one in signals {
        let one = std::slice::from_ref(one);
        replay.hear(one, one, one[0].occurred_at);
    }
    replay.finish(at(24 * 60))
}

#[test]
fn a_route_that_is_moved_takes_its_pages_along() {
    let mut moved = policy();
    moved.routes[0].to = vec!["team".into()];
    let difference = replayed(
        &moved,
        &[
            signal(1, "lag", SignalStatus::Firing, Severity::High),
            signal(2, "depth", SignalStatus::Firing, Severity::Low),
        ],
    );
    let who =
        |pages: &[Page]| pages.iter().map(|page| format!("{} {}", page.receiver, page.subject)).collect::<Vec<_>>();
    assert_eq!(
        (who(&difference.added), who(&difference.removed)),
        (vec!["team lag".into()], vec!["on-call lag".into()])
    );
    assert_eq!(difference.kept, 1);
}

#[test]
fn damping_removes_the_pages_of_what_flaps() {
    let mut damped = policy();
    damped.flapping = Some(Flapping { changes: 3, within: SignedDuration::from_mins(30) });
    let signals: Vec<Signal> = (0..10)
        .map(|n| {
            let status = if n % 2 == 0 { SignalStatus::Firing } else { SignalStatus::Resolved };
            signal(n, "lag", status, Severity::High)
        })
        .collect();
    let difference = replayed(&damped, &signals);
    assert_eq!((difference.kept, difference.removed.len()), (1, 4));
    assert!(matches!(difference.added.as_slice(), [page] if page.notice == Notice::Flapping), "{:?}", difference.added);
}

#[test]
fn reminders_count_by_the_clock_between_signals() {
    let mut reminding = policy();
    reminding.remind_every = [(Severity::Low, SignedDuration::from_hours(6))].into();
    let difference = replayed(&reminding, &[signal(0, "lag", SignalStatus::Firing, Severity::Low)]);
    assert_eq!(difference.added.len(), 4, "{:?}", difference.added);
}

proptest! {
    #[test]
    fn the_same_watch_file_changes_nothing_and_twice_is_the_same(
        words in prop::collection::vec((0..600u32, 0..3usize, any::<bool>(), 0..4usize), 0..30),
    ) {
        let mut words = words;
        words.sort_unstable();
        let signals: Vec<Signal> = words
            .iter()
            .map(|(minute, subject, firing, severity)| {
                let status = if *firing { SignalStatus::Firing } else { SignalStatus::Resolved };
                signal(*minute, ["lag", "depth", "age of it"][*subject], status, Severity::ALL[*severity])
            })
            .collect();
        let same = replayed(&policy(), &signals);
        prop_assert!(same.added.is_empty() && same.removed.is_empty());
        let mut other = policy();
        other.flapping = Some(Flapping { changes: 3, within: SignedDuration::from_mins(30) });
        prop_assert_eq!(replayed(&other, &signals), replayed(&other, &signals));
    }
}
