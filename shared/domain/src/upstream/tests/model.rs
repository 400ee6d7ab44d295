//! What must hold whatever the order of polls, failures and kills, tried on a small world in memory: rows, a provider that
//! loses answers and forgets jobs, workers that claim.

use proptest::prelude::*;

use super::*;
use crate::upstream::plan::{Change, Fate};
use crate::upstream::reconcile::Job;
use crate::upstream::sending::{Sent, after_sending};

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// So many minutes pass.
    Pass(i64),
    /// A poll, whose sends end so; killed after so many statements that change something.
    Poll { sending: Sending, killed_after: usize, asked: Asked },
    /// A poll that has planned and then lets another one run before it goes on: two at once.
    Race(Sending),
    /// A job under way ends; whether its message arrives is another question.
    Ends { job: usize, well: bool, told: bool },
    /// The provider forgets everything that has ended.
    Forgets,
    /// A statement sets every run to failed, as after a restore.
    Reset,
}

/// What a poll is asked for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Nothing,
    Backfill,
    Force,
}

/// How a send ends.
#[derive(Clone, Copy, Debug)]
enum Sending {
    Accepted,
    Refused,
    Banned,
    CutBefore,
    CutAfter,
}

/// A job that the provider has accepted.
#[derive(Clone, Debug)]
struct Accepted {
    cycle: Timestamp,
    generation: u32,
    attempt: u32,
    ended: Option<bool>,
    forgotten: bool,
}

#[derive(Default)]
struct World {
    rows: BTreeMap<Timestamp, (Run, u32)>,
    jobs: Vec<Accepted>,
    /// Sends that were, or may have been, accepted, by cycle and generation (the row's `run_id`).
    sends: BTreeMap<(Timestamp, u32), u32>,
    now: Option<Timestamp>,
}

impl World {
    fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(|| at("22T00:00"))
    }

    /// Writes what a row becomes, if it still is what it was; as the compare-and-set does.
    fn write(&mut self, before: &Run, after: Run, by: Mover, steps: &mut usize) -> Result<bool, TestCaseError> {
        if *steps == 0 {
            return Ok(false);
        }
        *steps -= 1;
        let Some((row, generation)) = self.rows.get_mut(&before.at) else { return Ok(false) };
        if row.status != before.status || row.attempts != before.attempts || row.triggered_at != before.triggered_at {
            return Ok(false);
        }
        if before.status != after.status {
            let moved = may_move(before.status, after.status, by);
            prop_assert!(moved.is_ok(), "{moved:?}");
        }
        if after.status == RunStatus::Triggered && after.attempts == 1 && before.attempts != 0 {
            *generation += 1;
        }
        *row = after;
        Ok(true)
    }

    fn plan(&self, source: &Source, asked: Asked) -> Plan {
        // What a statement has reset is made up for however long ago its nominal time was.
        let hours = 49 + self.now().duration_since(at("22T00:00")).as_hours();
        let desk = Desk::of(source.clone(), self.now());
        let mut desk = match asked {
            Asked::Nothing => desk,
            Asked::Backfill => desk.asks(false, Some(hours), None),
            Asked::Force => desk.asks(true, Some(hours), Some(3)),
        };
        desk.runs = self.rows.values().map(|(run, _)| run.clone()).collect();
        // 06Z of 22 November is never published.
        desk.plan_looking(|cycle| if cycle == at("22T06:00") { missing(cycle) } else { complete(cycle) })
    }

    fn carry_out(
        &mut self,
        source: &Source,
        plan: &Plan,
        sending: Sending,
        mut steps: usize,
    ) -> Result<(), TestCaseError> {
        for planned in &plan.cycles {
            self.rows.entry(planned.key.at).or_insert_with(|| (Run::new("gfs", planned.key.at), 0));
            let before = self.rows[&planned.key.at].0.clone();
            if planned.status.is_some_and(|status| status != before.status) {
                continue;
            }
            let (after, by) = match &planned.change {
                None => continue,
                Some(Change::Failed { why }) => (before.failed(why), Mover::Poller),
                Some(Change::GivenUp { why, unseen, told }) => (before.given_up(why, *unseen, *told), Mover::Poller),
                Some(Change::FromBefore) => (Run { from_before: true, ..before.clone() }, Mover::Poller),
                Some(Change::Awaited) => (before.anew(), Mover::Person),
                Some(change) => (Run { status: change.to(), ..before.clone() }, Mover::Poller),
            };
            self.write(&before, after, by, &mut steps)?;
        }
        for planned in plan.triggers() {
            let Fate::Trigger { attempt, anew } = planned.fate else { continue };
            let (before, _) = self.rows[&planned.key.at].clone();
            // The plan was made from a row that may have moved on.
            let armed = match before.status {
                RunStatus::Failed => anew,
                RunStatus::Due | RunStatus::Late => !anew && before.attempts + 1 == attempt,
                _ => false,
            };
            if !armed {
                continue;
            }
            let by = if anew { Mover::Person } else { Mover::Poller };
            let intent = before.triggered(anew, self.now());
            if self.write(&before, intent, by, &mut steps)? && steps > 0 {
                steps -= 1;
                self.send(source, planned.key.at, sending, &mut steps)?;
            }
        }
        Ok(())
    }

    fn send(
        &mut self,
        source: &Source,
        cycle: Timestamp,
        sending: Sending,
        steps: &mut usize,
    ) -> Result<(), TestCaseError> {
        let (run, generation) = self.rows[&cycle].clone();
        let why = "so".to_owned();
        let sent = match sending {
            Sending::Accepted => Sent::Accepted { external_id: self.jobs.len().to_string() },
            Sending::Refused => Sent::Refused { retry_after: None, why },
            Sending::Banned => Sent::Banned { why },
            Sending::CutBefore | Sending::CutAfter => Sent::Unknown { why },
        };
        if matches!(sending, Sending::Accepted | Sending::CutAfter) {
            let alive = self
                .jobs
                .iter()
                .any(|job| job.cycle == cycle && job.generation == generation && job.attempt == run.attempts);
            prop_assert!(!alive, "an attempt is sent once");
            self.jobs.push(Accepted { cycle, generation, attempt: run.attempts, ended: None, forgotten: false });
        }
        if !matches!(sending, Sending::Refused | Sending::Banned) {
            *self.sends.entry((cycle, generation)).or_default() += 1;
        }
        let next = after_sending(source, &run, &sent, self.now());
        self.write(&run, run.after(&next), Mover::Poller, steps)?;
        Ok(())
    }

    /// What can be asked about a run's job.
    fn ask(&self, run: &Run) -> Evidence {
        let job = run.external_id.as_ref().and_then(|id| self.jobs.get(id.parse::<usize>().ok()?));
        match job {
            None => Evidence::Forgotten,
            Some(job) if job.forgotten => Evidence::Forgotten,
            Some(job) => {
                let said = match job.ended {
                    None => Job::Running,
                    Some(true) => Job::Succeeded,
                    Some(false) => Job::Failed("it broke".to_owned()),
                };
                Evidence::Said { attempt: Some(job.attempt), job: said }
            }
        }
    }

    fn reconcile(&mut self, source: &Source) -> Result<(), TestCaseError> {
        let runs: Vec<Run> = self.rows.values().map(|(run, _)| run.clone()).collect();
        for run in runs.into_iter().filter(|run| run.status.is_in_flight()) {
            let mut evidence = Vec::new();
            let mut next = reconcile(source, &run, &evidence, self.now());
            for _ in 0..2 {
                match &next {
                    Next::Ask { .. } => evidence.push(self.ask(&run)),
                    Next::Cancel { external_id } => {
                        if let Some(job) = external_id.parse::<usize>().ok().and_then(|id| self.jobs.get_mut(id)) {
                            job.ended.get_or_insert(false);
                        }
                        evidence.push(Evidence::Cancelled);
                    }
                    _ => break,
                }
                next = reconcile(source, &run, &evidence, self.now());
            }
            prop_assert!(!matches!(next, Next::Ask { .. } | Next::Cancel { .. }), "{next:?} after {evidence:?}");
            self.write(&run, run.after(&next), Mover::Reconciler, &mut { 1 })?;
        }
        Ok(())
    }

    fn happens(&mut self, source: &Source, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Pass(count) => self.now = self.now().saturating_add(minutes(count)).ok(),
            Event::Poll { sending, killed_after, asked } => {
                self.reconcile(source)?;
                let plan = self.plan(source, asked);
                self.carry_out(source, &plan, sending, killed_after)?;
            }
            Event::Race(sending) => {
                let plan = self.plan(source, Asked::Force);
                self.reconcile(source)?;
                let other = self.plan(source, Asked::Nothing);
                self.carry_out(source, &other, sending, usize::MAX)?;
                self.carry_out(source, &plan, sending, usize::MAX)?;
            }
            Event::Ends { job, well, told } => {
                let count = self.jobs.len().max(1);
                let Some(job) = self.jobs.get_mut(job % count) else { return Ok(()) };
                if job.ended.is_none() {
                    job.ended = Some(well);
                    let (cycle, generation, attempt) = (job.cycle, job.generation, job.attempt);
                    let (run, current) = self.rows[&cycle].clone();
                    if told && current == generation {
                        let job = if well { Job::Succeeded } else { Job::Failed("it broke".to_owned()) };
                        let heard = Evidence::Said { attempt: Some(attempt), job };
                        let next = reconcile(source, &run, &[heard], self.now());
                        self.write(&run, run.after(&next), Mover::Webhook, &mut { 1 })?;
                    }
                }
            }
            Event::Forgets => {
                self.jobs.iter_mut().filter(|job| job.ended.is_some()).for_each(|job| job.forgotten = true);
            }
            Event::Reset => {
                for (run, _) in self.rows.values_mut() {
                    run.status = RunStatus::Failed;
                }
            }
        }
        self.holds(source)
    }

    fn holds(&self, source: &Source) -> Result<(), TestCaseError> {
        for ((cycle, generation), sends) in &self.sends {
            prop_assert!(*sends <= source.attempts, "{cycle} was sent {sends} times as generation {generation}");
        }
        for (run, _) in self.rows.values() {
            prop_assert!(run.attempts <= source.attempts, "{run:?}");
        }
        Ok(())
    }
}

fn sending() -> impl Strategy<Value = Sending> {
    prop_oneof![
        4 => Just(Sending::Accepted),
        1 => Just(Sending::Refused),
        1 => Just(Sending::Banned),
        1 => Just(Sending::CutBefore),
        2 => Just(Sending::CutAfter),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![Just(Asked::Nothing), Just(Asked::Backfill), Just(Asked::Force)]
}

fn event() -> impl Strategy<Value = Event> {
    let poll = (sending(), prop_oneof![Just(usize::MAX), 0..12_usize], asked());
    prop_oneof![
        4 => (1..200_i64).prop_map(Event::Pass),
        // Nobody polls for longer than cycles are looked for.
        1 => (1_500..6_000_i64).prop_map(Event::Pass),
        4 => poll.prop_map(|(sending, killed_after, asked)| Event::Poll { sending, killed_after, asked }),
        1 => sending().prop_map(Event::Race),
        3 => (0..64_usize, any::<bool>(), any::<bool>()).prop_map(|(job, well, told)| Event::Ends { job, well, told }),
        1 => Just(Event::Forgets),
        1 => Just(Event::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_cycle_ends_complete_or_failed_for_a_reason_with_no_more_triggers_than_attempts(
        events in prop::collection::vec(event(), 0..40),
        end in sending(),
    ) {
        let source = gfs();
        let mut world = World::default();
        let poll = |sending, asked| Event::Poll { sending, killed_after: usize::MAX, asked };
        world.happens(&source, poll(Sending::Accepted, Asked::Backfill))?;
        for event in events {
            world.happens(&source, event)?;
        }
        // From here on polls come as they should, whatever sending and jobs come to. Those cycles count that are rows now;
        // later ones come to their end later.
        let counted: Vec<Timestamp> = world.rows.keys().copied().collect();
        let has_ended = |world: &World, cycle: &Timestamp| {
            let run = &world.rows[cycle].0;
            run.status == RunStatus::Complete || run.failed_for_a_reason()
        };
        // Ten cycles at once, of which each may take three attempts of two and a half hours.
        for round in 0..150 + counted.len() * 3 {
            if counted.iter().all(|cycle| has_ended(&world, cycle)) {
                break;
            }
            world.happens(&source, Event::Pass(30))?;
            world.happens(&source, Event::Ends { job: round, well: round % 3 != 0, told: round % 2 == 0 })?;
            world.happens(&source, poll(end, if round % 2 == 0 { Asked::Nothing } else { Asked::Backfill }))?;
        }
        let (first, last) = (counted.iter().min(), counted.iter().max());
        let (first, last) = (first.expect("a cycle"), last.expect("a cycle"));
        let nominal = crate::upstream::cycles::expected("gfs", &source.schedule, *first, *last).expect("a window");
        prop_assert_eq!(&nominal, &counted, "every cycle has a row");
        for cycle in counted {
            prop_assert!(has_ended(&world, &cycle), "{:?}", world.rows[&cycle].0);
        }
    }
}

#[test]
fn a_backfill_of_ten_thousand_cycles_is_one_plan() {
    // 10,000 cycles of a nowcast every ten minutes are 69 days.
    let source = Source { schedule: Schedule::every(minutes(10)).expect("a length"), look_back: hours(24), ..gfs() };
    let now = at("22T00:00");
    let mut desk = Desk::of(source, now).asks(false, Some(100_000 / 60), Some(10));
    let reset = |n: i64| {
        let cycle = now.saturating_sub(minutes(n * 10)).expect("an instant");
        Run { status: RunStatus::Failed, triggered_at: Some(cycle), ..Run::new("gfs", cycle) }
    };
    desk.runs = (0..10_000).map(reset).collect();
    let plan = desk.plan();
    assert!(plan.cycles.len() >= 10_000 - 6);
    assert_eq!(plan.triggers().count(), 10);
}
