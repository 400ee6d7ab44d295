//! A delivery that will never be accepted: what is raised about it, and what it says of its receiver.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::Outcome;
use crate::condition::Raised;
use crate::decide::DELIVERY_FAILED;
use crate::fingerprint::{Fingerprint, Labels};
use crate::notification::{Notification, truncate};
use crate::signal::SignalStatus;

/// Longest summary, in characters: it quotes what a receiver answered.
const LONGEST_SUMMARY: usize = 1_000;

/// Whether this answer is about the receiver rather than about what it was told: its address or its secret is wrong.
pub fn refuses_everything(outcome: &Outcome, http_status: Option<u16>) -> bool {
    *outcome == Outcome::Permanent && matches!(http_status, Some(401 | 403 | 404 | 410))
}

/// A delivery that was given up.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// Which one.
    pub delivery_id: Uuid,
    /// Who was not told.
    pub receiver: &'a str,
    /// What it was not told.
    pub notification: &'a Notification,
    /// How many others were to go out in the same request and were given up with it.
    pub others: usize,
    /// Why, without secrets.
    pub why: &'a str,
}

impl Failed<'_> {
    /// The signal that tells other receivers; `None` for a delivery that was itself about such a failure, which never
    /// causes another.
    pub fn signal(&self, now: Timestamp) -> Option<Raised> {
        let Notification { severity, environment, kind, subject, notice, .. } = self.notification;
        if kind == DELIVERY_FAILED {
            return None;
        }
        // Of another alert it is another failure, and no duplicate.
        let labels = Labels::from([("alert".to_owned(), format!("{kind}/{subject}"))]);
        let fingerprint = Fingerprint::of(environment, DELIVERY_FAILED, self.receiver, &labels);
        let status = SignalStatus::Event;
        let id = format!("{fingerprint}/{}/{severity}/{}", status.as_str(), self.delivery_id);
        let others = if self.others == 0 { String::new() } else { format!(" and {} others", self.others) };
        let summary = format!(
            "{} was not told `{}` of {kind} {subject}{others} ({environment}): {}",
            self.receiver,
            notice.as_str(),
            self.why
        );
        let body = json!({
            "id": id,
            "source": format!("receiver:{}", self.receiver),
            "kind": DELIVERY_FAILED,
            "subject": self.receiver,
            "environment": environment,
            "status": status,
            "severity": severity.to_string(),
            "summary": truncate(&summary, LONGEST_SUMMARY),
            "labels": labels,
            "details": {
                "alert_id": self.notification.alert_id,
                "delivery_id": self.delivery_id,
                "notice": notice.as_str(),
                "others": self.others,
            },
            "occurred_at": now,
        });
        Some(Raised { id, body: body.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::Notice;
    use crate::severity::Severity;

    fn notification(kind: &str) -> Notification {
        let at: Timestamp = "2026-03-01T06:00:00Z".parse().expect("an instant");
        Notification {
            notice: Notice::Firing,
            alert_id: Uuid::from_u128(1),
            fingerprint: Fingerprint::of("prod", kind, "disk", &Labels::new()),
            dedup_key: "k".into(),
            severity: Severity::High,
            environment: "prod".into(),
            kind: kind.into(),
            subject: "disk".into(),
            labels: Labels::new(),
            summary: "full".into(),
            source: "test".into(),
            occurred_at: at,
            opened_at: at,
            runbook: None,
            tells_firing_too: false,
            notes: vec![],
            text: None,
        }
    }

    fn signal(kind: &str, receiver: &str, id: u128) -> Option<Raised> {
        let notification = notification(kind);
        let failed = Failed {
            delivery_id: Uuid::from_u128(id),
            receiver,
            notification: &notification,
            others: 0,
            why: "HTTP 400: bad",
        };
        failed.signal("2026-03-01T06:05:00Z".parse().expect("an instant"))
    }

    #[test]
    fn what_failed_is_said_with_its_receiver_its_alert_and_the_reason() {
        let raised = signal("metric", "on-call", 7).expect("a signal");
        let body: serde_json::Value = serde_json::from_str(&raised.body).expect("JSON");
        assert_eq!(body["id"], raised.id.as_str());
        assert_eq!((&body["kind"], &body["subject"]), (&json!("delivery-failed"), &json!("on-call")));
        assert_eq!((&body["source"], &body["severity"]), (&json!("receiver:on-call"), &json!("HIGH")));
        assert_eq!((&body["status"], &body["labels"]), (&json!("event"), &json!({"alert": "metric/disk"})));
        assert_eq!(body["summary"], "on-call was not told `firing` of metric disk (prod): HTTP 400: bad");
        assert!(raised.id.ends_with(&format!("/event/HIGH/{}", Uuid::from_u128(7))), "{}", raised.id);
    }

    #[test]
    fn failures_of_other_alerts_and_other_receivers_are_other_conditions() {
        let fingerprint = |kind, receiver| {
            let id = signal(kind, receiver, 7).expect("a signal").id;
            id.split('/').next().map(str::to_owned)
        };
        assert_eq!(fingerprint("metric", "hook"), fingerprint("metric", "hook"));
        assert_ne!(fingerprint("metric", "hook"), fingerprint("alarm", "hook"));
        assert_ne!(fingerprint("metric", "hook"), fingerprint("metric", "mail"));
    }

    #[test]
    fn a_failure_to_tell_of_a_failure_raises_none() {
        assert_eq!(signal(DELIVERY_FAILED, "hook", 7), None);
    }

    #[test]
    fn only_answers_about_the_receiver_itself_say_that_it_refuses_everything() {
        for status in [401, 403, 404, 410] {
            assert!(refuses_everything(&Outcome::Permanent, Some(status)), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(!refuses_everything(&Outcome::Permanent, Some(status)), "{status}");
        }
        assert!(!refuses_everything(&Outcome::Permanent, None), "the watch file has no such receiver");
        assert!(!refuses_everything(&Outcome::Transient, Some(404)));
    }
}
