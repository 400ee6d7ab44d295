//! The fakes, a notifier of each kind pointed at them, and notifications to send.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use domain::fingerprint::Labels;
use domain::notification::Text;
use domain::policy::Integration;
use domain::{Fingerprint, Notice, Notification, Severity, Timestamp};
use integrations::pagerduty::PagerDuty;
use integrations::slack::Slack;
use integrations::sns::Sns;
use integrations::telegram::Telegram;
use integrations::webhook::{Signing, Webhook};
use integrations::{Http, Notifier};
use testkit::emulator::{Emulator, REGION};
use testkit::receivers::Receivers;

/// What must never show in an error.
pub(crate) const ROUTING_KEY: &str = "R0UTINGKEY-DO-NOT-SHOW";
/// Part of the webhook's address; as secret as a password.
pub(crate) const URL_TOKEN: &str = "T0KEN-DO-NOT-SHOW";
/// A bot's token. The part behind the colon is the password.
pub(crate) const BOT_TOKEN: &str = "4815162342:AAB0TT0KEN-DO_NOT_SHOW";
/// What webhooks are signed with.
pub(crate) const HOOK_SECRET: &str = "S1GNINGSECRET-DO-NOT-SHOW";
/// The chat that the bot writes to.
pub(crate) const CHAT: &str = "-1001234567890";
/// Longer than a local fake ever needs, shorter than anyone wants to wait.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// What the fake receivers call the requests of a kind. SNS is spoken to through their webhook, which answers what it
/// is told to; what SNS takes is shown by the emulator.
pub(crate) fn fake_name(kind: Integration) -> &'static str {
    match kind {
        Integration::Sns => Integration::Webhook.as_str(),
        kind => kind.as_str(),
    }
}

/// A notifier of this kind whose requests go to `base`, which answers as the fake receivers do.
pub(crate) fn notifier(kind: Integration, base: &str) -> Box<dyn Notifier> {
    let http = Http::with_timeout(PATIENCE);
    match kind {
        Integration::Pagerduty => {
            let url = format!("{base}/pagerduty/v2/enqueue");
            Box::new(PagerDuty::new(http, ROUTING_KEY.into(), Some(url.into())))
        }
        Integration::Webhook => {
            let signing = Signing::new(HOOK_SECRET.into(), || Timestamp::constant(1_772_000_000, 0));
            Box::new(Webhook::new(http, format!("{base}/hook/{URL_TOKEN}").into(), Some(signing)))
        }
        Integration::Slack => Box::new(Slack::new(http, format!("{base}/slack/T0/B0/{URL_TOKEN}").into())),
        Integration::Telegram => {
            let url = format!("{base}/telegram/");
            Box::new(Telegram::new(http, BOT_TOKEN.into(), CHAT.to_owned(), Some(url.into())))
        }
        Integration::Sns => {
            let config = sns_config(&format!("{base}/hook"), "000000000000");
            let arn = "arn:aws:sns:eu-central-1:000000000000:pages";
            Box::new(Sns::new(aws_sdk_sns::Client::from_conf(config), arn.to_owned()))
        }
        Integration::Null => Box::new(integrations::null::Null),
    }
}

pub(crate) fn sns_config(endpoint: &str, account: &str) -> aws_sdk_sns::Config {
    aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(account, "test", None, None, "test"))
        .endpoint_url(endpoint)
        .build()
}

pub(crate) async fn fakes() -> Result<Receivers> {
    Receivers::start().await
}

/// The emulator that all tests of this binary share.
pub(crate) fn emulator() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| start_emulator().expect("the AWS emulator starts"))
}

fn start_emulator() -> Result<Emulator> {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sns-{}", std::process::id()));
    Emulator::start(&directory.join("files"), &directory.join("log"), &[])
}

/// Something to tell.
pub(crate) fn notification(notice: Notice) -> Notification {
    let labels = Labels::from([("Table".to_owned(), "lane_telemetry".to_owned())]);
    let fingerprint = Fingerprint::of("local", "metric", "OPsPipeline/TelemetryLag", &labels);
    Notification {
        notice,
        alert_id: Default::default(),
        dedup_key: format!("{fingerprint}:HIGH"),
        fingerprint,
        severity: Severity::High,
        environment: "local".to_owned(),
        kind: "metric".to_owned(),
        subject: "OPsPipeline/TelemetryLag".to_owned(),
        labels,
        summary: "TelemetryLag was 600 s, above 180 s".to_owned(),
        source: "check:telemetry".to_owned(),
        occurred_at: "2026-03-01T06:05:00Z".parse().expect("an instant"),
        opened_at: "2026-03-01T06:00:00Z".parse().expect("an instant"),
        runbook: Some("https://runbooks.example.com/telemetry".to_owned()),
        tells_firing_too: false,
        notes: Vec::new(),
        text: None,
    }
}

/// All nine, in the order of an alert's life.
pub(crate) const NOTICES: [Notice; 9] = [
    Notice::Firing,
    Notice::Severity,
    Notice::Reminder,
    Notice::Flapping,
    Notice::Escalation,
    Notice::Resolved,
    Notice::Digest,
    Notice::Quarantined,
    Notice::Released,
];

/// A notice as people get it, with notes and in words of its own where it has some, and with much that looks like markup.
pub(crate) fn sample(notice: Notice) -> Notification {
    let mut sample = notification(notice);
    sample.summary = "lag_p99 of <b>lane_telemetry</b> is *600* s & rising".to_owned();
    sample.notes = vec!["Was silenced until 06:00 by <@ops> & co".to_owned()];
    let own = |title: &str, lines: &[&str]| {
        Some(Text { title: title.to_owned(), lines: lines.iter().map(|line| (*line).to_owned()).collect() })
    };
    match notice {
        Notice::Digest => {
            let lines = ["HIGH", "  metric OPsPipeline/TelemetryLag: 41 duplicate & 2 silenced", "43 in all"];
            sample.text = own("[DIGEST] local: 43 signals since 05:00", &lines);
        }
        Notice::Quarantined => {
            let lines =
                ["Its claim \"<dropped> nothing\" was FALSE.", "Release it: {\"release\": {\"worker_id\": \"w-7\"}}"];
            sample.text = own("[QUARANTINED] local: worker w-7 is barred", &lines);
        }
        Notice::Released => sample.text = own("[RELEASED] local: worker w-7", &["By ops@example.com: checked & fine"]),
        _ => {}
    }
    sample
}

/// More than any receiver takes, in characters of several bytes and with much to escape.
pub(crate) fn oversize(notice: Notice) -> Notification {
    let mut huge = notification(notice);
    huge.summary = "żółć\u{1}\"🚨&<".repeat(60_000);
    huge.notes = vec!["ż&<".repeat(4_000); 100];
    if matches!(notice, Notice::Digest | Notice::Quarantined | Notice::Released) {
        huge.text = Some(Text { title: "ż&<🚨".repeat(2_000), lines: vec!["ż&<🚨".repeat(200); 2_000] });
    }
    huge.subject = "OPsPipeline/Łódź🚨".repeat(400);
    huge.source = "ź".repeat(5_000);
    huge.labels.extend((0..2_000).map(|n| (format!("label-{n}"), "ą".repeat(300))));
    huge
}
