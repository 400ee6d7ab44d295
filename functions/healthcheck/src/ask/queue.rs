//! Looks at a queue: how much waits in it, how much is being worked on, how old the oldest message is.

use std::fmt::Display;
use std::time::Duration;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use config::watch_file::{Check, Queue};
use jiff::Timestamp;
use serde_json::Value;
use watched::{Cell, Failure, FailureKind, Rows};

use super::Clients;

/// How many seconds back the age of the oldest message is looked for: CloudWatch has it a minute or two late.
const AGE_WINDOW: i64 = 300;
/// SQS publishes once a minute.
const AGE_PERIOD: i32 = 60;

/// Measures what a check's metrics ask of a queue, and nothing else: one row.
/// `clock` is what the run began at.
pub(super) async fn ask(
    clients: &Clients,
    check: &Check,
    queue: &Queue,
    clock: Timestamp,
    limit: Duration,
) -> Result<Rows, Failure> {
    let asking = async {
        let columns: Vec<&str> = check.metrics.iter().map(|metric| metric.column.as_str()).collect();
        let sqs = clients.sqs(queue.region.as_deref());
        // Also where only its age is asked for: CloudWatch knows no ages of queues there are not.
        let url = url(&sqs, queue).await?;
        let attributes = Attributes::of(&sqs, queue, &url, &columns).await?;
        let mut row = Vec::with_capacity(columns.len());
        for column in &columns {
            row.push(match *column {
                "oldest_age" => oldest_age(clients, queue, clock).await?,
                "dlq" => dead_letters(&sqs, queue, &url, &attributes).await?,
                column => attributes.count(attribute(column)),
            });
        }
        Ok(Rows { columns: columns.into_iter().map(str::to_owned).collect(), rows: vec![row] })
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(answer) => answer,
        Err(_) => {
            let text = format!("queue {} did not answer within {limit:.1?}", queue.name);
            Err(Failure::late(FailureKind::Unavailable, text))
        }
    }
}

/// The attribute that a column stands for.
fn attribute(column: &str) -> QueueAttributeName {
    match column {
        "in_flight" => QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        "delayed" => QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        "dlq" => QueueAttributeName::RedrivePolicy,
        _ => QueueAttributeName::ApproximateNumberOfMessages,
    }
}

async fn url(sqs: &aws_sdk_sqs::Client, queue: &Queue) -> Result<String, Failure> {
    if let Some(url) = &queue.url {
        return Ok(url.clone());
    }
    let asking = sqs.get_queue_url().queue_name(&queue.name);
    let found = asking.set_queue_owner_aws_account_id(queue.account.clone()).send().await;
    let found = found.map_err(|err| refused("GetQueueUrl", &queue.name, &err))?;
    found.queue_url.ok_or_else(|| Failure::refused(format!("queue {}: GetQueueUrl answered no address", queue.name)))
}

/// The attributes of one queue.
struct Attributes(std::collections::HashMap<QueueAttributeName, String>);

impl Attributes {
    async fn of(sqs: &aws_sdk_sqs::Client, queue: &Queue, url: &str, columns: &[&str]) -> Result<Self, Failure> {
        let names: Vec<_> =
            columns.iter().filter(|column| **column != "oldest_age").map(|column| attribute(column)).collect();
        if names.is_empty() {
            return Ok(Self(Default::default()));
        }
        let asking = sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names));
        let found = asking.send().await.map_err(|err| refused("GetQueueAttributes", &queue.name, &err))?;
        Ok(Self(found.attributes.unwrap_or_default()))
    }

    fn count(&self, name: QueueAttributeName) -> Cell {
        self.0.get(&name).map_or(Cell::Null, |text| Cell::Written(text.clone()))
    }
}

/// How much waits in the queue that messages go to when nobody can process them; NULL where there is none.
async fn dead_letters(
    sqs: &aws_sdk_sqs::Client,
    queue: &Queue,
    url: &str,
    attributes: &Attributes,
) -> Result<Cell, Failure> {
    let Some(policy) = attributes.0.get(&QueueAttributeName::RedrivePolicy) else { return Ok(Cell::Null) };
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let target = policy["deadLetterTargetArn"].as_str().and_then(Queue::parse);
    let (Some(target), Some((place, _))) = (target, url.rsplit_once('/')) else {
        return Err(Failure::refused(format!("queue {}: its RedrivePolicy names no queue", queue.name)));
    };
    // SQS wants it in the same account and region.
    let url = format!("{place}/{}", target.name);
    Ok(Attributes::of(sqs, &target, &url, &["depth"]).await?.count(attribute("depth")))
}

/// How old the oldest message is, in seconds. SQS itself does not say; CloudWatch has no datum for a queue that nobody
/// used for hours, and that is NULL.
async fn oldest_age(clients: &Clients, queue: &Queue, clock: Timestamp) -> Result<Cell, Failure> {
    let cloudwatch = clients.cloudwatch(queue.region.as_deref());
    let metric = Metric::builder()
        .namespace("AWS/SQS")
        .metric_name("ApproximateAgeOfOldestMessage")
        .dimensions(Dimension::builder().name("QueueName").value(&queue.name).build())
        .build();
    let stat = MetricStat::builder().metric(metric).period(AGE_PERIOD).stat("Maximum").build();
    // The end is not part of the window, and the newest datum may be of this second.
    let end = clock.as_second() + 1;
    let found = cloudwatch
        .get_metric_data()
        .metric_data_queries(MetricDataQuery::builder().id("age").metric_stat(stat).build())
        .start_time(DateTime::from_secs(end - AGE_WINDOW))
        .end_time(DateTime::from_secs(end))
        .send()
        .await
        .map_err(|err| refused("GetMetricData", &queue.name, &err))?;
    let ages =
        found.metric_data_results.unwrap_or_default().into_iter().flat_map(|found| found.values.unwrap_or_default());
    Ok(ages.reduce(f64::max).map_or(Cell::Null, Cell::Number))
}

fn refused<E>(operation: &str, queue: &str, err: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let said: Box<dyn Display> = match (err.code(), err.message()) {
        (Some(code), Some(message)) => Box::new(format!("{code}: {message}")),
        _ => Box::new(DisplayErrorContext(err)),
    };
    let (kind, what_to_do) = match err {
        SdkError::ServiceError(refused) if matches!(refused.raw().status().as_u16(), 401 | 403) => {
            (FailureKind::Refused, "; is its ARN in the parameter WatchedQueueArns?")
        }
        SdkError::ServiceError(refused) if refused.raw().status().as_u16() < 500 => (FailureKind::Refused, ""),
        _ => (FailureKind::Unavailable, ""),
    };
    Failure::new(kind, format!("queue {queue}: {operation} failed: {said}{what_to_do}"))
}
