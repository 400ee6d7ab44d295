//! One idea of CONTRACTS, "Alerts" and "Deliveries", per test.

use jiff::SignedDuration;

use super::*;
use crate::alert::CloseReason;
use crate::delivery::DeliveryStatus;
use crate::notification::Notice;
use crate::policy::{Integration, Matcher, Receiver, Route};
use crate::signal::SignalStatus;

pub(super) fn at(text: &str) -> Timestamp {
    format!("2026-03-01T{text}Z").parse().expect("a time of day")
}

/// CRITICAL and HIGH go to PagerDuty and mail, MEDIUM to the hook, LOW to nobody.
pub(super) fn policy() -> Policy {
    let route = |severity: &[Severity], to: &[&str]| Route {
        when: Matcher { severity: severity.to_vec(), ..Matcher::default() },
        to: to.iter().map(|name| (*name).to_owned()).collect(),
        ..Route::default()
    };
    let receiver = |integration| Receiver { integration, switch: None };
    Policy {
        environment: "prod".into(),
        namespace: "OPsPipeline".into(),
        metric_severity: Default::default(),
        metric_runbook: Default::default(),
        receivers: [
            ("on-call".to_owned(), receiver(Integration::Pagerduty)),
            ("mail".to_owned(), receiver(Integration::Sns)),
            ("hook".to_owned(), receiver(Integration::Webhook)),
            ("self".to_owned(), receiver(Integration::Sns)),
        ]
        .into(),
        routes: vec![route(&[Severity::Critical, Severity::High], &["on-call", "mail"]), route(&[Severity::Low], &[])],
        default_route: Route { to: vec!["hook".into()], ..Route::default() },
        classify: vec![],
        inhibit: vec![],
        quarantine: vec![],
        dedup_window: SignedDuration::from_hours(1),
        digest_every: None,
        flapping: None,
        remind_every: Default::default(),
        heartbeat_remind_every: Default::default(),
    }
}

pub(super) struct Says {
    pub(super) signal: Signal,
}

pub(super) fn says(source: &str, status: SignalStatus, severity: Severity, occurred_at: &str) -> Says {
    let labels = Default::default();
    Says {
        signal: Signal {
            id: Uuid::from_u128(0),
            idempotency_key: format!("{source}/{occurred_at}/{status:?}/{severity}"),
            occurred_at: at(occurred_at),
            source: source.into(),
            sender: "topic:alarms".into(),
            kind: "metric".into(),
            subject: "Q/Depth".into(),
            environment: "prod".into(),
            status,
            severity,
            fingerprint: Fingerprint::of("prod", "metric", "Q/Depth", &labels),
            labels,
            summary: "deep".into(),
            runbook: None,
            body: "{}".into(),
        },
    }
}

impl Says {
    /// The same of another condition.
    pub(super) fn of(self, kind: &str, subject: &str) -> Self {
        let (kind, subject) = (kind.to_owned(), subject.to_owned());
        let fingerprint = Fingerprint::of("prod", &kind, &subject, &self.signal.labels);
        let idempotency_key = format!("{kind}/{subject}/{}", self.signal.idempotency_key);
        Self { signal: Signal { kind, subject, fingerprint, idempotency_key, ..self.signal } }
    }

    /// The same from another sender.
    pub(super) fn sent_by(self, sender: &str) -> Self {
        Self { signal: Signal { sender: sender.to_owned(), ..self.signal } }
    }
}

/// A store in memory: applies plans as the real one does, and counts ids.
#[derive(Default)]
pub(super) struct World {
    pub(super) state: State,
    pub(super) ended: Vec<Alert>,
    /// Instead of [`policy`].
    pub(super) policy: Option<Policy>,
    pub(super) bars: Vec<Bar>,
    pub(super) signals: u128,
}

impl World {
    pub(super) fn hears(&mut self, now: &str, all: Vec<Says>) -> Vec<Decision> {
        let signals: Vec<Signal> = all
            .into_iter()
            .map(|says| {
                self.signals += 1;
                Signal { id: Uuid::from_u128(self.signals), ..says.signal }
            })
            .collect();
        self.look_around();
        let policy = self.policy.clone().unwrap_or_else(policy);
        let plan = decide(self.state.clone(), &signals, &policy, at(now));
        assert_eq!(plan.verdicts.len(), signals.len());
        self.apply(&plan, at(now));
        plan.verdicts.iter().map(|verdict| verdict.decision).collect()
    }

    /// Decides again about everything that is open; how many deliveries that makes.
    pub(super) fn ticks(&mut self, now: &str) -> usize {
        self.look_around();
        let policy = self.policy.clone().unwrap_or_else(policy);
        let plan = decide_again(self.state.clone(), &policy, at(now));
        self.apply(&plan, at(now));
        self.look_around();
        let twice = decide_again(self.state.clone(), &policy, at(now));
        assert_eq!(twice, Plan::default(), "once more at the same instant");
        plan.deliveries.len()
    }

    /// What the store would read of alerts besides those that are spoken of.
    fn look_around(&mut self) {
        let told = |alert: &&Alert| alert.deliveries.iter().any(|row| row.status == DeliveryStatus::Sent);
        let open = || self.state.alerts.values();
        let inhibitors = open().filter(|alert| alert.muted.is_none()).filter(told).map(|alert| Inhibitor {
            alert_id: alert.id,
            severity: alert.severity,
            kind: alert.kind.clone(),
            subject: alert.subject.clone(),
            environment: alert.environment.clone(),
            labels: alert.labels.clone(),
        });
        let gathering =
            open().filter_map(|alert| Some(Gatherer { alert_id: alert.id, gathering: alert.gathering.clone()? }));
        (self.state.inhibitors, self.state.gathering) = (inhibitors.collect(), gathering.collect());
    }

    fn apply(&mut self, plan: &Plan, now: Timestamp) {
        self.bars.extend(plan.bars.iter().cloned());
        self.state.barred.extend(plan.bars.iter().map(|bar| (bar.worker_id.clone(), bar.environment.clone())));
        self.state.sources.extend(plan.sources.iter().cloned());
        for alert in plan.changed.iter().chain(&plan.opened) {
            if let Some((resolved_at, _)) = alert.closed {
                let flapped = mutes::flapped(alert);
                let ended = Ended { opened_at: alert.opened_at, resolved_at, flapped };
                self.state.ended.entry(alert.fingerprint.clone()).or_default().push(ended);
                self.ended.push(alert.clone());
                if self.state.alerts.get(&alert.fingerprint).is_some_and(|open| open.id == alert.id) {
                    self.state.alerts.remove(&alert.fingerprint);
                }
            } else {
                self.state.alerts.insert(alert.fingerprint.clone(), alert.clone());
            }
        }
        for alert in self.state.alerts.values_mut() {
            for delivery in &mut alert.deliveries {
                delivery.notification = None;
                delivery.created_at.get_or_insert(now);
                delivery.not_before = None;
            }
        }
    }

    /// Every delivery goes out, in order, until none is due.
    pub(super) fn everything_is_sent(&mut self) {
        for delivery in self.state.alerts.values_mut().flat_map(|alert| &mut alert.deliveries) {
            if delivery.status == DeliveryStatus::Pending {
                (delivery.status, delivery.waits_for) = (DeliveryStatus::Sent, None);
            }
        }
    }

    pub(super) fn everyone(&self) -> impl Iterator<Item = &Alert> {
        self.ended.iter().chain(self.state.alerts.values())
    }

    /// `receiver notice severity [status]` of every delivery, in order.
    pub(super) fn told(&self) -> Vec<String> {
        self.everyone()
            .flat_map(|alert| &alert.deliveries)
            .filter(|delivery| delivery.status != DeliveryStatus::Cancelled)
            .map(|delivery| {
                let key = delivery.dedup_key.split(':').nth(1).unwrap_or("?");
                format!("{} {} {key}", delivery.receiver, delivery.notice.as_str())
            })
            .collect()
    }
}

use Decision::{Opened, Resolved, Suppressed, Updated};
use Severity::{Critical, High, Low, Medium};
use SignalStatus::{Event, Firing};
const OVER: SignalStatus = SignalStatus::Resolved;

#[test]
fn an_alarm_opens_once_and_its_repeats_are_duplicates() {
    let mut world = World::default();
    assert_eq!(world.hears("06:00:01", vec![says("a", Firing, High, "06:00:00")]), [Opened]);
    for _ in 0..9 {
        let again = vec![says("a", Firing, High, "06:00:00")];
        assert_eq!(world.hears("06:00:02", again), [Suppressed(Reason::Duplicate)]);
    }
    assert_eq!(world.told(), ["on-call firing HIGH", "mail firing HIGH"]);
    assert_eq!(world.state.alerts.values().next().expect("open").signal_count, 10);
}

#[test]
fn a_rise_tells_at_a_new_key_and_closes_the_lower_one_once_the_new_is_open() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, High, "06:00:00")]);
    world.everything_is_sent();
    assert_eq!(world.hears("06:01:01", vec![says("a", Firing, Critical, "06:01:00")]), [Updated]);
    let rows = &world.state.alerts.values().next().expect("open").deliveries;
    let waiting: Vec<_> = rows.iter().filter(|row| row.waits_for.is_some()).collect();
    assert_eq!(waiting.len(), 1);
    assert_eq!((waiting[0].notice, waiting[0].waits_for), (Notice::Resolved, Some(1)));
    assert_eq!(world.told()[2..], ["on-call severity CRITICAL", "on-call resolved HIGH", "mail severity CRITICAL"]);
}

#[test]
fn the_end_closes_every_key_that_was_triggered_and_no_other() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, High, "06:00:00")]);
    world.everything_is_sent();
    world.hears("06:01:01", vec![says("a", Firing, Critical, "06:01:00")]);
    world.everything_is_sent();
    assert_eq!(world.hears("06:02:01", vec![says("a", OVER, High, "06:02:00")]), [Resolved]);
    assert_eq!(world.told()[5..], ["mail resolved CRITICAL", "on-call resolved CRITICAL"]);
}

#[test]
fn an_end_before_the_lower_key_was_closed_lets_it_wait_no_longer() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, High, "06:00:00")]);
    world.hears("06:01:01", vec![says("a", Firing, Critical, "06:01:00")]);
    world.hears("06:02:01", vec![says("a", OVER, Critical, "06:02:00")]);
    let rows: Vec<_> = world.ended[0].deliveries.iter().filter(|row| row.receiver == "on-call").collect();
    assert_eq!(rows.len(), 4, "firing, severity, and one resolve for each key");
    assert!(rows.iter().all(|row| row.waits_for.is_none() && row.status == DeliveryStatus::Pending));
}

#[test]
fn an_end_before_anything_was_sent_is_one_notice_that_says_both_where_no_incidents_are_kept() {
    let mut world = World::default();
    let both = vec![says("a", Firing, High, "06:00:00"), says("a", OVER, High, "06:00:30")];
    assert_eq!(world.hears("06:01:00", both), [Opened, Resolved]);
    assert_eq!(world.told(), ["on-call firing HIGH", "mail resolved HIGH", "on-call resolved HIGH"]);
    let mail = world.ended[0].deliveries.iter().rfind(|row| row.receiver == "mail").expect("a row");
    assert!(mail.notification.as_ref().expect("new").tells_firing_too);
}

#[test]
fn a_fall_in_severity_tells_nobody() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, Critical, "06:00:00")]);
    let fall = vec![says("a", Firing, High, "06:01:00")];
    assert_eq!(world.hears("06:01:01", fall), [Suppressed(Reason::NoChange)]);
    let alert = world.state.alerts.values().next().expect("open");
    assert_eq!((alert.severity, alert.notified_severity), (High, Some(Critical)));
    let rise_again = vec![says("a", Firing, Critical, "06:02:00")];
    assert_eq!(world.hears("06:02:01", rise_again), [Suppressed(Reason::NoChange)], "told before");
}

#[test]
fn an_alert_stays_open_until_the_last_of_its_sources_stops() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("alarm", Firing, High, "06:00:00")]);
    assert_eq!(world.hears("06:00:02", vec![says("check", Firing, High, "06:00:01")]), [Suppressed(Reason::NoChange)]);
    assert_eq!(world.hears("06:01:01", vec![says("alarm", OVER, High, "06:01:00")]), [Suppressed(Reason::NoChange)]);
    assert_eq!(world.hears("06:02:01", vec![says("check", OVER, High, "06:02:00")]), [Resolved]);
}

#[test]
fn what_comes_late_changes_nothing() {
    let mut world = World::default();
    assert_eq!(world.hears("06:05:00", vec![says("a", OVER, High, "06:04:00")]), [Suppressed(Reason::NothingOpen)]);
    assert_eq!(world.hears("06:05:01", vec![says("a", Firing, High, "06:03:00")]), [Suppressed(Reason::Stale)]);
    assert!(world.state.alerts.is_empty());
}

#[test]
fn a_late_recovery_between_two_alarms_does_not_resolve() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, High, "06:00:00")]);
    assert_eq!(world.hears("06:10:01", vec![says("a", Firing, High, "06:10:00")]), [Suppressed(Reason::Duplicate)]);
    assert_eq!(world.hears("06:10:02", vec![says("a", OVER, High, "06:05:00")]), [Suppressed(Reason::Stale)]);
    assert_eq!(world.state.alerts.len(), 1);
}

#[test]
fn at_equal_instants_firing_wins() {
    for order in [[Firing, OVER], [OVER, Firing]] {
        let mut world = World::default();
        for status in order {
            world.hears("06:01:00", vec![says("a", status, High, "06:00:00")]);
        }
        assert_eq!(world.state.alerts.len(), 1, "{order:?}");
    }
}

#[test]
fn a_source_whose_clock_runs_ahead_is_not_deaf_afterwards() {
    let mut world = World::default();
    world.hears("06:00:00", vec![says("a", Firing, High, "23:00:00")]);
    assert_eq!(world.hears("06:05:00", vec![says("a", OVER, High, "06:04:00")]), [Resolved]);
}

#[test]
fn insufficient_data_changes_nothing() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, High, "06:00:00")]);
    let none = vec![says("a", SignalStatus::None, High, "06:01:00")];
    assert_eq!(world.hears("06:01:01", none), [Suppressed(Reason::NoChange)]);
    assert_eq!(world.state.alerts.len(), 1);
}

#[test]
fn an_event_alert_swallows_its_repeats_until_its_window_is_over() {
    let mut world = World::default();
    assert_eq!(world.hears("06:00:01", vec![says("e", Event, High, "06:00:00")]), [Opened]);
    assert_eq!(world.hears("06:59:00", vec![says("e", Event, High, "06:58:59")]), [Suppressed(Reason::Duplicate)]);
    assert_eq!(world.hears("06:59:01", vec![says("e", Event, Critical, "06:59:00")]), [Updated], "worse than told");
    assert_eq!(world.hears("07:00:01", vec![says("e", Event, High, "07:00:00")]), [Opened]);
    let first = &world.ended[0];
    assert_eq!(first.closed, Some((at("07:00:01"), CloseReason::Expired)), "counted from its opening");
    assert!(first.deliveries.iter().filter(|row| row.receiver == "mail").all(|row| row.notice.triggers()), "silently");
    assert!(world.state.sources.is_empty(), "events write no sources");
    let keys: BTreeSet<_> = world.everyone().flat_map(|alert| &alert.deliveries).map(|row| &row.dedup_key).collect();
    assert_eq!(keys.len(), 3, "a window has keys of its own: {keys:?}");
}

#[test]
fn event_alerts_have_keys_of_their_own_even_when_their_sender_gives_one_date_for_all() {
    let mut world = World::default();
    for now in ["06:00:01", "07:00:01", "08:30:00"] {
        assert_eq!(world.hears(now, vec![says("e", Event, High, "05:00:00")]), [Opened]);
    }
    let keys: BTreeSet<_> = world.everyone().map(|alert| alert.dedup_key(High)).collect();
    assert_eq!(keys.len(), 3, "PagerDuty would merge one key into the open incident and wake nobody: {keys:?}");
}

#[test]
fn a_window_of_zero_switches_dedup_off() {
    let none = Policy { dedup_window: SignedDuration::ZERO, ..policy() };
    let signals: Vec<Signal> = ["06:00:00", "06:00:01"]
        .iter()
        .enumerate()
        .map(|(n, time)| Signal { id: Uuid::from_u128(n as u128 + 1), ..says("e", Event, High, time).signal })
        .collect();
    let plan = decide(State::default(), &signals, &none, at("06:00:02"));
    assert!(plan.verdicts.iter().all(|verdict| verdict.decision == Opened));
    assert_ne!(plan.opened[0].dedup_key(High), plan.opened[1].dedup_key(High));
}

#[test]
fn routes_decide_who_is_told_and_a_rise_asks_them_again() {
    let mut world = World::default();
    assert_eq!(world.hears("06:00:01", vec![says("a", Firing, Low, "06:00:00")]), [Suppressed(Reason::NoReceiver)]);
    assert_eq!(world.hears("06:01:01", vec![says("a", Firing, Medium, "06:01:00")]), [Updated]);
    assert_eq!(world.hears("06:02:01", vec![says("a", Firing, High, "06:02:00")]), [Updated]);
    world.everything_is_sent();
    assert_eq!(world.hears("06:03:01", vec![says("a", OVER, High, "06:03:00")]), [Resolved]);
    assert_eq!(
        world.told(),
        [
            "hook severity MEDIUM",
            "on-call severity HIGH",
            "mail severity HIGH",
            "hook resolved HIGH",
            "mail resolved HIGH",
            "on-call resolved HIGH"
        ]
    );
}

#[test]
fn nobody_is_told_the_end_of_what_nobody_was_told() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("a", Firing, Low, "06:00:00")]);
    assert_eq!(world.hears("06:01:01", vec![says("a", OVER, Low, "06:01:00")]), [Suppressed(Reason::NoReceiver)]);
    assert!(world.state.alerts.is_empty(), "but it is over");
}

#[test]
fn an_alarm_and_its_recovery_that_arrive_together_the_wrong_way_round_are_told_as_both() {
    let mut world = World::default();
    let both = vec![says("a", OVER, High, "06:02:00"), says("a", Firing, High, "06:01:00")];
    assert_eq!(world.hears("06:03:00", both), [Resolved, Opened]);
}

#[test]
fn an_event_alert_does_not_run_out_while_a_source_fires() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("e", Event, High, "06:00:00")]);
    assert_eq!(world.hears("06:10:01", vec![says("a", Firing, High, "06:10:00")]), [Suppressed(Reason::NoChange)]);
    assert_eq!(world.hears("09:00:01", vec![says("e", Event, High, "09:00:00")]), [Suppressed(Reason::Duplicate)]);
    assert_eq!(world.hears("09:10:01", vec![says("a", OVER, High, "09:10:00")]), [Resolved]);
}

#[test]
fn a_recovery_of_a_source_that_never_fired_ends_no_event_alert() {
    let mut world = World::default();
    world.hears("06:00:01", vec![says("e", Event, High, "06:00:00")]);
    assert_eq!(world.hears("06:10:01", vec![says("a", OVER, High, "06:10:00")]), [Suppressed(Reason::NoChange)]);
    assert_eq!(world.state.alerts.len(), 1);
}

#[test]
fn a_receiver_that_a_route_names_twice_is_told_once() {
    let mut twice = policy();
    twice.default_route.to = vec!["hook".into(), "hook".into()];
    let signal = Signal { id: Uuid::from_u128(1), ..says("a", Firing, Medium, "06:00:00").signal };
    let plan = decide(State::default(), &[signal], &twice, at("06:00:01"));
    assert_eq!(plan.deliveries.len(), 1);
}
