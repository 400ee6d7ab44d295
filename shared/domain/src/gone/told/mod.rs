//! What the record makes of who was told while it was gone: their deliveries count as sent, so that only who has not been
//! told is told.

mod beyond;
mod reopen;

use std::collections::{BTreeMap, BTreeSet};

use beyond::delivery;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::note::Told;
use super::telling::doubtful_ends;
use crate::alert::Alert;
use crate::decide::Plan;
use crate::delivery::{Delivery, DeliveryStatus, Outcome};
use crate::fingerprint::Fingerprint;
use crate::notification::Notice;
use crate::policy::Policy;
use crate::signal::Signal;

/// How far the clocks of those who tell may be apart.
pub const SKEW: SignedDuration = SignedDuration::from_secs(2);

/// A try, made while the record was gone, at a delivery that is on record by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The delivery's alert.
    pub alert_id: Uuid,
    /// Its receiver.
    pub receiver: String,
    /// Its place among the rows of that alert and receiver.
    pub sequence: i32,
    /// What came of the try.
    pub outcome: Outcome,
    /// The receiver's own id of what it took.
    pub provider_id: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Whether that settles the delivery. A try that failed does not, nor an end that was told before its beginning was.
    pub settles: bool,
}

/// What is decided, and about what.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The alerts that were open before.
    pub known: &'a BTreeMap<Fingerprint, Alert>,
    /// The signals that the plan is about, in the order of its verdicts.
    pub signals: &'a [Signal],
    /// Everything that the held messages say, on record before or not.
    pub said: &'a [Signal],
    /// What their notes say and is on record already.
    pub recorded: &'a [Told],
    /// That they were received before, by somebody who may have passed on their ends and died before it could note that.
    pub came_before: bool,
    /// When the record last took an end of some conditions, in messages before these: it may have been passed on since
    /// people were told what these say.
    pub ended: &'a [(Fingerprint, Timestamp)],
    /// The instant that it was decided by.
    pub now: Timestamp,
}

/// Brings who was told into a plan that knows nothing of it.
///
/// What was told of and is in nobody's delivery (a silence that only the record knows, a receiver of another watch file,
/// the topic `self`) becomes a delivery of its own: whoever was told of the beginning has to be told of the end.
pub fn mark(plan: &mut Plan, decided: &Decided<'_>, told: &[Told], policy: &Policy) {
    let mut told: Vec<&Told> = told.iter().collect();
    told.sort_by_key(|told| (told.at, told.n == 0));
    // Every message about a condition carries the same note.
    let mut seen = BTreeSet::new();
    told.retain(|told| seen.insert((&told.receiver, &told.dedup_key, told.notice, told.at)));
    let all: Vec<&Told> = told.iter().copied().chain(decided.recorded).collect();
    let mut desk = Desk { plan, decided, policy, all, taken: BTreeSet::new() };
    for told in &told {
        desk.take(told);
    }
    // Of whom no answer came, the end may have been taken.
    let taken = |told: &&&Told| matches!(told.outcome, Outcome::Accepted | Outcome::Ambiguous);
    for end in told.iter().filter(taken).filter(|told| !told.notice.triggers()) {
        if !desk.began_again(end) {
            desk.open_again(end);
        }
    }
    for begun in told.iter().filter(|told| told.notice.triggers() && told.outcome == Outcome::Accepted) {
        let ends_later =
            |(of, at): &(Fingerprint, Timestamp)| *of == begun.fingerprint && begun.at.duration_since(*at) < SKEW;
        if decided.ended.iter().any(ends_later) {
            desk.open_again(&Told { notice: Notice::Resolved, at: decided.now, ..(*begun).clone() });
        }
    }
    if decided.came_before {
        for end in decided.said.iter().flat_map(|signal| doubtful_ends(signal, policy, decided.now)) {
            desk.open_again(&end);
        }
    }
}

fn is_same_incident(one: &Told, other: &Told) -> bool {
    one.outcome == Outcome::Accepted && one.receiver == other.receiver && same_key(&one.dedup_key, &other.dedup_key)
}

struct Desk<'a> {
    plan: &'a mut Plan,
    decided: &'a Decided<'a>,
    policy: &'a Policy,
    /// Everything that the notes say.
    all: Vec<&'a Told>,
    /// Deliveries that a note has settled already.
    taken: BTreeSet<(Uuid, String, i32)>,
}

/// Where a delivery stands: its alert, receiver and place.
type Place = (Uuid, String, i32);

impl Desk<'_> {
    fn take(&mut self, told: &Told) {
        let found = self.find_new(told).or_else(|| self.find_known(told));
        let accepted = told.outcome == Outcome::Accepted;
        let place = match found {
            Some(place) => place,
            None if accepted && told.notice.triggers() => match self.attach(told) {
                Some(place) => place,
                None => return,
            },
            None => return,
        };
        let is_last_word = || !self.began_again(told) && !self.begins_later(&place, told);
        let settles = accepted && (told.notice.triggers() || is_last_word());
        if settles {
            self.settle(&place, told);
        }
        let (alert_id, receiver, sequence) = place;
        let (outcome, provider_id) = (told.outcome.clone(), told.provider_id.clone());
        self.plan.told.push(Marked { alert_id, receiver, sequence, outcome, provider_id, at: told.at, settles });
    }

    /// Whether somebody opened after an end what it closed.
    fn began_again(&self, end: &Told) -> bool {
        self.all.iter().any(|other| other.notice.triggers() && other.at >= end.at && is_same_incident(other, end))
    }

    /// A delivery that the plan writes: one that no note has settled, else the last that one has.
    fn find_new(&self, told: &Told) -> Option<Place> {
        let meant = |(_, delivery): &&(Uuid, Delivery)| {
            delivery.notification.as_ref().is_some_and(|notification| notification.fingerprint == told.fingerprint)
                && is_meant(delivery, told)
        };
        let places = self.plan.deliveries.iter().filter(meant).map(|(alert_id, delivery)| place(*alert_id, delivery));
        let places: Vec<Place> = places.collect();
        places.iter().find(|place| !self.taken.contains(*place)).or(places.last()).cloned()
    }

    /// A delivery of an alert that was open before, unless the note is about an earlier time that it fired: who heard of
    /// that one has not heard of this.
    fn find_known(&self, told: &Told) -> Option<Place> {
        let alert = self.decided.known.get(&told.fingerprint)?;
        if told.notice.triggers() && self.is_about_earlier(alert, told) {
            return None;
        }
        let delivery = alert.deliveries.iter().rev().find(|delivery| is_meant(delivery, told))?;
        Some(place(alert.id, delivery))
    }

    /// Whether all that the held messages say of this condition is older than what the open alert was told for. Where they
    /// say nothing that is new to the record, the note is about what is on record.
    fn is_about_earlier(&self, alert: &Alert, told: &Told) -> bool {
        let said =
            self.decided.signals.iter().filter(|signal| {
                signal.fingerprint == told.fingerprint && signal.status != crate::SignalStatus::Resolved
            });
        said.map(|signal| signal.occurred_at).max().is_some_and(|latest| latest < alert.news.occurred_at)
    }

    /// Whether the end that was told belongs to a beginning that the same receiver is still to be told of, or was told of
    /// later: it must then be told the end again, after it.
    fn begins_later(&self, (alert_id, receiver, _): &Place, told: &Told) -> bool {
        let of_key = |delivery: &Delivery| {
            delivery.receiver == *receiver
                && delivery.notice.triggers()
                && same_key(&delivery.dedup_key, &told.dedup_key)
                && match delivery.status {
                    DeliveryStatus::Pending | DeliveryStatus::Sending | DeliveryStatus::Held => {
                        !self.taken.contains(&place(*alert_id, delivery))
                    }
                    DeliveryStatus::Sent => delivery.sent_at.is_some_and(|at| told.at.duration_since(at) < SKEW),
                    DeliveryStatus::Failed | DeliveryStatus::Cancelled => false,
                }
        };
        let planned =
            self.plan.deliveries.iter().filter(|(of, _)| of == alert_id).any(|(_, delivery)| of_key(delivery));
        let known = self.decided.known.get(&told.fingerprint).filter(|alert| alert.id == *alert_id);
        planned || known.is_some_and(|alert| alert.deliveries.iter().any(of_key))
    }

    /// The delivery is done, as far as its receiver is concerned.
    fn settle(&mut self, place: &Place, told: &Told) {
        self.taken.insert(place.clone());
        let (alert_id, receiver, sequence) = place;
        let own =
            self.plan.deliveries.iter_mut().filter(|(of, delivery)| of == alert_id && delivery.receiver == *receiver);
        for (_, delivery) in own {
            if delivery.sequence == *sequence {
                delivery.status = DeliveryStatus::Sent;
                delivery.held = None;
                delivery.waits_for = None;
                delivery.dedup_key.clone_from(&told.dedup_key);
                if let Some(notification) = &mut delivery.notification {
                    notification.dedup_key.clone_from(&told.dedup_key);
                }
            } else if delivery.notice == Notice::Resolved
                && let Some(notification) = &mut delivery.notification
                && told.notice.triggers()
            {
                // They know that it fired.
                notification.tells_firing_too = false;
            }
        }
        if told.notice.triggers() {
            self.adopt_window(*alert_id, &told.dedup_key);
            self.stop_gathering(*alert_id, told);
        }
    }

    /// Whoever was told does not wait for others any more: what comes later has nobody to be told with.
    fn stop_gathering(&mut self, alert_id: Uuid, told: &Told) {
        let mut decided = self.plan.opened.iter_mut().chain(&mut self.plan.changed);
        if let Some(alert) = decided.find(|alert| alert.id == alert_id) {
            alert.gathering = None;
            return;
        }
        let known = self.decided.known.get(&told.fingerprint);
        if let Some(alert) = known.filter(|alert| alert.id == alert_id && alert.gathering.is_some()) {
            self.plan.changed.push(Alert { gathering: None, ..alert.clone() });
        }
    }

    /// An alert that an event opened was told under the window of that moment: the others are told under the same.
    fn adopt_window(&mut self, alert_id: Uuid, dedup_key: &str) {
        let Some(window) = window(dedup_key).map(str::to_owned) else { return };
        let Some(alert) = self.plan.opened.iter_mut().find(|alert| alert.id == alert_id) else { return };
        if alert.event_key.is_none() {
            return;
        }
        alert.event_key = Some(window);
        for (_, delivery) in self.plan.deliveries.iter_mut().filter(|(of, _)| *of == alert_id) {
            if let Some(notification) = &mut delivery.notification {
                delivery.dedup_key = alert.dedup_key(notification.severity);
                notification.dedup_key.clone_from(&delivery.dedup_key);
            }
        }
    }
}

fn place(alert_id: Uuid, delivery: &Delivery) -> Place {
    (alert_id, delivery.receiver.clone(), delivery.sequence)
}

/// Whether a delivery is what a note says was told.
fn is_meant(delivery: &Delivery, told: &Told) -> bool {
    delivery.receiver == told.receiver
        && delivery.notice.triggers() == told.notice.triggers()
        && same_key(&delivery.dedup_key, &told.dedup_key)
}

/// Keys of one condition and severity; the windows of events differ by when they were told.
fn same_key(one: &str, other: &str) -> bool {
    let stem = |key: &str| key.split(':').take(2).map(str::to_owned).collect::<Vec<_>>();
    stem(one) == stem(other) && window(one).is_some() == window(other).is_some()
}

/// The part of a key that tells the alerts of events apart.
fn window(key: &str) -> Option<&str> {
    key.splitn(3, ':').nth(2)
}
