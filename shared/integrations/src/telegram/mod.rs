//! A Telegram chat, through a bot. <https://core.telegram.org/bots/api#sendmessage>

use async_trait::async_trait;
use domain::Notification;
use jiff::SignedDuration;
use outbound::Cause;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::NotifyError;
use crate::http::{Http, Post, Verdict};
use crate::message;
use crate::{Notifier, Receipt};

/// Where bots are spoken to, unless the watch file names a server of one's own.
pub const DEFAULT_URL: &str = "https://api.telegram.org";
/// "1-4096 characters after entities parsing"; Telegram counts in UTF-16 units.
const LONGEST_TEXT: usize = 4_096;

/// A chat that a bot may write to.
#[derive(Debug)]
pub struct Telegram {
    http: Http,
    url: Option<SecretString>,
    token: SecretString,
    chat: String,
}

impl Telegram {
    /// A receiver that writes to `chat` (an id such as `-1001234567890`, or `@channel`) as the bot of this token. `url` is
    /// the server's address without a path, if it is not [`DEFAULT_URL`].
    pub fn new(http: Http, token: SecretString, chat: String, url: Option<SecretString>) -> Self {
        Self { http, url, token, chat }
    }

    /// The address, of which the token is a part.
    fn address(&self) -> Result<SecretString, NotifyError> {
        let (token, server) =
            (self.token.expose_secret(), self.url.as_ref().map_or(DEFAULT_URL, |url| url.expose_secret()));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        // Anything else would make another address of it.
        if token.is_empty() || !token.chars().all(plain) {
            let expected = "the `token` of Telegram is none: expected what BotFather gave, as in 123456:ABC-DEF_gh";
            return Err(NotifyError::Permanent(Cause::plain(expected)));
        }
        Ok(format!("{}/bot{token}/sendMessage", server.trim_end_matches('/')).into())
    }

    fn body(&self, notification: &Notification, repeat: bool) -> Result<Vec<u8>, NotifyError> {
        let message = SendMessage {
            chat_id: &self.chat,
            text: message::cut_visible(&message::telegram(notification, repeat)?, LONGEST_TEXT),
            parse_mode: "HTML",
            disable_notification: notification.notice.is_quiet(),
            link_preview_options: LinkPreviewOptions { is_disabled: true },
        };
        serde_json::to_vec(&message).map_err(|err| {
            NotifyError::Permanent(Cause::plain(format!("the message could not be written as JSON: {err}")))
        })
    }
}

#[derive(Serialize)]
struct SendMessage<'a> {
    chat_id: &'a str,
    text: String,
    parse_mode: &'static str,
    /// It arrives without a sound.
    disable_notification: bool,
    link_preview_options: LinkPreviewOptions,
}

#[derive(Serialize)]
struct LinkPreviewOptions {
    is_disabled: bool,
}

/// <https://core.telegram.org/bots/api#making-requests>
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error_code: Option<u16>,
    result: Option<Message>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Message {
    message_id: i64,
}

#[derive(Deserialize)]
struct Parameters {
    /// Seconds.
    retry_after: Option<u32>,
}

#[async_trait]
impl Notifier for Telegram {
    /// Telegram merges nothing: a repeat is marked.
    async fn notify(&self, notification: &Notification, repeat: bool) -> Result<Receipt, NotifyError> {
        let (url, body) = (self.address()?, self.body(notification, repeat)?);
        // The part behind the colon is the password, and may be echoed by itself.
        let password = SecretString::from(self.token.expose_secret().rsplit(':').next().unwrap_or_default());
        let secrets = [&self.token, &password];
        let post = Post { receiver: "Telegram", url: &url, headers: Vec::new(), body, secrets: &secrets };
        let mut answer = self.http.post(post).await?;
        let said: Option<Answer> = serde_json::from_str(&answer.body).ok();
        if let Some(seconds) = said.as_ref().and_then(|said| said.parameters.as_ref()?.retry_after) {
            answer.retry_after = Some(SignedDuration::from_secs(seconds.into()));
        }
        if let Some(Answer { ok: false, error_code, .. }) = said
            && answer.is_success()
        {
            return Err(answer.refused(error_code.unwrap_or(400)));
        }
        let answer = answer.accepted()?;
        let id = said.and_then(|said| said.result).map(|message| message.message_id.to_string());
        Ok(Receipt { provider_id: id, http_status: Some(answer.status) })
    }
}
