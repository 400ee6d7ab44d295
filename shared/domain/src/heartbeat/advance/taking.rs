//! What a sign changes: runs that begin and end, successes and what they settle, failures in a row.

use jiff::Timestamp;

use super::{AHEAD, Evaluation, MOST_RUNS};
use crate::heartbeat::slots::served;
use crate::heartbeat::trouble::ends;
use crate::heartbeat::{Beat, BeatKind, Failure, Run, Schedule, Slot, SlotStatus, Status, words};

impl Evaluation<'_> {
    pub(super) fn take_all(&mut self, beats: &[Beat]) {
        let mut beats: Vec<&Beat> = beats.iter().filter(|beat| beat.at <= self.ahead()).collect();
        beats.sort_by_key(|beat| beat.at);
        for beat in beats {
            self.take(beat);
        }
    }

    pub(super) fn ahead(&self) -> Timestamp {
        self.now.saturating_add(AHEAD).unwrap_or(self.now)
    }

    pub(super) fn take(&mut self, beat: &Beat) {
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
    pub(super) fn wakes(&mut self, beat: &Beat, at: Timestamp) -> bool {
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
    pub(super) fn anew(&mut self, at: Timestamp, reason: String) {
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

    pub(super) fn start(&mut self, beat: &Beat, at: Timestamp) {
        let memory = &self.state.memory;
        let ended = self.state.last_success_at.max(memory.failure.as_ref().map(|failure| failure.at));
        let known = memory.runs.iter().any(|run| run.id == beat.run && (run.id.is_some() || run.started_at >= at));
        // Queues reorder: the end of this run may have been told before its beginning.
        let over = (beat.told || beat.run.is_none()) && ended.is_some_and(|ended| at <= ended);
        if known || over || self.is_history(beat, at) {
            return;
        }
        self.miss(|deadline| deadline < at);
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

    pub(super) fn success(&mut self, beat: &Beat, at: Timestamp) {
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
            if self.state.memory.failure.as_ref().is_some_and(|failure| failure.at >= at) {
                return;
            }
            self.give_back(run.and_then(|run| run.slot));
            return self.failed(at, Some(words::too_fast(took, least)));
        }
        // A run that began while another one had its nominal time may have taken that one's place.
        let nameless = run.as_ref().is_none_or(|run| run.slot.is_none());
        let slot = beat
            .slot
            .or_else(|| run.as_ref().and_then(|run| run.slot))
            .filter(|slot| self.slots.get(slot).is_some_and(|slot| !slot.settled))
            .or_else(|| {
                if beat.slot.is_some() { None } else { served(self.heartbeat, self.slots.values(), at, nameless) }
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

    /// A success ends what nominal times meant that were missed before it; of `every`, that anything is expected
    /// before its time has passed anew. One that says what it is for says nothing of later ones.
    pub(super) fn settle_missed(&mut self, at: Timestamp, of: Option<Timestamp>) {
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

    pub(super) fn fail(&mut self, beat: &Beat, at: Timestamp) {
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
    pub(super) fn is_history(&self, beat: &Beat, at: Timestamp) -> bool {
        let resumed = self.state.status == Status::New && self.state.memory.said.is_some();
        if beat.told { resumed && at < self.state.since } else { at < self.state.memory.loaded_at }
    }

    /// The run of a nominal time has failed: it waits for another.
    pub(super) fn give_back(&mut self, slot: Option<Timestamp>) {
        if let Some(slot) = slot.and_then(|slot| self.slots.get_mut(&slot))
            && slot.status == SlotStatus::Running
        {
            slot.status = SlotStatus::Late;
            self.changed.insert(slot.at);
        }
    }

    pub(super) fn failed(&mut self, at: Timestamp, note: Option<String>) {
        let memory = &mut self.state.memory;
        memory.failures = memory.failures.saturating_add(1);
        memory.failure = Some(Failure { at, note });
        self.signal(at);
        self.conclude(at, false);
    }

    /// Ends the run that a sign is about: the one of its id, or all where it has none. The last one that was under way. Two
    /// clocks may have dated a short run's beginning and end.
    pub(super) fn end_runs(&mut self, beat: &Beat) -> Option<Run> {
        let skewed = beat.at.saturating_add(AHEAD).unwrap_or(beat.at);
        let is_it = |run: &Run| match &beat.run {
            Some(_) => beat.run == run.id && run.started_at <= skewed,
            None => run.started_at <= beat.at,
        };
        let (ended, rest): (Vec<Run>, Vec<Run>) =
            std::mem::take(&mut self.state.memory.runs).into_iter().partition(is_it);
        self.state.memory.runs = rest;
        ended.into_iter().max_by_key(|run| run.started_at)
    }

    pub(super) fn signal(&mut self, at: Timestamp) {
        self.state.last_signal_at = self.state.last_signal_at.max(Some(at));
    }
}
