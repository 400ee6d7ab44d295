//! Sends measurements to CloudWatch.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
use config::WatchFile;
use domain::check::Datum;
use jiff::Timestamp;
use runtime::{Fault, Kind};

/// PutMetricData takes at most so many data at once.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const PER_CALL: usize = 1_000;

/// Publishes all data, dated `now`, in as few calls as CloudWatch allows.
///
/// # Errors
/// When a call failed: then nobody would hear of what was measured. Sending a datum twice is harmless.
pub(crate) async fn publish(
    cloudwatch: &Client,
    watch_file: &WatchFile,
    data: &[Datum],
    now: Timestamp,
) -> Result<(), Fault> {
    let place = Dimension::builder().name("Environment").value(watch_file.environment.as_str()).build();
    let at = DateTime::from_millis(now.as_millisecond());
    for some in data.chunks(PER_CALL) {
        let some = some.iter().map(|datum| {
            MetricDatum::builder()
                .metric_name(&datum.name)
                .dimensions(place.clone())
                .timestamp(at)
                .value(datum.value)
                .set_unit(datum.unit.as_deref().map(StandardUnit::from))
                .build()
        });
        let call = cloudwatch.put_metric_data().namespace(&watch_file.namespace).set_metric_data(Some(some.collect()));
        call.send().await.map_err(|err| fault(&err))?;
    }
    Ok(())
}

fn fault(err: &SdkError<PutMetricDataError>) -> Fault {
    let kind = match err {
        SdkError::ServiceError(refused) if refused.raw().status().as_u16() < 500 => Kind::Failed,
        SdkError::ConstructionFailure(_) => Kind::Failed,
        _ => Kind::Unavailable,
    };
    let why = match (err.code(), err.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => DisplayErrorContext(err).to_string(),
    };
    Fault::new(kind, format!("PutMetricData failed, so nobody hears what was measured: {why}"))
}
