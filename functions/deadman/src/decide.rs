//! What an evaluation makes of all heartbeats: pure, from what is remembered and what was read.

use std::collections::{BTreeMap, BTreeSet};

use config::watch_file::{Heartbeat, HeartbeatSignal};
use config::{Switches, WatchFile};
use domain::Timestamp;
use domain::condition::Raised;
use domain::heartbeat::{
    Advanced, Reading, State, Status, advance, end, fingerprint, pause, raise, remind, resume, source,
};
use jiff::SignedDuration;
use store::heartbeats::{Changes, Moved, Record};
use store::outbox::Outgoing;

/// How long a signal may be on its way before the router's record is held against ours.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(10);

/// What is decided by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) watch_file: &'a WatchFile,
    pub(crate) switches: &'a Switches,
}

/// What comes of it.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) changes: Changes,
    /// What is remembered from now on, of every heartbeat that is watched.
    pub(crate) states: BTreeMap<String, State>,
    pub(crate) transitions: usize,
}

impl Rules<'_> {
    fn environment(&self) -> &str {
        self.watch_file.environment.as_str()
    }

    /// Decides about every heartbeat of the watch file, and ends those that are no longer in it.
    pub(crate) fn all(&self, record: &Record, readings: &BTreeMap<&str, Reading>, now: Timestamp) -> Decided {
        let mut decided = Decided::default();
        for heartbeat in &self.watch_file.heartbeats {
            let reading = readings.get(heartbeat.rules.name.as_str()).unwrap_or(&Reading::Unread);
            let steps = self.one(heartbeat, record, reading, now);
            decided.take(heartbeat, record, steps, self.environment());
            self.compare(heartbeat, record, &mut decided, now);
        }
        self.end_others(record, &mut decided, now);
        decided
    }

    /// The steps that one heartbeat takes; each begins where the one before it ended.
    fn one(&self, heartbeat: &Heartbeat, record: &Record, reading: &Reading, now: Timestamp) -> Vec<Advanced> {
        let rules = &heartbeat.rules;
        let (before, slots) = (record.states.get(&rules.name), record.slots_of(&rules.name));
        let off = heartbeat.switch.as_deref().filter(|switch| self.switches.get(switch).is_off());
        if off.is_some() {
            return pause(rules, before, slots, off, now).into_iter().collect();
        }
        // What a switch has stopped, the switch starts again.
        let switched_on = before.filter(|state| state.memory.switch.is_some());
        match switched_on.and_then(|state| resume(rules, state, slots, now)) {
            Some(resumed) => vec![resumed],
            None => vec![advance(rules, before, slots, reading, now)],
        }
    }

    /// What the router holds may be otherwise than what is remembered here: while our record was out of reach signals went
    /// out without it, and a record may have been restored. What differs is told again; the router knows a repeat.
    fn compare(&self, heartbeat: &Heartbeat, record: &Record, decided: &mut Decided, now: Timestamp) {
        let rules = &heartbeat.rules;
        let Some(state) = decided.states.get(&rules.name) else { return };
        // What is told only now is dated by when it happened, which may be long ago.
        let was_told = record.states.get(&rules.name).is_some_and(|before| before.memory.told.is_some());
        let heard = record.heard.get(&source(&rules.name));
        let heard = heard.filter(|heard| heard.fingerprint == fingerprint(self.environment(), &rules.name));
        let raised = match (heard, state.memory.told) {
            (Some(heard), None) if !was_told && overdue(heard.changed_at, now) => {
                let summary = format!("{} is {}", rules.name, state.status.as_str());
                end(&rules.name, heard.severity, now, &summary, self.environment())
            }
            (None, Some(_)) if was_told && !is_own(heartbeat) && overdue(state.since, now) => {
                let windows = now.duration_since(state.since).as_secs() / ON_ITS_WAY.as_secs();
                let late = SignedDuration::from_secs(windows.saturating_mul(ON_ITS_WAY.as_secs()));
                remind(rules, state, state.since.saturating_add(late).unwrap_or(now), self.environment())
            }
            _ => return,
        };
        decided.changes.outgoing.push(raised.into());
    }

    /// Heartbeats that were taken out of the watch file are not down any more, whatever they were.
    fn end_others(&self, record: &Record, decided: &mut Decided, now: Timestamp) {
        let watched: BTreeSet<&str> =
            self.watch_file.heartbeats.iter().map(|heartbeat| heartbeat.rules.name.as_str()).collect();
        let others = record.states.keys().filter(|name| !watched.contains(name.as_str()));
        decided.changes.gone = others.cloned().collect();
        for (source, heard) in &record.heard {
            let Some(name) = source.strip_prefix("heartbeat:").filter(|name| !watched.contains(name)) else { continue };
            if heard.fingerprint == fingerprint(self.environment(), name) && heard.changed_at < now {
                let summary = format!("{name} is no longer in the watch file");
                decided.changes.outgoing.push(end(name, heard.severity, now, &summary, self.environment()).into());
            }
        }
    }
}

impl Decided {
    /// Takes the steps of one heartbeat.
    pub(crate) fn take(&mut self, heartbeat: &Heartbeat, record: &Record, steps: Vec<Advanced>, environment: &str) {
        let name = &heartbeat.rules.name;
        let before = record.states.get(name);
        let mut state = before.cloned();
        for step in steps {
            let changed = state.as_ref() != Some(&step.state);
            state = Some(step.state.clone());
            if changed || !step.slots.is_empty() || !step.transitions.is_empty() {
                self.write(heartbeat, step, environment);
            }
        }
        if let Some(state) = state {
            self.states.insert(name.clone(), state);
        }
    }

    fn write(&mut self, heartbeat: &Heartbeat, step: Advanced, environment: &str) {
        let Advanced { state, slots, transitions } = step;
        self.transitions += transitions.len();
        let raised: Vec<Option<Raised>> =
            transitions.iter().map(|transition| raise(&heartbeat.rules, transition, &state, environment)).collect();
        // Heartbeats of our own functions are told straight to people: the router may be what is down.
        let own = is_own(heartbeat);
        let notice = |raised: &Option<Raised>, reason: &str| (own && raised.is_some()).then(|| reason.to_owned());
        let transitions: Vec<_> = transitions
            .into_iter()
            .zip(&raised)
            .map(|(transition, raised)| {
                let notice = notice(raised, &transition.reason);
                (transition, notice)
            })
            .collect();
        if !own {
            self.changes.outgoing.extend(raised.into_iter().flatten().map(Outgoing::from));
        }
        self.changes.moved.push(Moved { name: heartbeat.rules.name.clone(), state, slots, transitions });
    }

    /// How many heartbeats stand so.
    pub(crate) fn count(&self, status: Status) -> usize {
        self.states.values().filter(|state| state.status == status).count()
    }
}

/// Whether it is the heartbeat of one of our own functions.
pub(crate) fn is_own(heartbeat: &Heartbeat) -> bool {
    matches!(heartbeat.signal, HeartbeatSignal::Ledger { .. })
}

fn overdue(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) > ON_ITS_WAY
}
