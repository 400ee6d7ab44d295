//! `trigger` of a source: what starts a run of a cycle.

use serde_json::{Map, Value};

use super::super::database::is_function;
use super::super::queue::Queue;
use super::super::reader::Table;
use super::super::secret::{BY_POLLER, address, secret};
use crate::environment::Environment;
use crate::reference::{Address, SecretRef};

/// What starts a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// By what.
    pub kind: TriggerKind,
    /// What every run is given, beside what says which it is.
    pub input: Map<String, Value>,
}

/// By what a run is started.
#[derive(Clone, Debug, PartialEq)]
pub enum TriggerKind {
    /// A serverless endpoint of RunPod.
    Runpod {
        /// Its id.
        endpoint: String,
        /// The key of the account.
        api_key: SecretRef,
        /// What RunPod calls when a job has ended, if anything.
        webhook: Option<Address>,
        /// Where RunPod is, if not at its usual address.
        url: Option<Address>,
    },
    /// A message on a queue, which workers read.
    Sqs {
        /// The queue.
        queue: Queue,
    },
    /// A function that is invoked without waiting for it.
    Lambda {
        /// Its name or ARN.
        function: String,
    },
}

const KINDS: [&str; 3] = ["runpod", "sqs", "lambda"];
/// A job starts with a request of at most 10 MB at RunPod and 256 KB at Lambda; whoever writes more here means a file.
const LONGEST_INPUT: usize = 100_000;

/// What starts its runs.
pub(super) fn trigger(source: &Table<'_>, environment: &Environment) -> Option<Trigger> {
    source.require("trigger", "what starts a run, as in trigger.sqs = { queue = \"nowcast-jobs\" }");
    let table = source.table("trigger", &KINDS)?;
    let written: Vec<&str> = KINDS.into_iter().filter(|kind| table.has(kind)).collect();
    if written.len() != 1 {
        if !(written.is_empty() && table.has_unknown()) {
            table.note(format!("expected exactly one of {}", KINDS.join(", ")));
        }
        return None;
    }
    if let Some(table) = table.table("runpod", &["endpoint", "api_key", "input", "webhook", "url"]) {
        let endpoint = table.required_text("endpoint", "the id of a serverless endpoint, as in \"abc123\"");
        if let Some(endpoint) = &endpoint
            && !endpoint.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        {
            table.note_at(endpoint, "expected the id of an endpoint, as in `abc123`");
        }
        let api_key = table.required_text("api_key", "a reference to it, as in \"ssm:sources/runpod\"");
        let api_key = api_key.and_then(|text| secret(&table, &text, "sources/runpod", BY_POLLER));
        let written = |key: &str| {
            table.text(key).and_then(|text| address(&table, &text, "sources/runpod_webhook", BY_POLLER, environment))
        };
        let (webhook, url, input) = (written("webhook"), written("url"), input(&table));
        let kind = TriggerKind::Runpod { endpoint: endpoint?.value.to_owned(), api_key: api_key?, webhook, url };
        return Some(Trigger { kind, input });
    }
    if let Some(table) = table.table("sqs", &["queue", "input"]) {
        let text = table.required_text("queue", "the queue that workers read, as in \"nowcast-jobs\"");
        let input = input(&table);
        let text = text?;
        let Some(queue) = Queue::parse(text.value) else {
            table.note_at(&text, "expected the name of a queue, as in `nowcast-jobs`, or its address or ARN");
            return None;
        };
        return Some(Trigger { kind: TriggerKind::Sqs { queue }, input });
    }
    let table = table.table("lambda", &["function", "input"])?;
    let function = table.required_text("function", "the function that is invoked, as in \"run-nowcast\"");
    let input = input(&table);
    let function = function?;
    if !is_function(function.value) {
        table.note_at(&function, "expected the name or the ARN of a Lambda function, as in `run-nowcast`");
    }
    Some(Trigger { kind: TriggerKind::Lambda { function: function.value.to_owned() }, input })
}

/// What is ours to say of a run is refused in `input`.
const OURS: [&str; 4] = ["run_id", "attempt", "source", "run_timestamp"];

fn input(table: &Table<'_>) -> Map<String, Value> {
    let Some(input) = table.json("input") else { return Map::new() };
    for name in OURS.into_iter().filter(|name| input.value.contains_key(*name)) {
        table.note_at(&input, format!("`{name}` is given by data-poller: expected another name"));
    }
    if Value::Object(input.value.clone()).to_string().len() > LONGEST_INPUT {
        let expected =
            format!("expected at most {LONGEST_INPUT} characters as JSON: give runs a reference to the rest");
        table.note_at(&input, expected);
    }
    input.value
}
