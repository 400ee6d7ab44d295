//! Receivers: who can be told, by which integration, how often, and by which switch they are turned off.

use std::collections::BTreeMap;

use domain::policy::{Integration, NULL_RECEIVER, SELF_RECEIVER};
use domain::rate::{self, Rate};

use super::check::{no_such, switch};
use super::names::expect_kebab_case;
use super::reader::Table;
use super::secret::{BY_RECEIVERS, address, secret};
use crate::environment::Environment;
use crate::reference::{Address, SecretRef};

/// A configured destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// By what it is told.
    pub means: Means,
    /// The kill switch it hangs on: `features/NAME` in SSM. While it is off, what is for this receiver is held.
    pub switch: Option<String>,
    /// How much it is told at most.
    pub rate: Rate,
}

/// By what a receiver is told, with what that needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Means {
    /// A PagerDuty service, through Events API v2.
    Pagerduty {
        /// The key of the service's integration.
        routing_key: SecretRef,
        /// Where events go, if not to PagerDuty's usual address (the EU service region has its own).
        url: Option<Address>,
    },
    /// An SNS topic of this stack.
    Sns {
        /// Its name; [`PAGES_TOPIC`] is the only one so far.
        topic: String,
    },
    /// Something that takes the notification as JSON.
    Webhook {
        /// Its address, usually a secret.
        url: Address,
        /// What requests are signed with, if they are.
        secret: Option<SecretRef>,
    },
    /// A Slack channel, through an incoming webhook.
    Slack {
        /// The webhook's address, which is its own password.
        webhook: SecretRef,
    },
    /// A Telegram chat, through a bot.
    Telegram {
        /// The bot's token.
        token: SecretRef,
        /// The chat's id, or `@` and the name of a public one.
        chat: String,
        /// The server that bots are spoken to through, if not Telegram's own.
        url: Option<Address>,
    },
}

/// The topic that people subscribe to for pages.
pub const PAGES_TOPIC: &str = "pages";

/// What a receiver may say besides its one integration.
const OTHER_KEYS: [&str; 2] = ["switch", "rate"];
/// More than any provider takes, and still a number of requests that one function can send. Per minute, and at once.
const HIGHEST_RATE: i64 = 6_000;

impl Receiver {
    /// Its kind.
    pub fn integration(&self) -> Integration {
        match self.means {
            Means::Pagerduty { .. } => Integration::Pagerduty,
            Means::Sns { .. } => Integration::Sns,
            Means::Webhook { .. } => Integration::Webhook,
            Means::Slack { .. } => Integration::Slack,
            Means::Telegram { .. } => Integration::Telegram,
        }
    }
}

/// The receivers by name; `None` where one is written but wrong, so that its routes are not blamed as well.
pub(super) fn receivers(root: &Table<'_>, environment: &Environment) -> BTreeMap<String, Option<Receiver>> {
    let kinds = Integration::ALL.map(Integration::as_str);
    let keys: Vec<&str> = kinds.into_iter().chain(OTHER_KEYS).collect();
    let mut receivers = BTreeMap::new();
    for (name, table) in root.named("receiver", &keys) {
        expect_kebab_case(&table, &name);
        if name.value == SELF_RECEIVER {
            table.note_at(&name, "is the name of a receiver that always exists: expected another");
        } else if name.value == NULL_RECEIVER {
            table.note_at(&name, "is the receiver that tells nobody, for the synthetic alert: expected another name");
        }
        let written: Vec<_> = kinds.into_iter().filter(|kind| table.has(kind)).collect();
        if written.len() > 1 || written.is_empty() && !table.has_unknown() {
            table.note(format!("expected exactly one of {}", kinds.join(", ")));
        }
        receivers.insert(name.value.to_owned(), receiver(&table, environment));
    }
    receivers
}

fn receiver(table: &Table<'_>, environment: &Environment) -> Option<Receiver> {
    // All are read before any is missed, so that each mistake is told.
    let (means, switch, written) = (means(table, environment), switch(table), table.table("rate", &RATE_KEYS));
    let written = written.map(|table| RATE_KEYS.map(|key| how_many(&table, key)));
    let mut receiver = Receiver { means: means?, switch, rate: Rate { per_minute: 1, burst: 1 } };
    let usual = rate::default_for(receiver.integration());
    let [per_minute, burst] = written.unwrap_or_default();
    receiver.rate = Rate { per_minute: per_minute.unwrap_or(usual.per_minute), burst: burst.unwrap_or(usual.burst) };
    Some(receiver)
}

const RATE_KEYS: [&str; 2] = ["per_minute", "burst"];

fn how_many(table: &Table<'_>, key: &str) -> Option<u32> {
    let written = table.whole(key)?;
    let number = u32::try_from(written.value).ok().filter(|_| (1..=HIGHEST_RATE).contains(&written.value));
    if number.is_none() {
        table.note_at(&written, format!("expected 1 to {HIGHEST_RATE}; `switch` turns a receiver off"));
    }
    number
}

fn means(table: &Table<'_>, environment: &Environment) -> Option<Means> {
    if let Some(table) = table.table("pagerduty", &["routing_key", "url"]) {
        let routing_key = required_secret(&table, "routing_key", "receivers/pagerduty");
        let url = written_address(&table, environment);
        return Some(Means::Pagerduty { routing_key: routing_key?, url });
    }
    if let Some(table) = table.table("sns", &["topic"]) {
        let topic = table.required_text("topic", "the name of a topic of this stack: \"pages\"")?;
        if topic.value != PAGES_TOPIC {
            table.note_at(&topic, no_such("topic", topic.value, [PAGES_TOPIC]));
        }
        return Some(Means::Sns { topic: topic.value.to_owned() });
    }
    if let Some(table) = table.table("webhook", &["url", "secret"]) {
        table.require("url", "its address, or a reference as in \"ssm:receivers/hook_url\"");
        let url = written_address(&table, environment);
        let secret = table.text("secret").map(|text| secret(&table, &text, "receivers/hook_secret", BY_RECEIVERS));
        return Some(Means::Webhook { url: url?, secret: secret.flatten() });
    }
    if let Some(table) = table.table("slack", &["webhook"]) {
        return Some(Means::Slack { webhook: required_secret(&table, "webhook", "receivers/slack")? });
    }
    let table = table.table("telegram", &["token", "chat", "url"])?;
    let token = required_secret(&table, "token", "receivers/telegram_token");
    let chat = chat(&table);
    let url = written_address(&table, environment);
    Some(Means::Telegram { token: token?, chat: chat?, url })
}

/// "Unique identifier for the target chat or username of the target channel (in the format @channelusername)".
/// <https://core.telegram.org/bots/api#sendmessage>
fn chat(table: &Table<'_>) -> Option<String> {
    let chat =
        table.required_text("chat", "the id of the chat as a text, as in \"-1001234567890\", or \"@channel\"")?;
    let is_id = chat.value.parse::<i64>().is_ok();
    let is_name = chat
        .value
        .strip_prefix('@')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    if !is_id && !is_name {
        table.note_at(&chat, "expected the id of a chat, as in \"-1001234567890\", or \"@channel\"");
    }
    Some(chat.value.to_owned())
}

fn required_secret(table: &Table<'_>, key: &str, example: &'static str) -> Option<SecretRef> {
    let text = table.required_text(key, &format!("a reference to it, as in \"ssm:{example}\""))?;
    secret(table, &text, example, BY_RECEIVERS)
}

fn written_address(table: &Table<'_>, environment: &Environment) -> Option<Address> {
    address(table, &table.text("url")?, "receivers/hook_url", BY_RECEIVERS, environment)
}
