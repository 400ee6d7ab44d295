//! Whatever comes, something is recorded, and the store can hold it.

use domain::classify::{Command, Rule, When};
use domain::{Policy, Severity, Signal, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{policy, read, read_by, samples};

/// Names that the readers look for: JSON made of them gets deep into each.
const NAMES: [&str; 44] = [
    "Type",
    "TopicArn",
    "Message",
    "MessageId",
    "Timestamp",
    "detail",
    "detail-type",
    "source",
    "id",
    "time",
    "resources",
    "AlarmName",
    "NewStateValue",
    "StateChangeTime",
    "Trigger",
    "Metrics",
    "Dimensions",
    "alarmName",
    "alarmData",
    "state",
    "value",
    "configuration",
    "metrics",
    "operation",
    "kind",
    "subject",
    "status",
    "severity",
    "labels",
    "alerts",
    "externalURL",
    "alertname",
    "startsAt",
    "worker_id",
    "claim",
    "verdict",
    "environment",
    "timestamp",
    "anomalyId",
    "monitorName",
    "requestContext",
    "functionArn",
    "condition",
    "truncatedAlerts",
];

fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "ALARM",
        "OK",
        "firing",
        "resolved",
        "event",
        "Notification",
        "CloudWatch Alarm State Change",
        "aws.cloudwatch",
        "FALSE",
        "unknown",
        "2026-03-01T06:00:00Z",
        "-009999-01-01T00:00:00Z",
        "9999-12-30T22:00:00.999999999Z",
        "",
        "\0",
        "arn:aws:lambda:r:1:function:",
        "Budget Name: x\nAlert Type: y",
    ]);
    prop_oneof![known.prop_map(str::to_owned), "\\PC{0,20}", any::<String>(), "[a-z]{510,3000}"]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        let name = prop_oneof![4 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned), 1 => word()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let some = |words: &[&'static str]| {
        prop::collection::vec(prop::sample::select(words.to_vec()).prop_map(str::to_owned), 0..2)
    };
    let kinds = some(&["claim", "metric", "alarm", "prometheus", "unparsed", "deploy"]);
    let environments = some(&["prod", "staging"]);
    let verdicts = prop::option::of(some(&["TRUE", "FALSE"]));
    let command = prop::option::of(Just(Command::Destructive));
    let severity = prop::sample::select(Severity::ALL.to_vec());
    (kinds, environments, verdicts, command, severity).prop_map(|(kind, environment, verdict, command, severity)| {
        let labels = verdict.map(|values| ("verdict".to_owned(), values)).into_iter().collect();
        Rule { when: When { kind, environment, labels, command, ..When::default() }, severity }
    })
}

/// Takes the `n`-th value of a tree away, or puts another in its place; a text that is JSON is entered.
fn mutate(value: &mut Value, n: &mut usize, by: &Option<Value>) -> bool {
    let children: Vec<&mut Value> = match value {
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            for name in names {
                if *n == 0 {
                    match by {
                        None => drop(fields.remove(&name)),
                        Some(by) => drop(fields.insert(name, by.clone())),
                    }
                    return true;
                }
                *n -= 1;
            }
            fields.values_mut().collect()
        }
        Value::Array(list) => list.iter_mut().collect(),
        Value::String(text) => {
            let Ok(mut inner @ Value::Object(_)) = serde_json::from_str::<Value>(text) else { return false };
            let done = mutate(&mut inner, n, by);
            *text = inner.to_string();
            return done;
        }
        _ => return false,
    };
    children.into_iter().any(|child| mutate(child, n, by))
}

/// What PostgreSQL takes into the columns and indexes of `signals`, `alerts` and `alert_sources`.
fn storable(signal: &Signal) -> Result<(), TestCaseError> {
    let texts = [&signal.source, &signal.kind, &signal.subject, &signal.environment, &signal.summary, &signal.body];
    let labels = signal.labels.iter().flat_map(|(name, value)| [name, value]);
    for text in texts.into_iter().chain([&signal.idempotency_key]).chain(labels) {
        prop_assert!(!text.contains('\0'), "{:?}", signal);
    }
    for name in &texts[..4] {
        prop_assert!(!name.is_empty() && name.chars().count() <= 512, "{:?}", signal);
    }
    prop_assert!(!signal.idempotency_key.is_empty() && signal.idempotency_key.len() <= 1_100, "{:?}", signal);
    prop_assert!(signal.occurred_at >= "0001-01-01T00:00:00Z".parse::<Timestamp>().expect("an instant"));
    Ok(())
}

fn holds(body: &str) -> Result<(), TestCaseError> {
    let signals = read(body);
    prop_assert!(!signals.is_empty());
    prop_assert_eq!(&signals, &read(body), "the same message is always read alike");
    prop_assert_eq!(signals[0].body.replace('\u{fffd}', "\0"), body.replace('\u{fffd}', "\0"), "kept as received");
    signals.iter().try_for_each(storable)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_on_record(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        holds(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn any_json_is_on_record(value in json_value()) {
        holds(&value.to_string())?;
        let text = value.to_string();
        holds(&json!({"Type": "Notification", "MessageId": "s", "TopicArn": "arn:t", "Message": text}).to_string())?;
        holds(&json!({"source": "x", "detail-type": "y", "detail": value}).to_string())?;
    }

    #[test]
    fn a_sample_with_any_field_gone_or_replaced_is_on_record(
        sample in 0usize..1_000, at in 0usize..80, by in prop::option::of(json_value())
    ) {
        let bodies: Vec<String> = samples().into_iter().flat_map(|(_, bodies)| bodies).collect();
        let body = &bodies[sample % bodies.len()];
        let Ok(mut value) = serde_json::from_str::<Value>(body) else { return Ok(()) };
        mutate(&mut value, &mut at.clone(), &by);
        holds(&value.to_string())?;
    }

    #[test]
    fn rules_change_how_bad_a_signal_is_and_nothing_else(rules in prop::collection::vec(rule(), 0..4)) {
        let policy = Policy { classify: rules, ..policy() };
        for body in samples().into_iter().flat_map(|(_, bodies)| bodies) {
            let (with, without) = (read_by(&policy, &body), read(&body));
            prop_assert_eq!(with.len(), without.len());
            for (with, without) in with.into_iter().zip(without) {
                prop_assert_eq!(Signal { severity: without.severity, ..with }, without);
            }
        }
    }
}
