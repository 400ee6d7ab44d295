//! The shipped watch files say what the contracts and the other environments expect of them.

use std::path::{Path, PathBuf};

use config::watch_file::{Heartbeat, HeartbeatSignal, OWN_DATABASE, WatchFileError};
use config::{Environment, WatchFile};
use domain::Severity;
use domain::check::Threshold;
use domain::fingerprint::Labels;
use domain::heartbeat::Schedule;
use domain::policy::{Described, Integration};
use domain::retention::Task;
use jiff::SignedDuration;

pub(crate) const SHIPPED: [&str; 4] = ["local", "dev", "staging", "prod"];

pub(crate) fn shipped_file(environment: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(format!("{environment}.toml"))
}

fn load(environment: &str) -> anyhow::Result<WatchFile> {
    Ok(WatchFile::load(&shipped_file(environment), &Environment::parse(environment)?)?)
}

#[test]
fn the_shipped_files_are_right() {
    for environment in SHIPPED {
        let watch_file = load(environment).unwrap_or_else(|err| panic!("{err}"));
        assert!(watch_file.check("telemetry").is_some(), "{environment}");
        assert_eq!(watch_file.policy().environment, environment);
    }
}

#[test]
fn the_shipped_files_measure_the_same_check() -> anyhow::Result<()> {
    let local = load("local")?;
    for environment in SHIPPED {
        let other = load(environment)?;
        assert_eq!(local.check("telemetry").map(|check| &check.ask), other.check("telemetry").map(|check| &check.ask));
        let threshold = other.checks[0].metrics[0].threshold;
        assert_eq!(threshold, Some(Threshold::Above(180.0)), "{environment}");
    }
    Ok(())
}

#[test]
fn the_local_file_is_what_the_contract_says() -> anyhow::Result<()> {
    let local = load("local")?;
    let kinds: Vec<_> =
        local.receivers.iter().map(|(name, receiver)| (name.as_str(), receiver.integration())).collect();
    let expected = [
        ("chat", Integration::Telegram),
        ("hook", Integration::Webhook),
        ("mail", Integration::Sns),
        ("on-call", Integration::Pagerduty),
        ("team", Integration::Slack),
    ];
    assert_eq!(kinds, expected);
    let metric = &local.checks[0].metrics[0];
    assert_eq!((metric.name.as_str(), metric.unit.as_deref()), ("TelemetryLag", Some("Seconds")));
    assert_eq!(metric.lasting, Some(SignedDuration::ZERO));
    let policy = local.policy();
    assert_eq!(policy.receivers["team"].switch.as_deref(), Some("enable_slack"), "decisions know the switch");
    assert_eq!(policy.severity_of_metric("OPsPipeline", "TelemetryLag"), Some(Severity::High));
    assert_eq!(policy.metric_runbook.get("TelemetryLag").map(String::as_str), Some("docs/runbooks/telemetry-lag.md"));
    for (severity, told) in [
        (Severity::Critical, &["on-call", "mail"][..]),
        (Severity::High, &["on-call", "mail"]),
        (Severity::Medium, &["hook"]),
        (Severity::Low, &["hook"]),
    ] {
        let labels = Labels::new();
        let condition = Described {
            severity,
            kind: "metric",
            subject: "OPsPipeline/TelemetryLag",
            environment: "local",
            labels: &labels,
        };
        let routes = policy.routes_of(&condition);
        assert_eq!(routes.len(), 1, "{severity}");
        assert_eq!(routes[0].to, told, "{severity}");
        assert_eq!(routes[0].hours, None, "the local cloud never sleeps");
    }
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_named_with_what_would_name_another() -> anyhow::Result<()> {
    let error =
        WatchFile::load(Path::new("config/nowhere.toml"), &Environment::parse("nowhere")?).expect_err("no file");
    assert!(matches!(error, WatchFileError::Unreadable { .. }));
    let text = error.to_string();
    assert!(text.contains("config/nowhere.toml") && text.contains("WATCH_FILE"), "{text}");
    Ok(())
}

/// The file with its commented examples switched on: each begins at a line such as `# [check.public-api]` and ends with
/// the comment it stands in.
fn with_its_examples(text: &str) -> String {
    let mut within = false;
    let line = |line: &str| {
        within = line.starts_with("# [") || (within && line.starts_with('#'));
        if within { line.trim_start_matches("# ").to_owned() } else { line.to_owned() }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commented_examples_of_the_local_file_are_right() -> anyhow::Result<()> {
    let text = with_its_examples(&std::fs::read_to_string(shipped_file("local"))?);
    let examples = WatchFile::parse(&text, "local.toml", &Environment::parse("local")?)?;
    for check in ["telemetry-by-ticker", "urgent-queue", "public-api"] {
        assert!(examples.check(check).is_some(), "{check}");
    }
    let expected = ["orders", "watchlist", "telemetry-runs", "forecast-files", "medium-range"];
    for heartbeat in expected {
        assert!(examples.heartbeat(heartbeat).is_some(), "{heartbeat}");
    }
    let audit_logs = examples.retention("audit-logs").and_then(|policy| policy.archive.as_deref());
    assert_eq!(audit_logs, Some("audit/"), "older than two years");
    assert!(examples.hard_delete("organization").is_some());
    assert!(examples.hours.contains_key("market"));
    let policy = examples.policy();
    assert!(policy.routes.iter().any(|route| route.hours.is_some() && route.group.is_some()), "a route by day");
    assert!(policy.routes.iter().any(|route| route.escalate.is_some() && !route.fallback.is_empty()), "who else");
    assert_eq!((policy.inhibit.len(), policy.quarantine.len()), (1, 1));
    assert!(!policy.remind_every.is_empty());
    Ok(())
}

#[test]
fn our_own_functions_are_expected_everywhere_and_the_local_cloud_stays_quiet_without_schedules() -> anyhow::Result<()> {
    for environment in SHIPPED {
        let watch_file = load(environment)?;
        let (archive, prune) = (Some(Task::Archive), Some(Task::Prune));
        let expected = [
            ("healthcheck", "healthcheck", None),
            ("alert-router", "alert-router", None),
            ("archiver", "archiver", archive),
            ("archiver-prune", "archiver", prune),
        ];
        for (name, function, task) in expected {
            let heartbeat = watch_file.heartbeat(name).expect(environment);
            assert_eq!(
                heartbeat.signal,
                HeartbeatSignal::Ledger { function: function.to_owned(), task },
                "{environment}"
            );
        }
        // Deployed, nothing is live but what runs whatever the pipeline is; here, nothing that an idle hour brings down.
        let local = environment == "local";
        assert_eq!(watch_file.heartbeats.len(), if local { 5 } else { 4 }, "{environment}");
        let patient =
            |heartbeat: &Heartbeat| heartbeat.rules.schedule == Schedule::Every(SignedDuration::from_hours(24));
        assert_eq!(watch_file.heartbeats.iter().all(patient), local, "{environment}");
    }
    assert_eq!(load("local")?.heartbeat("nightly-export").map(|ping| ping.signal.clone()), Some(HeartbeatSignal::Ping));
    Ok(())
}

#[test]
fn our_own_rows_are_kept_as_long_in_every_environment_and_evidence_is_archived() -> anyhow::Result<()> {
    for environment in SHIPPED {
        let watch_file = load(environment)?;
        let says: Vec<_> = watch_file
            .retention
            .iter()
            .filter(|policy| policy.database == OWN_DATABASE)
            .map(|policy| (policy.table.name.as_str(), policy.keep.to_string(), policy.archive.is_some()))
            .collect();
        let expected = [
            ("signals", "30d", true),
            ("delivery_attempts", "30d", true),
            ("ledger", "90d", true),
            ("signal_outbox", "30d", false),
            ("heartbeat_slots", "90d", false),
            ("heartbeat_transitions", "90d", false),
        ];
        assert_eq!(says, expected.map(|(table, keep, archived)| (table, keep.to_owned(), archived)), "{environment}");
    }
    Ok(())
}

#[test]
fn the_commented_heartbeats_and_sources_of_every_file_are_right() -> anyhow::Result<()> {
    for environment in SHIPPED.into_iter().filter(|environment| *environment != "local") {
        let text = with_its_examples(&std::fs::read_to_string(shipped_file(environment))?);
        let examples = WatchFile::parse(&text, environment, &Environment::parse(environment)?)?;
        for heartbeat in ["medium-range", "nowcast"] {
            assert!(examples.heartbeat(heartbeat).is_some(), "{environment}: {heartbeat}");
        }
        for policy in ["nowcast-runs", "medium-range-runs", "audit-logs"] {
            assert!(examples.retention(policy).is_some(), "{environment}: {policy}");
        }
        let organization = examples.hard_delete("organization").expect(environment);
        let order: Vec<String> = organization.tables.iter().map(|one| one.table.to_string()).collect();
        let expected =
            ["notifications", "watchpoints", "api_keys", "sessions", "users", "rate_limits", "organizations"];
        assert_eq!(order, expected, "{environment}");
        for source in ["gfs", "nowcast"] {
            assert!(examples.source(source).is_some(), "{environment}: {source}");
        }
    }
    Ok(())
}
