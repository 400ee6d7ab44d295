//! A plain webhook: the notification as JSON, to be taken by a program; signed where the two share a secret.

mod body;
mod signature;

use async_trait::async_trait;
use domain::Notification;
use secrecy::SecretString;

use crate::error::NotifyError;
use crate::http::{Http, Post, Verdict};
use crate::{Notifier, Receipt};

pub use signature::Signing;

/// An address that takes notifications.
#[derive(Debug)]
pub struct Webhook {
    http: Http,
    url: SecretString,
    signing: Option<Signing>,
}

impl Webhook {
    /// A receiver that posts to `url`, which often carries its own password.
    pub fn new(http: Http, url: SecretString, signing: Option<Signing>) -> Self {
        Self { http, url, signing }
    }
}

#[async_trait]
impl Notifier for Webhook {
    /// Sends `Idempotency-Key: {dedup_key}:{notice}`, by which the other side can tell a repeat.
    async fn notify(&self, notification: &Notification, repeat: bool) -> Result<Receipt, NotifyError> {
        let body = body::body(notification, repeat)?;
        let key = format!("{}:{}", notification.dedup_key, notification.notice.as_str());
        let mut headers = vec![("idempotency-key", key)];
        if let Some(signing) = &self.signing {
            headers.push((signature::HEADER, signing.sign(&body)?));
        }
        let secrets: Vec<&SecretString> = self.signing.iter().map(Signing::secret).collect();
        let post = Post { receiver: "the webhook", url: &self.url, headers, body, secrets: &secrets };
        let answer = self.http.post(post).await?.accepted()?;
        Ok(Receipt { provider_id: None, http_status: Some(answer.status) })
    }
}
