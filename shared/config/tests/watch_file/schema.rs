//! The JSON Schema that editors read says what the reader reads: every key, and every mistake that a schema can see.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use config::watch_file::WatchFileError;
use config::{Environment, WatchFile};
use serde_json::{Map, Value, json};
use testkit::tools;
use toml::de::{DeTable, DeValue};

use crate::mistakes::RIGHT;
use crate::shipped::{SHIPPED, shipped_file};

/// How the receiver of a right file is told.
const HOOK: &str = "webhook = { url = \"ssm:receivers/hook\" }";
const SCHEMA: &str = include_str!("../../../../config/watch-file.schema.json");

/// A table of the schema, and how TOML opens it.
struct Place {
    /// As the reader names it: `routes.route[0].when`.
    path: String,
    /// The headers that lead there, one a line.
    headers: Vec<String>,
    schema: Value,
}

/// Every table that the schema describes, the whole file first.
fn places() -> Result<Vec<Place>> {
    let schema: Value = serde_json::from_str(SCHEMA)?;
    let mut open = vec![Place { path: String::new(), headers: Vec::new(), schema }];
    let mut places = Vec::new();
    while let Some(place) = open.pop() {
        let mut inside = Vec::new();
        for (key, value) in place.schema["properties"].as_object().into_iter().flatten() {
            let path = if place.path.is_empty() { key.clone() } else { format!("{}.{key}", place.path) };
            let header = |brackets: [&str; 2], name: &str| {
                let mut headers = place.headers.clone();
                headers.push(format!("{}{name}{}", brackets[0], brackets[1]));
                headers
            };
            let toml_path = path.replace("[0]", "");
            if value["properties"].is_object() {
                inside.push(Place { path, headers: header(["[", "]"], &toml_path), schema: value.clone() });
            } else if value["additionalProperties"]["properties"].is_object() {
                let (path, named) = (format!("{path}.x"), format!("{toml_path}.x"));
                let schema = value["additionalProperties"].clone();
                inside.push(Place { path, headers: header(["[", "]"], &named), schema });
            } else if value["items"]["properties"].is_object() {
                let (headers, schema) = (header(["[[", "]]"], &toml_path), value["items"].clone());
                inside.push(Place { path: format!("{path}[0]"), headers, schema });
            }
        }
        open.extend(inside);
        places.push(place);
    }
    Ok(places)
}

fn keys(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

/// The keys that the reader takes at a place: it lists them when it meets one that it does not know.
fn keys_read(place: &Place) -> Result<Option<BTreeSet<String>>> {
    // What is expected of an endpoint is read where one is asked.
    let asked = if place.path == "check.x.expect" { "[check.x]\nhttp = 'https://x/'\n" } else { "" };
    let headers = place.headers.iter().filter(|header| !asked.contains(header.as_str()));
    let text = format!("{asked}{}\nzzz = 'x'\n", headers.cloned().collect::<Vec<_>>().join("\n"));
    let Err(WatchFileError::Wrong { problems, .. }) = WatchFile::parse(&text, "w.toml", &Environment::parse("prod")?)
    else {
        anyhow::bail!("{text} was taken");
    };
    let key = if place.path.is_empty() { "zzz".to_owned() } else { format!("{}.zzz", place.path) };
    let told = problems.iter().find(|problem| problem.key == key);
    let listed = told.and_then(|problem| problem.what.strip_prefix("unknown key, expected one of "));
    Ok(listed.map(|listed| listed.split(", ").map(str::to_owned).collect()))
}

#[test]
fn schema_and_reader_know_the_same_keys() -> Result<()> {
    let places = places()?;
    assert!(places.len() >= 17, "tables are found: {}", places.len());
    for place in places {
        let path = &place.path;
        match keys_read(&place)? {
            Some(read) => {
                assert_eq!(keys(&place.schema), read, "{path}");
                assert_eq!(place.schema["additionalProperties"], json!(false), "{path} refuses other keys");
            }
            None => assert!(place.schema["additionalProperties"].is_object(), "{path} takes keys of the user's own"),
        }
    }
    Ok(())
}

#[test]
fn the_schema_explains_every_key() -> Result<()> {
    for place in places()? {
        for (key, value) in place.schema["properties"].as_object().into_iter().flatten() {
            let explained = value["description"].as_str().is_some_and(|text| text.ends_with(['.', '"']));
            assert!(explained, "{}.{key}", place.path);
        }
    }
    Ok(())
}

#[test]
fn every_shipped_file_names_the_schema_in_its_first_line() -> Result<()> {
    for environment in SHIPPED {
        let text = std::fs::read_to_string(shipped_file(environment))?;
        assert_eq!(text.lines().next(), Some("#:schema ./watch-file.schema.json"), "{environment}");
    }
    Ok(())
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_refuses_the_mistakes_that_it_can_see() -> Result<()> {
    let mut right = vec![RIGHT.to_owned(), include_str!("full.toml").to_owned()];
    for environment in SHIPPED {
        right.push(std::fs::read_to_string(shipped_file(environment))?);
    }
    let wrong: Vec<String> = [
        ("above = 180", "abvoe = 180"),
        ("above = 180", "above = \"180\""),
        ("above = 180", "above = 180\nbelow = 1"),
        ("above = 180", "above = 180\nfor = \"5\""),
        ("severity = \"HIGH\"\n", ""),
        ("\"Seconds\"", "\"seconds\""),
        ("name = \"TelemetryLag\"\n", ""),
        ("sql = \"select 1 as lag\"", "sql = \" \""),
        ("database = \"pipeline\"\n", ""),
        ("[check.telemetry]", "[check.telemetry]\nsqs = \"q\""),
        ("\"ssm:database/pipeline_url\"", "\"postgres://me:hunter2@db/x\""),
        ("[receiver.team]", "[receiver.Team_1]\nsns = { topic = \"pages\" }\n[receiver.team]"),
        (HOOK, "sns = { topic = \"page\" }"),
        ("[receiver.team]", "[receiver.self]\nsns = { topic = \"pages\" }\n[receiver.team]"),
        (HOOK, "slack = { webhook = \"https://hooks.slack.com/services/T0/B0/x\" }"),
        (HOOK, "telegram = { token = \"ssm:receivers/telegram_token\" }"),
        (HOOK, "telegram = { token = \"ssm:receivers/telegram_token\", chat = \"ops\" }"),
        (HOOK, "webhook = { url = \"ssm:receivers/hook\", secret = \"hunter2\" }"),
        (HOOK, "webhook = { url = \"ssm:receivers/hook\" }\nsns = { topic = \"pages\" }"),
        (HOOK, "webhook = { url = \"ssm:receivers/hook\" }\nswitch = \"Enable Hook\""),
        (HOOK, "webhook = { url = \"ssm:receivers/hook\" }\nrate = { per_minute = 0 }"),
        (HOOK, "webhook = { url = \"ssm:receivers/hook\" }\nrate = { per_minute = 1.5 }"),
        (HOOK, "switch = \"enable_hook\""),
        (HOOK, ""),
        ("default = [\"team\"]", "default = []"),
        ("default = [\"team\"]\n", ""),
        ("namespace = \"OPsPipeline\"\n", ""),
        ("namespace = \"OPsPipeline\"", "namespace = \"AWS/Lambda\""),
        ("[routes]", "[hours.x]\ntimezone = \"UTC\"\nopen = [\"mon-fry 09:00-17:00\"]\n[routes]"),
        ("[routes]", "[hours.x]\ntimezone = \"UTC\"\n[routes]"),
        ("[routes]", "[source.x]\nevery = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nevery = \"1h\"\n[routes]"),
        ("namespace = ", "external_ping = \"ssm:receivers/ping\"\nnamespace = "),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\nevery = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\nevery = \"1h\"\nschedule = \"0 2 * * *\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\nschedule = \"@daily\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\nevery = \"1h\"\ntimezone = \"UTC\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\nevery = \"1h\"\ngrace = 60\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true }\nevery = \"1h\"\ngrace = \"1h\"\nfail_after = 0\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = false }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true, ledger = \"archiver\" }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ping = true, database = \"pipeline\" }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { ledger = \"archivist\" }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { sql = \"select now()\" }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { runs = \"a b\", database = \"pipeline\" }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { metric = \"M\", stat = \"p99\" }\nevery = \"1h\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { s3 = \"s3://bucket/latest/\" }\nschedule = \"0 2 * * *\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[heartbeat.x]\nsignal = { s3 = \"s3://bucket/{date}/\" }\nschedule = \"0 2 * * *\"\ngrace = \"1h\"\n[routes]"),
        ("[routes]", "[retention.x]\ndatabase = \"pipeline\"\ntable = \"t\"\nkey = \"id\"\nkeep = \"2y\"\n[routes]"),
        ("[routes]", "[retention.x]\ndatabase = \"watchkeeper\"\ntable = \"signals\"\nkeep = \"30days\"\n[routes]"),
        ("[routes]", "[retention.x]\ndatabase = \"watchkeeper\"\ntable = \"signals\"\nkeep = \"30d\"\narchive = \"/a\"\n[routes]"),
        ("[routes]", "[retention.x]\ndatabase = \"watchkeeper\"\ntable = \"signals\"\nkeep = \"30d\"\nbatch_rows = 0\n[routes]"),
        ("[routes]", "[retention.x]\ndatabase = \"watchkeeper\"\ntable = \"forecast_runs\"\nkeep = \"30d\"\nobjects = { bucket = \"acme\", prefix = \"\", column = \"c\" }\n[routes]"),
        ("[routes]", "[hard_delete.x]\ndatabase = \"pipeline\"\nkey = \"id\"\ntables = [\"t\"]\n[routes]"),
        ("[routes]", "[hard_delete.x]\ndatabase = \"pipeline\"\nkey = \"id\"\ntables = []\nrecord = \"r\"\n[routes]"),
        ("[routes]", "[hard_delete.x]\ndatabase = \"pipeline\"\nkey = \"id\"\ntables = [{ key = \"id\" }]\nrecord = \"r\"\n[routes]"),
        ("[routes]", "[noise]\ndedup_window = 3\n[routes]"),
        ("[routes]", "[noise]\ndedup_window = \"8d\"\n[routes]"),
        ("[routes]", "[noise]\ndigest_every = \"300000w\"\n[routes]"),
        ("[routes]", "[noise]\nflapping = { within = \"25h\" }\n[routes]"),
        ("[routes]", "[noise]\nremind_every = { CRITICAL = \"721h\" }\n[routes]"),
        ("[routes]", "[noise]\nflapping = { changes = 2 }\n[routes]"),
        ("[routes]", "[noise]\nremind_every = { CRITICAL = 60 }\n[routes]"),
        ("[routes]", "[[inhibit]]\nwhen = { kind = \"a\" }\n[routes]"),
        ("[routes]", "[[inhibit]]\nwhen = { kind = \"a\" }\nmutes = { sender = \"b\" }\n[routes]"),
        ("[routes]", "[[inhibit]]\nwhen = { kind = \"a\" }\nmutes = { kind = \"*b\" }\n[routes]"),
        ("[routes]", "[[inhibit]]\nwhen = { kind = \"a\" }\nmutes = { kind = \"b\" }\nequal = [\"kind\"]\n[routes]"),
        ("[routes]", "[[quarantine]]\nwhen = { kind = \"claim\" }\nfrom = [\"topic:*\"]\n[routes]"),
        ("[routes]", "[[quarantine]]\nwhen = { kind = \"claim\" }\nfrom = [\"claims\"]\n[routes]"),
        ("[routes]", "[[quarantine]]\nwhen = { kind = \"claim\" }\nfrom = [\"topic:arn:claims\"]\n[routes]"),
        (
            "default = [\"team\"]",
            "default = [\"team\"]\n[[routes.route]]\nwhen = { kind = \"a\" }\nto = \"team\"\n\
             escalate = { after = \"31d\", to = \"team\" }",
        ),
        (
            "default = [\"team\"]",
            "default = [\"team\"]\n[[routes.route]]\nwhen = { kind = \"a\" }\nto = \"team\"\ngroup_wait = \"1m\"",
        ),
        (
            "default = [\"team\"]",
            "default = [\"team\"]\n[[routes.route]]\nwhen = { kind = \"a\" }\nto = \"team\"\ncontinue = 1",
        ),
    ]
    .iter()
    .map(|(part, spoilt)| RIGHT.replacen(part, spoilt, 1))
    .collect();
    let prod = Environment::parse("prod")?;
    for text in &wrong {
        assert!(WatchFile::parse(text, "w.toml", &prod).is_err(), "the reader takes:\n{text}");
    }
    let documents: Vec<Value> = right.iter().chain(&wrong).map(|text| json_of(text)).collect::<Result<_>>()?;
    let complaints = validate(&documents)?;
    for (text, complaint) in right.iter().zip(&complaints) {
        assert_eq!(complaint, "", "the schema refuses:\n{text}");
    }
    for (text, complaint) in wrong.iter().zip(&complaints[right.len()..]) {
        assert_ne!(complaint, "", "the schema takes:\n{text}");
    }
    Ok(())
}

#[test]
fn the_reader_takes_a_file_with_every_section() -> Result<()> {
    let full = WatchFile::parse(include_str!("full.toml"), "full.toml", &Environment::parse("prod")?)?;
    assert!(
        full.hours.contains_key("market")
            && full.checks.len() == 3
            && full.receivers.len() == 5
            && full.heartbeats.len() == 7
    );
    Ok(())
}

/// What a validator of JSON Schema says about each document; nothing where it is right.
fn validate(documents: &[Value]) -> Result<Vec<String>> {
    const PROGRAM: &str = "import json, sys, jsonschema\n\
        asked = json.load(sys.stdin)\n\
        jsonschema.Draft7Validator.check_schema(asked['schema'])\n\
        validator = jsonschema.Draft7Validator(asked['schema'])\n\
        say = lambda document: '; '.join(e.json_path + ' ' + e.message for e in validator.iter_errors(document))\n\
        json.dump([say(document) for document in asked['documents']], sys.stdout)\n";
    let schema: Value = serde_json::from_str(SCHEMA)?;
    let mut python = Command::new(tools::MINISTACK.install()?.program("python"))
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let asked = json!({ "schema": schema, "documents": documents }).to_string();
    python.stdin.take().context("its input")?.write_all(asked.as_bytes())?;
    let output = python.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "the validator failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A TOML file as the JSON that a schema is about.
fn json_of(text: &str) -> Result<Value> {
    let tree = DeTable::parse(text).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(Value::Object(table_of(tree.get_ref())))
}

fn table_of(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), value_of(value.get_ref()))).collect()
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text.to_string()),
        DeValue::Integer(whole) => json!(i64::from_str_radix(whole.as_str(), whole.radix()).unwrap_or_default()),
        DeValue::Float(float) => json!(float.as_str().parse::<f64>().unwrap_or_default()),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Datetime(date) => json!(date.to_string()),
        DeValue::Array(list) => list.iter().map(|item| value_of(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(table_of(table)),
    }
}
