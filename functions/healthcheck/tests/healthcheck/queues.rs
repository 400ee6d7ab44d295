//! Checks that look at queues: the emulator's SQS.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use testkit::receivers::Receivers;

use crate::world::{World, answer, watch_file};

/// A check of a queue with every quantity there is.
fn looking_at(queue: &str) -> String {
    let mut text = format!("[check.queue]\nsqs = \"{queue}\"\n");
    for (column, name) in [
        ("depth", "Depth"),
        ("in_flight", "InFlight"),
        ("delayed", "Delayed"),
        ("oldest_age", "OldestAge"),
        ("dlq", "DeadLetters"),
    ] {
        text.push_str(&format!("[check.queue.metric.{column}]\nname = \"{name}\"\n"));
    }
    text
}

/// Makes a queue; answers with its address.
async fn make(world: &World, name: &str, redrive: Option<String>) -> String {
    let sqs = aws_sdk_sqs::Client::new(world.aws());
    let mut making = sqs.create_queue().queue_name(name);
    if let Some(policy) = redrive {
        making = making.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    making.send().await.expect("a queue").queue_url.expect("its address")
}

async fn send(world: &World, url: &str, delay: i32) {
    let sqs = aws_sdk_sqs::Client::new(world.aws());
    sqs.send_message().queue_url(url).message_body("work").delay_seconds(delay).send().await.expect("sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_measured_with_its_dead_letters() {
    let world = World::new().await;
    let dead = make(&world, "work-dlq", None).await;
    let account = dead.rsplit('/').nth(1).expect("an account").to_owned();
    let arn = format!("arn:aws:sqs:eu-central-1:{account}:work-dlq");
    let work = make(&world, "work", Some(json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string())).await;
    for (url, delay) in [(&work, 0), (&work, 0), (&work, 0), (&work, 600), (&dead, 0), (&dead, 0)] {
        send(&world, url, delay).await;
    }
    let sqs = aws_sdk_sqs::Client::new(world.aws());
    sqs.receive_message().queue_url(&work).max_number_of_messages(1).send().await.expect("received");
    // By its name, its ARN and its address: the same, but for the age, which is not known of other accounts' queues.
    let mut expected = json!({"Depth": 2.0, "InFlight": 1.0, "Delayed": 1.0, "DeadLetters": 2.0, "OldestAge": null});
    for queue in ["work", "arn:aws:sqs:eu-central-1::work"] {
        let healthcheck = world.start(&world.write(&watch_file(&[looking_at(queue)])), &[]).await;
        let summary = answer(&healthcheck, json!({})).await;
        assert_eq!(summary["metrics"], expected, "{queue}: {summary}");
    }
    expected.as_object_mut().expect("metrics").remove("OldestAge");
    for queue in [work.clone(), format!("arn:aws:sqs:eu-central-1:{account}:work")] {
        let check = looking_at(&queue).replace("[check.queue.metric.oldest_age]\nname = \"OldestAge\"\n", "");
        let healthcheck = world.start(&world.write(&watch_file(&[check])), &[]).await;
        let summary = answer(&healthcheck, json!({})).await;
        assert_eq!(summary["metrics"], expected, "{queue}: {summary}");
    }
    assert!(world.metrics().await.contains(&"OldestAgePresent".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_the_oldest_message_is_what_cloudwatch_last_heard() {
    let world = World::new().await;
    make(&world, "work", None).await;
    let cloudwatch = aws_sdk_cloudwatch::Client::new(world.aws());
    let dimension = aws_sdk_cloudwatch::types::Dimension::builder().name("QueueName").value("work").build();
    for age in [120.0, 180.0] {
        let datum = aws_sdk_cloudwatch::types::MetricDatum::builder()
            .metric_name("ApproximateAgeOfOldestMessage")
            .dimensions(dimension.clone())
            .value(age)
            .build();
        cloudwatch.put_metric_data().namespace("AWS/SQS").metric_data(datum).send().await.expect("published");
    }
    let healthcheck = world.start(&world.write(&watch_file(&[looking_at("work")])), &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["metrics"]["OldestAge"], json!(180.0), "{summary}");
    assert_eq!(summary["metrics"]["DeadLetters"], json!(null), "it has none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_there_is_not_is_named_and_costs_no_other_check() {
    let world = World::new().await;
    make(&world, "work", None).await;
    let other = looking_at("wrok").replace("check.queue", "check.other").replace("name = \"", "name = \"Other");
    let healthcheck = world.start(&world.write(&watch_file(&[looking_at("work"), other])), &[]).await;
    let summary = answer(&healthcheck, json!({})).await;
    assert_eq!(summary["metrics"]["Depth"], json!(0.0));
    let failed = summary["failed"].as_array().expect("failures");
    assert_eq!((failed.len(), &failed[0]["name"]), (1, &json!("other")));
    let error = failed[0]["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("queue wrok: GetQueueUrl failed: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqs_that_does_not_answer_costs_its_check_its_time_and_no_more() {
    let world = World::new().await;
    let silent = Receivers::start().await.expect("a server");
    silent.behave(testkit::receivers::Behaviour::late("webhook", std::time::Duration::from_secs(30)));
    let check = looking_at("work").replace("sqs =", "timeout = \"1s\"\nsqs =");
    let fine = crate::world::check("one", "select 1 as n", &[("n", "N")]);
    let file = world.write(&watch_file(&[check, fine]));
    let healthcheck = world.start(&file, &[("AWS_ENDPOINT_URL_SQS", &silent.hook_url())]).await;
    let summary = answer(&healthcheck, json!({"dry_run": true})).await;
    assert_eq!(summary["metrics"], json!({"N": 1.0}));
    assert_eq!(summary["failed"], json!([{"name": "queue", "error": "queue work did not answer within 1.0s"}]));
}
