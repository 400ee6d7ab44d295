//! How a job at RunPod is followed to its end, against a fake one that forgets.

use anyhow::{Context, Result};
use jiff::SignedDuration;
use serde_json::json;
use testkit::receivers::{Behaviour, Cut};
use testkit::runpod::RunPod;
use triggers::runpod::Completion;
use triggers::{Cancelled, Follow, Standing, Started, Trigger};

use crate::stage::{API_KEY, ENDPOINT, PATIENCE, RUN, WEBHOOK, at, canned, parts, runpod, runpod_with, tells};

/// A fake RunPod, and the trigger whose job it has taken.
struct Scene {
    fake: RunPod,
    trigger: triggers::RunPod,
    job: String,
}

impl Scene {
    async fn new() -> Result<Self> {
        let fake = RunPod::start(API_KEY, &[ENDPOINT], at("2026-11-22T11:15:00Z")).await?;
        let trigger = runpod(&fake.url());
        let Started::Accepted { external_id } = trigger.start(&parts().job(1)).await else {
            anyhow::bail!("it was not accepted");
        };
        Ok(Self { fake, trigger, job: external_id.context("an id")? })
    }

    async fn ask(&self) -> Standing {
        self.trigger.ask(&self.job).await
    }
}

#[tokio::test]
async fn a_job_is_followed_from_the_queue_to_its_end_and_then_forgotten() -> Result<()> {
    let scene = Scene::new().await?;
    assert_eq!(scene.ask().await, Standing::Queued);
    scene.fake.set_clock(at("2026-11-22T11:17:00Z"));
    assert!(scene.fake.begin(&scene.job));
    assert_eq!(scene.ask().await, Standing::Running { waited: Some(SignedDuration::from_mins(2)) });
    scene.fake.set_clock(at("2026-11-22T12:00:00Z"));
    assert!(scene.fake.complete(&scene.job, json!({"key": "runs/gfs.zarr"})));
    let succeeded = Standing::Succeeded { output: json!({"key": "runs/gfs.zarr"}), execution_ms: Some(43 * 60_000) };
    scene.fake.set_clock(at("2026-11-22T12:29:59Z"));
    assert_eq!(scene.ask().await, succeeded);
    scene.fake.set_clock(at("2026-11-22T12:30:00Z"));
    let forgotten = scene.ask().await;
    assert!(matches!(&forgotten, Standing::Forgotten(cause) if cause.http_status == Some(404)), "{forgotten:?}");
    assert!(!forgotten.is_over(), "404 says nothing of how it ended");
    Ok(())
}

#[tokio::test]
async fn a_failure_a_time_out_and_a_deleted_job_are_told_apart() -> Result<()> {
    let failed = Scene::new().await?;
    assert!(failed.fake.fail(&failed.job, &json!({"error_message": "no GPU", "error_traceback": "…"}).to_string()));
    let standing = failed.ask().await;
    assert!(matches!(&standing, Standing::Failed(cause) if cause.text.ends_with("failed: no GPU")), "{standing:?}");

    let slow = Scene::new().await?;
    assert!(slow.fake.begin(&slow.job));
    slow.fake.set_clock(at("2026-11-22T13:15:00Z"));
    assert_eq!(slow.ask().await, Standing::TimedOut, "after `executionTimeout`");

    let waiting = Scene::new().await?;
    waiting.fake.set_clock(at("2026-11-22T13:45:00Z"));
    assert!(matches!(waiting.ask().await, Standing::Forgotten(_)), "after `ttl`, nobody having taken it");
    Ok(())
}

#[tokio::test]
async fn a_job_is_cancelled_once_and_one_that_has_ended_says_how() -> Result<()> {
    let scene = Scene::new().await?;
    assert_eq!(scene.trigger.cancel(&scene.job).await, Cancelled::Cancelled);
    assert_eq!(scene.ask().await, Standing::Cancelled);
    assert!(!scene.fake.begin(&scene.job), "no worker gets it");

    let late = Scene::new().await?;
    assert!(late.fake.complete(&late.job, json!("done")));
    let succeeded = Standing::Succeeded { output: json!(null), execution_ms: None };
    assert_eq!(late.trigger.cancel(&late.job).await, Cancelled::AlreadyOver(succeeded));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_makes_no_sense_leaves_it_unknown() -> Result<()> {
    let late = |operation| Behaviour::late(operation, PATIENCE * 4);
    for behaviour in [
        |operation| Behaviour::answer(operation, 500),
        |operation| Behaviour::answer(operation, 429),
        |operation| Behaviour::answer(operation, 401),
        |operation| Behaviour::cut(operation, Cut::Before),
        late,
    ] {
        let scene = Scene::new().await?;
        scene.fake.behave(behaviour("status"));
        scene.fake.behave(behaviour("cancel"));
        let standing = scene.ask().await;
        assert!(matches!(standing, Standing::Unknown(_)), "{standing:?}");
        let cancelled = scene.trigger.cancel(&scene.job).await;
        assert!(matches!(cancelled, Cancelled::Unknown(_)), "{cancelled:?}");
        assert!(!tells(&format!("{standing:?} {cancelled:?}")), "{standing:?} {cancelled:?}");
    }
    for said in ["", "<html>", r#"{"id":"j"}"#, r#"{"id":"j","status":"PAUSED"}"#, r#"{"status":"COMPLETED","outp"#] {
        let standing = runpod(&canned("200 OK", said.to_owned()).await?).ask("j").await;
        assert!(matches!(standing, Standing::Unknown(_)), "{said}: {standing:?}");
        let cancelled = runpod(&canned("200 OK", said.to_owned()).await?).cancel("j").await;
        assert!(matches!(cancelled, Cancelled::Unknown(_)), "{said}: {cancelled:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_not_known_cannot_be_said_to_be_cancelled() -> Result<()> {
    let scene = Scene::new().await?;
    let cancelled = scene.trigger.cancel("never-was").await;
    assert!(matches!(&cancelled, Cancelled::Unknown(cause) if cause.http_status == Some(404)), "{cancelled:?}");
    Ok(())
}

#[tokio::test]
async fn an_id_that_would_lead_elsewhere_is_not_asked_about() -> Result<()> {
    let scene = Scene::new().await?;
    let before = scene.fake.asked().len();
    for id in ["", "..", "a/b", "a?b", "a b", "ż"] {
        assert!(matches!(scene.trigger.ask(id).await, Standing::Unknown(_)), "{id}");
        assert!(matches!(scene.trigger.cancel(id).await, Cancelled::Unknown(_)), "{id}");
    }
    assert_eq!(scene.fake.asked().len(), before);
    Ok(())
}

#[tokio::test]
async fn an_output_of_megabytes_is_read_whole() -> Result<()> {
    let scene = Scene::new().await?;
    let output = json!("ż".repeat(2_000_000));
    assert!(scene.fake.complete(&scene.job, output.clone()));
    let patient = runpod_with(&scene.fake.url(), ENDPOINT, API_KEY, PATIENCE * 40);
    let standing = patient.ask(&scene.job).await;
    assert!(matches!(&standing, Standing::Succeeded { output: read, .. } if *read == output));
    Ok(())
}

#[tokio::test]
async fn what_the_webhook_is_told_names_run_attempt_and_job() -> Result<()> {
    let scene = Scene::new().await?;
    assert!(scene.fake.begin(&scene.job) && scene.fake.complete(&scene.job, json!({"key": "runs/gfs.zarr"})));
    let posted = scene.fake.webhooks().pop().context("a webhook")?;
    assert_eq!(posted.url, WEBHOOK);
    let completion = Completion::parse(&posted.body.to_string(), &[])?;
    assert_eq!((completion.run_id, completion.attempt), (RUN.parse().ok(), Some(1)));
    assert_eq!((completion.external_id.as_str(), completion.standing), (scene.job.as_str(), scene.ask().await));
    Ok(())
}
