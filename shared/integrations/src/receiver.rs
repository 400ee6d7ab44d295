//! The receivers of a watch file, ready to be told something.

use std::collections::BTreeMap;

use async_trait::async_trait;
use config::watch_file::Receiver;
use config::{RouterConfig, SecretError, Secrets, WatchFile};
use domain::Notification;

use crate::error::{Cause, NotifyError};
use crate::http::Http;
use crate::pagerduty::PagerDuty;
use crate::sns::Sns;
use crate::webhook::Webhook;
use crate::{Notifier, Receipt};

/// Every receiver of the watch file, by name.
pub struct Receivers {
    by_name: BTreeMap<String, Box<dyn Notifier>>,
}

impl Receivers {
    /// Makes them all. It does not fail: a receiver whose secret is not to be had says so each time it is to be told
    /// something, and costs no other receiver.
    pub fn new(
        watch_file: &WatchFile,
        secrets: &Secrets,
        config: &RouterConfig,
        sns: &aws_sdk_sns::Client,
        http: &Http,
    ) -> Self {
        let make = |receiver: &Receiver| -> Box<dyn Notifier> {
            connect(receiver, secrets, config, sns, http).unwrap_or_else(|why| Box::new(OutOfReach(why)))
        };
        Self { by_name: watch_file.receivers.iter().map(|(name, receiver)| (name.clone(), make(receiver))).collect() }
    }

    /// The receiver of this name, if the watch file has one.
    pub fn get(&self, name: &str) -> Option<&dyn Notifier> {
        self.by_name.get(name).map(|receiver| &**receiver)
    }
}

fn connect(
    receiver: &Receiver,
    secrets: &Secrets,
    config: &RouterConfig,
    sns: &aws_sdk_sns::Client,
    http: &Http,
) -> Result<Box<dyn Notifier>, String> {
    let told = |err: SecretError| err.to_string();
    Ok(match receiver {
        Receiver::Pagerduty { routing_key, url } => {
            let url = url.as_ref().map(|url| secrets.address(url)).transpose().map_err(told)?;
            Box::new(PagerDuty::new(http.clone(), secrets.get(routing_key).map_err(told)?, url))
        }
        Receiver::Sns { topic } => {
            let arn = config.topic_arn(topic).ok_or_else(|| format!("this stack has no topic called {topic}"))?;
            Box::new(Sns::new(sns.clone(), arn.to_owned()))
        }
        Receiver::Webhook { url } => Box::new(Webhook::new(http.clone(), secrets.address(url).map_err(told)?)),
    })
}

/// A receiver that lacks something. A secret may be put in place while we run, so nothing is lost for good.
struct OutOfReach(String);

#[async_trait]
impl Notifier for OutOfReach {
    async fn notify(&self, _notification: &Notification, _repeat: bool) -> Result<Receipt, NotifyError> {
        Err(NotifyError::Transient(Cause::plain(self.0.clone())))
    }
}
