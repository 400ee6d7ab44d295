//! Each answer, and each lack of one, has its class; and no error gives a secret away.

use anyhow::{Context, Result};
use domain::Notice;
use domain::delivery::Outcome;
use domain::policy::Integration;
use integrations::NotifyError;
use integrations::{Notifier, sns::Sns};
use jiff::SignedDuration;
use testkit::receivers::{Behaviour, Cut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::stage::{KINDS, PATIENCE, ROUTING_KEY, URL_TOKEN, fake_name, fakes, notification, notifier, sns_config};

/// Tells one receiver of a kind, and gives the error.
async fn failure(kind: Integration, base: &str) -> Result<NotifyError> {
    let told = notifier(kind, base).notify(&notification(Notice::Firing), false).await;
    let error = told.err().with_context(|| format!("{kind:?} accepted"))?;
    for shown in [error.to_string(), format!("{error:?}")] {
        anyhow::ensure!(!shown.contains(ROUTING_KEY) && !shown.contains(URL_TOKEN), "{kind:?} gives away: {shown}");
    }
    Ok(error)
}

#[tokio::test]
async fn each_status_has_its_class_for_every_kind() -> Result<()> {
    let fakes = fakes().await?;
    for kind in KINDS {
        for (status, class) in [
            (302, Outcome::Permanent),
            (400, Outcome::Permanent),
            (401, Outcome::Permanent),
            (403, Outcome::Permanent),
            (404, Outcome::Permanent),
            (408, Outcome::Transient),
            (410, Outcome::Permanent),
            (413, Outcome::Permanent),
            (422, Outcome::Permanent),
            (500, Outcome::Transient),
            (502, Outcome::Transient),
            (503, Outcome::Transient),
            (504, Outcome::Transient),
        ] {
            fakes.clear();
            fakes.behave(Behaviour::answer(fake_name(kind), status).header("location", &fakes.hook_url()));
            let error = failure(kind, &fakes.url()).await?;
            assert_eq!(error.outcome(), class, "{kind:?} {status}: {error}");
            assert_eq!(error.cause().http_status, Some(status), "{kind:?}: {error}");
            assert_eq!(fakes.received().len(), 1, "{kind:?} {status}: one request, no redirect, no retry of its own");
        }
    }
    Ok(())
}

#[tokio::test]
async fn too_many_is_rate_limited_for_as_long_as_the_receiver_says() -> Result<()> {
    let fakes = fakes().await?;
    for kind in KINDS {
        fakes.clear();
        fakes.behave(Behaviour::answer(fake_name(kind), 429).header("retry-after", "30"));
        let asked = match kind {
            // AWS does not say for how long.
            Integration::Sns => None,
            _ => Some(SignedDuration::from_secs(30)),
        };
        let error = failure(kind, &fakes.url()).await?;
        assert_eq!(error.outcome(), Outcome::RateLimited { retry_after: asked }, "{kind:?}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_connection_cut_after_the_request_is_ambiguous() -> Result<()> {
    let fakes = fakes().await?;
    for kind in KINDS {
        for cut in [Cut::Before, Cut::After] {
            fakes.clear();
            fakes.behave(Behaviour::cut(fake_name(kind), cut));
            let error = failure(kind, &fakes.url()).await?;
            assert_eq!(error.outcome(), Outcome::Ambiguous, "{kind:?} {cut:?}: {error}");
            assert_eq!(fakes.received().len(), 1, "{kind:?} {cut:?}: one request");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_ambiguous() -> Result<()> {
    let fakes = fakes().await?;
    // SNS waits ten seconds by itself; that a timeout of it is ambiguous follows from the match on its errors.
    for kind in [Integration::Pagerduty, Integration::Webhook] {
        fakes.clear();
        fakes.behave(Behaviour::late(fake_name(kind), PATIENCE * 4));
        let error = failure(kind, &fakes.url()).await?;
        assert_eq!(error.outcome(), Outcome::Ambiguous, "{kind:?}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_transient() -> Result<()> {
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    for kind in KINDS {
        let error = failure(kind, &format!("http://{closed}")).await?;
        assert_eq!(error.outcome(), Outcome::Transient, "{kind:?}: {error}");
        assert_eq!(error.cause().http_status, None);
        let error = failure(kind, "http://receiver.invalid").await?;
        assert_eq!(error.outcome(), Outcome::Transient, "{kind:?}, no such name: {error}");
    }
    Ok(())
}

/// A server that reads one request and answers it with the given status line and body.
async fn canned(status: &'static str, body: String) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        // Requests here are small, so their beginning is nearly all of them; what follows is of no interest.
        let _read = stream.read(&mut vec![0; 65_536]).await?;
        let length = body.len();
        stream
            .write_all(
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").as_bytes(),
            )
            .await
    });
    Ok(format!("http://{address}"))
}

#[tokio::test]
async fn a_secret_echoed_by_the_receiver_is_not_repeated() -> Result<()> {
    for (kind, echo) in [
        (Integration::Pagerduty, format!("bad key {ROUTING_KEY}, at all")),
        (Integration::Webhook, format!("nothing at /hook/{URL_TOKEN}, at all")),
    ] {
        let base = canned("400 Bad Request", echo).await?;
        let error = failure(kind, &base).await?;
        assert!(error.to_string().contains("[secret]") && error.to_string().contains("at all"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn the_codes_of_sns_decide_where_its_status_does_not() -> Result<()> {
    for (status, code, class) in [
        ("400 Bad Request", "Throttling", Outcome::RateLimited { retry_after: None }),
        ("400 Bad Request", "KMSThrottling", Outcome::RateLimited { retry_after: None }),
        ("403 Forbidden", "ExpiredToken", Outcome::Transient),
        ("403 Forbidden", "AuthorizationError", Outcome::Permanent),
        ("404 Not Found", "NotFound", Outcome::Permanent),
        ("400 Bad Request", "InvalidParameter", Outcome::Permanent),
        ("500 Internal Server Error", "InternalError", Outcome::Transient),
    ] {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>why</Message></Error></ErrorResponse>"
        );
        let base = canned(status, body).await?;
        let client = aws_sdk_sns::Client::from_conf(sns_config(&base, "000000000000"));
        let told =
            Sns::new(client, "arn:aws:sns:x:1:pages".to_owned()).notify(&notification(Notice::Firing), false).await;
        let error = told.err().context("accepted")?;
        assert_eq!(error.outcome(), class, "{code}: {error}");
        assert!(error.to_string().contains(&format!("{code}: why")), "{error}");
    }
    Ok(())
}
