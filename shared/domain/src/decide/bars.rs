//! Bars workers: a claim that a rule names, from a sender that may.

use uuid::Uuid;

use super::desk::Desk;
use super::notices::{Telling, tell};
use super::telling::addressees;
use super::{Bar, Decision};
use crate::notification::{Notice, Text};
use crate::policy::Described;
use crate::signal::Signal;

impl Desk<'_> {
    /// Bars the worker that a claim is about, if a rule says so and it is not barred. Whoever is told of the claim is told
    /// of the bar with it; where nobody is, the bar is a notice of its own.
    pub(super) fn bar(&mut self, signal: &Signal, decision: Decision, alert_id: Option<Uuid>) {
        let (Some(alert_id), true) = (alert_id, self.bars_its_worker(signal)) else { return };
        let worker = (signal.subject.clone(), signal.environment.clone());
        if !self.state.barred.insert(worker) {
            return;
        }
        let (worker_id, environment) = (signal.subject.clone(), signal.environment.clone());
        let note = format!("The worker {worker_id} is barred in {environment} until a person releases it");
        let (policy, switched_off, now) = (self.policy, self.state.switched_off.clone(), self.now);
        if let Some(alert) = self.find_of(&signal.fingerprint, alert_id) {
            if matches!(decision, Decision::Opened | Decision::Updated) {
                let notices = alert.deliveries.iter_mut().filter(|delivery| delivery.notice != Notice::Resolved);
                notices
                    .filter_map(|delivery| delivery.notification.as_mut())
                    .for_each(|told| told.notes.push(note.clone()));
            } else {
                for addressee in addressees(alert, signal.severity, policy, &switched_off, now) {
                    tell(alert, Telling::to(&addressee, Notice::Quarantined, signal.severity));
                    let text = Text {
                        title: format!("[{}] {environment}: worker {worker_id} is barred", signal.severity),
                        lines: vec![signal.summary.clone(), note.clone(), format!("Alert: {}", alert.id)],
                    };
                    if let Some(told) = alert.deliveries.last_mut().and_then(|row| row.notification.as_mut()) {
                        told.text = Some(text);
                    }
                }
            }
        }
        let reason = signal.summary.clone();
        self.bars.push(Bar { worker_id, environment, reason, signal_id: signal.id, alert_id });
    }

    fn bars_its_worker(&self, signal: &Signal) -> bool {
        let condition = Described {
            severity: signal.severity,
            kind: &signal.kind,
            subject: &signal.subject,
            environment: &signal.environment,
            labels: &signal.labels,
        };
        // Only a claim is about a worker.
        signal.kind == "claim"
            && self
                .policy
                .quarantine
                .iter()
                .any(|rule| rule.when.matches(&condition) && rule.from.contains(&signal.sender))
    }
}
