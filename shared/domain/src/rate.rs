//! How many notices a receiver takes: what each provider says, unless the watch file says otherwise.

use crate::policy::Integration;

/// A steady rate with room for a burst, as a token bucket counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in a minute, in the long run; at least 1.
    pub per_minute: u32,
    /// How many at once after a pause; at least 1.
    pub burst: u32,
}

/// What a receiver of this kind takes without answering 429. Where a provider gives a ceiling, the burst and what a minute
/// adds to it stay at or below that ceiling.
///
/// - PagerDuty: 120 calls a minute and integration key.
///   <https://developer.pagerduty.com/docs/events-api-v2-overview#response-codes--retry-logic>
/// - Slack: one a second and incoming webhook, "short bursts >1 allowed". <https://docs.slack.dev/apis/web-api/rate-limits>
/// - Telegram: 20 a minute into one group, and about one a second into any one chat.
///   <https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>
/// - SNS: 300 a second and account in the smallest regions; what mails people wants no more than ten.
///   <https://docs.aws.amazon.com/general/latest/gr/sns.html>
/// - Webhooks: whatever their owner says. Ten a second is what an endpoint that answers in a tenth of one takes in turn.
pub const fn default_for(integration: Integration) -> Rate {
    match integration {
        Integration::Pagerduty => Rate { per_minute: 100, burst: 20 },
        Integration::Slack => Rate { per_minute: 60, burst: 5 },
        Integration::Telegram => Rate { per_minute: 17, burst: 3 },
        Integration::Sns | Integration::Webhook | Integration::Null => Rate { per_minute: 600, burst: 60 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_holds_more_than_the_provider_takes() {
        for (integration, ceiling) in [(Integration::Pagerduty, 120), (Integration::Telegram, 20)] {
            let Rate { per_minute, burst } = default_for(integration);
            assert!(per_minute + burst <= ceiling, "{integration:?}: {per_minute} + {burst}");
        }
    }

    #[test]
    fn every_kind_is_told_something() {
        for integration in Integration::ALL {
            let Rate { per_minute, burst } = default_for(integration);
            assert!(per_minute > 0 && burst > 0, "{integration:?}");
        }
    }
}
