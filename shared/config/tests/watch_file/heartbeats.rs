//! What a watch file says of heartbeats, and what is said of a wrong one.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use config::watch_file::{HeartbeatSignal, MetricSignal, S3Signal, Statistic};
use config::{Address, Environment, SecretRef, WatchFile};
use domain::Severity;
use domain::heartbeat::Schedule;
use jiff::{SignedDuration, Timestamp};

const AROUND: &str = "namespace = \"N\"\n[database.main]\nurl = \"ssm:database/main\"\n[hours.day]\ntimezone = \"UTC\"\n\
    open = [\"mon-fri 09:00-17:00\"]\n[source.gfs]\nforecast_type = \"x\"\n\
    schedule = \"0 0 * * *\"\nexpected_after = \"1h\"\nlate_after = \"2h\"\nmax_runtime = \"1h\"\n\
    upstream.s3 = { buckets = [\"gfs\"] }\ncomplete = { keys = [\"{yyyymmdd}\"] }\ntrigger.sqs = { queue = \"jobs\" }\n\
    [receiver.mail]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"mail\"]\n";

fn read(text: &str) -> Result<WatchFile, Vec<String>> {
    let environment = Environment::parse("prod").expect("an environment");
    let wrong = |error: config::WatchFileError| error.to_string().lines().map(str::to_owned).collect();
    WatchFile::parse(text, "w.toml", &environment).map_err(wrong)
}

/// A heartbeat in a file in which everything else is right.
fn heartbeat(says: &str) -> Result<WatchFile, Vec<String>> {
    read(&format!("{AROUND}[heartbeat.x]\n{says}"))
}

/// What is said of it: without the file, with lines counted from its own.
fn mistakes(says: &str) -> Vec<String> {
    let before = AROUND.lines().count();
    let line = |told: String| {
        let (line, rest) = told.trim_start_matches("w.toml:").split_once(':').expect("a line").to_owned();
        format!("{}:{rest}", line.parse::<usize>().expect("a number") - before)
    };
    heartbeat(says).err().unwrap_or_default().into_iter().map(line).collect()
}

fn full() -> anyhow::Result<WatchFile> {
    Ok(WatchFile::parse(include_str!("full.toml"), "full.toml", &Environment::parse("prod")?)?)
}

#[test]
fn the_full_face_says_when_a_heartbeat_is_expected_and_how_long_everything_may_take() -> anyhow::Result<()> {
    let full = full()?;
    let written = full.heartbeat("medium-range").expect("it is written");
    let rules = &written.rules;
    let minutes = SignedDuration::from_mins;
    let Schedule::Cron(timetable) = &rules.schedule else { anyhow::bail!("{:?}", rules.schedule) };
    assert_eq!(timetable.written(), "0 0,6,12,18 * * *");
    assert_eq!((rules.grace, rules.start_grace), (minutes(510), Some(minutes(390))));
    assert_eq!((rules.max_runtime, rules.min_runtime), (Some(minutes(150)), Some(minutes(1))));
    assert_eq!((rules.fail_after, rules.severity, rules.manual_resume), (2, Severity::Critical, true));
    assert_eq!(rules.calendar.hours.as_ref(), full.hours.get("market"));
    assert_eq!((written.switch.as_deref(), written.remind_every), (Some("enable_medium_range"), Some(minutes(60))));
    assert_eq!(rules.runbook.as_deref(), Some("docs/runbooks/medium-range.md"));
    let names: Vec<_> = full.heartbeats.iter().map(|heartbeat| heartbeat.rules.name.as_str()).collect();
    assert_eq!(names[..3], ["medium-range", "telemetry-written", "export"], "in the order they are written");
    assert_eq!(full.external_ping, Some(Address::Secret(SecretRef::parse("ssm:deadman/external_ping", "")?)));
    Ok(())
}

#[test]
fn maintenance_is_on_the_clock_of_its_zone_and_in_utc_where_none_is_written() -> anyhow::Result<()> {
    let full = full()?;
    let calendar = full.heartbeat("medium-range").map(|heartbeat| heartbeat.rules.calendar.clone()).unwrap_or_default();
    let [sundays, firsts] = &calendar.maintenance[..] else { anyhow::bail!("{calendar:?}") };
    let until = |window: &domain::silence::Recurrence, at: &str| {
        at.parse::<Timestamp>().ok().and_then(|at| window.open_until(at)).map(|end| end.to_string())
    };
    // Two in the morning in New York, in winter and in summer.
    assert_eq!(until(sundays, "2026-03-01T07:30:00Z").as_deref(), Some("2026-03-01T09:00:00Z"));
    assert_eq!(until(sundays, "2026-07-05T06:30:00Z").as_deref(), Some("2026-07-05T08:00:00Z"));
    assert_eq!(until(firsts, "2026-07-01T12:30:00Z").as_deref(), Some("2026-07-01T13:30:00Z"));
    Ok(())
}

#[test]
fn every_sort_of_signal_is_read_with_what_belongs_to_it() -> anyhow::Result<()> {
    let full = full()?;
    let signal = |name: &str| full.heartbeat(name).map(|heartbeat| heartbeat.signal.clone());
    let metric = MetricSignal {
        namespace: Some("AWS/Lambda".to_owned()),
        name: "Invocations".to_owned(),
        dimensions: [("FunctionName".to_owned(), "telemetry".to_owned())].into(),
        stat: Statistic::SampleCount,
        at_least: 0.5,
    };
    let s3 = S3Signal {
        bucket: "forecasts".to_owned(),
        region: Some("us-east-1".to_owned()),
        pattern: "gfs.{yyyymmdd}/{hh}/".to_owned(),
    };
    assert_eq!(signal("telemetry-written"), Some(HeartbeatSignal::Metric(metric)));
    assert_eq!(signal("uploads"), Some(HeartbeatSignal::S3(s3)));
    assert_eq!(signal("medium-range"), Some(HeartbeatSignal::Cycles { source: "gfs".to_owned() }));
    assert_eq!(signal("own-checks"), Some(HeartbeatSignal::Ledger { function: "healthcheck".to_owned(), task: None }));
    assert_eq!(signal("nightly"), Some(HeartbeatSignal::Ping));
    let runs = HeartbeatSignal::Runs { database: "behind".to_owned(), table: "pipeline.feature_runs".to_owned() };
    assert_eq!(signal("features"), Some(runs));
    assert!(matches!(signal("export"), Some(HeartbeatSignal::Sql { database, .. }) if database == "pipeline"));
    Ok(())
}

#[test]
fn what_is_not_said_of_a_heartbeat_has_its_default() -> anyhow::Result<()> {
    let read = heartbeat("signal = { metric = \"Written\" }\nevery = \"1h\"\ngrace = \"5m\"\n");
    let watch_file = read.map_err(|told| anyhow::anyhow!("{told:?}"))?;
    let written = &watch_file.heartbeats[0];
    assert_eq!((written.rules.fail_after, written.rules.severity), (1, Severity::High));
    assert_eq!((written.remind_every, written.rules.manual_resume), (None, false));
    let metric = MetricSignal {
        namespace: None,
        name: "Written".to_owned(),
        dimensions: Default::default(),
        stat: Statistic::Sum,
        at_least: 1.0,
    };
    assert_eq!(written.signal, HeartbeatSignal::Metric(metric));
    assert_eq!(watch_file.external_ping, None);
    Ok(())
}

#[test]
fn how_often_people_are_reminded_of_a_heartbeat_is_known_where_it_is_decided() -> anyhow::Result<()> {
    let policy = full()?.policy();
    assert_eq!(policy.heartbeat_remind_every, [("medium-range".to_owned(), SignedDuration::from_hours(1))].into());
    Ok(())
}

#[test]
fn each_mistake_of_a_heartbeat_is_told_with_its_line_and_what_was_expected() {
    let ping = "signal = { ping = true }\n";
    let hourly = "every = \"1h\"\ngrace = \"5m\"\n";
    let daily = "schedule = \"0 2 * * *\"\ngrace = \"5m\"\n";
    for (says, expected) in [
        (hourly.to_owned(), "1: heartbeat.x.signal: is missing: where it is heard, as in { ping = true }"),
        (format!("signal = \"ping\"\n{hourly}"), "2: heartbeat.x.signal: expected a table, not the text \"ping\""),
        (format!("{ping}every = \"1h\"\n"), "1: heartbeat.x.grace: is missing: how late success may come"),
        (format!("{ping}grace = \"1h\"\n"), "1: heartbeat.x: expected `schedule`, the nominal times as in"),
        (format!("{ping}{daily}every = \"1h\"\n"), "1: heartbeat.x: expected `schedule` or `every`, not both"),
        (
            format!("{ping}{hourly}evry = \"1h\"\n"),
            "5: heartbeat.x.evry: unknown key (did you mean `every`?), expected one of signal,",
        ),
        (
            format!("signal = {{ pong = true }}\n{hourly}"),
            "2: heartbeat.x.signal.pong: unknown key (did you mean `ping`?)",
        ),
        (format!("signal = {{ }}\n{hourly}"), "2: heartbeat.x.signal: expected exactly one of metric, sql, runs,"),
        (
            format!("signal = {{ ping = true, ledger = \"archiver\" }}\n{hourly}"),
            "2: heartbeat.x.signal: expected exactly one of metric, sql, runs,",
        ),
        (format!("signal = {{ ping = false }}\n{hourly}"), "2: heartbeat.x.signal.ping: expects nothing"),
        (
            format!("signal = {{ ping = \"yes\" }}\n{hourly}"),
            "2: heartbeat.x.signal.ping: expected true or false, not the text \"yes\"",
        ),
        (
            format!("signal = {{ ping = true, at_least = 1 }}\n{hourly}"),
            "2: heartbeat.x.signal: `at_least` says nothing without `metric`",
        ),
        (
            format!("signal = {{ metric = \"M\", database = \"main\" }}\n{hourly}"),
            "2: heartbeat.x.signal: `database` says nothing without `sql` or `runs`",
        ),
        (
            format!("signal = {{ ping = true, task = \"archive\" }}\n{hourly}"),
            "2: heartbeat.x.signal: `task` says nothing without `ledger`",
        ),
        (
            format!("signal = {{ ledger = \"deadman\", task = \"archive\" }}\n{hourly}"),
            "2: heartbeat.x.signal.task: deadman has no tasks: leave it out",
        ),
        (
            format!("signal = {{ ledger = \"archiver\", task = \"plan\" }}\n{hourly}"),
            "2: heartbeat.x.signal.task: there is no task of archiver's in the ledger `plan`",
        ),
        (
            format!("signal = {{ metric = \"M\", stat = \"sum\" }}\n{hourly}"),
            "2: heartbeat.x.signal.stat: there is no statistic `sum` (did you mean `Sum`?), expected one of Sum, SampleCount",
        ),
        (
            format!("signal = {{ metric = \"M\", dimensions = {{ Queue = 1 }} }}\n{hourly}"),
            "2: heartbeat.x.signal.dimensions.Queue: expected a text, not the number 1",
        ),
        (
            format!("signal = {{ sql = \"select now()\" }}\n{hourly}"),
            "2: heartbeat.x.signal.database: is missing: the name of the database it is in",
        ),
        (
            format!("signal = {{ runs = \"runs\", database = \"mian\" }}\n{hourly}"),
            "2: heartbeat.x.signal.database: there is no database `mian` (did you mean `main`?), expected one of main",
        ),
        (
            format!("signal = {{ runs = \"runs; drop table x\", database = \"main\" }}\n{hourly}"),
            "2: heartbeat.x.signal.runs: expected the name of a table, with or without its schema",
        ),
        (
            format!("signal = {{ ledger = \"arhciver\" }}\n{hourly}"),
            "2: heartbeat.x.signal.ledger: there is no function of Watchkeeper's called `arhciver` (did you mean `archiver`?)",
        ),
        (
            format!("signal = {{ cycles_of = \"gfs\" }}\n{hourly}"),
            "1: heartbeat.x: `cycles_of` is evidence of nominal times: expected `schedule` instead of `every`",
        ),
        (
            format!("signal = {{ s3 = \"s3://bucket/{{yyyymmdd}}/\" }}\n{hourly}"),
            "1: heartbeat.x: `s3` is evidence of nominal times: expected `schedule` instead of `every`",
        ),
        (
            format!("signal = {{ s3 = \"bucket/{{yyyymmdd}}/\" }}\n{daily}"),
            "2: heartbeat.x.signal.s3: expected a bucket and how keys begin, as in `s3://forecasts/",
        ),
        (
            format!("signal = {{ s3 = \"s3://bucket/{{yyymmdd}}/\" }}\n{daily}"),
            "2: heartbeat.x.signal.s3: there is no placeholder `{yyymmdd}` (did you mean `{yyyymmdd}`?)",
        ),
        (
            format!("signal = {{ s3 = \"s3://bucket/{{yyyymmdd/\" }}\n{daily}"),
            "2: heartbeat.x.signal.s3: has a brace without its other",
        ),
        (
            format!("signal = {{ s3 = \"s3://bucket/latest/\" }}\n{daily}"),
            "2: heartbeat.x.signal.s3: does not say which nominal time a key is for",
        ),
        (
            format!("signal = {{ s3 = \"s3://bucket/{{yyyy}}/{{dd}}/\" }}\n{daily}"),
            "2: heartbeat.x.signal.s3: does not say which nominal time a key is for",
        ),
        (
            "signal = { s3 = \"s3://bucket/{yyyymmdd}/\" }\nschedule = \"0 6,18 * * *\"\ngrace = \"5m\"\n".to_owned(),
            "2: heartbeat.x.signal.s3: is the same for the nominal times 01-01 06:00 and 01-01 18:00 (UTC)",
        ),
        (
            format!("{ping}schedule = \"@daily\"\ngrace = \"5m\"\n"),
            "3: heartbeat.x.schedule: `@daily` has not five fields",
        ),
        (
            format!("{ping}schedule = \"0 25 * * *\"\ngrace = \"5m\"\n"),
            "3: heartbeat.x.schedule: `0 25 * * *` cannot be read",
        ),
        (
            format!("{ping}schedule = \"0 2 31 2 *\"\ngrace = \"5m\"\n"),
            "3: heartbeat.x.schedule: `0 2 31 2 *` never comes",
        ),
        (
            format!("{ping}{daily}timezone = \"Europe/Berln\"\n"),
            "5: heartbeat.x.timezone: there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?)",
        ),
        (format!("{ping}{hourly}timezone = \"UTC\"\n"), "5: heartbeat.x.timezone: says nothing without `schedule`"),
        (format!("{ping}every = \"0s\"\ngrace = \"5m\"\n"), "3: heartbeat.x.every: `0s` is not from 1m to 366d"),
        (format!("{ping}every = \"367d\"\ngrace = \"5m\"\n"), "3: heartbeat.x.every: `52w 3d` is not from 1m to 366d"),
        (format!("{ping}every = \"1h\"\ngrace = \"0s\"\n"), "4: heartbeat.x.grace: expected 1m to 366d"),
        (
            format!("{ping}{hourly}start_grace = \"6m\"\n"),
            "5: heartbeat.x.start_grace: is longer than `grace`: a run cannot start later than it has to succeed",
        ),
        (
            format!("{ping}{hourly}max_runtime = \"1m\"\nmin_runtime = \"1m\"\n"),
            "6: heartbeat.x.min_runtime: is not less than `max_runtime`",
        ),
        (
            format!("signal = {{ metric = \"M\" }}\n{hourly}start_grace = \"1m\"\n"),
            "1: heartbeat.x: `start_grace` says nothing: this signal tells of no starts; expected one of ping, runs,",
        ),
        (
            format!("signal = {{ sql = \"select now()\", database = \"main\" }}\n{hourly}min_runtime = \"1m\"\n"),
            "1: heartbeat.x: `min_runtime` says nothing: this signal tells of no starts; expected one of ping, runs, \
             ledger, cycles_of, or sql that answers a column `started_at`",
        ),
        (
            format!("signal = {{ metric = \"M\" }}\n{hourly}fail_after = 2\n"),
            "1: heartbeat.x: `fail_after` says nothing: this signal tells of no failures",
        ),
        (format!("{ping}{hourly}fail_after = 0\n"), "5: heartbeat.x.fail_after: expected 1 to 100 failures in a row"),
        (format!("{ping}{hourly}severity = \"BAD\"\n"), "5: heartbeat.x.severity: unknown severity `BAD`"),
        (
            format!("{ping}{hourly}hours = \"dayy\"\n"),
            "5: heartbeat.x.hours: there is no [hours.NAME] called `dayy` (did you mean `day`?), expected one of day",
        ),
        (
            format!("{ping}{hourly}maintenance = [{{ cron = \"0 2 * *\", duration = \"1h\" }}]\n"),
            "5: heartbeat.x.maintenance[0].cron: `0 2 * *` has not five fields",
        ),
        (
            format!("{ping}{hourly}maintenance = [{{ cron = \"0 2 * * *\", duration = \"8d\" }}]\n"),
            "5: heartbeat.x.maintenance[0].duration: expected 1m to 7d",
        ),
        (
            format!("{ping}{hourly}maintenance = [{{ cron = \"0 2 * * *\" }}]\n"),
            "5: heartbeat.x.maintenance[0].duration: is missing: how long it lasts",
        ),
        (
            format!("{ping}{hourly}maintenance = [{{ cron = \"0 2 31 2 *\", duration = \"1h\" }}]\n"),
            "5: heartbeat.x.maintenance[0].cron: `0 2 31 2 *` never comes",
        ),
        (
            format!("{ping}{hourly}maintenance = [{{ cron = \"0 0 * * *\", duration = \"1d\" }}]\n"),
            "1: heartbeat.x: its `hours` and `maintenance` leave no time at which anything would be expected of it",
        ),
        (
            format!("{ping}{hourly}remind_every = \"31d\"\n"),
            "5: heartbeat.x.remind_every: expected 1m to 30d; without it, `[noise.remind_every]` says",
        ),
        (format!("{ping}{hourly}switch = \"Enable it\"\n"), "5: heartbeat.x.switch: expected the name of a parameter"),
        (format!("{ping}{hourly}[heartbeat.Y_1]\n{ping}{hourly}"), "5: heartbeat.Y_1: expected a name in kebab-case"),
    ] {
        let told = mistakes(&says);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{says}\n{expected}\n{}", told.join("\n"));
    }
}

#[test]
fn a_statement_that_answers_starts_and_failures_may_have_limits_for_them() {
    let sql = "select max(finished_at) as last_success_at, max(started_at) as started_at, null as failed_at from x";
    let says = format!(
        "signal = {{ sql = \"{sql}\", database = \"main\" }}\nevery = \"1h\"\ngrace = \"5m\"\nstart_grace = \"1m\"\n\
         max_runtime = \"1h\"\nmin_runtime = \"1s\"\nfail_after = 3\n"
    );
    assert_eq!(mistakes(&says), Vec::<String>::new());
}

#[test]
fn all_mistakes_of_a_heartbeat_are_told_at_once() {
    let told = mistakes(
        "signal = { runs = \"a b\", databse = \"main\" }\nschedule = \"1\"\ntimezone = \"Mars\"\ngrace = \"1\"\n\
         max_runtime = \"0s\"\nfail_after = 101\nseverity = \"x\"\nhours = \"x\"\n\
         maintenance = [{ cron = \"x\", duration = \"1s\", timezone = \"Mars\" }]\nremind_every = \"1s\"\n",
    );
    let keys: Vec<&str> = told.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    for key in [
        "signal.runs",
        "signal.databse",
        "timezone",
        "grace",
        "max_runtime",
        "fail_after",
        "severity",
        "hours",
        "maintenance[0].duration",
        "maintenance[0].timezone",
        "remind_every",
    ] {
        assert!(keys.contains(&format!("heartbeat.x.{key}").as_str()), "{key}\n{}", told.join("\n"));
    }
}

#[test]
fn the_external_ping_is_a_secret_of_deadman_or_an_address() {
    let told = |written: &str| {
        let read = read(&format!("external_ping = {written}\n{AROUND}"));
        read.err().map(|told| told.join("\n")).unwrap_or_default()
    };
    assert_eq!(told("\"https://hc.example.com/ping/1\""), "");
    assert_eq!(told("\"ssm:deadman/external_ping\""), "");
    let theirs = told("\"ssm:receivers/pagerduty\"");
    let expected =
        "w.toml:1: external_ping: deadman may not read the branch receivers: expected `ssm:deadman/external_ping`";
    assert_eq!(theirs, expected);
    let no_address = told("\"hc.example.com/hunter2\"");
    assert!(
        no_address.starts_with("w.toml:1: external_ping: expected a reference such as")
            && !no_address.contains("hunter2")
    );
}

#[test]
fn no_check_may_publish_what_deadman_publishes() {
    let check =
        "[check.x]\ndatabase = \"main\"\nsql = \"select 1 as n\"\n[check.x.metric.n]\nname = \"HeartbeatsDown\"\n";
    let told = read(&format!("{AROUND}{check}")).err().unwrap_or_default();
    assert!(
        told.len() == 1 && told[0].ends_with("Watchkeeper already sends a metric called HeartbeatsDown"),
        "{told:?}"
    );
}
