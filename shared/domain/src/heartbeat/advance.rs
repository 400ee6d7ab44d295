//! What an evaluation makes of a heartbeat.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::severity::Severity;

use super::slots::{MOST_SLOTS, served};
use super::trouble::{Trouble, ends, ends_by_itself, troubles};
use super::{
    Beat, BeatKind, Failure, Heartbeat, Memory, Reading, Run, Schedule, Slot, SlotStatus, State, Status, Unknown, words,
};

/// What an evaluation changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Advanced {
    /// What is remembered from now on.
    pub state: State,
    /// The nominal times that are new or changed.
    pub slots: Vec<Slot>,
    /// What happened, in order.
    pub transitions: Vec<Transition>,
}

/// A change of status, or of what is amiss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// How it stood.
    pub from: Status,
    /// How it stands.
    pub to: Status,
    /// When.
    pub at: Timestamp,
    /// What happened, for people.
    pub reason: String,
    /// Whether and what people are told.
    pub told: Option<Told>,
}

/// What people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is down, or something else is amiss as well.
    Firing,
    /// It is no longer.
    Resolved {
        /// The severity with which it was last told to be down.
        severity: Severity,
    },
}

/// A sign dated later than this from now is no evidence: its clock is wrong, and would make it look alive for ever.
pub const AHEAD: SignedDuration = SignedDuration::from_mins(2);
/// More runs under way than this are not told apart: the oldest are given up.
const MOST_RUNS: usize = 100;

/// What an evaluation at `now` makes of a heartbeat: of what is remembered of it (nothing, the first time), of its nominal
/// times that are not settled, and of what was seen.
pub fn advance(
    heartbeat: &Heartbeat,
    before: Option<&State>,
    slots: &[Slot],
    reading: &Reading,
    now: Timestamp,
) -> Advanced {
    let mut evaluation = Evaluation::begin(heartbeat, before, slots, now);
    evaluation.catch_up();
    match reading {
        Reading::Unread => {}
        Reading::Seen { beats, note } => {
            evaluation.note.clone_from(note);
            evaluation.state.memory.unknown = None;
            evaluation.state.memory.read_at = Some(now);
            evaluation.take_all(beats);
        }
        Reading::Unknown { why } => {
            let since = evaluation.state.memory.unknown.take().map_or(now, |unknown| unknown.since);
            evaluation.state.memory.unknown = Some(Unknown { since, why: why.clone() });
        }
    }
    evaluation.conclude(now, false);
    evaluation.finish()
}

/// Stops the watch over a heartbeat: by a person, or by a switch. `None` where it is stopped already.
pub fn pause(
    heartbeat: &Heartbeat,
    before: Option<&State>,
    slots: &[Slot],
    switch: Option<&str>,
    now: Timestamp,
) -> Option<Advanced> {
    if before.is_some_and(|state| state.status == Status::Paused) {
        return None;
    }
    let mut evaluation = Evaluation::begin(heartbeat, before, slots, now);
    let reason = switch.map_or_else(|| "paused by hand".to_owned(), |switch| format!("the switch {switch} is off"));
    evaluation.settle_open();
    evaluation.state.memory.runs.clear();
    evaluation.state.memory.unknown = None;
    evaluation.state.memory.switch = switch.map(str::to_owned);
    evaluation.turn(Status::Paused, now, reason);
    Some(evaluation.finish())
}

/// Begins the watch anew. `None` where it is not stopped.
pub fn resume(heartbeat: &Heartbeat, before: &State, slots: &[Slot], now: Timestamp) -> Option<Advanced> {
    if before.status != Status::Paused {
        return None;
    }
    let mut evaluation = Evaluation::begin(heartbeat, Some(before), slots, now);
    let reason = match &before.memory.switch {
        Some(switch) => format!("the switch {switch} is on"),
        None => "resumed by hand".to_owned(),
    };
    evaluation.anew(now, reason);
    evaluation.catch_up();
    Some(evaluation.finish())
}

/// An evaluation under way.
struct Evaluation<'h> {
    heartbeat: &'h Heartbeat,
    state: State,
    slots: BTreeMap<Timestamp, Slot>,
    changed: BTreeSet<Timestamp>,
    transitions: Vec<Transition>,
    note: Option<String>,
    now: Timestamp,
}

impl<'h> Evaluation<'h> {
    fn begin(heartbeat: &'h Heartbeat, before: Option<&State>, slots: &[Slot], now: Timestamp) -> Self {
        let schedule = words::schedule(&heartbeat.schedule);
        let state = before.cloned().unwrap_or_else(|| State::new(&schedule, heartbeat.next_slot(now), now));
        let slots = slots.iter().map(|slot| (slot.at, slot.clone())).collect();
        let (changed, transitions, note) = (BTreeSet::new(), Vec::new(), None);
        let mut evaluation = Self { heartbeat, state, slots, changed, transitions, note, now };
        if evaluation.state.memory.schedule != schedule {
            evaluation.reschedule(schedule);
        }
        evaluation
    }

    /// Another schedule was written: what the old one still waited for is not waited for any more.
    fn reschedule(&mut self, schedule: String) {
        self.settle_open();
        let memory = &mut self.state.memory;
        memory.schedule = schedule;
        memory.loaded_at = self.now;
        memory.coming = self.heartbeat.next_slot(self.now);
    }

    /// Nothing follows any more from nominal times that are neither done nor missed.
    fn settle_open(&mut self) {
        let open = |slot: &&mut Slot| !slot.settled && slot.status != SlotStatus::Missing;
        for slot in self.slots.values_mut().filter(open) {
            slot.settled = true;
            self.changed.insert(slot.at);
        }
    }

    /// Writes down the nominal times that came since the last evaluation, and the coming one.
    fn catch_up(&mut self) {
        if self.state.status == Status::Paused {
            return;
        }
        match &self.heartbeat.schedule {
            Schedule::Cron(_) => self.catch_up_with_cron(),
            // What is expected depends on the signs that are still to be taken.
            Schedule::Every(_) => {}
        }
    }

    fn catch_up_with_cron(&mut self) {
        let Some(mut coming) = self.state.memory.coming else { return };
        if coming <= self.now {
            let most = self.heartbeat.schedule.period(coming).saturating_mul(MOST_SLOTS);
            let oldest = self.now.saturating_sub(most).unwrap_or(coming);
            if coming < oldest {
                coming = self.heartbeat.next_slot(oldest).unwrap_or(coming);
            }
        }
        while coming <= self.now {
            self.put(coming, SlotStatus::Late);
            let Some(next) = self.heartbeat.next_slot(coming) else { break };
            coming = next;
        }
        self.state.memory.coming = Some(coming);
        self.put(coming, SlotStatus::Due);
    }

    /// Of `every`, a nominal time is written down when it has passed: signals may come by the second.
    fn catch_up_with_every(&mut self, at: Timestamp) {
        let Some(expected) = self.expected() else { return };
        let open = self.slots.values().any(|slot| !slot.settled);
        if expected <= at && !open {
            self.put(expected, SlotStatus::Late);
        }
    }

    /// When the next signal is expected, of `every`.
    fn expected(&self) -> Option<Timestamp> {
        let loaded_at = self.state.memory.loaded_at;
        let last = self.state.last_success_at.map_or(loaded_at, |last| last.max(loaded_at));
        self.heartbeat.expected_after(last)
    }

    /// A nominal time that is new, or whose time has come.
    fn put(&mut self, at: Timestamp, status: SlotStatus) {
        let slot = self.slots.entry(at).or_insert_with(|| {
            self.changed.insert(at);
            Slot::new(at, status)
        });
        if slot.status == SlotStatus::Due && status == SlotStatus::Late {
            slot.status = SlotStatus::Late;
            self.changed.insert(at);
        }
    }

    fn take_all(&mut self, beats: &[Beat]) {
        let mut beats: Vec<&Beat> = beats.iter().filter(|beat| beat.at <= self.ahead()).collect();
        beats.sort_by_key(|beat| beat.at);
        for beat in beats {
            self.take(beat);
        }
    }

    fn ahead(&self) -> Timestamp {
        self.now.saturating_add(AHEAD).unwrap_or(self.now)
    }

    fn take(&mut self, beat: &Beat) {
        let at = beat.at.min(self.now);
        if self.state.status == Status::Paused && !self.wakes(beat, at) {
            return;
        }
        self.catch_up_with_every(at);
        match beat.kind {
            BeatKind::Log => {}
            BeatKind::Start => self.start(beat, at),
            BeatKind::Success => self.success(beat, at),
            BeatKind::Fail => self.fail(beat, at),
        }
    }

    /// Whether a sign ends a pause: a success or failure that its job tells, unless a person or a switch has to.
    fn wakes(&mut self, beat: &Beat, at: Timestamp) -> bool {
        let ends = beat.told
            && matches!(beat.kind, BeatKind::Success | BeatKind::Fail)
            && !self.heartbeat.manual_resume
            && self.state.memory.switch.is_none()
            && at >= self.state.since;
        if ends {
            self.anew(at, format!("its job told of a {}", beat.kind.as_str()));
            self.catch_up();
        }
        ends
    }

    /// The watch begins anew: nothing is expected of the time before.
    fn anew(&mut self, at: Timestamp, reason: String) {
        let memory = &mut self.state.memory;
        memory.loaded_at = at;
        memory.coming = self.heartbeat.next_slot(at);
        memory.switch = None;
        memory.failures = 0;
        memory.failure = None;
        self.state.last_success_at = None;
        for slot in self.slots.values_mut().filter(|slot| !slot.settled) {
            slot.settled = true;
            self.changed.insert(slot.at);
        }
        self.turn(Status::New, at, reason);
        self.state.deadline_at = self.deadline();
    }

    fn start(&mut self, beat: &Beat, at: Timestamp) {
        let memory = &self.state.memory;
        let ended = self.state.last_success_at.max(memory.failure.as_ref().map(|failure| failure.at));
        let known = memory.runs.iter().any(|run| run.id == beat.run && (run.id.is_some() || run.started_at >= at));
        // Queues reorder: the end of this run may have been told before its beginning.
        let over = (beat.told || beat.run.is_none()) && ended.is_some_and(|ended| at <= ended);
        if known || over || self.is_history(beat, at) {
            return;
        }
        let slot = beat.slot.or_else(|| served(self.heartbeat, self.slots.values(), at, false));
        if let Some(slot) = slot.and_then(|slot| self.slots.get_mut(&slot)).filter(|slot| !slot.settled) {
            if slot.status != SlotStatus::Missing {
                slot.status = SlotStatus::Running;
            }
            slot.started_at = Some(at);
            slot.run_id.clone_from(&beat.run);
            self.changed.insert(slot.at);
        }
        let runs = &mut self.state.memory.runs;
        runs.retain(|run| run.id.is_some() || beat.run.is_some());
        runs.push(Run { id: beat.run.clone(), started_at: at, slot });
        if runs.len() > MOST_RUNS {
            runs.remove(0);
        }
        self.signal(at);
        self.conclude(at, false);
    }

    fn success(&mut self, beat: &Beat, at: Timestamp) {
        // What it came too late for was missed before it came, whether or not anybody looked then.
        self.miss(|deadline| deadline < at);
        let run = self.end_runs(beat);
        let known = self.state.last_success_at.is_some_and(|last| last >= at);
        let waits = beat.slot.and_then(|slot| self.slots.get(&slot)).is_some_and(|slot| !slot.settled);
        if known && run.is_none() && !waits {
            return;
        }
        let started = beat.started_at.or(run.as_ref().map(|run| run.started_at));
        let took = started.map(|started| at.duration_since(started));
        if let (Some(took), Some(least)) = (took, self.heartbeat.min_runtime)
            && took < least
        {
            self.give_back(run.and_then(|run| run.slot));
            return self.failed(at, Some(words::too_fast(took, least)));
        }
        let slot = beat
            .slot
            .or_else(|| run.as_ref().and_then(|run| run.slot))
            .filter(|slot| self.slots.get(slot).is_some_and(|slot| !slot.settled))
            .or_else(|| {
                if beat.slot.is_some() { None } else { served(self.heartbeat, self.slots.values(), at, run.is_none()) }
            });
        if let Some(slot) = slot.and_then(|slot| self.slots.get_mut(&slot)) {
            slot.status = SlotStatus::Done;
            slot.settled = true;
            slot.finished_at = Some(at);
            slot.started_at = started.or(slot.started_at);
            slot.run_id = beat.run.clone().or_else(|| slot.run_id.take());
            self.changed.insert(slot.at);
            let done = slot.at;
            self.state.memory.last_good = self.state.memory.last_good.max(Some(done));
            self.serve_early(done);
        }
        self.state.last_success_at = self.state.last_success_at.max(Some(at));
        self.signal(at);
        self.settle_missed(at, beat.slot);
        let memory = &mut self.state.memory;
        if memory.failure.as_ref().is_none_or(|failure| failure.at <= at) {
            memory.failures = 0;
            memory.failure = None;
        }
        // A run that takes too long, while a later one has succeeded, has died without a word.
        let (heartbeat, since) = (self.heartbeat, started.unwrap_or(at));
        memory.runs.retain(|run| run.started_at >= since || ends(heartbeat, run).is_none_or(|end| at < end));
        self.conclude(at, true);
    }

    /// The coming nominal time is served already: the one after it is awaited.
    fn serve_early(&mut self, done: Timestamp) {
        if self.state.memory.coming == Some(done)
            && let Some(next) = self.heartbeat.next_slot(done)
        {
            self.state.memory.coming = Some(next);
            self.put(next, SlotStatus::Due);
        }
    }

    /// A success ends what nominal times meant that were missed before it; of `every`, that anything is expected
    /// before its time has passed anew. One that says what it is for says nothing of later ones.
    fn settle_missed(&mut self, at: Timestamp, of: Option<Timestamp>) {
        let every = matches!(self.heartbeat.schedule, Schedule::Every(_));
        let before = |slot: &&mut Slot| !slot.settled && of.is_none_or(|of| slot.at <= of);
        for slot in self.slots.values_mut().filter(before) {
            let missed = slot.status == SlotStatus::Missing
                && self.heartbeat.deadline(slot.at).is_none_or(|deadline| deadline < at);
            if missed || every {
                if every && slot.status != SlotStatus::Missing {
                    slot.status = SlotStatus::Done;
                    slot.finished_at = Some(at);
                }
                slot.settled = true;
                self.changed.insert(slot.at);
            }
        }
    }

    fn fail(&mut self, beat: &Beat, at: Timestamp) {
        let run = self.end_runs(beat);
        let last = self.state.memory.failure.as_ref().map(|failure| failure.at);
        let known = last.is_some_and(|last| last >= at);
        let over = self.state.last_success_at.is_some_and(|success| success >= at);
        if known || over || self.is_history(beat, at) {
            return;
        }
        self.give_back(run.and_then(|run| run.slot).or(beat.slot));
        self.failed(at, beat.note.clone());
    }

    /// Whether a sign is of a time that nobody watches over: what is found there was so before anybody asked, and what a
    /// job told while its heartbeat was paused was told to nobody. What it told just before it was first loaded counts: its
    /// message lay in a queue.
    fn is_history(&self, beat: &Beat, at: Timestamp) -> bool {
        let resumed = self.state.status == Status::New && self.state.memory.said.is_some();
        if beat.told { resumed && at < self.state.since } else { at < self.state.memory.loaded_at }
    }

    /// The run of a nominal time has failed: it waits for another.
    fn give_back(&mut self, slot: Option<Timestamp>) {
        if let Some(slot) = slot.and_then(|slot| self.slots.get_mut(&slot))
            && slot.status == SlotStatus::Running
        {
            slot.status = SlotStatus::Late;
            self.changed.insert(slot.at);
        }
    }

    fn failed(&mut self, at: Timestamp, note: Option<String>) {
        let memory = &mut self.state.memory;
        memory.failures = memory.failures.saturating_add(1);
        memory.failure = Some(Failure { at, note });
        self.signal(at);
        self.conclude(at, false);
    }

    /// Ends the run that a sign is about: the one of its id, or all where it has none. The last one that was under way.
    fn end_runs(&mut self, beat: &Beat) -> Option<Run> {
        let (ended, rest): (Vec<Run>, Vec<Run>) = std::mem::take(&mut self.state.memory.runs)
            .into_iter()
            .partition(|run| run.started_at <= beat.at && (beat.run.is_none() || beat.run == run.id));
        self.state.memory.runs = rest;
        ended.into_iter().max_by_key(|run| run.started_at)
    }

    fn signal(&mut self, at: Timestamp) {
        self.state.last_signal_at = self.state.last_signal_at.max(Some(at));
    }

    /// How it stands at an instant, and what follows if it stood otherwise.
    fn conclude(&mut self, at: Timestamp, succeeded: bool) {
        if self.state.status == Status::Paused {
            return;
        }
        self.catch_up_with_every(at);
        self.miss(|deadline| deadline <= at);
        self.state.deadline_at = self.deadline();
        let found = troubles(self.heartbeat, &self.state, self.slots.values(), at);
        let was_down = self.state.status == Status::Down;
        if found.is_empty() && was_down && !succeeded && !ends_by_itself(&self.state.memory.amiss) {
            return;
        }
        if found.is_empty() { self.well(at) } else { self.amiss(&found, at) }
    }

    /// Nominal times whose grace is over are missing, if it can be known.
    fn miss(&mut self, is_over: impl Fn(Timestamp) -> bool) {
        if self.state.memory.unknown.is_some() {
            return;
        }
        let waits = |slot: &&mut Slot| {
            !slot.settled && matches!(slot.status, SlotStatus::Due | SlotStatus::Late | SlotStatus::Running)
        };
        for slot in self.slots.values_mut().filter(waits) {
            if self.heartbeat.deadline(slot.at).is_some_and(&is_over) {
                slot.status = SlotStatus::Missing;
                self.changed.insert(slot.at);
            }
        }
    }

    /// Nothing is amiss.
    fn well(&mut self, at: Timestamp) {
        let late = self.slots.values().any(|slot| !slot.settled && slot.status == SlotStatus::Late && slot.at <= at);
        let status = match (self.state.last_success_at, late) {
            (None, _) => Status::New,
            (_, true) => Status::Late,
            (_, false) => Status::Up,
        };
        let before = self.state.status;
        match (before, status) {
            (Status::Down, _) => {
                let at = self.strictly_after(at);
                let reason = words::recovery(self.heartbeat, &self.state, self.slots.values(), at);
                self.turn(status, at, reason);
            }
            (Status::New, Status::Up) => self.turn(status, at, "its first success".to_owned()),
            // Nobody is told, and slots say when: a transition for each of them would say nothing more.
            _ => self.state.status = status,
        }
    }

    /// Something is amiss.
    fn amiss(&mut self, found: &[Trouble], at: Timestamp) {
        let names: Vec<String> = found.iter().map(Trouble::name).collect();
        let memory = &self.state.memory;
        let known = |trouble: &&Trouble| memory.amiss.contains(&trouble.name());
        let down = self.state.status == Status::Down;
        let news: Vec<&Trouble> = found.iter().filter(|trouble| !down || !known(trouble)).collect();
        if news.is_empty() && memory.told == Some(self.heartbeat.severity) {
            self.state.memory.amiss = names;
            return;
        }
        let began = news.iter().map(|trouble| trouble.began(self.heartbeat, at)).min().unwrap_or(at);
        let began = self.strictly_after(began);
        let reason = words::amiss(self.heartbeat, &self.state, found, self.note.as_deref(), at);
        self.state.memory.amiss = names;
        self.turn(Status::Down, began, reason);
    }

    /// An instant for a transition: the one at which it happened, if that is after the last one, else the one at which it
    /// is found. Whoever is told goes by their order.
    fn strictly_after(&self, happened: Timestamp) -> Timestamp {
        let since = self.state.since;
        let just_after = since.saturating_add(SignedDuration::from_millis(1)).unwrap_or(since);
        [happened, self.now].into_iter().find(|at| *at > since).unwrap_or(just_after)
    }

    fn turn(&mut self, to: Status, at: Timestamp, reason: String) {
        let from = self.state.status;
        let memory = &mut self.state.memory;
        let told = if to == Status::Down {
            memory.told = Some(self.heartbeat.severity);
            memory.down_since = memory.down_since.or(Some(at));
            Some(Told::Firing)
        } else {
            memory.down_since = None;
            memory.amiss.clear();
            memory.told.take().map(|severity| Told::Resolved { severity })
        };
        memory.said = Some(reason.clone());
        self.state.status = to;
        self.state.since = at;
        if to == Status::Paused {
            self.state.deadline_at = None;
        }
        self.transitions.push(Transition { from, to, at, reason, told });
    }

    /// When it turns down if nothing comes.
    fn deadline(&self) -> Option<Timestamp> {
        let heartbeat = self.heartbeat;
        let waiting = self.slots.values().filter(|slot| {
            !slot.settled && matches!(slot.status, SlotStatus::Due | SlotStatus::Late | SlotStatus::Running)
        });
        let of_slots = waiting.flat_map(|slot| {
            let start = if slot.started_at.is_none() { heartbeat.start_deadline(slot.at) } else { None };
            [heartbeat.deadline(slot.at), start]
        });
        let of_runs = self.state.memory.runs.iter().map(|run| ends(heartbeat, run));
        let open = self.slots.values().any(|slot| !slot.settled);
        let expected = if open { None } else { self.expected() };
        let of_every =
            [expected.and_then(|at| heartbeat.deadline(at)), expected.and_then(|at| heartbeat.start_deadline(at))];
        of_slots.chain(of_runs).chain(of_every).flatten().min()
    }

    fn finish(self) -> Advanced {
        let Self { state, mut slots, changed, transitions, .. } = self;
        Advanced { state, slots: changed.iter().filter_map(|at| slots.remove(at)).collect(), transitions }
    }
}

impl State {
    fn new(schedule: &str, coming: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            status: Status::New,
            since: now,
            deadline_at: None,
            last_signal_at: None,
            last_success_at: None,
            memory: Memory {
                loaded_at: now,
                schedule: schedule.to_owned(),
                coming,
                last_good: None,
                failures: 0,
                failure: None,
                runs: Vec::new(),
                read_at: None,
                unknown: None,
                down_since: None,
                told: None,
                said: None,
                amiss: Vec::new(),
                switch: None,
            },
        }
    }
}
