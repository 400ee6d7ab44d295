//! The one check that every deployment has: whether anybody is subscribed to the topics that speak to people directly.
//!
//! A subscription by mail counts only once somebody has confirmed it, and ends when somebody clicks "unsubscribe"; a
//! topic without one takes every message and tells nobody.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::{DisplayErrorContext, ProvideErrorMetadata};
use config::HealthcheckConfig;
use domain::Timestamp;
use domain::condition::{Condition, Observed};
use jiff::SignedDuration;
use store::check_states::Turn;

use crate::conditions::failed;

/// What the check is called; its signals come from `check:subscribers`.
pub(crate) const CHECK: &str = config::watch_file::SUBSCRIBERS;
/// The kind of the condition that a topic has no confirmed subscriber; its subject is the topic.
pub(crate) const NO_SUBSCRIBER: &str = "no-subscriber";
/// How often it is asked. While somebody is missing, every run asks, so that the end is told soon.
const EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Whether it is time to ask again.
pub(crate) fn is_due(turn: Option<&Turn>, now: Timestamp) -> bool {
    turn.is_none_or(|turn| turn.firing || now.duration_since(turn.evaluated_at) >= EVERY)
}

/// Asks SNS for both topics. A topic that cannot be asked about is a check that could not run.
pub(crate) async fn ask(sns: &Client, config: &HealthcheckConfig) -> Vec<Condition> {
    let topics = [
        ("pages", &config.pages_topic_arn, "pages sent to it reach nobody"),
        ("self", &config.self_topic_arn, "alarms about Watchkeeper itself reach nobody"),
    ];
    let (mut conditions, mut unasked) = (Vec::new(), None);
    for (topic, arn, consequence) in topics {
        let observed = match confirmed(sns, arn).await {
            Ok(0) => Observed::Beyond,
            Ok(_) => Observed::Within,
            Err(why) => {
                unasked = Some(format!("the topic {topic} cannot be asked about: {why}"));
                continue;
            }
        };
        let summary = match observed {
            Observed::Beyond => format!(
                "The topic {topic} has no confirmed subscriber: {consequence}. Confirm the subscription in the mail that \
                 AWS sent to OperatorEmail, or subscribe somebody to {arn}"
            ),
            _ => format!("The topic {topic} has a confirmed subscriber"),
        };
        let kind = NO_SUBSCRIBER.to_owned();
        conditions.push(Condition { check: CHECK.to_owned(), kind, ..failed(topic, observed, summary) });
    }
    conditions.push(match unasked {
        Some(why) => failed(CHECK, Observed::Beyond, format!("The check {CHECK} could not run: {why}")),
        None => failed(CHECK, Observed::Within, format!("The check {CHECK} ran")),
    });
    conditions
}

/// How many subscriptions of a topic are confirmed.
/// <https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html>
async fn confirmed(sns: &Client, arn: &str) -> Result<u64, String> {
    let answer =
        sns.get_topic_attributes().topic_arn(arn).send().await.map_err(|err| match (err.code(), err.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => DisplayErrorContext(&err).to_string(),
        })?;
    let attributes = answer.attributes.unwrap_or_default();
    let count =
        attributes.get("SubscriptionsConfirmed").ok_or("SNS does not say how many subscriptions are confirmed")?;
    count.parse().map_err(|_| format!("SNS says that `{count}` subscriptions are confirmed, expected a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_once_a_day_and_all_the_time_while_somebody_is_missing() {
        let now: Timestamp = "2026-03-02T06:00:00Z".parse().expect("an instant");
        let turn = |firing, at: &str| Turn { firing, timed_out: false, evaluated_at: at.parse().expect("an instant") };
        assert!(is_due(None, now));
        assert!(!is_due(Some(&turn(false, "2026-03-01T06:05:00Z")), now));
        assert!(is_due(Some(&turn(false, "2026-03-01T06:00:00Z")), now));
        assert!(is_due(Some(&turn(true, "2026-03-02T05:55:00Z")), now));
    }
}
