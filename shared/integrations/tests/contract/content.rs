//! What receivers read: the key, the end of what began, marks on repeats, and texts cut where they must be.

use anyhow::{Context, Result};
use aws_sdk_sqs::config::Credentials;
use domain::policy::Integration;
use domain::{Notice, Severity};
use integrations::Notifier;
use integrations::sns::Sns;
use serde_json::Value;
use testkit::emulator::{Emulator, REGION};
use testkit::pagerduty::Status;

use crate::stage::{ROUTING_KEY, emulator, fakes, notification, notifier, oversize, sns_config};

#[tokio::test]
async fn a_resolve_closes_the_incident_that_the_firing_opened() -> Result<()> {
    let fakes = fakes().await?;
    let pagerduty = notifier(Integration::Pagerduty, &fakes.url());
    let firing = notification(Notice::Firing);
    let receipt = pagerduty.notify(&firing, false).await?;
    assert_eq!(receipt.http_status, Some(202));
    assert_eq!(receipt.provider_id.as_deref(), Some(firing.dedup_key.as_str()));
    let open = fakes.incidents();
    assert_eq!((open.len(), open[0].status, open[0].severity.as_str()), (1, Status::Open, "error"));
    assert_eq!(open[0].summary, "[HIGH] local: OPsPipeline/TelemetryLag: TelemetryLag was 600 s, above 180 s");

    pagerduty.notify(&firing, true).await?;
    assert_eq!((fakes.incidents().len(), fakes.incidents()[0].triggers), (1, 2), "a repeat merges");

    pagerduty.notify(&notification(Notice::Resolved), false).await?;
    assert_eq!(fakes.incidents()[0].status, Status::Resolved);
    Ok(())
}

#[tokio::test]
async fn pagerduty_hears_severities_in_its_own_words() -> Result<()> {
    let fakes = fakes().await?;
    let pagerduty = notifier(Integration::Pagerduty, &fakes.url());
    for (severity, word) in [
        (Severity::Critical, "critical"),
        (Severity::High, "error"),
        (Severity::Medium, "warning"),
        (Severity::Low, "info"),
    ] {
        fakes.clear();
        let mut risen = notification(Notice::Severity);
        risen.severity = severity;
        pagerduty.notify(&risen, false).await?;
        let event = &fakes.received()[0].json;
        assert_eq!((&event["event_action"], &event["payload"]["severity"]), (&"trigger".into(), &word.into()));
        assert_eq!(event["links"][0]["href"], "https://runbooks.example.com/telemetry");
        assert_eq!(event["payload"]["custom_details"]["labels"]["Table"], "lane_telemetry");
    }
    Ok(())
}

#[tokio::test]
async fn a_webhook_gets_documented_json_and_a_key_per_notice() -> Result<()> {
    let fakes = fakes().await?;
    let hook = notifier(Integration::Webhook, &fakes.url());
    let (firing, resolved) = (notification(Notice::Firing), notification(Notice::Resolved));
    for (notice, repeat) in [(&firing, false), (&firing, true), (&resolved, false)] {
        assert_eq!(hook.notify(notice, repeat).await?.http_status, Some(200));
    }
    let received = fakes.received_by("webhook");
    let keys: Vec<_> = received.iter().map(|request| request.headers["idempotency-key"].as_str()).collect();
    let key = firing.dedup_key.as_str();
    assert_eq!(keys, [format!("{key}:firing"), format!("{key}:firing"), format!("{key}:resolved")]);
    let expected = serde_json::json!({
        "notice": "firing",
        "title": "[HIGH] local: OPsPipeline/TelemetryLag",
        "text": firing.lines().join("\n"),
        "severity": "HIGH",
        "environment": "local",
        "kind": "metric",
        "subject": "OPsPipeline/TelemetryLag",
        "labels": {"Table": "lane_telemetry"},
        "summary": "TelemetryLag was 600 s, above 180 s",
        "source": "check:telemetry",
        "occurred_at": "2026-03-01T06:05:00Z",
        "opened_at": "2026-03-01T06:00:00Z",
        "runbook": "https://runbooks.example.com/telemetry",
        "alert_id": "00000000-0000-0000-0000-000000000000",
        "fingerprint": firing.fingerprint,
        "dedup_key": firing.dedup_key,
        "repeat": false,
    });
    assert_eq!(received[0].json, expected);
    assert_eq!(received[1].json["title"], "[HIGH] local: OPsPipeline/TelemetryLag (repeat)");
    assert_eq!((&received[1].json["repeat"], &received[2].json["notice"]), (&true.into(), &"resolved".into()));
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_cut_at_a_character_and_still_accepted() -> Result<()> {
    let fakes = fakes().await?;
    for notice in [Notice::Firing, Notice::Severity, Notice::Resolved] {
        for kind in [Integration::Pagerduty, Integration::Webhook] {
            fakes.clear();
            notifier(kind, &fakes.url()).notify(&oversize(notice), true).await.with_context(|| format!("{kind:?}"))?;
            let request = fakes.received().remove(0);
            let limit = if kind == Integration::Pagerduty { 512_000 } else { 262_144 };
            assert!(request.body.len() <= limit, "{kind:?}: {} bytes", request.body.len());
            assert!(!request.body.contains('\u{fffd}'), "{kind:?}: a character was cut in two");
            let key = oversize(notice).dedup_key;
            assert_eq!(request.json["dedup_key"], key.as_str(), "{kind:?}: the key goes along whole");
        }
    }
    Ok(())
}

#[tokio::test]
async fn details_are_kept_where_they_fit() -> Result<()> {
    let fakes = fakes().await?;
    let mut long = notification(Notice::Firing);
    long.summary = "ż".repeat(1_025);
    notifier(Integration::Pagerduty, &fakes.url()).notify(&long, false).await?;
    let event = &fakes.received()[0].json;
    let summary = event["payload"]["summary"].as_str().context("a summary")?;
    assert_eq!((summary.chars().count(), summary.chars().last()), (1_024, Some('…')));
    assert_eq!(event["payload"]["custom_details"]["summary"], long.summary.as_str());
    assert_eq!(event["routing_key"], ROUTING_KEY);
    Ok(())
}

/// A topic of the emulator with a queue behind it, which keeps what people would be mailed.
struct Mail {
    sns: Sns,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

impl Mail {
    async fn new() -> Result<Self> {
        let access = emulator().access(&Emulator::fresh_account());
        let sns = aws_sdk_sns::Client::from_conf(sns_config(&access.endpoint, &access.account));
        let sqs = aws_sdk_sqs::Client::from_conf(
            aws_sdk_sqs::Config::builder()
                .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
                .region(aws_sdk_sqs::config::Region::new(REGION))
                .credentials_provider(Credentials::new(&access.account, "test", None, None, "test"))
                .endpoint_url(&access.endpoint)
                .build(),
        );
        let topic = sns.create_topic().name("pages").send().await?.topic_arn.context("a topic")?;
        let queue_url = sqs.create_queue().queue_name("mail").send().await?.queue_url.context("a queue")?;
        let queue_arn = format!("arn:aws:sqs:{REGION}:{}:mail", access.account);
        sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(queue_arn).send().await?;
        Ok(Self { sns: Sns::new(sns, topic), sqs, queue_url })
    }

    /// The envelope of the next message.
    async fn next(&self) -> Result<Value> {
        let received = self.sqs.receive_message().queue_url(&self.queue_url).wait_time_seconds(5).send().await?;
        let message = received.messages.unwrap_or_default().pop().context("a message")?;
        let handle = message.receipt_handle.context("a handle")?;
        self.sqs.delete_message().queue_url(&self.queue_url).receipt_handle(handle).send().await?;
        Ok(serde_json::from_str(message.body.as_deref().context("a body")?)?)
    }
}

#[tokio::test]
async fn sns_carries_title_text_and_the_same_key_for_firing_repeat_and_resolve() -> Result<()> {
    let mail = Mail::new().await?;
    let firing = notification(Notice::Firing);
    let receipt = mail.sns.notify(&firing, false).await?;
    let first = mail.next().await?;
    assert_eq!(receipt.provider_id.as_deref(), first["MessageId"].as_str());
    assert_eq!(first["Subject"], "[HIGH] local: OPsPipeline/TelemetryLag");
    let text = first["Message"].as_str().context("a text")?;
    assert!(
        text.contains("TelemetryLag was 600 s") && text.contains("https://runbooks.example.com/telemetry"),
        "{text}"
    );

    mail.sns.notify(&firing, true).await?;
    let repeat = mail.next().await?;
    assert_eq!(repeat["Subject"], "[HIGH] local: OPsPipeline/TelemetryLag (repeat)");

    mail.sns.notify(&notification(Notice::Resolved), false).await?;
    let resolved = mail.next().await?;
    assert_eq!(resolved["Subject"], "[RESOLVED] local: OPsPipeline/TelemetryLag");
    for message in [&first, &repeat, &resolved] {
        assert_eq!(message["MessageAttributes"]["dedup_key"]["Value"], firing.dedup_key.as_str());
    }
    assert_eq!(resolved["MessageAttributes"]["notice"]["Value"], "resolved");
    Ok(())
}

#[tokio::test]
async fn sns_is_never_sent_a_subject_or_a_message_it_refuses() -> Result<()> {
    let mail = Mail::new().await?;
    for repeat in [false, true] {
        mail.sns.notify(&oversize(Notice::Firing), repeat).await?;
        let message = mail.next().await?;
        let subject = message["Subject"].as_str().context("a subject")?;
        assert!(subject.len() < 100 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject}");
        assert_eq!(subject.ends_with("(repeat)"), repeat, "{subject}");
        let text = message["Message"].as_str().context("a text")?;
        assert!(text.len() <= 262_144 && !text.contains('\u{fffd}'), "{} bytes", text.len());
    }
    Ok(())
}
