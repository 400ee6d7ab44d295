//! Whom the routes name for an alert, and whether they can be told now.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::alert::Alert;
use crate::delivery::{Held, HeldBecause};
use crate::policy::{Integration, NULL_RECEIVER, Policy, Route, SELF_RECEIVER};
use crate::severity::Severity;

/// The kind of a signal about a receiver that did not take what it was told; its subject is that receiver.
pub const DELIVERY_FAILED: &str = "delivery-failed";
/// The kind of the signal that walks the whole way on a schedule and bothers nobody.
pub const SYNTHETIC: &str = "synthetic";

/// What came of telling the receivers of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The routes name nobody.
    Nobody,
    /// Everybody is told later, the first for this reason.
    Later(HeldBecause),
    /// Somebody is told.
    Now,
}

/// Somebody to tell.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Addressee {
    pub(super) receiver: String,
    pub(super) integration: Integration,
    pub(super) fallback: Vec<String>,
    pub(super) held: Option<Held>,
}

/// Whom to tell of an alert at a severity, each once, in the order of the routes.
pub(super) fn addressees(
    alert: &Alert,
    severity: Severity,
    policy: &Policy,
    switched_off: &BTreeSet<String>,
    now: Timestamp,
) -> Vec<Addressee> {
    let mut list = List { found: Vec::new(), policy, switched_off };
    if alert.kind == SYNTHETIC {
        list.add(NULL_RECEIVER, &[], None);
        return list.found;
    }
    // A receiver is not told that it cannot be told.
    let about = (alert.kind == DELIVERY_FAILED).then_some(alert.subject.as_str());
    for route in policy.routes_of(&alert.described(severity)) {
        let others = |names: &[String]| -> Vec<String> {
            names.iter().filter(|name| Some(name.as_str()) != about).cloned().collect()
        };
        let (to, fallback) = (others(&route.to), others(&route.fallback));
        let held = closed(route, severity, now);
        for receiver in &to {
            list.add(receiver, &fallback, held);
            if severity == Severity::Critical && switched_off.contains(receiver) {
                fallback.iter().for_each(|next| list.add(next, &[], None));
            }
        }
    }
    let somebody = list.found.iter().any(|addressee| addressee.held.is_none());
    if severity == Severity::Critical && !list.found.is_empty() && !somebody {
        policy
            .default_route
            .to
            .iter()
            .filter(|name| Some(name.as_str()) != about)
            .for_each(|name| list.add(name, &[], None));
        if list.found.iter().all(|addressee| addressee.held.is_some()) {
            list.add(SELF_RECEIVER, &[], None);
        }
    }
    if about.is_some() && list.found.is_empty() {
        list.add(SELF_RECEIVER, &[], None);
    }
    list.found
}

/// That the hours of a route are over, which CRITICAL does not heed.
pub(super) fn closed(route: &Route, severity: Severity, now: Timestamp) -> Option<Held> {
    let hours = route.hours.as_ref().filter(|hours| severity != Severity::Critical && !hours.is_open(now))?;
    Some(Held { because: HeldBecause::OutsideHours, until: hours.next_change(now) })
}

struct List<'a> {
    found: Vec<Addressee>,
    policy: &'a Policy,
    switched_off: &'a BTreeSet<String>,
}

impl List<'_> {
    /// Adds a receiver that exists and is not there yet. One that is switched off is held.
    fn add(&mut self, name: &str, fallback: &[String], held: Option<Held>) {
        let Some(receiver) = self.policy.receivers.get(name) else { return };
        if self.found.iter().any(|addressee| addressee.receiver == name) {
            return;
        }
        let off = self.switched_off.contains(name).then_some(Held { because: HeldBecause::SwitchedOff, until: None });
        self.found.push(Addressee {
            receiver: name.to_owned(),
            integration: receiver.integration,
            fallback: fallback.iter().filter(|other| *other != name).cloned().collect(),
            held: off.or(held),
        });
    }
}
