//! AWS's own examples, and the rules beside them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;

const ALL: [Missing; 4] = [Missing::Missing, Missing::Ignore, Missing::Breaching, Missing::NotBreaching];
const STATES: [State; 3] = [State::Ok, State::Alarm, State::InsufficientData];
/// AWS's "Retain current state".
const KEEPS: Option<State> = None;
const OK: Option<State> = Some(State::Ok);
const ALARM: Option<State> = Some(State::Alarm);
const UNKNOWN: Option<State> = Some(State::InsufficientData);

fn alarm(periods: usize, to_alarm: usize, missing: Missing) -> Alarm {
    Alarm {
        namespace: "Example".to_owned(),
        metric: "Lag".to_owned(),
        dimensions: BTreeMap::from([("Environment".to_owned(), "prod".to_owned())]),
        statistic: Statistic::Maximum,
        period: 300,
        evaluation_periods: periods,
        datapoints_to_alarm: to_alarm,
        comparison: Comparison::Greater,
        threshold: 0.0,
        missing,
        warm_up: None,
    }
}

fn start() -> Timestamp {
    "2026-03-01T06:00:00Z".parse().expect("an instant")
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn datum(at: Timestamp, value: f64) -> Datum {
    let Alarm { namespace, metric, dimensions, .. } = alarm(1, 1, Missing::Missing);
    Datum { namespace, metric, dimensions, at, value }
}

/// What an alarm in this state says to points in AWS's notation: `0` is good, `X` bad, `-` missing, the newest last.
fn says(alarm: &Alarm, points: &str, before: State) -> State {
    let points: Vec<&str> = points.split(' ').collect();
    let now = start();
    let mut simulator = Simulator::new(alarm.clone(), now);
    // Brought into the state, and past the range, by a full window of the same metric.
    let long_ago = now - minutes(6_000);
    for age in 0..10 {
        let value = if before == State::Alarm { 1.0 } else { 0.0 };
        let put = before != State::InsufficientData && simulator.put(&datum(long_ago - minutes(5 * age), value));
        assert_eq!(put, before != State::InsufficientData);
    }
    if before != State::InsufficientData {
        simulator.evaluate(long_ago + minutes(1));
    }
    assert_eq!(simulator.state(), before);
    for (age, point) in points.iter().rev().enumerate() {
        let at = now - minutes(5 * (i64::try_from(age).expect("few points") + 1));
        match *point {
            "0" => assert!(simulator.put(&datum(at, 0.0))),
            "X" => assert!(simulator.put(&datum(at, 1.0))),
            other => assert_eq!(other, "-"),
        }
    }
    simulator.evaluate(now);
    simulator.state()
}

fn agrees(periods: usize, to_alarm: usize, table: &[(&str, [Option<State>; 4])]) {
    for (points, expected) in table {
        for (missing, expected) in ALL.into_iter().zip(expected) {
            for before in STATES {
                let said = says(&alarm(periods, to_alarm, missing), points, before);
                assert_eq!(said, expected.unwrap_or(before), "{points}, {missing:?}, before {before:?}");
            }
        }
    }
}

/// The first table of
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>, columns as there.
#[test]
fn three_of_three_as_in_the_first_table_of_aws() {
    agrees(
        3,
        3,
        &[
            ("0 - X - X", [OK, OK, OK, OK]),
            ("0 - - - -", [OK, OK, OK, OK]),
            ("- - - - -", [UNKNOWN, KEEPS, ALARM, OK]),
            ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
            ("- - X - -", [ALARM, KEEPS, ALARM, OK]),
        ],
    );
}

/// The second table of the same page.
#[test]
fn two_of_three_as_in_the_second_table_of_aws() {
    agrees(
        3,
        2,
        &[
            ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
            ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
            ("0 - X - -", [OK, OK, ALARM, OK]),
            ("- - - - 0", [OK, OK, ALARM, OK]),
            ("- - - X -", [ALARM, KEEPS, ALARM, OK]),
        ],
    );
}

/// "Avoiding premature transitions to alarm state" on the same page.
#[test]
fn a_bad_point_alone_is_waited_with_until_it_is_as_old_as_would_be_enough() {
    for (points, expected) in [
        ("- - - - X", State::Ok),
        ("- - - X -", State::Ok),
        ("- - X - -", State::Alarm),
        ("- - - X 0", State::Ok),
        ("- - X - 0", State::Ok),
    ] {
        assert_eq!(says(&alarm(3, 3, Missing::Missing), points, State::Ok), expected, "{points}");
    }
}

#[test]
fn what_lies_before_the_range_is_forgotten() {
    for before in STATES {
        assert_eq!(says(&alarm(3, 3, Missing::Breaching), "0 - - - - -", before), State::Alarm);
        assert_eq!(says(&alarm(3, 3, Missing::Missing), "X - - - - -", before), State::InsufficientData);
    }
}

#[test]
fn a_datum_with_other_dimensions_is_another_metric() {
    let mut simulator = Simulator::new(alarm(1, 1, Missing::Breaching), start());
    let (ours, now) = (datum(start(), 0.0), start() + minutes(1));
    let with = |name: &str, value: &str| {
        let mut other = ours.clone();
        other.dimensions.insert(name.to_owned(), value.to_owned());
        other
    };
    let without = Datum { dimensions: BTreeMap::new(), ..ours.clone() };
    let elsewhere = Datum { namespace: "Elsewhere".to_owned(), ..ours.clone() };
    for other in [with("Ticker", "ACME"), with("Environment", "dev"), without, elsewhere] {
        assert!(!simulator.put(&other), "{other:?}");
    }
    assert_eq!(simulator.evaluate(now).map(|transition| transition.to), ALARM);
    assert!(simulator.put(&ours));
    let back = Transition { at: now, from: State::Alarm, to: State::Ok };
    assert_eq!(simulator.evaluate(now), Some(back));
    assert_eq!(simulator.evaluate(now), None, "nothing changed");
}

#[test]
fn the_window_slides_by_the_minute_and_holds_what_began_with_it() {
    let mut simulator = Simulator::new(alarm(1, 1, Missing::NotBreaching), start()).looking_further_back(0);
    assert!(simulator.put(&datum(start() + SignedDuration::from_secs(130), 1.0)));
    let states: Vec<State> = (1..=9)
        .map(|minute| {
            simulator.evaluate(start() + minutes(minute));
            simulator.state()
        })
        .collect();
    // Dated minute 2, so in every window that ends with minutes 3 to 7.
    assert_eq!(states, [[State::Ok; 2].as_slice(), &[State::Alarm; 5], &[State::Ok; 2]].concat());
}

#[test]
fn a_datum_that_comes_late_counts_when_it_is_dated() {
    let mut simulator = Simulator::new(alarm(1, 1, Missing::Breaching), start()).looking_further_back(0);
    let now = start() + minutes(10);
    simulator.evaluate(now);
    assert_eq!(simulator.state(), State::Alarm);
    assert!(simulator.put(&datum(start() + minutes(1), 0.0)));
    assert_eq!(simulator.evaluate(now), None, "it is too old");
    assert!(simulator.put(&datum(start() + minutes(7), 0.0)));
    assert_eq!(simulator.evaluate(now).map(|transition| transition.to), OK);
}

#[test]
fn each_statistic_makes_one_point_of_the_data_of_a_period() {
    for (statistic, point) in [
        (Statistic::Sum, 12.0),
        (Statistic::Average, 4.0),
        (Statistic::Minimum, 1.0),
        (Statistic::Maximum, 9.0),
        (Statistic::SampleCount, 3.0),
    ] {
        assert_eq!(statistic.of(&[2.0, 9.0, 1.0]), Some(point), "{statistic:?}");
        assert_eq!(statistic.of(&[]), None);
    }
}

#[test]
fn comparisons_differ_at_the_threshold() {
    for (comparison, below, at, above) in [
        (Comparison::Greater, false, false, true),
        (Comparison::GreaterOrEqual, false, true, true),
        (Comparison::Less, true, false, false),
        (Comparison::LessOrEqual, true, true, false),
    ] {
        let alarm = Alarm { comparison, ..alarm(1, 1, Missing::Missing) };
        assert_eq!([-1.0, 0.0, 1.0].map(|value| alarm.breaches(value)), [below, at, above], "{comparison:?}");
    }
}

/// The example of <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html>: three periods of five
/// minutes, created at 10:00, first data at 10:04, evaluated from 10:19.
#[test]
fn a_new_alarm_warms_up_until_its_window_is_full_or_its_time_is_over() {
    let first_word = |warm_up: WarmUp, first: Option<i64>| {
        let warming = Alarm { warm_up: Some(warm_up), ..alarm(3, 3, Missing::Breaching) };
        let mut simulator = Simulator::new(warming, start());
        (0..100).find(|minute| {
            if first.is_some_and(|first| *minute >= first) {
                simulator.put(&datum(start() + minutes(*minute), 0.0));
            }
            simulator.evaluate(start() + minutes(*minute)).is_some()
        })
    };
    assert_eq!(first_word(WarmUp { minutes: 60, whole: false }, Some(4)), Some(19));
    assert_eq!(first_word(WarmUp { minutes: 60, whole: true }, Some(4)), Some(60));
    assert_eq!(first_word(WarmUp { minutes: 60, whole: false }, None), Some(60));
    assert_eq!(first_word(WarmUp { minutes: 10, whole: false }, Some(4)), Some(10));
}

#[test]
fn short_periods_are_evaluated_more_often_and_windows_of_days_only_by_the_hour() {
    let seconds = |period, periods| {
        let alarm = Alarm { period, ..alarm(periods, periods, Missing::Missing) };
        Simulator::new(alarm, start()).interval().as_secs()
    };
    assert_eq!([seconds(10, 1), seconds(300, 96), seconds(3_600, 24), seconds(3_600, 25)], [10, 60, 60, 3_600]);
}

fn properties() -> Value {
    json!({
        "AlarmName": {"Fn::Sub": "${AWS::StackName}-lag"},
        "Namespace": {"Ref": "Namespace"},
        "MetricName": "Lag",
        "Dimensions": [{"Name": "Environment", "Value": {"Ref": "Environment"}}],
        "Statistic": "Maximum",
        "Period": {"Ref": "Seconds"},
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    })
}

fn read(properties: &Value) -> Result<Alarm, String> {
    let resolve = |function: &Value| match function["Ref"].as_str() {
        Some("Namespace") => Some("Example".to_owned()),
        Some("Environment") => Some("prod".to_owned()),
        Some("Seconds") => Some("300".to_owned()),
        _ => None,
    };
    Alarm::from_properties(properties, &resolve).map_err(|error| format!("{error:#}"))
}

#[test]
fn an_alarm_is_read_from_a_template() {
    assert_eq!(read(&properties()), Ok(alarm(3, 2, Missing::NotBreaching)));
    let mut least = properties();
    least["DatapointsToAlarm"] = Value::Null;
    least["TreatMissingData"] = Value::Null;
    least["WarmUpConfiguration"] = json!({"WarmUpPeriodDurationInMinutes": 30});
    let warm_up = Some(WarmUp { minutes: 30, whole: false });
    assert_eq!(read(&least), Ok(Alarm { warm_up, ..alarm(3, 3, Missing::Missing) }));
}

#[test]
fn what_is_not_simulated_or_not_there_is_named() {
    for (property, value, told) in [
        ("Metrics", json!([]), "Metrics is not simulated"),
        ("ExtendedStatistic", json!("p99"), "ExtendedStatistic is not simulated"),
        ("EvaluationWindow", json!({"WallClockWindow": {}}), "EvaluationWindow is not simulated"),
        ("Statistic", Value::Null, "Statistic is missing"),
        ("Period", json!(90), "Period is 90"),
        ("Period", json!({"Ref": "Nothing"}), "stands for nothing"),
        ("EvaluationPeriods", json!(0), "EvaluationPeriods is 0"),
        ("ComparisonOperator", json!("GreaterThanUpperThreshold"), "GreaterThanUpperThreshold"),
        ("TreatMissingData", json!("forget"), "forget"),
        ("WarmUpConfiguration", json!({"WarmUpPeriodDurationInMinutes": 9_999}), "1 to 2880"),
    ] {
        let mut properties = properties();
        properties[property] = value;
        let error = read(&properties).expect_err(property);
        assert!(error.contains(told), "{property}: {error}");
    }
}
