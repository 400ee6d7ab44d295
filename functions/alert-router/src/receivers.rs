//! The receivers of the watch file, with their secrets, ready to be told something.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use config::watch_file::{Means, Receiver};
use config::{Address, Current, Parameters, RouterConfig, Secrets, WatchFile};
use domain::Notification;
use domain::delivery::Outcome;
use domain::policy::{Integration, NULL_RECEIVER, SELF_RECEIVER};
use domain::rate::default_for;
use integrations::null::Null;
use integrations::pagerduty::PagerDuty;
use integrations::slack::Slack;
use integrations::sns::Sns;
use integrations::telegram::Telegram;
use integrations::webhook::{Signing, Webhook};
use integrations::{Http, Notifier, Receipt};
use store::deliveries::Known;
use tokio::sync::Mutex;

use crate::app::wall_clock;
use crate::metrics::Metrics;

/// What came of telling a receiver.
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    pub(crate) http_status: Option<u16>,
    pub(crate) provider_id: Option<String>,
    pub(crate) error: Option<String>,
}

/// Everybody who can be told, by name; or why not.
pub(crate) struct Receivers {
    written: BTreeMap<String, Receiver>,
    namespace: String,
    config: RouterConfig,
    http: Http,
    sns: aws_sdk_sns::Client,
    parameters: Arc<Mutex<Parameters>>,
    made: RwLock<Made>,
    off: RwLock<BTreeSet<String>>,
}

type Made = BTreeMap<String, Result<Arc<dyn Notifier>, String>>;

impl Receivers {
    /// The receivers of the watch file, without secrets: [`take`](Self::take) comes first.
    pub(crate) fn new(
        watch_file: &WatchFile,
        config: &RouterConfig,
        sns: aws_sdk_sns::Client,
        parameters: Arc<Mutex<Parameters>>,
    ) -> Self {
        Self {
            written: watch_file.receivers.clone(),
            namespace: watch_file.namespace.clone(),
            config: config.clone(),
            http: Http::default(),
            sns,
            parameters,
            made: RwLock::default(),
            off: RwLock::default(),
        }
    }

    /// Where it is said what came of telling them.
    pub(crate) fn metrics(&self) -> Metrics<'_> {
        Metrics { namespace: &self.namespace, environment: self.config.environment.as_str() }
    }

    /// Goes on with the secrets and switches that there are now.
    pub(crate) fn take(&self, current: &Current) {
        let is_off = |receiver: &Receiver| {
            receiver.switch.as_deref().is_some_and(|switch| current.switches.get(switch).is_off())
        };
        let off = self.written.iter().filter(|(_, receiver)| is_off(receiver)).map(|(name, _)| name.clone()).collect();
        *self.off.write().unwrap_or_else(PoisonError::into_inner) = off;
        self.take_secrets(&current.secrets);
    }

    /// Everybody who can be told, as they stand now.
    pub(crate) fn known(&self) -> Vec<Known> {
        let off = self.off.read().unwrap_or_else(PoisonError::into_inner);
        let written = self.written.iter().map(|(name, receiver)| Known {
            receiver: name.clone(),
            integration: receiver.integration(),
            rate: receiver.rate,
            off: off.contains(name),
        });
        let own = [(SELF_RECEIVER, Integration::Sns), (NULL_RECEIVER, Integration::Null)];
        let own = own.into_iter().map(|(name, integration)| Known {
            receiver: name.to_owned(),
            integration,
            rate: default_for(integration),
            off: false,
        });
        written.chain(own).collect()
    }

    /// Gives every receiver its secrets. One whose secret is not to be had fails alone, and when it is told something.
    fn take_secrets(&self, secrets: &Secrets) {
        let mut made: Made =
            self.written.iter().map(|(name, receiver)| (name.clone(), self.make(receiver, secrets))).collect();
        let own = Sns::new(self.sns.clone(), self.config.self_topic_arn.clone());
        made.insert(SELF_RECEIVER.to_owned(), Ok(Arc::new(own)));
        made.insert(NULL_RECEIVER.to_owned(), Ok(Arc::new(Null)));
        for (name, made) in &made {
            if let Err(why) = made {
                tracing::error!(receiver = name, error = why, "The receiver {name} cannot be told anything");
            }
        }
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = made;
    }

    fn make(&self, receiver: &Receiver, secrets: &Secrets) -> Result<Arc<dyn Notifier>, String> {
        let said = |error: config::SecretError| error.to_string();
        let address = |url: &Option<Address>| url.as_ref().map(|url| secrets.address(url)).transpose();
        let http = || self.http.clone();
        Ok(match &receiver.means {
            Means::Pagerduty { routing_key, url } => {
                let key = secrets.get(routing_key).map_err(said)?;
                Arc::new(PagerDuty::new(http(), key, address(url).map_err(said)?))
            }
            Means::Sns { topic } => {
                let arn = self.config.topic_arn(topic).ok_or_else(|| format!("the stack has no topic `{topic}`"))?;
                Arc::new(Sns::new(self.sns.clone(), arn.to_owned()))
            }
            Means::Webhook { url, secret } => {
                let secret = secret.as_ref().map(|secret| secrets.get(secret)).transpose().map_err(said)?;
                let signing = secret.map(|secret| Signing::new(secret, wall_clock));
                Arc::new(Webhook::new(http(), secrets.address(url).map_err(said)?, signing))
            }
            Means::Slack { webhook } => {
                let webhook = secrets.address(&Address::Secret(webhook.clone())).map_err(said)?;
                Arc::new(Slack::new(http(), webhook))
            }
            Means::Telegram { token, chat, url } => {
                let token = secrets.get(token).map_err(said)?;
                Arc::new(Telegram::new(http(), token, chat.clone(), address(url).map_err(said)?))
            }
        })
    }

    /// Tells one receiver, once. If it refuses, or its secret is not to be had, and SSM has another secret by now, it is
    /// told with that one: somebody has just replaced it.
    pub(crate) async fn tell(&self, receiver: &str, notification: &Notification, repeat: bool) -> Told {
        let told = self.try_telling(receiver, notification, repeat).await;
        let may_be_the_secret = match (&told.outcome, told.http_status) {
            // PagerDuty calls a key that it does not know a bad request, Slack an address that it does not know not found.
            (Outcome::Permanent, Some(400 | 401 | 403 | 404 | 410)) => true,
            (Outcome::Transient, None) => self.is_unusable(receiver),
            _ => false,
        };
        if may_be_the_secret && self.renew_secrets().await {
            tracing::warn!(receiver, "The receiver {receiver} has another secret by now and is tried with that");
            return self.try_telling(receiver, notification, repeat).await;
        }
        told
    }

    async fn try_telling(&self, receiver: &str, notification: &Notification, repeat: bool) -> Told {
        match self.find(receiver) {
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
            Some(Err(why)) => Told::without_answer(Outcome::Transient, why),
            None => Told::without_answer(
                Outcome::Permanent,
                format!("the watch file has no receiver `{receiver}` any more"),
            ),
        }
    }

    fn find(&self, receiver: &str) -> Option<Result<Arc<dyn Notifier>, String>> {
        self.made.read().unwrap_or_else(PoisonError::into_inner).get(receiver).cloned()
    }

    fn is_unusable(&self, receiver: &str) -> bool {
        matches!(self.find(receiver), Some(Err(_)))
    }

    /// Asks SSM whether it has other secrets by now.
    async fn renew_secrets(&self) -> bool {
        let renewed = self.parameters.lock().await.refused(Instant::now()).await;
        if let Some(current) = &renewed {
            self.take(current);
        }
        renewed.is_some()
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
