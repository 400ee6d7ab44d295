//! Each answer, and each lack of one, has its outcome; a start is one request; and no cause gives a secret away.

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use testkit::receivers::{Behaviour, Cut, Receivers};
use tokio::net::TcpListener;
use triggers::Started;

use crate::stage::{API_KEY, Kind, WEBHOOK, canned, parts, tells};

/// What the fake receivers call whatever is sent below `/hook`.
const HOOK: &str = "webhook";

/// The name of an outcome.
fn class(started: &Started) -> &'static str {
    match started {
        Started::Accepted { .. } => "accepted",
        Started::RateLimited { .. } => "rate-limited",
        Started::Transient(_) => "transient",
        Started::Permanent(_) => "permanent",
        Started::Ambiguous(_) => "ambiguous",
    }
}

/// Starts a job at a provider that does not accept it.
async fn refused(kind: Kind, base: &str) -> Result<Started> {
    let started = kind.trigger(base).start(&parts().job(1)).await;
    ensure!(started.cause().is_some(), "{kind:?} accepted");
    ensure!(!tells(&format!("{started:?}")), "{kind:?} gives a secret away: {started:?}");
    Ok(started)
}

#[tokio::test]
async fn each_status_has_its_outcome_for_every_kind_and_each_start_is_one_request() -> Result<()> {
    let fakes = Receivers::start().await?;
    for kind in Kind::ALL {
        for (status, expected) in [
            (302, "permanent"),
            (400, "permanent"),
            (401, "permanent"),
            (402, "permanent"),
            (403, "permanent"),
            (404, "permanent"),
            (408, "transient"),
            (413, "permanent"),
            (422, "permanent"),
            (429, "rate-limited"),
            (500, "ambiguous"),
            (502, "ambiguous"),
            (503, "ambiguous"),
            (504, "ambiguous"),
        ] {
            fakes.clear();
            fakes.behave(Behaviour::answer(HOOK, status).header("location", &fakes.hook_url()));
            let started = refused(kind, &fakes.hook_url()).await?;
            assert_eq!(class(&started), expected, "{kind:?} {status}: {started:?}");
            let cause = started.cause().context("a cause")?;
            assert_eq!(cause.http_status, Some(status), "{kind:?}: {cause}");
            assert_eq!(fakes.received().len(), 1, "{kind:?} {status}: one request, no redirect, no retry of its own");
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_is_not_known_or_not_let_in_hears_what_to_change() -> Result<()> {
    let fakes = Receivers::start().await?;
    for (kind, status, expected) in [
        (Kind::RunPod, 401, "`api_key`"),
        (Kind::RunPod, 403, "`api_key`"),
        (Kind::RunPod, 402, "credit"),
        (Kind::RunPod, 404, "`endpoint`"),
        (Kind::JobQueue, 403, "sqs:SendMessage"),
        (Kind::JobQueue, 404, "`queue`"),
        (Kind::Function, 403, "lambda:InvokeFunction"),
        (Kind::Function, 404, "`lambda`"),
    ] {
        fakes.clear();
        fakes.behave(Behaviour::answer(HOOK, status));
        let started = refused(kind, &fakes.hook_url()).await?;
        let cause = started.cause().context("a cause")?;
        assert!(cause.text.contains(expected), "{kind:?} {status}: {cause}");
    }
    Ok(())
}

#[tokio::test]
async fn too_many_is_rate_limited_for_as_long_as_the_provider_says() -> Result<()> {
    let fakes = Receivers::start().await?;
    for kind in Kind::ALL {
        fakes.clear();
        fakes.behave(Behaviour::answer(HOOK, 429).header("retry-after", "30"));
        let started = refused(kind, &fakes.hook_url()).await?;
        let asked = Some(SignedDuration::from_secs(30));
        assert!(matches!(&started, Started::RateLimited { retry_after, .. } if *retry_after == asked), "{started:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_cut_after_the_request_is_ambiguous() -> Result<()> {
    let fakes = Receivers::start().await?;
    for kind in Kind::ALL {
        for cut in [Cut::Before, Cut::After] {
            fakes.clear();
            fakes.behave(Behaviour::cut(HOOK, cut));
            let started = refused(kind, &fakes.hook_url()).await?;
            assert_eq!(class(&started), "ambiguous", "{kind:?} {cut:?}: {started:?}");
            assert_eq!(fakes.received().len(), 1, "{kind:?} {cut:?}: one request");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_acceptance_that_nobody_can_read_is_ambiguous() -> Result<()> {
    for (kind, said) in [(Kind::RunPod, r#"{"id": "6de9"#), (Kind::JobQueue, r#"{"MessageId": "6de9"#)] {
        let started = refused(kind, &canned("200 OK", said.to_owned()).await?).await?;
        assert_eq!(class(&started), "ambiguous", "{kind:?}: {started:?}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_transient() -> Result<()> {
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    for kind in Kind::ALL {
        for base in [format!("http://{closed}"), "http://provider.invalid".to_owned()] {
            let started = refused(kind, &base).await?;
            assert_eq!(class(&started), "transient", "{kind:?} {base}: {started:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_echoed_is_not_repeated() -> Result<()> {
    for echo in [format!("bad key {API_KEY}, at all"), format!("nobody at {WEBHOOK}, at all")] {
        let started = refused(Kind::RunPod, &canned("400 Bad Request", echo).await?).await?;
        let cause = started.cause().context("a cause")?;
        assert!(cause.text.contains("[secret]") && cause.text.contains("at all"), "{cause}");
    }
    Ok(())
}

#[tokio::test]
async fn a_long_complaint_is_cut_at_a_character_and_keeps_what_to_do() -> Result<()> {
    for kind in Kind::ALL {
        let started = refused(kind, &canned("403 Forbidden", "ż🚨\n".repeat(4_000)).await?).await?;
        let cause = started.cause().context("a cause")?;
        assert!(cause.text.chars().count() <= 500 && !cause.text.contains('\n'), "{kind:?}: {cause}");
        assert!(cause.text.contains("api_key") || cause.text.contains("the role must permit"), "{kind:?}: {cause}");
    }
    Ok(())
}
