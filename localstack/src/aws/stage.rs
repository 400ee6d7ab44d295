//! What only timelines ask of AWS: alarms and topics of their own, a queue that nobody reads for a while, and what became of
//! objects and metrics.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Aws, element};

impl Aws {
    /// Creates an alarm on a metric that nobody sends, which notifies `topic` of ALARM and OK. It is HIGH, unless its
    /// description says otherwise.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_alarm(&self, name: &str, metric: &str, topic: &str) -> Result<()> {
        let alarm = json!({
            "AlarmName": name, "Namespace": "Example", "MetricName": metric, "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [topic], "OKActions": [topic],
        });
        let asked = self.json("monitoring", "GraniteServiceVersion20100801.PutMetricAlarm", &alarm).await;
        asked.with_context(|| format!("creating alarm {name}"))?;
        Ok(())
    }

    /// Sends an alarm into a state, by which it notifies its topic.
    ///
    /// # Errors
    /// When there is no such alarm.
    pub async fn set_alarm_state(&self, name: &str, state: &str) -> Result<()> {
        let asked = json!({"AlarmName": name, "StateValue": state, "StateReason": "the timeline says so"});
        let set = self.json("monitoring", "GraniteServiceVersion20100801.SetAlarmState", &asked).await;
        set.with_context(|| format!("setting alarm {name} to {state}"))?;
        Ok(())
    }

    /// Puts an object into a bucket, as upstream does when it publishes.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_object(&self, bucket: &str, key: &str, content: &str) -> Result<()> {
        let request = self.http.put(self.url(&format!("/{bucket}/{key}"))).body(content.to_owned());
        self.send(request, "s3").await.with_context(|| format!("putting {key} into {bucket}"))?;
        Ok(())
    }

    /// The keys of a bucket below a prefix, in order; of the first thousand.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn keys(&self, bucket: &str, prefix: &str) -> Result<Vec<String>> {
        let listing = self.url(&format!("/{bucket}?list-type=2&prefix={prefix}"));
        let listed = self.send(self.http.get(listing), "s3").await.with_context(|| format!("listing {bucket}"))?;
        let xml = listed.text().await.context("reading the listing")?;
        Ok(xml.split("<Contents>").skip(1).filter_map(|one| element(one, "Key")).map(str::to_owned).collect())
    }

    /// The content of an object.
    ///
    /// # Errors
    /// When there is none, or it is no text.
    pub async fn object(&self, bucket: &str, key: &str) -> Result<String> {
        let asked = self.send(self.http.get(self.url(&format!("/{bucket}/{key}"))), "s3").await;
        asked
            .with_context(|| format!("getting {key} from {bucket}"))?
            .text()
            .await
            .with_context(|| format!("reading {key}"))
    }

    /// The sum of all values that a metric with exactly these dimensions ever had; nothing where it had none.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn metric_sum(&self, namespace: &str, metric: &str, dimensions: &[(&str, &str)]) -> Result<Option<f64>> {
        let dimensions: Vec<Value> =
            dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let asked = json!({
            "Namespace": namespace, "MetricName": metric, "Dimensions": dimensions, "Period": 86_400,
            "StartTime": "2000-01-01T00:00:00Z", "EndTime": "2100-01-01T00:00:00Z", "Statistics": ["Sum"],
        });
        let answer = self.json("monitoring", "GraniteServiceVersion20100801.GetMetricStatistics", &asked).await?;
        let sums = answer["Datapoints"].as_array().into_iter().flatten().filter_map(|point| point["Sum"].as_f64());
        Ok(sums.reduce(|sum, more| sum + more))
    }

    /// Creates a topic that feeds `queue`, and returns its ARN. What exists stays as it is.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn topic_to_queue(&self, name: &str, queue: &str) -> Result<String> {
        let made = self.sns(&[("Action", "CreateTopic"), ("Name", name)]).await?;
        let topic = element(&made, "TopicArn").with_context(|| format!("no ARN of topic {name}: {made}"))?.to_owned();
        let asked = json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]});
        let answer = self.json("sqs", "AmazonSQS.GetQueueAttributes", &asked).await?;
        let arn = answer["Attributes"]["QueueArn"].as_str().with_context(|| format!("no ARN of {queue}"))?;
        let subscription = [("Action", "Subscribe"), ("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", arn)];
        self.sns(&subscription).await?;
        Ok(topic)
    }

    /// Lets Lambda read the queues that feed a function, or stops it.
    ///
    /// # Errors
    /// When no queue feeds it.
    pub async fn feed(&self, function: &str, on: bool) -> Result<()> {
        let mappings = "/2015-03-31/event-source-mappings/";
        let listed = self.send(self.http.get(self.url(mappings)), "lambda").await.context("listing event sources")?;
        let listed: Value = listed.json().await.context("reading the event sources")?;
        let all = listed["EventSourceMappings"].as_array().into_iter().flatten();
        let names = |one: &&Value| one["FunctionArn"].as_str().is_some_and(|arn| arn.contains(&format!(":{function}")));
        let ours: Vec<&str> = all.filter(names).filter_map(|one| one["UUID"].as_str()).collect();
        ensure!(!ours.is_empty(), "no queue feeds {function}: {listed}");
        for id in ours {
            let request = self.http.put(self.url(&format!("{mappings}{id}"))).body(json!({"Enabled": on}).to_string());
            self.send(request, "lambda").await.with_context(|| format!("switching the event source {id}"))?;
        }
        Ok(())
    }

    async fn sns(&self, parameters: &[(&str, &str)]) -> Result<String> {
        let parameters: Vec<_> = parameters.iter().copied().chain([("Version", "2010-03-31")]).collect();
        let answer = self.send(self.http.post(self.url("/")).form(&parameters), "sns").await;
        answer.with_context(|| format!("asking SNS for {parameters:?}"))?.text().await.context("reading SNS's answer")
    }
}
