//! What mutes an alert: a silence, an alert whose consequence it is, its own flapping, a group that it is told with.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::desk::Desk;
use super::{DELIVERY_FAILED, Gatherer, Inhibitor, Joined, SYNTHETIC};
use crate::alert::{Alert, Gathering, Mute, Muted};
use crate::notification::Notice;
use crate::policy::{Described, Inhibition, Policy};
use crate::severity::Severity;

/// Whether people may be told of an alert.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Yes.
    Tell,
    /// Yes, and that further changes are not told until it has calmed down.
    TellAsFlapping,
    /// No.
    Muted(Muted),
}

/// A group takes nobody in shortly before it is told: that has to be on record first.
const LAST_CALL: SignedDuration = SignedDuration::from_secs(2);
/// How many of a group are named; the digest counts them all.
const NAMED: usize = 20;

impl Muted {
    /// Why people hear of it only now.
    pub(super) fn said(&self, now: Timestamp) -> String {
        let lasted = crate::duration::display(now.duration_since(self.since));
        format!("Not told since {} ({lasted}): {}", self.since, self.because)
    }
}

impl Desk<'_> {
    /// What mutes an alert that `notice` is about. The synthetic alert bothers nobody, and an alarm misses it: nothing does.
    pub(super) fn mute_of(&self, alert: &Alert, notice: Notice) -> Verdict {
        if alert.kind == SYNTHETIC {
            return Verdict::Tell;
        }
        let muted = self.silenced(alert).or_else(|| self.inhibited(alert)).or_else(|| self.grouped(alert));
        match muted {
            Some(muted) => Verdict::Muted(muted),
            None if notice == Notice::Severity => Verdict::Tell,
            None => self.flapping(alert),
        }
    }

    /// The silence that lasts longest.
    fn silenced(&self, alert: &Alert) -> Option<Muted> {
        let condition = alert.described(alert.severity);
        let matching = self.state.silences.iter().filter_map(|silence| {
            let until = silence.mutes(&condition, self.now)?;
            Some((until, silence))
        });
        let (until, silence) = matching.max_by_key(|(until, _)| *until)?;
        let because = format!("silenced by {}: {}", silence.author, silence.reason);
        Some(self.muted(Mute::Silenced, Some(silence.id), Some(until), because))
    }

    fn inhibited(&self, alert: &Alert) -> Option<Muted> {
        let inhibitors = self.state.inhibitors.iter().filter(|inhibitor| {
            inhibitor.alert_id != alert.id && !self.ended.iter().any(|ended| ended.id == inhibitor.alert_id)
        });
        let mut pairs = inhibitors.flat_map(|one| self.policy.inhibit.iter().map(move |rule| (one, rule)));
        let (by, _) = pairs.find(|(inhibitor, rule)| mutes(rule, inhibitor, alert))?;
        let because = format!("a consequence of {} {}", by.kind, by.subject);
        Some(self.muted(Mute::Inhibited, Some(by.alert_id), None, because))
    }

    /// An alert that flaps is told so once; then nobody is told until fewer changes are left in the window.
    fn flapping(&self, alert: &Alert) -> Verdict {
        let (Some(rule), None) = (self.policy.flapping, &alert.event_key) else { return Verdict::Tell };
        let since = self.now.saturating_sub(rule.within).unwrap_or(Timestamp::MIN);
        let ended = self.state.ended.get(&alert.fingerprint).map(Vec::as_slice).unwrap_or_default();
        let told_as = ended.iter().filter(|ended| ended.resolved_at > since).filter_map(|ended| ended.flapped).max();
        let mut changes: Vec<Timestamp> = ended
            .iter()
            .flat_map(|ended| [ended.opened_at, ended.resolved_at])
            .chain([alert.opened_at])
            .filter(|at| *at > since)
            .collect();
        let limit = usize::try_from(rule.changes).unwrap_or(usize::MAX).max(1);
        if changes.len() < limit {
            return Verdict::Tell;
        }
        // What is worse than people were told flaps is news.
        if told_as < Some(alert.severity) {
            return Verdict::TellAsFlapping;
        }
        changes.sort_unstable();
        let calm_at = changes[changes.len() - limit].saturating_add(rule.within).unwrap_or(Timestamp::MAX);
        let because = format!("it opened and ended again and again, {} changes", changes.len());
        Verdict::Muted(self.muted(Mute::Flapping, None, Some(calm_at), because))
    }

    /// An alert that is told with another one stays so while that one is open, unless it gets worse than it was named.
    fn grouped(&self, alert: &Alert) -> Option<Muted> {
        let muted = alert.muted.as_ref().filter(|muted| muted.why == Mute::Grouped)?;
        let leader = self.state.gathering.iter().find(|gatherer| Some(gatherer.alert_id) == muted.by)?;
        let is_open = !self.ended.iter().any(|ended| Some(ended.id) == muted.by);
        (is_open && Some(alert.severity) <= severity_of(&leader.gathering)).then(|| muted.clone())
    }

    /// Joins the alerts of its group that wait to be told, or begins to wait for others; whether it joined.
    pub(super) fn joins(&mut self, alert: &mut Alert) -> bool {
        let Some((key, wait)) = group_of(&alert.described(alert.severity), self.policy) else { return false };
        if let Some(leader) = self.leader(&key) {
            let mut muted = self.muted(Mute::Grouped, Some(leader), None, "it was told with others".to_owned());
            muted.since = alert.muted.as_ref().map_or(self.now, |before| before.since);
            alert.muted = Some(muted);
            self.join(leader, format!("Also [{}] {} {}", alert.severity, alert.kind, alert.subject));
            return true;
        }
        let until = self.now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let gathering = Gathering { key, until };
        self.state.gathering.push(Gatherer { alert_id: alert.id, gathering: gathering.clone() });
        alert.gathering = Some(gathering);
        false
    }

    fn leader(&self, key: &str) -> Option<Uuid> {
        let last_call = self.now.saturating_add(LAST_CALL).unwrap_or(Timestamp::MAX);
        let waits = |gatherer: &&Gatherer| gatherer.gathering.key == key && gatherer.gathering.until > last_call;
        let is_open = |gatherer: &&Gatherer| !self.ended.iter().any(|ended| ended.id == gatherer.alert_id);
        self.state.gathering.iter().filter(waits).find(is_open).map(|gatherer| gatherer.alert_id)
    }

    /// Says so where the leader is told: on rows made just now, or on those in the store.
    fn join(&mut self, leader: Uuid, note: String) {
        let mut here = false;
        if let Some(alert) = self.find_mut(leader) {
            for notification in alert.deliveries.iter_mut().filter_map(|delivery| delivery.notification.as_mut()) {
                here = true;
                match notification.notes.len() {
                    count if count < NAMED => notification.notes.push(note.clone()),
                    NAMED => notification.notes.push("and more of its group".to_owned()),
                    _ => {}
                }
            }
        }
        if !here {
            self.joined.push(Joined { leader, note });
        }
    }

    fn muted(&self, why: Mute, by: Option<Uuid>, until: Option<Timestamp>, because: String) -> Muted {
        Muted { why, since: self.now, until, by, because }
    }
}

/// The group that an alert would be told with, and how long it waits: those of its severity that the same receivers are
/// told of and that have in common what its route groups by. What is said of receivers is for others to hear, one by one.
pub fn group_of(alert: &Described<'_>, policy: &Policy) -> Option<(String, SignedDuration)> {
    if alert.kind == DELIVERY_FAILED || alert.kind == SYNTHETIC {
        return None;
    }
    let routes = policy.routes_of(alert);
    let group = routes.iter().find_map(|route| route.group.as_ref())?;
    let value = |name: &String| match name.as_str() {
        "kind" => alert.kind,
        "subject" => alert.subject,
        "environment" => alert.environment,
        label => alert.labels.get(label).map(String::as_str).unwrap_or_default(),
    };
    let values: Vec<&str> = group.by.iter().map(value).collect();
    let told: BTreeSet<&String> = routes.iter().flat_map(|route| &route.to).collect();
    let key = serde_json::json!([told, alert.severity.as_str(), group.by, values]);
    Some((key.to_string(), group.wait))
}

/// How bad those are that are told together.
fn severity_of(gathering: &Gathering) -> Option<Severity> {
    let key: serde_json::Value = serde_json::from_str(&gathering.key).ok()?;
    key.get(1)?.as_str()?.parse().ok()
}

/// How bad an alert is that was told, or muted, as flapping.
pub(crate) fn flapped(alert: &Alert) -> Option<Severity> {
    let muted = alert.muted.as_ref().is_some_and(|muted| muted.why == Mute::Flapping);
    let told = alert.deliveries.iter().any(|delivery| delivery.notice == Notice::Flapping);
    (muted || told).then(|| alert.notified_severity.unwrap_or(alert.severity))
}

/// Whether a rule lets this alert mute that one. Of two that match both sides neither mutes the other.
fn mutes(rule: &Inhibition, inhibitor: &Inhibitor, alert: &Alert) -> bool {
    let (source, target) = (inhibitor.described(), alert.described(alert.severity));
    let value = |labels: &crate::fingerprint::Labels, name: &String| labels.get(name).cloned().unwrap_or_default();
    rule.when.matches(&source)
        && rule.mutes.matches(&target)
        && !(rule.when.matches(&target) && rule.mutes.matches(&source))
        && rule.equal.iter().all(|name| value(source.labels, name) == value(target.labels, name))
}
