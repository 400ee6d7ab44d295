//! What a watch file says of sources, and what is said of a wrong one.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use config::watch_file::{Mirror, Place, Source, TriggerKind};
use config::{Address, Environment, SecretRef, WatchFile};
use domain::Severity;
use domain::upstream::{Republished, Settle, Upstream};
use jiff::SignedDuration;
use serde_json::json;

const AROUND: &str = "namespace = \"N\"\n[receiver.mail]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"mail\"]\n\
    [upstream.goes]\ns3 = { buckets = [\"noaa-goes19\"] }\nkeys = \"{yyyy}/s{time:%Y%j%H%M%S}*.nc\"\n\
    [upstream.mrms]\ns3 = { buckets = [\"noaa-mrms-pds\"] }\nkeys = \"{yyyymmdd}/{time:%Y%m%d-%H%M%S}.gz\"\n\
    [upstream.dateless]\ns3 = { buckets = [\"dateless\"] }\nkeys = \"{yyyy}/*.nc\"\n";
pub(crate) const TIMES: &str = "schedule = \"0 */6 * * *\"\n";
pub(crate) const LENGTHS: &str = "expected_after = \"5h\"\nlate_after = \"6h\"\nmax_runtime = \"2h\"\n";
pub(crate) const TYPE: &str = "forecast_type = \"medium_range\"\n";
pub(crate) const UPSTREAM: &str = "upstream.s3 = { buckets = [\"noaa-gfs-bdp-pds\"] }\n";
pub(crate) const COMPLETE: &str = "complete = { keys = [\"gfs.{yyyymmdd}/{hh}/f{000..003..3}\"] }\n";
pub(crate) const TRIGGER: &str = "trigger.sqs = { queue = \"jobs\" }\n";

fn read(text: &str, environment: &str) -> Result<WatchFile, Vec<String>> {
    let environment = Environment::parse(environment).expect("an environment");
    let wrong = |error: config::WatchFileError| error.to_string().lines().map(str::to_owned).collect();
    WatchFile::parse(text, "w.toml", &environment).map_err(wrong)
}

/// What is said of a source in a file in which everything else is right: without the file, lines counted from its own.
pub(crate) fn mistakes(says: &str) -> Vec<String> {
    let before = AROUND.lines().count();
    let line = |told: String| {
        let (line, rest) = told.trim_start_matches("w.toml:").split_once(':').expect("a line");
        format!("{}:{rest}", line.parse::<usize>().expect("a number") - before)
    };
    let told = read(&format!("{AROUND}[source.x]\n{says}"), "prod").err().unwrap_or_default();
    told.into_iter().map(line).collect()
}

fn source(says: &str) -> Source {
    let read = read(&format!("{AROUND}[source.x]\n{says}"), "prod").expect("it is right");
    read.sources.into_iter().next().expect("a source")
}

fn full() -> WatchFile {
    let environment = Environment::parse("prod").expect("an environment");
    WatchFile::parse(include_str!("full.toml"), "full.toml", &environment).expect("it is right")
}

#[test]
fn the_full_face_says_when_cycles_come_where_they_are_and_what_is_done_about_them() {
    let full = full();
    let gfs = full.source("gfs").expect("it is written");
    let rules = &gfs.rules;
    let minutes = SignedDuration::from_mins;
    assert_eq!((rules.expected_after, rules.late_after, rules.look_back), (minutes(315), minutes(360), minutes(2160)));
    assert_eq!((rules.max_runtime, rules.attempts, rules.concurrency), (minutes(150), 2, 1));
    assert_eq!(
        (rules.severity, rules.late_severity, rules.republished),
        (Severity::Critical, Severity::Low, Republished::Rerun)
    );
    assert_eq!(
        (rules.summary.as_deref(), rules.runbook.as_deref()),
        (Some("The global forecast"), Some("docs/runbooks/gfs.md"))
    );
    assert_eq!((gfs.forecast_type.as_str(), gfs.switch.as_deref()), ("medium_range", Some("enable_medium_range")));
    let Upstream::Objects { mirrors, requirement } = &rules.upstream else { panic!("{:?}", rules.upstream) };
    assert_eq!(mirrors, &["noaa-gfs-bdp-pds", "gfs-copy"], "in the order in which they are asked");
    assert_eq!((requirement.min_bytes, requirement.settle), (50_000_000, Settle::Still(minutes(2))));
    let wanted: usize = requirement.keys.iter().map(|key| key.wanted(jiff::Timestamp::UNIX_EPOCH).len()).sum();
    assert_eq!(wanted, 209, "hourly to f120, three-hourly to f384");
    let place = Place::S3 { bucket: "gfs-copy".to_owned(), region: Some("us-east-1".to_owned()) };
    assert_eq!(gfs.mirrors.get("gfs-copy"), Some(&Mirror { place, anonymous: true }));
    let secret = |text: &str| SecretRef::parse(text, "").expect("a reference");
    let TriggerKind::Runpod { endpoint, api_key, webhook, url } = &gfs.trigger.kind else {
        panic!("{:?}", gfs.trigger)
    };
    assert_eq!((endpoint.as_str(), api_key, url), ("abc123", &secret("ssm:sources/runpod"), &None));
    assert_eq!(webhook, &Some(Address::Secret(secret("ssm:sources/runpod_webhook"))));
    let input = json!({ "model": "medium", "members": [1, 2], "scale": 0.5, "fast": true });
    assert_eq!(json!(gfs.trigger.input), input);
    assert_eq!(gfs.output.as_ref().map(|output| output.bucket.as_str()), Some("forecasts"));
    let names: Vec<_> = full.sources.iter().map(|source| source.rules.name.as_str()).collect();
    assert_eq!(names, ["gfs", "nowcast"], "in the order they are written");
}

#[test]
fn joined_instruments_bring_their_mirrors_in_the_order_in_which_they_lead() {
    let full = full();
    let nowcast = full.source("nowcast").expect("it is written");
    let Upstream::Joint(joint) = &nowcast.rules.upstream else { panic!("{:?}", nowcast.rules.upstream) };
    let parts: Vec<_> = joint.parts.iter().map(|part| (part.name.as_str(), part.min_bytes)).collect();
    assert_eq!((parts, joint.within), (vec![("goes", 1_000), ("mrms", 1)], SignedDuration::from_mins(4)));
    assert_eq!(nowcast.mirrors.keys().collect::<Vec<_>>(), ["noaa-goes19", "noaa-mrms-pds"]);
    assert!(matches!(&nowcast.trigger.kind, TriggerKind::Sqs { queue } if queue.name == "nowcast-jobs"));
}

#[test]
fn what_is_not_said_of_a_source_has_its_default() {
    let Source { rules, output, switch, trigger, .. } =
        source(&format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}"));
    assert_eq!((rules.attempts, rules.concurrency, rules.look_back), (3, 5, SignedDuration::from_hours(24)));
    assert_eq!((rules.severity, rules.late_severity), (Severity::High, Severity::Medium));
    assert_eq!((rules.republished, rules.answer_by), (Republished::Ignore, None));
    assert_eq!((output, switch, trigger.input.len()), (None, None, 0));
    let Upstream::Objects { requirement, .. } = rules.upstream else { panic!("objects") };
    assert_eq!((requirement.min_bytes, requirement.settle), (0, Settle::Still(SignedDuration::from_mins(1))));
}

#[test]
fn what_is_late_only_after_a_day_is_looked_for_six_hours_longer() {
    let lengths = "expected_after = \"30h\"\nlate_after = \"40h\"\nmax_runtime = \"2h\"\n";
    let rules = source(&format!("{TYPE}{TIMES}{lengths}{UPSTREAM}{COMPLETE}{TRIGGER}")).rules;
    assert_eq!(rules.look_back, SignedDuration::from_hours(46), "six hours after it is late");
}

#[test]
fn a_web_server_is_asked_for_each_file_and_its_sizes_have_to_stay_the_same_for_two_looks() {
    let http = "upstream.http = { urls = [\"https://data.example.com/gfs/\"] }\n";
    let Source { rules, mirrors, .. } = source(&format!("{TYPE}{TIMES}{LENGTHS}{http}{COMPLETE}{TRIGGER}"));
    let Upstream::Objects { requirement, .. } = rules.upstream else { panic!("objects") };
    assert_eq!(requirement.settle, Settle::TwoLooks(SignedDuration::from_mins(1)));
    let place = Place::Http { url: "https://data.example.com/gfs/".to_owned() };
    assert_eq!(mirrors.values().collect::<Vec<_>>(), [&Mirror { place, anonymous: true }]);
}

#[test]
fn plain_http_is_for_the_local_cloud_only() {
    let http = "upstream.http = { urls = [\"http://127.0.0.1:9/gfs/\"] }\n";
    let text = format!("{AROUND}[source.x]\n{TYPE}{TIMES}{LENGTHS}{http}{COMPLETE}{TRIGGER}");
    assert!(read(&text, "local").is_ok());
    assert!(read(&text, "prod").is_err());
}

#[test]
fn a_heartbeat_on_cycles_says_by_when_their_runs_must_have_ended() {
    let full = full();
    let answer_by = |name: &str| full.source(name).and_then(|source| source.rules.answer_by);
    assert_eq!((answer_by("gfs"), answer_by("nowcast")), (Some(SignedDuration::from_mins(510)), None));
}

#[test]
fn a_heartbeat_on_cycles_of_no_source_is_refused_with_the_nearest_name() {
    let heartbeat = "[heartbeat.cycles]\nsignal = { cycles_of = \"y\" }\nschedule = \"0 */6 * * *\"\ngrace = \"7h\"\n";
    let told = mistakes(&format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}{heartbeat}"));
    let expected = "11: heartbeat.cycles.signal.cycles_of: there is no source `y`";
    assert!(told.len() == 1 && told[0].starts_with(expected) && told[0].ends_with("expected one of x"), "{told:?}");
    // One that is written and wrong is no unknown one.
    let told = mistakes(&format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{}", heartbeat.replace("\"y\"", "\"x\"")));
    assert!(told.len() == 1 && told[0].contains("source.x.trigger: is missing"), "{told:?}");
}

#[test]
fn each_mistake_of_a_source_is_told_with_its_line_and_what_was_expected() {
    let with = |upstream: &str| format!("{upstream}\n{TYPE}{TIMES}{LENGTHS}{TRIGGER}");
    let triggered = |trigger: &str| format!("{trigger}\n{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}");
    let and = |more: &str| format!("{more}\n{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}");
    let joint = |of: &str| with(&format!("upstream.joint = {{ of = {of} }}"));
    for (says, expected) in [
        (
            format!("{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}"),
            "1: source.x.forecast_type: is missing: the dimension",
        ),
        (
            format!("{TYPE}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}"),
            "1: source.x: expected `schedule`, the nominal times as in",
        ),
        (
            format!("{TYPE}{TIMES}{LENGTHS}{COMPLETE}{TRIGGER}"),
            "1: source.x.upstream: is missing: where it is published",
        ),
        (
            format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{TRIGGER}"),
            "1: source.x.complete: is missing: which keys a cycle has",
        ),
        (format!("{TYPE}{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}"), "1: source.x.trigger: is missing: what starts a run"),
        (
            format!("{TYPE}{TIMES}late_after = \"6h\"\nmax_runtime = \"2h\"\n{UPSTREAM}{COMPLETE}{TRIGGER}"),
            "1: source.x.expected_after: is missing: how long after its nominal time",
        ),
        (and("atempts = 3"), "2: source.x.atempts: unknown key (did you mean `attempts`?), expected one of"),
        (and("attempts = 0"), "2: source.x.attempts: expected a whole number from 1"),
        (and("attempts = 11"), "1: source.x: `attempts` is 11: expected from 1 to 10"),
        (and("concurrency = -1"), "2: source.x.concurrency: expected a whole number from 1"),
        (and("look_back = \"5h\""), "1: source.x: `look_back` is 5h: expected from 6h 5m to"),
        (and("look_back = \"400d\""), "2: source.x.look_back: expected at most 366d"),
        (and("severity = \"BAD\""), "2: source.x.severity: unknown severity `BAD`"),
        (and("late_severity = \"BAD\""), "2: source.x.late_severity: unknown severity `BAD`"),
        (and("switch = \"Enable it\""), "2: source.x.switch: expected the name of a parameter"),
        (
            and("republished = \"rerunn\""),
            "2: source.x.republished: there is no policy `rerunn` (did you mean `rerun`?), expected one of ignore, rerun",
        ),
        (and("output = \"forecasts/x\""), "2: source.x.output: expected a bucket and a key, as in `s3://"),
        (and("output = \"s3://forecasts/*\""), "2: source.x.output: names more than one object"),
        (and("output = \"s3://forecasts/{000..003..1}\""), "2: source.x.output: names more than one object"),
        (
            format!("forecast_type = \"medium range\"\n{TIMES}{LENGTHS}{UPSTREAM}{COMPLETE}{TRIGGER}"),
            "2: source.x.forecast_type: expected at most 100 letters, digits and - _ .",
        ),
        (
            with("upstream.s3 = { buckets = [\"a-b\"] }\ncomplete = { keys = [\"{yyyymdd}/x\"] }"),
            "3: source.x.complete.keys: `{yyyymdd}/x` has `{yyyymdd}` at character 1: expected yyyymmdd",
        ),
        (
            with("upstream.s3 = { buckets = [\"a-b\"] }\ncomplete = { keys = [\"{yyyymmdd}{hh}\"], min_bytes = -1 }"),
            "3: source.x.complete.min_bytes: expected a whole number from 0",
        ),
        (with("upstream.s3 = { buckets = [\"a-b\"] }\ncomplete = { keys = [] }"), "3: source.x.complete.keys: "),
        (
            with(&format!("upstream.s3 = {{ buckets = [\"NOAA\"] }}\n{COMPLETE}")),
            "2: source.x.upstream.s3.buckets: expected the name of a bucket",
        ),
        (
            with(&format!("upstream.http = {{ urls = [\"https://x.org/gfs\"] }}\n{COMPLETE}")),
            "2: source.x.upstream.http.urls: expected an address https://host/path/ that ends in a slash",
        ),
        (
            with(&format!("upstream.http = {{ urls = [\"https://me:secret@x.org/gfs/\"] }}\n{COMPLETE}")),
            "2: source.x.upstream.http.urls: expected an address without a user, a password or a query",
        ),
        (
            with("upstream.http = { urls = [\"https://x.org/\"] }\ncomplete.keys = [\"{yyyymmdd}/*\"]"),
            "3: source.x.complete: a web server lists nothing: expected `keys` without `*`",
        ),
        (
            with(&format!(
                "upstream = {{ s3 = {{ buckets = [\"abc\"] }}, http = {{ urls = [\"https://x.org/\"] }} }}\n{COMPLETE}"
            )),
            "2: source.x.upstream: expected exactly one of s3, http, joint",
        ),
        (joint("[\"goes\", \"mrsm\"]"), "2: source.x.upstream.joint.of: there is no upstream `mrsm`"),
        (joint("[\"goes\"]"), "1: source.x: `upstream.joint.of` names 1: expected at least two upstreams"),
        (joint("[\"goes\", \"dateless\"]"), "1: source.x: `{yyyy}/*.nc` has no `{time:…}`"),
        (
            with(&format!("upstream.joint = {{ of = [\"goes\", \"mrms\"] }}\n{COMPLETE}")),
            "1: source.x: `complete` says nothing beside `upstream.joint`",
        ),
        (triggered("trigger = { }"), "2: source.x.trigger: expected exactly one of runpod, sqs, lambda"),
        (triggered("trigger.sqss = { queue = \"x\" }"), "2: source.x.trigger.sqss: unknown key (did you mean `sqs`?)"),
        (triggered("trigger.sqs = { }"), "2: source.x.trigger.sqs.queue: is missing: the queue that workers read"),
        (triggered("trigger.sqs = { queue = \"a b\" }"), "2: source.x.trigger.sqs.queue: expected the name of a queue"),
        (
            triggered("trigger.lambda = { function = \"a b\" }"),
            "2: source.x.trigger.lambda.function: expected the name or",
        ),
        (
            triggered("trigger.runpod = { endpoint = \"a/b\", api_key = \"ssm:sources/runpod\" }"),
            "2: source.x.trigger.runpod.endpoint: expected the id of an endpoint",
        ),
        (
            triggered("trigger.runpod = { endpoint = \"ab\", api_key = \"rpa_SECRET\" }"),
            "2: source.x.trigger.runpod.api_key: expected a reference such as `ssm:sources/runpod`",
        ),
        (
            triggered("trigger.runpod = { endpoint = \"ab\", api_key = \"ssm:receivers/runpod\" }"),
            "2: source.x.trigger.runpod.api_key: ",
        ),
        (
            triggered("trigger.sqs = { queue = \"jobs\", input = { run_id = 1 } }"),
            "2: source.x.trigger.sqs.input: `run_id` is given by data-poller: expected another name",
        ),
        (
            triggered("trigger.sqs = { queue = \"jobs\", input = { scale = inf } }"),
            "2: source.x.trigger.sqs.input: holds inf",
        ),
        (
            triggered("trigger.sqs = { queue = \"jobs\", input = 1 }"),
            "2: source.x.trigger.sqs.input: expected a table, not",
        ),
    ] {
        let told = mistakes(&says);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{says}\n{expected}\n{}", told.join("\n"));
        assert!(!told[0].contains("SECRET"), "{}", told[0]);
    }
}

#[test]
fn all_mistakes_of_a_source_are_told_at_once() {
    let told = mistakes(
        "schedule = \"1\"\nexpected_after = \"x\"\nlate_after = \"400d\"\nupstream.s3 = { bucket = [\"a-b\"] }\n\
         complete = { keys = [\"{x}\"] }\ntrigger.sqs = { que = \"x\" }\nattempts = 0\nseverity = \"x\"\nswitch = \"X y\"\n",
    );
    for key in [
        "forecast_type",
        "schedule",
        "expected_after",
        "late_after",
        "max_runtime",
        "upstream.s3.bucket",
        "complete.keys",
        "trigger.sqs.que",
        "attempts",
        "severity",
        "switch",
    ] {
        assert!(told.iter().any(|line| line.contains(&format!(" source.x.{key}: "))), "{key}\n{}", told.join("\n"));
    }
}
