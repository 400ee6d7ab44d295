//! Every notice as every kind is sent it: `golden/KIND.txt`, to be read by people.

use std::path::Path;

use anyhow::{Context, Result};
use domain::policy::Integration;
use domain::{Notice, Notification};
use integrations::Notifier;

use crate::mail::Mail;
use crate::stage::{NOTICES, fakes, notifier, sample};

/// Every notice, and the one that tells beginning and end at once, by the name it is written down under.
fn notices() -> impl Iterator<Item = (String, Notification)> {
    let mut at_once = sample(Notice::Resolved);
    at_once.tells_firing_too = true;
    let each = NOTICES.into_iter().map(|notice| (notice.as_str().to_owned(), sample(notice)));
    each.chain([("resolved, and the firing never went out".to_owned(), at_once)])
}

/// Compares what was sent with what is written down. What was sent is left beside the build, to be looked at and taken over.
fn compare(kind: Integration, sent: &str) -> Result<()> {
    let name = format!("{}.txt", kind.as_str());
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/golden").join(&name);
    let golden = std::fs::read_to_string(&written).unwrap_or_default();
    if golden == sent {
        return Ok(());
    }
    let actual = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    std::fs::write(&actual, sent)?;
    let first = golden.lines().zip(sent.lines()).find(|(one, other)| one != other);
    let (written, actual) = (written.display(), actual.display());
    anyhow::bail!(
        "{written} is not what was sent; if that is meant: cp {actual} {written}\nfirst difference: {first:?}"
    );
}

#[tokio::test]
async fn requests_are_as_they_are_written_down() -> Result<()> {
    let fakes = fakes().await?;
    let mut compared = Vec::new();
    for kind in [Integration::Pagerduty, Integration::Webhook, Integration::Slack, Integration::Telegram] {
        let mut sent = String::new();
        for (name, notification) in notices() {
            if (kind, notification.notice) == (Integration::Pagerduty, Notice::Digest) {
                continue;
            }
            fakes.clear();
            notifier(kind, &fakes.url()).notify(&notification, false).await?;
            let json = &fakes.received()[0].json;
            sent += &format!("=== {name}\n{}\n\n", serde_json::to_string_pretty(json)?);
        }
        compared.push(compare(kind, &sent));
    }
    compared.into_iter().collect()
}

#[tokio::test]
async fn mails_are_as_they_are_written_down() -> Result<()> {
    let mail = Mail::new().await?;
    let mut sent = String::new();
    for (name, notification) in notices() {
        mail.sns.notify(&notification, false).await?;
        let message = mail.next().await?;
        let text = |field: &str| message[field].as_str().map(str::to_owned).with_context(|| field.to_owned());
        let attributes = message["MessageAttributes"].as_object().context("attributes")?;
        sent += &format!("=== {name}\nSubject: {}\n", text("Subject")?);
        for (name, value) in attributes.iter().collect::<std::collections::BTreeMap<_, _>>() {
            sent += &format!("{name}: {}\n", value["Value"].as_str().unwrap_or_default());
        }
        sent += &format!("\n{}\n", text("Message")?);
    }
    compare(Integration::Sns, &sent)
}
