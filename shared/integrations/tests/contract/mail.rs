//! What SNS passes on, shown by the emulator: subject, text and attributes, within what the service takes.

use anyhow::{Context, Result};
use aws_sdk_sqs::config::Credentials;
use domain::Notice;
use integrations::Notifier;
use integrations::sns::Sns;
use serde_json::Value;
use testkit::emulator::{Emulator, REGION};

use crate::stage::{NOTICES, emulator, notification, oversize, sns_config};

/// A topic of the emulator with a queue behind it, which keeps what people would be mailed.
pub(crate) struct Mail {
    pub(crate) sns: Sns,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

impl Mail {
    pub(crate) async fn new() -> Result<Self> {
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
    pub(crate) async fn next(&self) -> Result<Value> {
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
    for (notice, repeat) in NOTICES.into_iter().flat_map(|notice| [(notice, false), (notice, true)]) {
        mail.sns.notify(&oversize(notice), repeat).await?;
        let message = mail.next().await?;
        let subject = message["Subject"].as_str().context("a subject")?;
        assert!(subject.len() < 100 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{subject}");
        assert_eq!(subject.ends_with("(repeat)"), repeat, "{subject}");
        let text = message["Message"].as_str().context("a text")?;
        assert!(text.len() <= 262_144 && !text.contains('\u{fffd}'), "{} bytes", text.len());
    }
    Ok(())
}
