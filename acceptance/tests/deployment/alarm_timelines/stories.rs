//! What may happen to a metric, and what its alarm should say then.

use testkit::cloudwatch_alarm::State::{Alarm as ALARM, Ok as OK};
use testkit::cloudwatch_alarm::{Alarm, State, Statistic};

use super::expectations::{Expectation, Heartbeat, Kind, One, Silence, Values};

pub(super) const HEALTHY: &str = "healthy";
pub(super) const LATE: &str = "one late point";
pub(super) const SILENCE: &str = "silence";

/// What is sent when.
type Data = Vec<(i64, f64)>;
/// When an alarm goes to ALARM, and when it leaves that.
type Told = Vec<(i64, State)>;

/// What happens, in minutes; trouble begins at 0.
pub(super) struct Story {
    pub(super) name: &'static str,
    /// When the alarm is created.
    pub(super) created: i64,
    /// What is sent when.
    pub(super) data: Data,
    /// When the story ends.
    pub(super) until: i64,
    /// When it goes to ALARM, and when it leaves that.
    pub(super) expected: Told,
}

/// All that may happen to this alarm's metric.
pub(super) fn stories(expectation: &Expectation, alarm: &Alarm) -> Vec<Story> {
    // Longer than anything is remembered, whatever is simulated.
    let memory = alarm.period / 60 * (i64::try_from(alarm.evaluation_periods).expect("few periods") + 6) + 60;
    let stage = Stage { memory };
    match expectation.kind {
        Kind::Heartbeat(heartbeat) => stage.of_heartbeat(heartbeat),
        Kind::Values(values) => stage.of_values(values, alarm),
    }
}

struct Stage {
    memory: i64,
}

impl Stage {
    /// A story that a healthy past precedes.
    fn after(&self, past: &[(i64, f64)], name: &'static str, data: Data, expected: Told) -> Story {
        let last = data.last().map_or(0, |(minute, _)| *minute);
        Story {
            name,
            created: -2 * self.memory,
            data: past.iter().copied().chain(data).collect(),
            until: last + self.memory,
            expected,
        }
    }

    /// A story of a new stack.
    fn new_stack(&self, name: &'static str, data: Data, expected: Told) -> Story {
        Story { name, created: 0, data, until: 3 * self.memory, expected }
    }

    fn of_heartbeat(&self, Heartbeat { every, late, promised, missed }: Heartbeat) -> Vec<Story> {
        let beats = |from: i64, to: i64| steps(from, to, every).map(|minute| (minute, 1.0)).collect::<Vec<_>>();
        // The last before trouble is due at 0, and comes.
        let past = beats(-2 * self.memory / every * every, 1);
        let all = |from: i64| beats(from, from + 2 * self.memory);
        let resumed = missed + self.memory / every * every;
        let (slower, told) = slower_and_slower(every, missed);
        // After the last beat of a story it is silent, which is told as well.
        let and_then = |mut expected: Told, data: &[(i64, f64)]| {
            expected.push((data.last().map_or(0, |(minute, _)| *minute) + missed, ALARM));
            expected
        };
        let mut stories = vec![
            self.after(&past, HEALTHY, all(every), vec![]),
            self.after(&past, LATE, all(every + late), vec![]),
            self.after(&past, SILENCE, vec![], vec![(missed, ALARM)]),
            self.after(&past, "slow decay: ever more seldom", slower.clone(), and_then(told, &slower)),
            self.after(&past, "recovery", all(resumed), vec![(missed, ALARM), (resumed + 1, OK)]),
            self.new_stack("first deploy, nothing comes", vec![], vec![(promised, ALARM)]),
            self.new_stack("first deploy, it works", beats(every - 1, 4 * self.memory), vec![]),
            self.new_stack("first deploy, the first is late", beats(promised - 1, 4 * self.memory), vec![]),
        ];
        for story in &mut stories {
            // Where it goes on, the story ends before that does.
            if [HEALTHY, LATE, "recovery"].contains(&story.name) {
                story.until -= self.memory;
            }
        }
        stories
    }

    fn of_values(&self, values: Values, alarm: &Alarm) -> Vec<Story> {
        let Values { every, good, bad, lasting, one, back, silence } = values;
        let send = |value: Option<f64>, from: i64, to: i64| -> Data {
            steps(from, to, every).filter_map(|minute| Some((minute, value?))).collect()
        };
        let past = send(good, -2 * self.memory / every * every, 0);
        let long = (lasting + self.memory) / every * every;
        let (worse, crossed) = worse_and_worse(values, alarm);
        let ends = |from: i64| send(good, from, from + 2 * self.memory);
        let once = match one {
            One::Tells => vec![(lasting, ALARM), (every + back, OK)],
            One::IsForgiven => vec![],
        };
        let (quiet, muted, at_first) = match silence {
            Silence::Tells { after, at_first } => (vec![(after - every, ALARM)], None, vec![(at_first, ALARM)]),
            Silence::IsGood { after } => (vec![], Some((long - every + after, OK)), vec![]),
            Silence::Keeps => (vec![], None, vec![]),
        };
        let with = |first: (i64, State), then: Option<(i64, State)>| std::iter::once(first).chain(then).collect();
        let bad_for_long = send(Some(bad), 0, long);
        let until = |mut story: Story, until: i64| {
            story.until = until;
            story
        };
        let end = long + 2 * self.memory;
        vec![
            until(self.after(&past, HEALTHY, ends(0), vec![]), self.memory),
            until(self.after(&past, LATE, ends(every - 1), vec![]), self.memory),
            self.after(&past, SILENCE, vec![], quiet),
            until(
                self.after(&past, "slow decay: ever worse", worse.clone(), vec![(crossed + lasting, ALARM)]),
                worse.last().map_or(0, |(minute, _)| *minute),
            ),
            until(
                self.after(
                    &past,
                    "recovery",
                    [bad_for_long.clone(), ends(long)].concat(),
                    vec![(lasting, ALARM), (long + back, OK)],
                ),
                end,
            ),
            until(
                self.after(&past, "one bad point", [vec![(0, bad)], ends(every)].concat(), once),
                self.memory + every + back,
            ),
            until(self.after(&past, "silence while it is bad", bad_for_long, with((lasting, ALARM), muted)), end),
            self.new_stack("first deploy, nothing comes", vec![], at_first),
            self.new_stack("first deploy, it works", send(good, every - 1, 4 * self.memory), vec![]),
        ]
    }
}

fn steps(from: i64, to: i64, every: i64) -> impl Iterator<Item = i64> {
    (0..).map(move |step| from + step * every).take_while(move |minute| *minute < to)
}

/// Beats of which each comes later than the one before, and what is said: nothing until one stays away for too long.
fn slower_and_slower(every: i64, missed: i64) -> (Data, Told) {
    let (mut beats, mut told) = (Vec::new(), Vec::new());
    let (mut last, mut gap) = (0, every);
    while gap < 2 * missed {
        if gap >= missed {
            told.extend([(last + missed, ALARM), (last + gap + 1, OK)]);
        }
        last += gap;
        beats.push((last, 1.0));
        gap += 1 + gap / 4;
    }
    (beats, told)
}

/// Values that go from good to bad in ten steps and stay there, and when they first are beyond the threshold: what was sent
/// within a period, where that is summed.
fn worse_and_worse(values: Values, alarm: &Alarm) -> (Data, i64) {
    let Values { every, good, bad, .. } = values;
    let from = good.unwrap_or_default();
    let value = |step: i32| from + (bad - from) * f64::from(step.min(10)) / 10.0;
    let data: Data = (1..200).map(|step| (i64::from(step - 1) * every, value(step))).collect();
    let crosses = |(minute, value): &&(i64, f64)| {
        let within = data.iter().filter(|(other, _)| (minute - alarm.period / 60 + 1..=*minute).contains(other));
        let sum = within.map(|(_, value)| value).sum();
        alarm.breaches(if alarm.statistic == Statistic::Sum { sum } else { *value })
    };
    let crossed = data.iter().find(crosses).expect("it becomes bad").0;
    (data, crossed)
}
