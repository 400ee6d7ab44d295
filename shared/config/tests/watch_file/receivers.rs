//! What a receiver may say of itself: its integration, its switch and its rate.

use anyhow::Result;
use config::watch_file::Means;
use config::{Address, Environment, SecretRef, WatchFile};
use domain::policy::Integration;
use domain::rate::{Rate, default_for};

fn full() -> Result<WatchFile> {
    Ok(WatchFile::parse(include_str!("full.toml"), "full.toml", &Environment::parse("prod")?)?)
}

#[test]
fn a_rate_replaces_what_it_names_and_leaves_the_rest_to_the_provider() -> Result<()> {
    let receivers = full()?.receivers;
    assert_eq!(receivers["on-call"].rate, default_for(Integration::Pagerduty));
    assert_eq!(receivers["team"].rate, Rate { per_minute: 20, burst: 5 });
    let usual = default_for(Integration::Webhook);
    assert_eq!(receivers["hook"].rate, Rate { per_minute: 6_000, burst: usual.burst });
    Ok(())
}

#[test]
fn decisions_know_which_receivers_can_be_switched_off() -> Result<()> {
    let policy = full()?.policy();
    assert_eq!(policy.receivers["team"].switch.as_deref(), Some("enable_slack"));
    assert_eq!(policy.receivers["on-call"].switch, None);
    Ok(())
}

#[test]
fn chats_and_signatures_hang_on_secrets() -> Result<()> {
    let receivers = full()?.receivers;
    let secret = |path: &'static str| SecretRef::parse(&format!("ssm:{path}"), "");
    assert_eq!(receivers["team"].means, Means::Slack { webhook: secret("receivers/slack")? });
    let telegram = Means::Telegram {
        token: secret("receivers/telegram_token")?,
        chat: "@ops_alerts".to_owned(),
        url: Some(Address::Url("https://bots.example.com".to_owned())),
    };
    assert_eq!(receivers["chat"].means, telegram);
    let signed = Means::Webhook {
        url: Address::Secret(secret("receivers/hook_url")?),
        secret: Some(secret("receivers/hook_secret")?),
    };
    assert_eq!(receivers["hook"].means, signed);
    Ok(())
}
