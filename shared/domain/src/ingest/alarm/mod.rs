//! A CloudWatch alarm, however it comes: what it is about, where, how bad.
//!
//! Two wordings say the same: the notification of SNS (`sns`) and the state change of EventBridge, which the direct
//! Lambda action shares (`state_change`). An alarm that comes both ways is one source of one condition.

mod regions;
mod sns;
mod state_change;

use jiff::Timestamp;

use super::fields::{Json, text};
use super::{Malformed, Reading};
use crate::fingerprint::Labels;
use crate::policy::Policy;
use crate::severity::Severity;
use crate::signal::SignalStatus;
pub(super) use sns::read as read_notification;
pub(super) use state_change::{read_configuration_change, read_direct, read_state_change};

/// An alarm's change of state. Only the name and the state are always there: real alarms have a description that is
/// null, no statistic, no metric of their own.
#[derive(Default)]
struct Alarm<'a> {
    name: &'a str,
    arn: Option<&'a str>,
    account: Option<&'a str>,
    region: Option<&'a str>,
    description: Option<&'a str>,
    tags: Option<&'a Json>,
    state: &'a str,
    reason: Option<&'a str>,
    changed_at: Option<Timestamp>,
    /// `None`: composite, or on metric maths.
    metric: Option<Metric<'a>>,
}

/// The one metric that an alarm watches.
struct Metric<'a> {
    namespace: &'a str,
    name: &'a str,
    dimensions: Vec<(&'a str, &'a str)>,
}

/// Dimension that names the environment: it is the signal's environment, not one of its labels.
const ENVIRONMENT: &str = "Environment";

impl Alarm<'_> {
    fn into_reading(self, policy: &Policy) -> Result<Reading, Malformed> {
        let status = match self.state {
            "ALARM" => SignalStatus::Firing,
            "OK" => SignalStatus::Resolved,
            "INSUFFICIENT_DATA" => SignalStatus::None,
            other => return Err(Malformed(format!("it looks like a CloudWatch alarm, but its state is `{other}`"))),
        };
        let reading = Reading { occurred_at: self.changed_at, status, summary: self.summary(), ..self.reading() };
        let Some(Metric { namespace, name, dimensions }) = &self.metric else { return Ok(reading) };
        let (environment, labels): (Vec<_>, Vec<_>) = dimensions.iter().partition(|(name, _)| *name == ENVIRONMENT);
        // A check on the same metric has the same fingerprint.
        Ok(Reading {
            kind: "metric".to_owned(),
            subject: format!("{namespace}/{name}"),
            environment: environment.first().map(|(_, value)| (*value).to_owned()),
            labels: labels.into_iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            severity: policy.severity_of_metric(namespace, name).unwrap_or(reading.severity),
            ..reading
        })
    }

    /// What is true of every alarm: one that watches no single metric is only itself.
    fn reading(&self) -> Reading {
        let place = [("account", self.account_id()), ("region", self.region_code())];
        Reading {
            source: self.source(),
            kind: "alarm".to_owned(),
            subject: self.name.to_owned(),
            status: SignalStatus::None,
            severity: self.own_severity().unwrap_or(Severity::High),
            labels: place
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
                .collect::<Labels>(),
            ..Reading::default()
        }
    }

    fn arn_part(&self, n: usize) -> Option<&str> {
        self.arn.and_then(|arn| arn.split(':').nth(n)).filter(|part| !part.is_empty())
    }

    fn account_id(&self) -> Option<&str> {
        self.arn_part(4).or(self.account)
    }

    /// `eu-central-1`, from the ARN, else as the message has it.
    fn region_code(&self) -> Option<&str> {
        self.arn_part(3).or(self.region)
    }

    /// The ARN, put together where a message leaves it out: what it says must end what another transport began.
    fn source(&self) -> String {
        let (account, region) = (self.account.unwrap_or("unknown"), self.region.unwrap_or("unknown"));
        let is_code = !region.contains([' ', '(']) && region.contains('-');
        match self.arn {
            Some(arn) => arn.to_owned(),
            None if is_code && self.account.is_some() => {
                let partition = regions::partition(region);
                format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{}", self.name)
            }
            None => format!("{account}/{region}/{}", self.name),
        }
    }

    /// The tag `severity`, else the first `severity=X` or `severity: X` in the description that can be read.
    fn own_severity(&self) -> Option<Severity> {
        let tag = self.tags.and_then(|tags| text(tags, "severity").or_else(|| text(tags, "Severity")));
        let read = |word: &str| Severity::from_any_scale(word).ok();
        tag.and_then(read).or_else(|| {
            let small = self.description?.to_ascii_lowercase();
            let words = small.split("severity").skip(1).filter_map(|after| after.trim_start().strip_prefix(['=', ':']));
            words.filter_map(|word| word.trim_start().split(|c: char| !c.is_ascii_alphanumeric()).next()).find_map(read)
        })
    }

    fn summary(&self) -> String {
        let said: Vec<&str> = [self.description, self.reason].into_iter().flatten().collect();
        if said.is_empty() { self.name.to_owned() } else { said.join(" — ") }
    }
}
