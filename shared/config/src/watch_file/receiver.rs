//! Receivers: who can be told, and by which integration.

use std::collections::BTreeMap;

use domain::policy::Integration;

use super::check::no_such;
use super::names::expect_kebab_case;
use super::reader::{Found, Table};
use crate::environment::Environment;
use crate::reference::{Address, SecretRef};
use crate::secrets::is_address;

/// A configured destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
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
    },
}

/// The topic that people subscribe to for pages.
pub const PAGES_TOPIC: &str = "pages";

impl Receiver {
    /// Its kind.
    pub fn integration(&self) -> Integration {
        match self {
            Self::Pagerduty { .. } => Integration::Pagerduty,
            Self::Sns { .. } => Integration::Sns,
            Self::Webhook { .. } => Integration::Webhook,
        }
    }
}

/// The receivers by name; `None` where one is written but wrong, so that its routes are not blamed as well.
pub(super) fn receivers(root: &Table<'_>, environment: &Environment) -> BTreeMap<String, Option<Receiver>> {
    let kinds = Integration::ALL.map(Integration::as_str);
    let mut receivers = BTreeMap::new();
    for (name, table) in root.named("receiver", &kinds) {
        expect_kebab_case(&table, &name);
        let written: Vec<_> = kinds.into_iter().filter(|kind| table.has(kind)).collect();
        if written.len() > 1 || written.is_empty() && !table.has_unknown() {
            table.note(format!("expected exactly one of {}", kinds.join(", ")));
        }
        receivers.insert(name.value.to_owned(), receiver(&table, environment));
    }
    receivers
}

fn receiver(table: &Table<'_>, environment: &Environment) -> Option<Receiver> {
    if let Some(table) = table.table("pagerduty", &["routing_key", "url"]) {
        let key = table.required_text("routing_key", "a reference to it, as in \"ssm:receivers/pagerduty\"");
        let url = table.text("url").map(|url| address(&table, &url, environment));
        let routing_key = secret(&table, &key?, "receivers/pagerduty");
        return Some(Receiver::Pagerduty { routing_key: routing_key?, url: url.flatten() });
    }
    if let Some(table) = table.table("sns", &["topic"]) {
        let topic = table.required_text("topic", "the name of a topic of this stack: \"pages\"")?;
        if topic.value != PAGES_TOPIC {
            table.note_at(&topic, no_such("topic", topic.value, [PAGES_TOPIC]));
        }
        return Some(Receiver::Sns { topic: topic.value.to_owned() });
    }
    let table = table.table("webhook", &["url"])?;
    let url = table.required_text("url", "its address, or a reference as in \"ssm:receivers/hook_url\"")?;
    Some(Receiver::Webhook { url: address(&table, &url, environment)? })
}

fn secret(table: &Table<'_>, text: &Found<&str>, example: &'static str) -> Option<SecretRef> {
    let secret = SecretRef::parse(text.value, example);
    if let Err(bad) = &secret {
        table.note_at(text, bad.to_string());
    }
    secret.ok()
}

/// A reference, or an address written out.
fn address(table: &Table<'_>, text: &Found<&str>, environment: &Environment) -> Option<Address> {
    if text.value.starts_with("ssm:") {
        return secret(table, text, "receivers/hook_url").map(Address::Secret);
    }
    if is_address(text.value, environment) {
        return Some(Address::Url(text.value.to_owned()));
    }
    // The text may hold a password, so it is not repeated.
    let what = "expected a reference such as `ssm:receivers/hook_url` or an address https://host/path";
    let exception = if environment.is_local() { "" } else { " (plain http is for the environment `local` only)" };
    table.note_at(text, format!("{what}{exception}"));
    None
}
