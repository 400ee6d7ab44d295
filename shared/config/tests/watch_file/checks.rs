//! What a check may ask, what it then is, and what is said of one that is wrong.

use config::watch_file::{Access, Ask, Check, FAILING};
use config::{Address, Environment, WatchFile};
use domain::Severity;
use domain::check::{Missing, Threshold};
use jiff::SignedDuration;

/// A watch file with these sections and all that it takes besides.
fn text(sections: &str) -> String {
    format!(
        "namespace = \"N\"\n[database.db]\nurl = \"ssm:database/db\"\n[receiver.team]\nsns = {{ topic = \"pages\" }}\n\
         [routes]\ndefault = [\"team\"]\n{sections}"
    )
}

/// The line on which the sections begin.
const FIRST: usize = 8;

fn parse(environment: &str, sections: &str) -> anyhow::Result<WatchFile> {
    Ok(WatchFile::parse(&text(sections), "w.toml", &Environment::parse(environment)?)?)
}

/// Every mistake in sections of a watch file of `prod`, as `line: key: what`; lines count from 1 within the sections.
fn mistakes(sections: &str) -> Vec<String> {
    let Err(error) = parse("prod", sections) else { return Vec::new() };
    let told = |line: &str| {
        let (number, rest) = line.strip_prefix("w.toml:")?.split_once(':')?;
        Some(format!("{}:{rest}", number.parse::<usize>().ok()? + 1 - FIRST))
    };
    let error = error.to_string();
    error.lines().map(|line| told(line).unwrap_or_else(|| line.to_owned())).collect()
}

fn only_check(environment: &str, sections: &str) -> anyhow::Result<Check> {
    let mut checks = parse(environment, sections)?.checks;
    assert_eq!(checks.len(), 1);
    Ok(checks.remove(0))
}

#[test]
fn what_a_check_does_not_say_has_its_default() -> anyhow::Result<()> {
    let said = "[check.a]\ndatabase = \"db\"\nsql = \"select 1 as n\"\n[check.a.metric.n]\nname = \"N\"\n";
    let check = only_check("prod", said)?;
    assert_eq!(check.ask, Ask::Sql { database: "db".to_owned(), sql: "select 1 as n".to_owned() });
    assert_eq!((check.severity, check.failing_for, check.timeout), (None, SignedDuration::ZERO, None));
    assert_eq!((check.hours, check.switch, check.dimensions.len()), (None, None, 0));
    assert_eq!(check.metrics[0].missing, Missing::Ignore);
    let database = &parse("prod", said)?.databases["db"];
    assert_eq!((database.severity, database.failing_for), (None, SignedDuration::ZERO));
    Ok(())
}

#[test]
fn a_metric_has_the_hours_summary_and_runbook_of_its_check_unless_it_has_its_own() -> anyhow::Result<()> {
    let said = "[hours.market]\ntimezone = \"UTC\"\nopen = [\"mon-fri 09:30-16:00\"]\n\
                [hours.night]\ntimezone = \"UTC\"\nopen = [\"mon-fri 22:00-06:00\"]\n\
                [check.a]\ndatabase = \"db\"\nsql = \"select 1 as n\"\nhours = \"market\"\nsummary = \"S\"\nrunbook = \"R\"\n\
                [check.a.metric.n]\nname = \"N\"\n\
                [check.a.metric.m]\nname = \"M\"\nhours = \"night\"\nsummary = \"T\"\n";
    let check = only_check("prod", said)?;
    let of = |index: usize| {
        let metric = &check.metrics[index];
        [&metric.hours, &metric.summary, &metric.runbook].map(|text| text.clone().unwrap_or_default())
    };
    assert_eq!(of(0), ["market", "S", "R"]);
    assert_eq!(of(1), ["night", "T", "R"]);
    Ok(())
}

#[test]
fn a_database_may_be_asked_through_a_function() -> anyhow::Result<()> {
    let name = "ops-pipeline-db-query";
    let arn = "arn:aws:lambda:us-west-2:123456789012:function:ops-pipeline-db-query:live";
    for function in [name, arn, "ops-pipeline-db-query:7"] {
        let said = format!("[database.through]\nlambda = \"{function}\"\nseverity = \"CRITICAL\"\nfor = \"15m\"\n");
        let database = parse("prod", &said)?.databases["through"].clone();
        assert_eq!(database.access, Access::Lambda(function.to_owned()));
        assert_eq!(
            (database.severity, database.failing_for),
            (Some(Severity::Critical), SignedDuration::from_mins(15))
        );
    }
    Ok(())
}

#[test]
fn a_queue_measures_what_its_columns_name_in_fitting_units() -> anyhow::Result<()> {
    let said = "[check.q]\nsqs = \"eval-queue-urgent\"\n[check.q.metric.depth]\nname = \"Depth\"\nabove = 100\n\
                severity = \"HIGH\"\n[check.q.metric.oldest_age]\nname = \"Age\"\n";
    let check = only_check("prod", said)?;
    let Ask::Sqs { queue } = &check.ask else { anyhow::bail!("not a queue: {:?}", check.ask) };
    assert_eq!(queue.arn("aws", "eu-west-1", "1"), "arn:aws:sqs:eu-west-1:1:eval-queue-urgent");
    let units: Vec<_> = check.metrics.iter().map(|metric| metric.unit.as_deref()).collect();
    assert_eq!(units, [Some("Count"), Some("Seconds")]);
    Ok(())
}

#[test]
fn an_endpoint_has_a_metric_of_its_own_with_the_severity_of_its_check() -> anyhow::Result<()> {
    let said = "[check.public-api]\nhttp = \"https://api.example.com/health\"\nseverity = \"CRITICAL\"\nfor = \"10m\"\n\
                expect = { status = 204, within = \"2s\", body = \"ok\" }\nsummary = \"The API\"\n\
                [check.public-api.metric.latency]\nname = \"Latency\"\n";
    let check = only_check("prod", said)?;
    let Ask::Http(ask) = &check.ask else { anyhow::bail!("not an endpoint: {:?}", check.ask) };
    assert_eq!(ask.url, Address::Url("https://api.example.com/health".to_owned()));
    assert_eq!((ask.status, ask.within, ask.body.as_deref()), (204, Some(SignedDuration::from_secs(2)), Some("ok")));
    let failing = &check.metrics[0];
    assert_eq!((failing.column.as_str(), failing.name.as_str()), (FAILING, "PublicApiFailing"));
    assert_eq!((failing.threshold, failing.severity), (Some(Threshold::Above(0.0)), Some(Severity::Critical)));
    assert_eq!((failing.lasting, failing.summary.as_deref()), (Some(SignedDuration::from_mins(10)), Some("The API")));
    assert_eq!(check.metrics[1].unit.as_deref(), Some("Seconds"));

    let short = only_check("prod", "[check.a]\nhttp = \"https://example.com\"\nseverity = \"LOW\"\n")?;
    let Ask::Http(ask) = &short.ask else { anyhow::bail!("not an endpoint: {:?}", short.ask) };
    assert_eq!((ask.status, ask.within, ask.body.as_deref()), (200, None, None));
    Ok(())
}

#[test]
fn plain_http_is_called_in_the_local_cloud_only() -> anyhow::Result<()> {
    let said = "[check.a]\nhttp = \"http://127.0.0.1:8080/\"\nseverity = \"LOW\"\n";
    assert!(only_check("local", said).is_ok());
    assert_eq!(
        mistakes(said),
        [
            "2: check.a.http: expected an address https://host/path or a reference `ssm:…` (plain http is for the environment `local` only)"
        ]
    );
    Ok(())
}

#[test]
fn each_mistake_of_a_check_is_told_with_its_line_and_what_was_expected() {
    let sql = "database = \"db\"\nsql = \"select 1 as n\"\n";
    let metric = "[check.a.metric.n]\nname = \"N\"\n";
    let http = "http = \"https://example.com\"\nseverity = \"LOW\"\n";
    for (said, expected) in [
        (format!("[check.a]\n{metric}"), "1: check.a: expected exactly one of `database` with `sql`, `sqs`, `http`"),
        (
            format!("[check.a]\n{sql}sqs = \"q\"\n{metric}"),
            "1: check.a: expected exactly one of `database` with `sql`, `sqs`, `http`",
        ),
        (
            format!("[check.a]\nsqss = \"q\"\n{metric}"),
            "2: check.a.sqss: unknown key (did you mean `sqs`?), expected one of database, sql, sqs, http, expect,",
        ),
        (
            format!("[check.a]\n{sql}hours = \"market\"\n{metric}"),
            "4: check.a.hours: there is no [hours.NAME] called `market`, none is written",
        ),
        (
            format!("[check.a]\n{sql}switch = \"Enable Telemetry\"\n{metric}"),
            "4: check.a.switch: expected the name of a parameter below features/, as in `enable_telemetry`",
        ),
        (format!("[check.a]\n{sql}timeout = \"11s\"\n{metric}"), "4: check.a.timeout: expected 1s to 10s"),
        (format!("[check.a]\n{sql}severity = \"BAD\"\n{metric}"), "4: check.a.severity: unknown severity `BAD`"),
        (format!("[check.a]\n{sql}for = \"soon\"\n{metric}"), "4: check.a.for: `soon` is not a duration"),
        (
            format!("[check.a]\n{sql}dimensions = [\"ticker\", \"ticker\"]\n{metric}"),
            "4: check.a.dimensions: column `ticker` is listed twice",
        ),
        (
            format!("[check.a]\n{sql}dimensions = [\"Environment\"]\n{metric}"),
            "4: check.a.dimensions: Environment is a dimension of every metric already",
        ),
        (
            format!("[check.a]\n{sql}dimensions = [\":x\"]\n{metric}"),
            "4: check.a.dimensions: expected names of columns: at most 255 ASCII characters",
        ),
        (
            format!(
                "[check.a]\n{sql}dimensions = {:?}\n{metric}",
                (0..29).map(|n| format!("c{n}")).collect::<Vec<_>>()
            ),
            "4: check.a.dimensions: expected at most 28 dimensions, found 29",
        ),
        (format!("[check.a]\n{sql}expect = {{}}\n{metric}"), "1: check.a: `expect` says nothing without `http`"),
        (
            "[check.a]\nsqs = \"q\"\ndimensions = [\"x\"]\n[check.a.metric.depth]\nname = \"N\"\n".to_owned(),
            "1: check.a: `dimensions` says nothing without `sql`",
        ),
        (
            format!("[check.a]\n{sql}{metric}above = 1\nseverity = \"LOW\"\nmissing = \"breached\"\n"),
            "8: check.a.metric.n.missing: there is no way to take a missing value called `breached` (did you mean `breaching`?), expected one of ignore, breaching",
        ),
        (
            format!("[check.a]\n{sql}{metric}missing = \"breaching\"\n"),
            "4: check.a.metric.n: `missing` says nothing without `above` or `below`",
        ),
        (
            "[check.a]\nsqs = \"a queue\"\n[check.a.metric.depth]\nname = \"N\"\n".to_owned(),
            "2: check.a.sqs: expected the name of a queue, as in `eval-queue-urgent`, or its address or ARN",
        ),
        (
            "[check.a]\nsqs = \"q\"\n[check.a.metric.dept]\nname = \"N\"\n".to_owned(),
            "3: check.a.metric.dept: there is no quantity of a queue called `dept` (did you mean `depth`?), expected one of depth, in_flight, delayed, oldest_age, dlq",
        ),
        (
            "[check.a]\nsqs = \"arn:aws:sqs:eu-west-1:123456789012:q\"\n[check.a.metric.oldest_age]\nname = \"N\"\n"
                .to_owned(),
            "3: check.a.metric.oldest_age: is measured in this stack's account only: where the queue is there, name it without its account",
        ),
        ("[check.a]\nsqs = \"q\"\n".to_owned(), "1: check.a.metric: is missing: at least one"),
        (
            format!("[check.a]\n{http}[check.a.metric.failing]\nname = \"N\"\n"),
            "4: check.a.metric.failing: there is no quantity of an endpoint called `failing`, expected one of latency, status",
        ),
        (
            "[check.a]\nhttp = \"https://example.com\"\n".to_owned(),
            "1: check.a.severity: is missing: how bad it is when the endpoint fails",
        ),
        (
            "[check.a]\nhttp = \"https://me:hunter2@example.com\"\nseverity = \"LOW\"\n".to_owned(),
            "2: check.a.http: expected an address without user and password",
        ),
        (
            "[check.a]\nhttp = \"ssm:receivers/x\"\nseverity = \"LOW\"\n".to_owned(),
            "2: check.a.http: healthcheck may not read the branch receivers: expected `ssm:database/status_url`",
        ),
        (
            format!("[check.a]\n{http}expect = {{ status = 99 }}\n"),
            "4: check.a.expect: expected a `status` from 100 to 599",
        ),
        (
            format!("[check.a]\n{http}timeout = \"2s\"\nexpect = {{ within = \"3s\" }}\n"),
            "5: check.a.expect.within: expected 1s to 2s",
        ),
        (
            format!("[check.a]\n{http}expect = {{ stats = 200 }}\n"),
            "4: check.a.expect.stats: unknown key (did you mean `status`?), expected one of status, within, body",
        ),
        (
            format!("[check.a]\n{http}[check.b]\n{sql}[check.b.metric.n]\nname = \"AFailing\"\n"),
            "8: check.b.metric.n.name: check.a already sends a metric called AFailing",
        ),
        (
            "[database.x]\nlambda = \"f\"\nurl = \"ssm:database/x\"\n".to_owned(),
            "1: database.x: expected `url` or `lambda`, not both",
        ),
        (
            "[database.x]\nlambda = \"not a name\"\n".to_owned(),
            "2: database.x.lambda: expected the name or the ARN of a Lambda function",
        ),
        (
            "[database.watchkeeper]\nurl = \"ssm:database/x\"\n".to_owned(),
            "1: database.watchkeeper: is the name of a check that healthcheck makes by itself",
        ),
        ("[database.x]\n".to_owned(), "1: database.x.url: is missing: a reference to its address"),
        (
            "[database.x]\nurl = \"ssm:receivers/x\"\n".to_owned(),
            "2: database.x.url: healthcheck may not read the branch receivers: expected `ssm:database/pipeline_url`",
        ),
        (
            "[database.x]\nurl = \"ssm:database/x\"\nstatement_timeout = \"11s\"\n".to_owned(),
            "3: database.x.statement_timeout: expected 1s to 10s",
        ),
    ] {
        let told = mistakes(&said);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{said}\n{expected}\n{}", told.join("\n"));
        assert!(!told[0].contains("hunter2"), "{said}");
    }
}
