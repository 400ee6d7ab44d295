//! What receivers read: the key, the end of what began, marks on repeats, and texts cut where they must be.

use anyhow::{Context, Result};
use domain::policy::Integration;
use domain::{Notice, Severity};
use testkit::pagerduty::Status;
use testkit::receivers::Received;

use crate::stage::{BOT_TOKEN, CHAT, NOTICES, ROUTING_KEY, fakes, notification, notifier, oversize, sample};

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
        "text": "TelemetryLag was 600 s, above 180 s\nTable: lane_telemetry\nSince 2026-03-01T06:00:00Z\n\
                 Source: check:telemetry\nWhat to do: https://runbooks.example.com/telemetry\n\
                 Alert: 00000000-0000-0000-0000-000000000000",
        "severity": "HIGH",
        "environment": "local",
        "kind": "metric",
        "subject": "OPsPipeline/TelemetryLag",
        "labels": {"Table": "lane_telemetry"},
        "summary": "TelemetryLag was 600 s, above 180 s",
        "source": "check:telemetry",
        "notes": [],
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
    for notice in NOTICES {
        for kind in [Integration::Pagerduty, Integration::Webhook, Integration::Slack, Integration::Telegram] {
            if (kind, notice) == (Integration::Pagerduty, Notice::Digest) {
                continue;
            }
            fakes.clear();
            let (notifier, huge) = (notifier(kind, &fakes.url()), oversize(notice));
            notifier.notify(&huge, true).await.with_context(|| format!("{kind:?} {notice:?}"))?;
            let request = fakes.received().remove(0);
            let limit = if kind == Integration::Pagerduty { 512_000 } else { 262_144 };
            assert!(request.body.len() <= limit, "{kind:?}: {} bytes", request.body.len());
            assert!(!request.body.contains('\u{fffd}'), "{kind:?}: a character was cut in two");
            match kind {
                Integration::Pagerduty | Integration::Webhook => {
                    let key = request.json["dedup_key"].as_str().context("a key")?;
                    assert!(key.starts_with(&huge.dedup_key), "{kind:?}: the key goes along whole");
                }
                _ => assert!(request.body.contains('…'), "{kind:?} says that it cut"),
            }
            if kind != Integration::Pagerduty {
                assert!(request.body.contains("(repeat)"), "{kind:?} {notice:?}: the mark is not cut off");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_word_of_a_notice_arrives_as_it_was_written() -> Result<()> {
    let fakes = fakes().await?;
    for notice in NOTICES {
        let sample = sample(notice);
        for kind in [Integration::Slack, Integration::Telegram] {
            fakes.clear();
            notifier(kind, &fakes.url())
                .notify(&sample, false)
                .await
                .with_context(|| format!("{kind:?} {notice:?}"))?;
            let json = &fakes.received()[0].json;
            let text = match kind {
                Integration::Slack => &json["attachments"][0]["blocks"][0]["text"]["text"],
                _ => &json["text"],
            };
            let shown =
                text.as_str().context("a text")?.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let own = sample.text.iter().flat_map(|text| &text.lines);
            for line in own.chain(&sample.notes) {
                assert!(shown.contains(line.as_str()), "{kind:?} {notice:?}: {line}\n{shown}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_chat_shows_at_a_glance_how_bad_it_is_and_when_it_is_over() -> Result<()> {
    let fakes = fakes().await?;
    for kind in [Integration::Slack, Integration::Telegram] {
        fakes.clear();
        let chat = notifier(kind, &fakes.url());
        for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low] {
            let mut firing = notification(Notice::Firing);
            firing.severity = severity;
            chat.notify(&firing, false).await?;
        }
        chat.notify(&notification(Notice::Resolved), true).await?;
        let first_line = |request: &Received| {
            let text = request.json["text"].as_str().unwrap_or_default();
            let line = text.lines().next().unwrap_or_default();
            line.replace("<b>", "*").replace("</b>", "*")
        };
        let lines: Vec<String> = fakes.received().iter().map(first_line).collect();
        let expected = [
            "🚨 *[CRITICAL] local: OPsPipeline/TelemetryLag*",
            "⚠️ *[HIGH] local: OPsPipeline/TelemetryLag*",
            "ℹ️ *[MEDIUM] local: OPsPipeline/TelemetryLag*",
            "📝 *[LOW] local: OPsPipeline/TelemetryLag*",
            "✅ *[RESOLVED] local: OPsPipeline/TelemetryLag* (repeat)",
        ];
        assert_eq!(lines, expected, "{kind:?}");
    }
    Ok(())
}

#[tokio::test]
async fn telegram_writes_to_the_chat_and_only_a_digest_makes_no_sound() -> Result<()> {
    let fakes = fakes().await?;
    let telegram = notifier(Integration::Telegram, &fakes.url());
    for notice in NOTICES {
        fakes.clear();
        let receipt = telegram.notify(&sample(notice), false).await?;
        let request = fakes.received().remove(0);
        assert_eq!(receipt.provider_id, Some(request.n.to_string()), "Telegram's own id is kept");
        assert_eq!(request.path, format!("/telegram/bot{BOT_TOKEN}/sendMessage"));
        assert_eq!((&request.json["chat_id"], &request.json["parse_mode"]), (&CHAT.into(), &"HTML".into()));
        assert_eq!(request.json["disable_notification"], notice == Notice::Digest, "{notice:?}");
    }
    Ok(())
}

#[tokio::test]
async fn telegram_s_answer_about_a_long_message_is_read_to_its_id() -> Result<()> {
    let fakes = fakes().await?;
    let receipt = notifier(Integration::Telegram, &fakes.url()).notify(&oversize(Notice::Firing), false).await?;
    assert!(receipt.provider_id.is_some());
    Ok(())
}

#[tokio::test]
async fn a_bar_is_an_incident_beside_that_of_its_claim_and_the_release_closes_only_it() -> Result<()> {
    let fakes = fakes().await?;
    let pagerduty = notifier(Integration::Pagerduty, &fakes.url());
    pagerduty.notify(&sample(Notice::Firing), false).await?;
    let receipt = pagerduty.notify(&sample(Notice::Quarantined), false).await?;
    let [claim, bar] = &fakes.incidents()[..] else { anyhow::bail!("{:?}", fakes.incidents()) };
    assert_eq!((bar.status, bar.severity.as_str()), (Status::Open, "info"), "it wakes nobody by itself");
    assert_eq!(bar.summary, "[QUARANTINED] local: worker w-7 is barred");
    assert_eq!(receipt.provider_id.as_deref(), Some(bar.dedup_key.as_str()));
    assert_ne!(claim.dedup_key, bar.dedup_key);
    let details = &fakes.received()[1].json["payload"]["custom_details"];
    assert_eq!(details["text"][1], "Release it: {\"release\": {\"worker_id\": \"w-7\"}}");
    assert_eq!(details["notes"][0], "Was silenced until 06:00 by <@ops> & co");

    pagerduty.notify(&sample(Notice::Released), false).await?;
    let statuses: Vec<Status> = fakes.incidents().iter().map(|incident| incident.status).collect();
    assert_eq!(statuses, [Status::Open, Status::Resolved]);
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
