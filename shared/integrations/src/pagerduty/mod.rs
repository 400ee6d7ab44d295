//! PagerDuty through its Events API v2, which keeps incidents by key and merges what comes twice.
//!
//! A bar (`quarantined`) is an incident of severity `info` beside that of the claim behind it, and the release closes it:
//! PagerDuty's orchestration decides whether an `info` wakes anybody. A digest is nobody's incident and is refused.

mod event;

use async_trait::async_trait;
use domain::Notification;
use secrecy::SecretString;
use serde::Deserialize;

use crate::error::NotifyError;
use crate::http::{Http, Post, Verdict};
use crate::{Notifier, Receipt};

/// Where events go unless the watch file says otherwise; accounts of the EU service region have their own host.
/// <https://developer.pagerduty.com/docs/send-alert-event>
pub const DEFAULT_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// A service's integration in PagerDuty.
#[derive(Debug)]
pub struct PagerDuty {
    http: Http,
    url: SecretString,
    routing_key: SecretString,
}

impl PagerDuty {
    /// A receiver that posts to `url` (else [`DEFAULT_URL`]) with the integration's routing key.
    pub fn new(http: Http, routing_key: SecretString, url: Option<SecretString>) -> Self {
        Self { http, url: url.unwrap_or_else(|| SecretString::from(DEFAULT_URL)), routing_key }
    }
}

/// The part of an acceptance that is kept.
#[derive(Deserialize)]
struct Answer {
    dedup_key: Option<String>,
}

#[async_trait]
impl Notifier for PagerDuty {
    /// A repeat is not marked: PagerDuty merges it into the incident that the first one opened.
    async fn notify(&self, notification: &Notification, _repeat: bool) -> Result<Receipt, NotifyError> {
        let body = event::body(notification, &self.routing_key)?;
        let secrets = [&self.routing_key];
        let post = Post { receiver: "PagerDuty", url: &self.url, headers: Vec::new(), body, secrets: &secrets };
        let accepted = self.http.post(post).await?.accepted()?;
        let key = serde_json::from_str::<Answer>(&accepted.body).ok().and_then(|answer| answer.dedup_key);
        Ok(Receipt {
            provider_id: Some(key.unwrap_or_else(|| event::key(notification).into_owned())),
            http_status: Some(accepted.status),
        })
    }
}
