//! Each answer, and each lack of one, has its class; and no error gives a secret away.

use anyhow::{Context, Result};
use domain::Notice;
use domain::delivery::Outcome;
use domain::policy::Integration;
use integrations::telegram::Telegram;
use integrations::{Http, Notifier, NotifyError, sns::Sns};
use jiff::SignedDuration;
use testkit::receivers::{Behaviour, Cut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::stage::{
    BOT_TOKEN, CHAT, HOOK_SECRET, PATIENCE, ROUTING_KEY, URL_TOKEN, fake_name, fakes, notification, notifier, sample,
    sns_config,
};

/// Tells one receiver of a kind, and gives the error.
async fn failure(kind: Integration, base: &str) -> Result<NotifyError> {
    let told = notifier(kind, base).notify(&notification(Notice::Firing), false).await;
    let error = told.err().with_context(|| format!("{kind:?} accepted"))?;
    for shown in [error.to_string(), format!("{error:?}")] {
        let password = BOT_TOKEN.rsplit(':').next().unwrap_or(BOT_TOKEN);
        for secret in [ROUTING_KEY, URL_TOKEN, HOOK_SECRET, password] {
            anyhow::ensure!(!shown.contains(secret), "{kind:?} gives away: {shown}");
        }
    }
    Ok(error)
}

#[tokio::test]
async fn each_status_has_its_class_for_every_kind() -> Result<()> {
    let fakes = fakes().await?;
    for kind in Integration::ALL {
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
    for kind in Integration::ALL {
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
    for kind in Integration::ALL {
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
    for kind in Integration::ALL.into_iter().filter(|kind| *kind != Integration::Sns) {
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
    for kind in Integration::ALL {
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
        (Integration::Webhook, format!("not signed with {HOOK_SECRET}, at all")),
        (Integration::Slack, format!("no_service at /slack/T0/B0/{URL_TOKEN}, at all")),
        (Integration::Telegram, format!("nothing at /telegram/bot{BOT_TOKEN}/sendMessage, at all")),
        (Integration::Telegram, format!("no bot {BOT_TOKEN}, at all")),
    ] {
        let base = canned("400 Bad Request", echo).await?;
        let error = failure(kind, &base).await?;
        assert!(error.to_string().contains("[secret]") && error.to_string().contains("at all"), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn telegram_says_in_its_body_how_long_to_wait() -> Result<()> {
    let said = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":35}}"#;
    let error = failure(Integration::Telegram, &canned("429 Too Many Requests", said.to_owned()).await?).await?;
    let retry_after = Some(SignedDuration::from_secs(35));
    assert_eq!(error.outcome(), Outcome::RateLimited { retry_after }, "{error}");
    Ok(())
}

#[tokio::test]
async fn telegram_s_own_words_reach_whoever_has_to_mend_it() -> Result<()> {
    let said = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100999}}"#;
    let error = failure(Integration::Telegram, &canned("400 Bad Request", said.to_owned()).await?).await?;
    assert_eq!(error.outcome(), Outcome::Permanent);
    assert!(error.to_string().contains("upgraded to a supergroup") && error.to_string().contains("-100999"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_polite_no_is_no_acceptance() -> Result<()> {
    for (kind, said, class) in [
        (Integration::Slack, r#"{"ok":false,"error":"not_authed"}"#, Outcome::Permanent),
        (Integration::Telegram, r#"{"ok":false,"error_code":403,"description":"Forbidden"}"#, Outcome::Permanent),
        (Integration::Telegram, r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#, Outcome::Transient),
    ] {
        let error = failure(kind, &canned("200 OK", said.to_owned()).await?).await?;
        assert_eq!(error.outcome(), class, "{kind:?} {said}: {error}");
        assert_eq!(error.cause().http_status, Some(200));
    }
    Ok(())
}

#[tokio::test]
async fn a_token_that_would_lead_elsewhere_is_refused_before_anything_is_sent() -> Result<()> {
    let fakes = fakes().await?;
    for token in ["", "123:abc/../../hook", "123:abc?x=", "123:abc def", "123:abc#"] {
        let telegram = Telegram::new(Http::default(), token.into(), CHAT.to_owned(), Some(fakes.url().into()));
        let error = telegram.notify(&notification(Notice::Firing), false).await.err().context("accepted")?;
        assert_eq!(error.outcome(), Outcome::Permanent, "{error}");
        assert!(error.to_string().contains("`token`") && (token.is_empty() || !error.to_string().contains(token)));
    }
    assert!(fakes.received().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_digest_never_becomes_an_incident() -> Result<()> {
    let fakes = fakes().await?;
    let told = notifier(Integration::Pagerduty, &fakes.url()).notify(&sample(Notice::Digest), false).await;
    let error = told.err().context("accepted")?;
    assert_eq!(error.outcome(), Outcome::Permanent, "{error}");
    assert!(fakes.received().is_empty() && error.to_string().contains("digest"), "{error}");
    Ok(())
}

#[tokio::test]
async fn what_sns_took_with_an_answer_that_nobody_can_read_may_have_been_published() -> Result<()> {
    let base = canned("200 OK", "<Publ".to_owned()).await?;
    let client = aws_sdk_sns::Client::from_conf(sns_config(&base, "000000000000"));
    let told = Sns::new(client, "arn:aws:sns:x:1:pages".to_owned()).notify(&notification(Notice::Firing), false).await;
    let error = told.err().context("accepted")?;
    assert_eq!(error.outcome(), Outcome::Ambiguous, "{error}");
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
