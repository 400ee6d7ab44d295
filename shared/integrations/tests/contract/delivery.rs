//! The receivers of a watch file: found by name, and one that lacks its secret costs no other.

use anyhow::{Context, Result};
use config::{Environment, RouterConfig, WatchFile, secrets};
use domain::Notice;
use domain::delivery::Outcome;
use integrations::{Http, Receivers};

use crate::stage::{fakes, notification, sns_config};

#[tokio::test]
async fn a_receiver_without_its_secret_says_which_and_the_others_are_told() -> Result<()> {
    let fakes = fakes().await?;
    let environment = Environment::parse("local")?;
    let text = format!(
        r#"
        namespace = "OPsPipeline"
        [receiver.on-call]
        pagerduty = {{ routing_key = "ssm:receivers/pagerduty" }}
        [receiver.hook]
        webhook = {{ url = "{}" }}
        [receiver.mail]
        sns = {{ topic = "pages" }}
        [routes]
        default = ["on-call", "hook", "mail"]"#,
        fakes.hook_url()
    );
    let watch_file = WatchFile::parse(&text, "w.toml", &environment)?;
    let config = RouterConfig {
        environment: environment.clone(),
        watch_file: "w.toml".into(),
        alerts_queue_url: String::new(),
        pages_topic_arn: "arn:aws:sns:eu-central-1:000000000000:pages".to_owned(),
    };
    let ssm = aws_sdk_ssm::Client::from_conf(
        aws_sdk_ssm::Config::builder().behavior_version(aws_sdk_ssm::config::BehaviorVersion::latest()).build(),
    );
    let secrets = secrets::load(&ssm, &environment, &[]).await;
    let sns = aws_sdk_sns::Client::from_conf(sns_config(&fakes.hook_url(), "000000000000"));
    let receivers = Receivers::new(&watch_file, &secrets, &config, &sns, &Http::default());

    let on_call = receivers.get("on-call").context("on-call")?;
    let error = on_call.notify(&notification(Notice::Firing), false).await.err().context("no secret")?;
    assert_eq!(error.outcome(), Outcome::Transient);
    let text = error.to_string();
    assert!(
        text.contains("ssm:receivers/pagerduty") && text.contains("/local/watchkeeper/receivers/pagerduty"),
        "{text}"
    );

    receivers.get("hook").context("hook")?.notify(&notification(Notice::Firing), false).await?;
    assert_eq!(fakes.received_by("webhook").len(), 1);
    assert!(receivers.get("mail").is_some() && receivers.get("nobody").is_none());
    Ok(())
}
