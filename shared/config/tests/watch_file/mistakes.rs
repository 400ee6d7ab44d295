//! A wrong watch file: each mistake with its line, its key path and what was expected, all of them at once.

use config::watch_file::Means;
use config::{Environment, WatchFile};
use jiff::SignedDuration;

/// Every line of the error that a text gives in an environment; empty where it is right.
fn mistakes(environment: &str, text: &str) -> anyhow::Result<Vec<String>> {
    match WatchFile::parse(text, "w.toml", &Environment::parse(environment)?) {
        Ok(_) => Ok(Vec::new()),
        Err(error) => Ok(error.to_string().lines().map(str::to_owned).collect()),
    }
}

/// A right one to spoil.
pub(crate) const RIGHT: &str = r#"namespace = "OPsPipeline"

[database.pipeline]
url = "ssm:database/pipeline_url"

[check.telemetry]
database = "pipeline"
sql = "select 1 as lag"

[check.telemetry.metric.lag]
name = "TelemetryLag"
unit = "Seconds"
above = 180
severity = "HIGH"

[receiver.team]
webhook = { url = "ssm:receivers/hook" }

[routes]
default = ["team"]
"#;

#[test]
fn what_is_not_said_has_its_default() -> anyhow::Result<()> {
    let watch_file = WatchFile::parse(RIGHT, "w.toml", &Environment::parse("prod")?)?;
    assert_eq!(watch_file.noise.dedup_window, SignedDuration::from_hours(1));
    assert_eq!(watch_file.databases["pipeline"].statement_timeout, SignedDuration::from_secs(5));
    assert_eq!(watch_file.checks[0].metrics[0].lasting, None);
    assert!(matches!(watch_file.receivers["team"].means, Means::Webhook { .. }));
    Ok(())
}

#[test]
fn each_mistake_is_told_with_its_line_its_key_and_what_was_expected() -> anyhow::Result<()> {
    // What is written, what is written instead, and the one line that comes of it.
    for (right, wrong, expected) in [
        (
            "above = 180",
            "abvoe = 180",
            "w.toml:13: check.telemetry.metric.lag.abvoe: unknown key (did you mean `above`?), expected one of name, unit, above, below, for,",
        ),
        (
            "above = 180",
            "above = \"180\"",
            "w.toml:13: check.telemetry.metric.lag.above: expected a number, not the text \"180\"",
        ),
        ("above = 180", "above = inf", "w.toml:13: check.telemetry.metric.lag.above: is not a finite number"),
        (
            "above = 180",
            "above = 180\nbelow = 1",
            "w.toml:10: check.telemetry.metric.lag: expected `above` or `below`, not both: write two metrics",
        ),
        (
            "above = 180",
            "above = 180\nfor = \"5\"",
            "w.toml:14: check.telemetry.metric.lag.for: `5` is not a duration: expected numbers with units s, m, h, d or w, largest first, as in `90s`, `2h30m`, `7d`",
        ),
        (
            "severity = \"HIGH\"",
            "severity = \"URGENT\"",
            "w.toml:14: check.telemetry.metric.lag.severity: unknown severity `URGENT`: expected CRITICAL, HIGH, MEDIUM or LOW (or sev1…sev4, P1…P4, critical/error/warning/info)",
        ),
        (
            "severity = \"HIGH\"\n",
            "",
            "w.toml:10: check.telemetry.metric.lag.severity: is missing: how bad it is beyond the threshold: CRITICAL, HIGH, MEDIUM or LOW",
        ),
        (
            "\"Seconds\"",
            "\"seconds\"",
            "w.toml:12: check.telemetry.metric.lag.unit: there is no CloudWatch unit `seconds` (did you mean `Seconds`?), expected one of Seconds,",
        ),
        (
            "name = \"TelemetryLag\"",
            "name = \":lag\"",
            "w.toml:11: check.telemetry.metric.lag.name: expected at most 240 ASCII characters that do not begin with a colon, as in `TelemetryLag`",
        ),
        (
            "name = \"TelemetryLag\"\n",
            "",
            "w.toml:10: check.telemetry.metric.lag.name: is missing: its CloudWatch name, as in \"TelemetryLag\"",
        ),
        (
            "[check.telemetry.metric.lag]",
            "[check.telemetry.metric.old]\nname = \"TelemetryLag\"\n[check.telemetry.metric.lag]",
            "w.toml:13: check.telemetry.metric.lag.name: check.telemetry.metric.old already sends a metric called TelemetryLag",
        ),
        (
            "database = \"pipeline\"",
            "database = \"pipelin\"",
            "w.toml:7: check.telemetry.database: there is no database `pipelin` (did you mean `pipeline`?), expected one of pipeline",
        ),
        (
            "database = \"pipeline\"\n",
            "",
            "w.toml:6: check.telemetry.database: is missing: the name of the database it asks",
        ),
        ("sql = \"select 1 as lag\"", "sql = \" \"", "w.toml:8: check.telemetry.sql: is empty"),
        (
            "[check.telemetry]",
            "[check.telemetry]\nhttp = \"https://x\"",
            "w.toml:6: check.telemetry: expected exactly one of `database` with `sql`, `sqs`, `http`",
        ),
        (
            "\"ssm:database/pipeline_url\"",
            "\"postgres://me:hunter2@db/x\"",
            "w.toml:4: database.pipeline.url: expected a reference such as `ssm:database/pipeline_url`, relative to",
        ),
        (
            "url = \"ssm:database/pipeline_url\"",
            "url = \"ssm:database/pipeline_url\"\nstatement_timeout = \"1m\"",
            "w.toml:5: database.pipeline.statement_timeout: expected 1s to 10s",
        ),
        (
            "[receiver.team]",
            "[receiver.Team_1]\nsns = { topic = \"pages\" }\n[receiver.team]",
            "w.toml:16: receiver.Team_1: expected a name in kebab-case, as in `urgent-queue`",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "webhook = { url = \"http://hooks.example.com/\" }",
            "w.toml:17: receiver.team.webhook.url: expected a reference such as `ssm:receivers/hook_url` or an address https://host/path",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "sns = { topic = \"page\" }",
            "w.toml:17: receiver.team.sns.topic: there is no topic `page` (did you mean `pages`?), expected one of pages",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "pagerduty = { url = \"https://x/\" }",
            "w.toml:17: receiver.team.pagerduty.routing_key: is missing: a reference to it, as in \"ssm:receivers/pagerduty\"",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "mail = { to = \"x\" }",
            "w.toml:17: receiver.team.mail: unknown key, expected one of pagerduty, sns, webhook, slack, telegram, switch, rate",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "slack = { webhook = \"https://hooks.slack.com/services/T0/B0/x\" }",
            "w.toml:17: receiver.team.slack.webhook: expected a reference such as `ssm:receivers/slack`, relative to /ENVIRONMENT/watchkeeper/ and in one of the branches database, receivers, sources",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "telegram = { token = \"ssm:receivers/telegram_token\" }",
            "w.toml:17: receiver.team.telegram.chat: is missing: the id of the chat as a text, as in \"-1001234567890\", or \"@channel\"",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "telegram = { token = \"ssm:receivers/telegram_token\", chat = -1001234567890 }",
            "w.toml:17: receiver.team.telegram.chat: expected a text, not the number -1001234567890",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "telegram = { token = \"ssm:receivers/telegram_token\", chat = \"ops\" }",
            "w.toml:17: receiver.team.telegram.chat: expected the id of a chat, as in \"-1001234567890\", or \"@channel\"",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "webhook = { url = \"ssm:receivers/hook\", secret = \"hunter2\" }",
            "w.toml:17: receiver.team.webhook.secret: expected a reference such as `ssm:receivers/hook_secret`, relative to /ENVIRONMENT/watchkeeper/ and in one of the branches database, receivers, sources",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "sns = { topic = \"pages\" }\nswitch = \"Enable Mail\"",
            "w.toml:18: receiver.team.switch: expected the name of a parameter below features/, as in `enable_telemetry`",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "sns = { topic = \"pages\" }\nrate = { per_minute = 0 }",
            "w.toml:18: receiver.team.rate.per_minute: expected 1 to 6000; `switch` turns a receiver off",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "switch = \"enable_team\"",
            "w.toml:16: receiver.team: expected exactly one of pagerduty, sns, webhook, slack, telegram",
        ),
        (
            "[receiver.team]",
            "[receiver.self]\nsns = { topic = \"pages\" }\n[receiver.team]",
            "w.toml:16: receiver.self: is the name of a receiver that always exists: expected another",
        ),
        (
            "[receiver.team]",
            "[receiver.null]\nsns = { topic = \"pages\" }\n[receiver.team]",
            "w.toml:16: receiver.null: is the receiver that tells nobody, for the synthetic alert: expected another name",
        ),
        (
            "webhook = { url = \"ssm:receivers/hook\" }",
            "webhook = { url = \"ssm:receivers/hook\" }\nsns = { topic = \"pages\" }",
            "w.toml:16: receiver.team: expected exactly one of pagerduty, sns, webhook, slack, telegram",
        ),
        (
            "default = [\"team\"]",
            "default = [\"teem\"]",
            "w.toml:20: routes.default: there is no receiver `teem` (did you mean `team`?), expected one of team",
        ),
        (
            "default = [\"team\"]",
            "default = []",
            "w.toml:20: routes.default: is an empty list, expected at least one text",
        ),
        (
            "default = [\"team\"]",
            "default = [\"team\", \"team\"]",
            "w.toml:20: routes.default: receiver `team` is listed twice",
        ),
        (
            "default = [\"team\"]\n",
            "",
            "w.toml:19: routes.default: is missing: the names of the receivers that are told",
        ),
        (
            "default = [\"team\"]",
            "default = [\"team\"]\n[[routes.route]]\nwhen = {}\nto = \"team\"",
            "w.toml:22: routes.route[0].when: asks nothing",
        ),
        (
            "default = [\"team\"]",
            "default = [\"team\"]\n[[routes.route]]\nwhen = { severity = \"BAD\" }\nto = \"team\"",
            "w.toml:22: routes.route[0].when.severity: unknown severity `BAD`",
        ),
        (
            "namespace = \"OPsPipeline\"\n",
            "",
            "w.toml:1: namespace: is missing: the CloudWatch namespace of every metric",
        ),
        (
            "namespace = \"OPsPipeline\"",
            "namespace = \"AWS/Lambda\"",
            "w.toml:1: namespace: namespaces that begin with AWS/ are Amazon's own",
        ),
        (
            "[routes]",
            "[playbook.x]\nsteps = 2\n[routes]",
            "w.toml:19: playbook: unknown key, expected one of namespace, external_ping, database,",
        ),
        (
            "[routes]",
            "[noise]\ndedup_window = 3\n[routes]",
            "w.toml:20: noise.dedup_window: expected a text, not the number 3",
        ),
        ("namespace = ", "namespace ", "w.toml:1: is not TOML: "),
    ] {
        assert!(RIGHT.contains(right), "{right}");
        let lines = mistakes("prod", &RIGHT.replacen(right, wrong, 1))?;
        let told: Vec<_> = lines.iter().filter(|line| line.starts_with(expected)).collect();
        assert!(told.len() == 1 && lines.iter().all(|line| !line.contains("hunter2")), "{wrong}\n{}", lines.join("\n"));
        assert!(lines.len() == 1, "{wrong}\n{}", lines.join("\n"));
    }
    assert_eq!(mistakes("prod", RIGHT)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn all_mistakes_are_told_at_once_in_order_of_lines() -> anyhow::Result<()> {
    let wrong = RIGHT
        .replace("above = 180", "abvoe = 180")
        .replace("database = \"pipeline\"", "database = \"pipelin\"")
        .replace("[\"team\"]", "[\"teem\"]");
    let lines = mistakes("prod", &wrong)?;
    let places: Vec<_> = lines.iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    let expected = [
        "w.toml:7: check.telemetry.database",
        "w.toml:13: check.telemetry.metric.lag.abvoe",
        "w.toml:20: routes.default",
    ];
    assert_eq!(places, expected, "{}", lines.join("\n"));
    Ok(())
}

#[test]
fn plain_http_may_be_written_for_the_local_cloud_only() -> anyhow::Result<()> {
    let text = RIGHT.replace("\"ssm:receivers/hook\"", "\"http://127.0.0.1:8080/hook\"");
    assert_eq!(mistakes("local", &text)?, Vec::<String>::new());
    assert_eq!(mistakes("staging", &text)?.len(), 1);
    Ok(())
}

proptest::proptest! {
    #[test]
    fn no_text_takes_the_reader_down(text in ".{0,200}", at in 0usize..RIGHT.len(), cut in 0usize..40) {
        let _ = mistakes("prod", &text);
        let spoilt = [&RIGHT[..at], &text, RIGHT.get(at + cut..).unwrap_or_default()].concat();
        let _ = mistakes("prod", &spoilt);
    }
}
