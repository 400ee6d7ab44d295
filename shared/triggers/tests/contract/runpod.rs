//! How a job is started at RunPod, against a fake one.

use anyhow::{Context, Result};
use jiff::SignedDuration;
use testkit::receivers::{Behaviour, Cut};
use testkit::runpod::RunPod;
use triggers::{Started, Trigger};

use crate::stage::{API_KEY, ENDPOINT, PATIENCE, RUN, WEBHOOK, at, canned, message, parts, runpod, runpod_with, tells};

async fn fake() -> Result<RunPod> {
    RunPod::start(API_KEY, &[ENDPOINT], at("2026-11-22T11:15:00Z")).await
}

#[tokio::test]
async fn a_job_is_taken_with_its_input_its_limits_and_its_webhook() -> Result<()> {
    let fake = fake().await?;
    let started = runpod(&fake.url()).start(&parts().job(2)).await;
    let job = fake.jobs().pop().context("a job")?;
    assert_eq!(started, Started::Accepted { external_id: Some(job.id.clone()) });
    assert_eq!(job.input, message(2));
    assert_eq!((job.execution_timeout_ms, job.ttl_ms), (120 * 60_000, 150 * 60_000));
    assert_eq!((job.webhook.as_deref(), fake.taken(RUN, 2), fake.taken(RUN, 1)), (Some(WEBHOOK), 1, 0));
    Ok(())
}

#[tokio::test]
async fn whatever_may_have_been_taken_is_ambiguous_and_asked_for_once() -> Result<()> {
    let after = |status| Behaviour { status: Some(status), ..Behaviour::cut("run", Cut::After) };
    for (behaviour, taken) in [
        (Behaviour::cut("run", Cut::Before), 0),
        (Behaviour::cut("run", Cut::After), 1),
        (Behaviour::answer("run", 500), 0),
        (after(500), 1),
        (after(504), 1),
        (Behaviour::late("run", PATIENCE * 4), 1),
    ] {
        let fake = fake().await?;
        fake.behave(behaviour.clone());
        let started = runpod(&fake.url()).start(&parts().job(1)).await;
        assert!(matches!(started, Started::Ambiguous(_)), "{behaviour:?}: {started:?}");
        assert_eq!((fake.taken(RUN, 1), fake.asked().len()), (taken, 1), "{behaviour:?}");
        assert!(!tells(&format!("{started:?}")), "{started:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_names_no_job_is_no_acceptance() -> Result<()> {
    for said in ["<html>welcome</html>", r#"{"status":"IN_QUEUE"}"#, r#"{"id":""}"#, r#"{"id": "6de99fd1-44"#] {
        let started = runpod(&canned("200 OK", said.to_owned()).await?).start(&parts().job(1)).await;
        assert!(matches!(started, Started::Ambiguous(_)), "{said}: {started:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_key_and_an_unknown_endpoint_say_what_to_change() -> Result<()> {
    let fake = fake().await?;
    for (endpoint, key, expected) in [(ENDPOINT, "rpa_other", "api_key"), ("other1", API_KEY, "endpoint")] {
        let started = runpod_with(&fake.url(), endpoint, key, PATIENCE).start(&parts().job(1)).await;
        assert!(matches!(&started, Started::Permanent(cause) if cause.text.contains(expected)), "{started:?}");
        assert!(!format!("{started:?}").contains(key), "{started:?}");
    }
    assert!(fake.jobs().is_empty());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_anything_is_sent() -> Result<()> {
    let fake = fake().await?;
    for endpoint in ["", "gfs/../../hook", "gfs?x=", "gfs 1", "gfs#"] {
        let started = runpod_with(&fake.url(), endpoint, API_KEY, PATIENCE).start(&parts().job(1)).await;
        assert!(matches!(&started, Started::Permanent(cause) if cause.text.contains("`endpoint`")), "{started:?}");
    }
    let started = runpod_with(&fake.url(), ENDPOINT, "rpa\nAP1", PATIENCE).start(&parts().job(1)).await;
    assert!(matches!(&started, Started::Permanent(_)) && !format!("{started:?}").contains("AP1"), "{started:?}");
    let parts = parts();
    let mut endless = parts.job(1);
    endless.execution_limit = SignedDuration::from_hours(24 * 8);
    let started = runpod(&fake.url()).start(&endless).await;
    assert!(matches!(&started, Started::Permanent(cause) if cause.text.contains("max_runtime")), "{started:?}");
    assert!(fake.asked().is_empty());
    Ok(())
}
