//! A Slack channel, through an incoming webhook. <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

mod payload;

use async_trait::async_trait;
use domain::Notification;
use secrecy::SecretString;
use serde::Deserialize;

use crate::error::NotifyError;
use crate::http::{Http, Post, Verdict};
use crate::{Notifier, Receipt};

/// A channel.
#[derive(Debug)]
pub struct Slack {
    http: Http,
    webhook: SecretString,
}

impl Slack {
    /// A receiver that posts to the address of an incoming webhook, which is its own password.
    pub fn new(http: Http, webhook: SecretString) -> Self {
        Self { http, webhook }
    }
}

/// What Slack's Web API says with a status of 200 when it refuses.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
}

#[async_trait]
impl Notifier for Slack {
    /// Slack merges nothing: a repeat is marked. Its webhooks answer `ok` and give no id.
    async fn notify(&self, notification: &Notification, repeat: bool) -> Result<Receipt, NotifyError> {
        let body = payload::body(notification, repeat)?;
        let post = Post { receiver: "Slack", url: &self.webhook, headers: Vec::new(), body, secrets: &[] };
        let answer = self.http.post(post).await?.accepted()?;
        // Somebody wrote the address of the Web API instead of a webhook's: it refuses politely.
        if serde_json::from_str(&answer.body).is_ok_and(|Answer { ok }| !ok) {
            return Err(answer.refused(400));
        }
        Ok(Receipt { provider_id: None, http_status: Some(answer.status) })
    }
}
