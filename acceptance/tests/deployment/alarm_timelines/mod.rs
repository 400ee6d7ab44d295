//! Every alarm of the template, simulated through what may happen to its metric: each alarms when it should, and only then.
//!
//! `cargo test -p acceptance --test deployment alarm_timelines -- --nocapture` prints what each says when.

mod emitters;
mod expectations;
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use testkit::cloudwatch_alarm::{Alarm, Simulator, State};

use crate::template::{deployment, resources, template};
use emitters::{instant, resolve};
use expectations::{Expectation, NOT_SIMULATED, expectations};
use stories::{Story, stories};

/// Where all alarms are deployed, with the periods that people rely on.
const ENVIRONMENT: &str = "prod";

/// The alarms as they are deployed there.
fn alarms() -> BTreeMap<&'static str, Alarm> {
    let deployment = deployment(ENVIRONMENT);
    let resolve = |function: &Value| resolve(function, &deployment, template());
    let of_one_metric = resources("AWS::CloudWatch::Alarm").into_iter().filter(|(id, _)| !NOT_SIMULATED.contains(id));
    of_one_metric
        .map(|(id, properties)| {
            let alarm = Alarm::from_properties(properties, &resolve);
            (id, alarm.unwrap_or_else(|error| panic!("{id}: {error:#}")))
        })
        .collect()
}

/// When the alarm goes to ALARM and leaves it, in minutes of the story.
fn play(expectation: &Expectation, alarm: &Alarm, story: &Story, further_back: Option<usize>) -> Vec<(i64, State)> {
    let simulator = Simulator::new(alarm.clone(), instant(story.created, 0));
    let mut simulator = match further_back {
        Some(periods) => simulator.looking_further_back(periods),
        None => simulator,
    };
    assert_eq!(simulator.interval().as_mins(), 1, "{}: the stories step by minutes", expectation.id);
    let mut data = story.data.iter().peekable();
    let mut said = Vec::new();
    for minute in story.created..=story.until {
        while let Some((sent, value)) = data.next_if(|(sent, _)| *sent < minute) {
            let datum = expectation.emitter.datum(instant(*sent, 20), *value);
            assert!(simulator.put(&datum), "{} does not hear {datum:?}; it listens to {alarm:?}", expectation.id);
        }
        let change = simulator.evaluate(instant(minute, 0));
        said.extend(change.filter(|change| [change.from, change.to].contains(&State::Alarm)).map(|to| (minute, to.to)));
    }
    said
}

#[test]
fn every_alarm_has_an_expectation_and_every_expectation_an_alarm() {
    let deployed: BTreeSet<&str> = resources("AWS::CloudWatch::Alarm").into_keys().collect();
    let expected: BTreeSet<&str> = expectations().iter().map(|one| one.id).chain(NOT_SIMULATED).collect();
    let of_nothing: Vec<_> = expected.difference(&deployed).collect();
    let without: Vec<_> = deployed.difference(&expected).collect();
    assert!(without.is_empty(), "add to expectations.rs when these should alarm: {without:?}");
    assert!(of_nothing.is_empty(), "in expectations.rs, but not in template.yaml: {of_nothing:?}");
}

#[test]
fn every_alarm_alarms_when_it_should_and_only_then() {
    let alarms = alarms();
    let mut report = String::new();
    let mut wrong = Vec::new();
    for expectation in expectations() {
        let alarm = &alarms[expectation.id];
        for story in stories(&expectation, alarm) {
            let said = play(&expectation, alarm, &story, None);
            let told = format!("{:<26} {:<36}", expectation.id, story.name);
            writeln!(report, "{told} {}", in_words(&said)).expect("a string takes it");
            if said != story.expected {
                wrong.push(format!("{told} {}, expected {}", in_words(&said), in_words(&story.expected)));
            }
        }
    }
    println!("{report}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// AWS does not say how far CloudWatch looks back for points that stand in for missing ones.
#[test]
fn however_far_cloudwatch_looks_back_what_is_missed_is_told_in_time_and_what_is_late_is_not() {
    let alarms = alarms();
    for expectation in expectations() {
        let (alarm, Some(promised)) = (&alarms[expectation.id], expectation.promised()) else { continue };
        for story in stories(&expectation, alarm) {
            let told_between = match story.name {
                stories::HEALTHY | stories::LATE => None,
                stories::SILENCE => Some(promised..=promised + promised / 2 + 2),
                _ => continue,
            };
            for further_back in 0..=5 {
                let said = play(&expectation, alarm, &story, Some(further_back));
                let told = said.first().map(|(minute, _)| *minute);
                let right = match (&told_between, told) {
                    (Some(between), Some(told)) => between.contains(&told),
                    (expected, told) => expected.is_none() && told.is_none(),
                };
                let words = in_words(&said);
                assert!(right, "{}, {}, {further_back} periods further back: {words}", expectation.id, story.name);
            }
        }
    }
}

fn in_words(said: &[(i64, State)]) -> String {
    let words = said.iter().map(|(minute, state)| match state {
        State::Alarm => format!("ALARM after {minute} min"),
        State::Ok => format!("OK after {minute}"),
        State::InsufficientData => format!("unknown after {minute}"),
    });
    if said.is_empty() { "says nothing".to_owned() } else { words.collect::<Vec<_>>().join(", ") }
}
