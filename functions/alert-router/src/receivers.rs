//! The receivers of the watch file, with their secrets, ready to be told something.

use std::collections::BTreeMap;

use config::{RouterConfig, Secrets, WatchFile, watch_file::Receiver};
use domain::Notification;
use domain::delivery::Outcome;
use integrations::pagerduty::PagerDuty;
use integrations::sns::Sns;
use integrations::webhook::Webhook;
use integrations::{Http, Notifier, Receipt};

/// What came of telling a receiver.
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) http_status: Option<u16>,
    pub(crate) provider_id: Option<String>,
    pub(crate) error: Option<String>,
}

/// Everybody who can be told, by name; or why not.
pub(crate) struct Receivers {
    by_name: BTreeMap<String, Result<Box<dyn Notifier>, String>>,
}

impl Receivers {
    /// Gives every receiver its secrets. One whose secret is not to be had fails alone, and when it is told something.
    pub(crate) fn new(
        watch_file: &WatchFile,
        config: &RouterConfig,
        secrets: &Secrets,
        http: &Http,
        sns: &aws_sdk_sns::Client,
    ) -> Self {
        let build = |receiver: &Receiver| -> Result<Box<dyn Notifier>, String> {
            Ok(match receiver {
                Receiver::Pagerduty { routing_key, url } => {
                    let key = secrets.get(routing_key).map_err(|error| error.to_string())?;
                    let url = url.as_ref().map(|url| secrets.address(url)).transpose();
                    Box::new(PagerDuty::new(http.clone(), key, url.map_err(|error| error.to_string())?))
                }
                Receiver::Sns { topic } => {
                    let arn = config.topic_arn(topic).ok_or_else(|| format!("the stack has no topic `{topic}`"))?;
                    Box::new(Sns::new(sns.clone(), arn.to_owned()))
                }
                Receiver::Webhook { url } => {
                    Box::new(Webhook::new(http.clone(), secrets.address(url).map_err(|error| error.to_string())?))
                }
            })
        };
        let by_name = watch_file.receivers.iter().map(|(name, receiver)| (name.clone(), build(receiver)));
        Self { by_name: by_name.collect() }
    }

    /// Receivers that cannot be told anything, with the reason.
    pub(crate) fn unusable(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_name.iter().filter_map(|(name, built)| Some((name.as_str(), built.as_ref().err()?.as_str())))
    }

    /// Tells one receiver, once.
    pub(crate) async fn tell(&self, receiver: &str, notification: &Notification, repeat: bool) -> Told {
        match self.by_name.get(receiver) {
            Some(Ok(notifier)) => match notifier.notify(notification, repeat).await {
                Ok(Receipt { provider_id, http_status }) => {
                    Told { outcome: Outcome::Accepted, http_status, provider_id, error: None }
                }
                Err(error) => Told {
                    outcome: error.outcome(),
                    http_status: error.cause().http_status,
                    provider_id: None,
                    error: Some(error.cause().text.clone()),
                },
            },
            // The secret may be there in a minute, and the page must not be lost over it.
            Some(Err(why)) => Told::without_answer(Outcome::Transient, why.clone()),
            None => Told::without_answer(
                Outcome::Permanent,
                format!("the watch file has no receiver `{receiver}` any more"),
            ),
        }
    }
}

impl Told {
    /// The invocation ends before the receiver answers.
    pub(crate) fn cut_short() -> Self {
        Self::without_answer(Outcome::Ambiguous, "the invocation ended before an answer came".to_owned())
    }

    fn without_answer(outcome: Outcome, error: String) -> Self {
        Self { outcome, http_status: None, provider_id: None, error: Some(error) }
    }
}
