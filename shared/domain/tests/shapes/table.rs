//! The table of CONTRACTS, "Signals": what each sample is read as.

use std::collections::BTreeMap;

use domain::Signal;

use crate::{read, samples};

/// A sample, and its signals: `kind | subject | labels | environment | source | status | severity | its own instant`.
pub(crate) const SHAPES: [(&str, &[&str]); 22] = [
    (
        "alarm",
        &[
            "metric | AWS/SQS/ApproximateNumberOfMessagesVisible | QueueName=jobs | prod | ARN:jobs-depth | firing | HIGH | 2026-03-01T06:00:00Z",
        ],
    ),
    (
        "alarm-composite",
        &[
            "alarm | pipeline-down | account=123456789012,region=eu-central-1 | prod | ARN:pipeline-down | firing | HIGH | 2026-03-01T05:59:31Z",
        ],
    ),
    (
        "alarm-configured",
        &[
            "alarm-configuration | disk-full | account=123456789012,region=eu-central-1 | prod | ARN:disk-full | none | LOW | -",
        ],
    ),
    (
        "alarm-daily",
        &[
            "metric | Warehouse/RowsLoaded | Table=orders | prod | ARN:orders-not-loaded | firing | HIGH | 2026-03-01T05:59:30.123Z",
        ],
    ),
    (
        "alarm-deleted",
        &[
            "alarm-configuration | disk-full | account=123456789012,region=eu-central-1 | prod | ARN:disk-full | event | LOW | -",
        ],
    ),
    (
        "alarm-direct",
        &["metric | Jobs/HeapUsed | job=nightly | prod | ARN:heap-high | firing | HIGH | 2026-03-01T05:59:30.985Z"],
    ),
    (
        "alarm-event",
        &[
            "metric | CWAgent/disk_used_percent | host=db-1 | staging | ARN:disk-full | firing | MEDIUM | 2026-03-01T05:59:30.985Z",
        ],
    ),
    (
        "alarm-event-composite",
        &[
            "alarm | pipeline-down | account=123456789012,region=eu-central-1 | prod | ARN:pipeline-down | resolved | HIGH | 2026-03-01T06:10:00Z",
        ],
    ),
    (
        "alarm-event-metric-math",
        &[
            "alarm | latency-band | account=123456789012,region=eu-central-1 | prod | ARN:latency-band | firing | HIGH | 2026-03-01T05:59:30.985Z",
        ],
    ),
    (
        "alarm-insufficient-data",
        &[
            "metric | Warehouse/RowsLoaded | Table=orders | prod | ARN:orders-not-loaded | none | HIGH | 2026-03-01T05:00:00Z",
        ],
    ),
    (
        "alarm-metric-math",
        &[
            "alarm | api-error-rate | account=123456789012,region=eu-central-1 | prod | ARN:api-error-rate | firing | CRITICAL | 2026-03-01T05:59:30.123Z",
        ],
    ),
    (
        "alertmanager",
        &[
            "prometheus | InstanceDown | alertname=InstanceDown,instance=db-1:9100 | prod | alertmanager:http://alertmanager.example.com:9093#critical | firing | CRITICAL | -",
            "prometheus | InstanceDown | alertname=InstanceDown,env=staging,instance=db-2:9100 | staging | alertmanager:http://alertmanager.example.com:9093#warning | firing | MEDIUM | -",
            "prometheus | DiskFull | alertname=DiskFull,instance=db-1:9100 | prod | alertmanager:http://alertmanager.example.com:9093#page | resolved | CRITICAL | -",
        ],
    ),
    (
        "budget-actual",
        &[
            "budget | data platform | account=123456789012,alert_type=ACTUAL,threshold=> $800.00 | prod | data platform | event | HIGH | -",
        ],
    ),
    (
        "budget-forecasted",
        &[
            "budget | data platform | account=123456789012,alert_type=FORECASTED,threshold=> $800.00 | prod | data platform | event | MEDIUM | -",
        ],
    ),
    ("claim-false", &["claim | worker-7 | verdict=FALSE | prod | claim | event | LOW | 2026-03-01T05:58:00.25Z"]),
    ("claim-of-nobody", &["unparsed | SENDER |  | prod | SENDER | event | MEDIUM | -"]),
    (
        "claim-unverifiable",
        &["claim | worker-8 | verdict=UNVERIFIABLE | prod | claim | event | LOW | 2026-03-01T05:58:00Z"],
    ),
    (
        "cost-anomaly",
        &[
            "cost-anomaly | arn:aws:ce::123456789012:anomalymonitor/abcdef12-1234-4ea0-84cc-918a97d736ef | account=123456789012,dimension=Amazon EC2 | prod | arn:aws:ce::123456789012:anomalymonitor/abcdef12-1234-4ea0-84cc-918a97d736ef | event | HIGH | -",
        ],
    ),
    (
        "invocation-failed",
        &[
            "invocation-failed | load-orders |  | prod | arn:aws:lambda:eu-central-1:123456789012:function:load-orders:$LATEST | event | HIGH | 2026-03-01T05:57:05.568Z",
        ],
    ),
    ("native-event", &["deploy | api | service=api | prod | deploys | event | LOW | 2026-03-01T06:00:00Z"]),
    (
        "recovery",
        &[
            "metric | AWS/SQS/ApproximateNumberOfMessagesVisible | QueueName=jobs | prod | ARN:jobs-depth | resolved | HIGH | 2026-03-01T06:30:00Z",
        ],
    ),
    (
        "unparsed",
        &[
            "unparsed | SENDER |  | prod | SENDER | event | HIGH | -",
            "unparsed | SENDER |  | prod | SENDER | event | MEDIUM | -",
            "unparsed | SENDER |  | prod | SENDER | event | MEDIUM | -",
            "unparsed | SENDER |  | prod | SENDER | event | MEDIUM | -",
            "unparsed | SENDER |  | prod | SENDER | event | MEDIUM | -",
            "unparsed | SENDER |  | prod | SENDER | event | MEDIUM | -",
        ],
    ),
];

/// A signal as a line of the table. `sender` sent its message, and its wrapping bears the instant `wrapped_at`.
pub(crate) fn line(signal: &Signal, sender: &str, wrapped_at: &str) -> String {
    let labels: Vec<String> = signal.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let short = |text: &str| {
        let text = text.replace("arn:aws:cloudwatch:eu-central-1:123456789012:alarm", "ARN");
        if text == sender { "SENDER".to_owned() } else { text }
    };
    let at = signal.occurred_at.to_string();
    [
        signal.kind.as_str(),
        &short(&signal.subject),
        &labels.join(","),
        &signal.environment,
        &short(&signal.source),
        signal.status.as_str(),
        signal.severity.as_str(),
        if at == wrapped_at { "-" } else { &at },
    ]
    .join(" | ")
}

#[test]
fn every_sample_has_its_lines_in_the_table() {
    let written: BTreeMap<&str, usize> = SHAPES.iter().map(|(name, lines)| (*name, lines.len())).collect();
    let samples = samples();
    let read: BTreeMap<&str, usize> = samples
        .iter()
        .map(|(name, bodies)| (name.as_str(), bodies.iter().map(|body| read(body).len()).sum()))
        .collect();
    assert_eq!(written, read);
}

#[test]
fn what_people_are_told_says_what_happened() {
    let samples = samples();
    for (name, said) in [
        ("alarm-daily", "Threshold Crossed: 1 out of the last 1 datapoints"),
        ("alarm-deleted", "disk-full was deleted: nobody will hear of it any more"),
        ("alertmanager", "db-1 does not answer"),
        ("claim-false", "worker-7 claims what was found FALSE: Stopped nothing; ran docker  stop web"),
        ("claim-of-nobody", "its worker_id names nobody: expected the worker's own id"),
        ("budget-actual", "The budget data platform of $1,000.00 has passed its threshold > $800.00: $812.40 actual"),
        (
            "cost-anomaly",
            "Amazon EC2 cost 1301.00 where 300.00 was expected, since 2026-02-27T00:00:00Z (monitor services)",
        ),
        (
            "invocation-failed",
            "An invocation of load-orders was given up (RetriesExhausted), ZeroDivisionError: division by zero",
        ),
    ] {
        let (_, bodies) = samples.iter().find(|(sample, _)| sample == name).expect(name);
        let summary = &read(&bodies[0])[0].summary;
        assert!(summary.contains(said), "{name}: {summary}");
    }
}

#[test]
fn where_to_look_up_what_to_do_is_told_where_the_sender_says_it() {
    let native = r#"{"source": "check:x", "kind": "check-failed", "subject": "x", "status": "firing",
                     "details": {"value": 5, "runbook": "docs/runbooks/x.md"}}"#;
    assert_eq!(read(native)[0].runbook.as_deref(), Some("docs/runbooks/x.md"));
    let (_, alertmanager) = samples().into_iter().find(|(name, _)| name == "alertmanager").expect("the sample");
    let runbooks: Vec<_> = read(&alertmanager[0]).into_iter().map(|signal| signal.runbook).collect();
    assert_eq!(runbooks, [Some("https://runbooks.example.com/instance-down".to_owned()), None, None]);
}
