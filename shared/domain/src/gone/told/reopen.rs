//! What was closed at a provider and fires has to be open there.

use super::{Desk, SKEW, delivery, same_key};
use crate::alert::Alert;
use crate::delivery::{Delivery, DeliveryStatus};
use crate::gone::note::Told;
use crate::notification::Notice;

/// What is said where an incident was closed too soon.
const STILL_FIRES: &str = "It was closed while Postgres was gone, and it still fires.";

impl Desk<'_> {
    /// An end was passed on to a provider that keeps incidents, or may have been, and the record knows better: another
    /// source still fires, or something newer was said before. What is closed there has to be open.
    pub(super) fn open_again(&mut self, told: &Told) {
        let Some(receiver) = self.policy.receivers.get(&told.receiver) else { return };
        let integration = receiver.integration;
        let Some(alert) = self.open_alert(told).filter(|_| integration.keeps_incidents()).cloned() else { return };
        let own = self.deliveries(&alert, &told.receiver);
        let of_key = |triggers: bool| {
            own.iter().filter(move |delivery| {
                delivery.notice.triggers() == triggers && same_key(&delivery.dedup_key, &told.dedup_key)
            })
        };
        // Whatever is being sent at this moment may have come before that end.
        let was_open =
            of_key(true).any(|delivery| matches!(delivery.status, DeliveryStatus::Sent | DeliveryStatus::Sending));
        let opens = of_key(true).any(|delivery| match delivery.status {
            DeliveryStatus::Pending => true,
            // Opening what is open does no harm.
            DeliveryStatus::Sent => delivery.sent_at.is_some_and(|at| at.duration_since(told.at) > SKEW),
            _ => false,
        });
        let last = of_key(true).chain(of_key(false)).filter(|delivery| delivery.status.tells());
        let ends = last.max_by_key(|delivery| delivery.sequence).is_some_and(|delivery| !delivery.notice.triggers());
        if !was_open || opens || ends {
            return;
        }
        let sequence = own.iter().map(|delivery| delivery.sequence + 1).max().unwrap_or(0);
        let mut again = delivery(&alert, told, integration, Notice::Firing, sequence);
        if let Some(notification) = &mut again.notification {
            notification.notes.push(STILL_FIRES.to_owned());
        }
        self.plan.deliveries.push((alert.id, again));
    }

    /// The alert of its condition that is open when all is decided.
    fn open_alert(&self, told: &Told) -> Option<&Alert> {
        self.alerts(told).find(|alert| alert.closed.is_none())
    }

    /// The alerts of its condition, as they are when all is decided.
    pub(super) fn alerts(&self, told: &Told) -> impl DoubleEndedIterator<Item = &Alert> {
        let decided = self.plan.opened.iter().chain(&self.plan.changed);
        let decided: Vec<&Alert> = decided.filter(|alert| alert.fingerprint == told.fingerprint).collect();
        let unchanged = self.decided.known.get(&told.fingerprint);
        let unchanged = unchanged.filter(|known| decided.iter().all(|alert| alert.id != known.id));
        unchanged.into_iter().chain(decided)
    }

    /// What a receiver is told of an alert, on record before or not.
    pub(super) fn deliveries(&self, alert: &Alert, receiver: &str) -> Vec<&Delivery> {
        let before = self.decided.known.get(&alert.fingerprint).filter(|known| known.id == alert.id);
        let known = before.into_iter().flat_map(|known| &known.deliveries);
        let planned = self.plan.deliveries.iter().filter(|(of, _)| *of == alert.id).map(|(_, delivery)| delivery);
        known.chain(planned).filter(|delivery| delivery.receiver == receiver).collect()
    }
}
