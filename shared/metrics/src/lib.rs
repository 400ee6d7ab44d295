//! Sends measurements to CloudWatch: each with the environment as a dimension, under the namespace of the watch file.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use config::WatchFile;
use domain::check::Datum;
use domain::fingerprint::Labels;
use jiff::Timestamp;
use runtime::embedded::{self, Placed};

/// PutMetricData takes at most so many data at once.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const PER_CALL: usize = 1_000;

/// What became of the data.
#[derive(Debug, Default)]
pub struct Sent {
    /// How many CloudWatch took.
    pub published: usize,
    /// How many went out as log lines instead.
    pub embedded: usize,
    /// Why it did not take all of them.
    pub failure: Option<String>,
}

/// Publishes all data, dated `now`, in as few calls as CloudWatch allows; sending a datum twice is harmless. What a call
/// does not take becomes log lines, from which CloudWatch makes the same metrics.
pub async fn publish(cloudwatch: &Client, watch_file: &WatchFile, data: &[Placed], now: Timestamp) -> Sent {
    let mut sent = Sent::default();
    for some in data.chunks(PER_CALL) {
        match put(cloudwatch, watch_file, some, now).await {
            Ok(()) => sent.published += some.len(),
            Err(err) => {
                embedded::log(&watch_file.namespace, watch_file.environment.as_str(), some, now);
                sent.embedded += some.len();
                sent.failure = Some(format!("the measurements went out as log lines: {}", describe(&err)));
            }
        }
    }
    sent
}

/// Says with the metric `name` that a run was complete. An alarm misses it; so it is the very last thing, and has no second way out.
///
/// # Errors
/// Why CloudWatch did not take it.
pub async fn heartbeat(cloudwatch: &Client, watch_file: &WatchFile, name: &str, now: Timestamp) -> Result<(), String> {
    let datum = Datum { name: name.to_owned(), value: 1.0, unit: Some("Count".to_owned()) };
    let beat = [Placed { dimensions: Labels::new(), datum }];
    put(cloudwatch, watch_file, &beat, now).await.map_err(|err| describe(&err))
}

async fn put(
    cloudwatch: &Client,
    watch_file: &WatchFile,
    data: &[Placed],
    now: Timestamp,
) -> Result<(), SdkError<PutMetricDataError>> {
    let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
    let environment = dimension("Environment", watch_file.environment.as_str());
    let at = DateTime::from_millis(now.as_millisecond());
    let data = data.iter().map(|Placed { dimensions, datum }| {
        let own = dimensions.iter().map(|(name, value)| dimension(name, value));
        MetricDatum::builder()
            .metric_name(&datum.name)
            .set_dimensions(Some(std::iter::once(environment.clone()).chain(own).collect()))
            .timestamp(at)
            .value(datum.value)
            .set_unit(datum.unit.as_deref().map(StandardUnit::from))
            .build()
    });
    let call = cloudwatch.put_metric_data().namespace(&watch_file.namespace).set_metric_data(Some(data.collect()));
    call.send().await.map(drop)
}

fn describe(err: &SdkError<PutMetricDataError>) -> String {
    let why = match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => DisplayErrorContext(err).to_string(),
    };
    format!("PutMetricData failed: {why}")
}
