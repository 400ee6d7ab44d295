//! Signals, read from the real things or from what speaks as they do.

mod buckets;
mod databases;
mod metrics;
mod records;

use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ssm::config::{Credentials, SharedCredentialsProvider};
use config::{Branch, Environment, Parameters, Secrets, WatchFile};
use domain::Timestamp;
use domain::heartbeat::{Beat, BeatKind, Reading, Slot, SlotStatus, State, Status};
use lambda_runtime::Context;
use runtime::Deadline;
use serde_json::json;
use testkit::emulator::{Emulator, REGION};

use super::{Readers, Wanted, read};

/// The instant at which most tests read.
const NOW: &str = "2026-03-01T06:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn now() -> Timestamp {
    at(NOW)
}

fn watch_file(heartbeats: &str) -> WatchFile {
    let text = format!(
        "namespace = \"OPsPipeline\"\n\
         [database.pipeline]\nurl = \"ssm:database/pipeline_url\"\nstatement_timeout = \"1s\"\n\
         [database.closed]\nurl = \"ssm:database/closed_url\"\n\
         {heartbeats}\n\
         [receiver.team]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"team\"]\n"
    );
    let environment = Environment::parse("local").expect("an environment");
    WatchFile::parse(&text, "watch.toml", &environment).expect("a watch file")
}

/// A heartbeat every six hours with half an hour of grace.
fn every(name: &str, signal: &str) -> String {
    format!("[heartbeat.{name}]\nsignal = {{ {signal} }}\nevery = \"6h\"\ngrace = \"30m\"\n")
}

/// A heartbeat at midnight, six, noon and six.
fn scheduled(name: &str, signal: &str) -> String {
    format!("[heartbeat.{name}]\nsignal = {{ {signal} }}\nschedule = \"0 0,6,12,18 * * *\"\ngrace = \"30m\"\n")
}

/// An AWS at this address, as one account.
fn sdk(endpoint: &str, account: &str) -> SdkConfig {
    let credentials = Credentials::new(account, "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// An account of its own at the emulator.
fn emulator() -> SdkConfig {
    let access = Emulator::shared("deadman-signals").access(&Emulator::fresh_account());
    sdk(&access.endpoint, &access.account)
}

/// The secrets of an account, by their names below `database/`.
async fn secrets(sdk: &SdkConfig, values: &[(&str, &str)]) -> Secrets {
    let ssm = aws_sdk_ssm::Client::new(sdk);
    for (name, value) in values {
        let put = ssm.put_parameter().name(format!("/local/watchkeeper/database/{name}")).value(*value);
        put.r#type(aws_sdk_ssm::types::ParameterType::SecureString).send().await.expect("a parameter");
    }
    let environment = Environment::parse("local").expect("an environment");
    let mut parameters = Parameters::new(ssm, environment, &[Branch::Database]);
    parameters.refresh(std::time::Instant::now()).await.secrets
}

/// None, of which none is read.
async fn no_secrets() -> Secrets {
    let ssm = aws_sdk_ssm::Client::new(&sdk("http://127.0.0.1:1", "100000000001"));
    let environment = Environment::parse("local").expect("an environment");
    Parameters::new(ssm, environment, &[]).refresh(std::time::Instant::now()).await.secrets
}

/// An invocation that has so long.
fn deadline(length: Duration) -> Deadline {
    #[expect(clippy::disallowed_methods, reason = "as Lambda says it")]
    let end = SystemTime::now().duration_since(UNIX_EPOCH).expect("a date") + length;
    let mut context = Context::default();
    context.deadline = u64::try_from(end.as_millis()).expect("milliseconds");
    Deadline::of(&context)
}

/// What is remembered of a heartbeat that last succeeded then, and was read then.
fn state(last_success_at: &str, read_at: &str) -> State {
    State {
        status: Status::Up,
        since: at(last_success_at),
        deadline_at: None,
        last_signal_at: Some(at(last_success_at)),
        last_success_at: Some(at(last_success_at)),
        memory: serde_json::from_value(json!({
            "loaded_at": "2026-01-01T00:00:00Z",
            "schedule": "every 6h",
            "read_at": at(read_at),
        }))
        .expect("what is remembered"),
    }
}

/// Nominal times that nothing is known of.
fn slots(times: &[&str]) -> Vec<Slot> {
    times.iter().map(|time| Slot::new(at(time), SlotStatus::Late)).collect()
}

/// Reads everything in a watch file, as for the first time, with these nominal times.
async fn read_all<'w>(
    readers: &Readers,
    watch_file: &'w WatchFile,
    slots: &[Slot],
    store: Option<&store::Connection>,
    secrets: &Secrets,
    now: Timestamp,
) -> BTreeMap<&'w str, Reading> {
    let wanted = watch_file.heartbeats.iter().map(|heartbeat| Wanted {
        heartbeat,
        state: None,
        slots,
        idle_for: SignedDuration::ZERO,
    });
    read(readers, watch_file, wanted.collect(), store, secrets, now, &deadline(Duration::from_secs(30))).await
}

/// What was seen: kind and instant of each sign, in order of time.
fn beats(reading: &Reading) -> Vec<(BeatKind, String)> {
    let mut beats = seen(reading).0;
    beats.sort_by_key(|beat| beat.at);
    beats.iter().map(|beat| (beat.kind, beat.at.to_string())).collect()
}

fn seen(reading: &Reading) -> (Vec<Beat>, Option<String>) {
    match reading {
        Reading::Seen { beats, note } => (beats.clone(), note.clone()),
        other => panic!("expected what was seen, got {other:?}"),
    }
}

fn why(reading: &Reading) -> &str {
    match reading {
        Reading::Unknown { why } => why,
        other => panic!("expected that it is unknown, got {other:?}"),
    }
}

fn success(at: &str) -> (BeatKind, String) {
    (BeatKind::Success, at.to_owned())
}
