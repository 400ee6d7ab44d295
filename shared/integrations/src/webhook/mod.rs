//! A plain webhook: the notification as JSON, to be taken by a program.

mod body;

use async_trait::async_trait;
use domain::Notification;
use secrecy::SecretString;

use crate::error::NotifyError;
use crate::http::{Http, Post};
use crate::{Notifier, Receipt};

/// An address that takes notifications.
#[derive(Debug)]
pub struct Webhook {
    http: Http,
    url: SecretString,
}

impl Webhook {
    /// A receiver that posts to `url`, which often carries its own password.
    pub fn new(http: Http, url: SecretString) -> Self {
        Self { http, url }
    }
}

#[async_trait]
impl Notifier for Webhook {
    /// Sends `Idempotency-Key: {dedup_key}:{notice}`, by which the other side can tell a repeat.
    async fn notify(&self, notification: &Notification, repeat: bool) -> Result<Receipt, NotifyError> {
        let accepted = self
            .http
            .post(Post {
                receiver: "the webhook",
                url: &self.url,
                idempotency_key: Some(format!("{}:{}", notification.dedup_key, notification.notice.as_str())),
                body: body::body(notification, repeat)?,
                secrets: &[],
            })
            .await?;
        Ok(Receipt { provider_id: None, http_status: Some(accepted.status) })
    }
}
