//! What a queue and a function are sent.

use anyhow::{Context, Result};
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use serde_json::Value;
use testkit::emulator::Emulator;
use testkit::receivers::{Behaviour, Cut, Receivers};
use triggers::{JobQueue, Started, Trigger};

use crate::stage::{Kind, RUN, canned, message, parts, sqs};

#[tokio::test]
async fn a_function_gets_the_job_as_its_event_and_nobody_waits_for_it() -> Result<()> {
    let fakes = Receivers::start().await?;
    fakes.behave(Behaviour::answer("webhook", 202).header("x-amzn-requestid", "r-1"));
    let started = Kind::Function.trigger(&fakes.hook_url()).start(&parts().job(2)).await;
    assert_eq!(started, Started::Accepted { external_id: Some("r-1".to_owned()) });
    let received = fakes.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].path, "/hook/2015-03-31/functions/process-cycle/invocations");
    assert_eq!(received[0].headers["x-amz-invocation-type"], "Event");
    assert_eq!(received[0].json, message(2));
    Ok(())
}

#[tokio::test]
async fn a_queue_gets_the_job_as_a_message() -> Result<()> {
    let access = Emulator::shared("triggers").access(&Emulator::fresh_account());
    let client = sqs(&access.endpoint, &access.account);
    let url = client.create_queue().queue_name("nowcast-jobs").send().await?.queue_url.context("a queue")?;
    let started = JobQueue::named(client.clone(), Some(&url), "nowcast-jobs", None).start(&parts().job(1)).await;
    let answer = client.receive_message().queue_url(&url).wait_time_seconds(5).send().await?;
    let received = answer.messages.unwrap_or_default().pop().context("a message")?;
    assert_eq!(started, Started::Accepted { external_id: received.message_id });
    assert_eq!(serde_json::from_str::<Value>(&received.body.context("a body")?)?, message(1));
    Ok(())
}

#[tokio::test]
async fn a_fifo_queue_keeps_one_message_per_attempt_and_the_order_of_a_source() -> Result<()> {
    let access = Emulator::shared("triggers").access(&Emulator::fresh_account());
    let client = sqs(&access.endpoint, &access.account);
    let create = client.create_queue().queue_name("jobs.fifo").attributes(QueueAttributeName::FifoQueue, "true");
    let url = create.send().await?.queue_url.context("a queue")?;
    let queue = JobQueue::named(client.clone(), None, "jobs.fifo", Some(&access.account));
    for attempt in [1, 1, 2] {
        let started = queue.start(&parts().job(attempt)).await;
        assert!(matches!(started, Started::Accepted { .. }), "{started:?}");
    }
    let receive = client.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(5);
    let answer = receive.message_system_attribute_names(MessageSystemAttributeName::All).send().await?;
    let received = answer.messages.unwrap_or_default();
    let told = |name: MessageSystemAttributeName| {
        received.iter().map(move |message| message.attributes.as_ref()?.get(&name).cloned()).collect::<Vec<_>>()
    };
    assert_eq!(told(MessageSystemAttributeName::MessageGroupId), vec![Some("gfs".to_owned()); 2]);
    let keys = [1, 2].map(|attempt| Some(format!("{RUN}-{attempt}")));
    assert_eq!(told(MessageSystemAttributeName::MessageDeduplicationId), keys);
    Ok(())
}

#[tokio::test]
async fn a_queue_that_cannot_be_found_has_surely_taken_nothing() -> Result<()> {
    let access = Emulator::shared("triggers").access(&Emulator::fresh_account());
    let missing = JobQueue::named(sqs(&access.endpoint, &access.account), None, "not-there", None);
    let started = missing.start(&parts().job(1)).await;
    assert!(matches!(&started, Started::Permanent(cause) if cause.text.contains("not-there")), "{started:?}");

    let fakes = Receivers::start().await?;
    for (behaviour, expected) in [
        (Behaviour::answer("webhook", 500), "Transient"),
        (Behaviour::cut("webhook", Cut::After), "Transient"),
        (Behaviour::answer("webhook", 429), "RateLimited"),
        (Behaviour::answer("webhook", 403), "Permanent"),
    ] {
        fakes.clear();
        fakes.behave(behaviour.clone());
        let queue = JobQueue::named(sqs(&fakes.hook_url(), "000000000000"), None, "nowcast-jobs", None);
        let started = queue.start(&parts().job(1)).await;
        assert!(format!("{started:?}").starts_with(expected), "{behaviour:?}: {started:?}");
        assert_eq!(fakes.received().len(), 1, "nothing is sent to a queue that is not known");
    }
    Ok(())
}

#[tokio::test]
async fn the_codes_of_aws_decide_where_its_status_does_not() -> Result<()> {
    for (status, code, expected) in [
        ("400 Bad Request", "ThrottlingException", "RateLimited"),
        ("403 Forbidden", "RequestThrottled", "RateLimited"),
        ("400 Bad Request", "ExpiredTokenException", "Transient"),
        ("400 Bad Request", "AWS.SimpleQueueService.NonExistentQueue", "Permanent"),
        ("400 Bad Request", "InvalidMessageContents", "Permanent"),
        ("500 Internal Server Error", "InternalFailure", "Ambiguous"),
    ] {
        let body = serde_json::json!({"__type": code, "message": "why"}).to_string();
        let started = Kind::JobQueue.trigger(&canned(status, body).await?).start(&parts().job(1)).await;
        assert!(format!("{started:?}").starts_with(expected), "{code}: {started:?}");
        let cause = started.cause().context("a cause")?;
        assert!(cause.text.contains(code) && cause.text.contains("why"), "{cause}");
        assert_eq!(cause.text.contains("`queue`"), code.contains("NonExistent"), "{cause}");
    }
    Ok(())
}

#[tokio::test]
async fn of_a_queue_and_a_function_nothing_can_be_asked() -> Result<()> {
    for kind in [Kind::JobQueue, Kind::Function] {
        assert!(kind.trigger("http://127.0.0.1:1").follow().is_none(), "{kind:?}");
    }
    assert!(Kind::RunPod.trigger("http://127.0.0.1:1").follow().is_some());
    Ok(())
}
