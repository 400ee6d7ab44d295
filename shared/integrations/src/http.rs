//! Posts JSON to receivers, and says which class an answer, or none, belongs to.

use std::time::Duration;

use jiff::SignedDuration;
use outbound::{Answer, Cause, Method, NoAnswer, Request};
use secrecy::SecretString;

use crate::error::NotifyError;

/// Enough of an answer for a provider's id or its complaint. Telegram repeats the message, with every character that is
/// not ASCII as six or twelve. Bytes.
const LONGEST_ANSWER: usize = 65_536;

/// The HTTP client of all receivers, made when the first of them is told something. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Http(outbound::Http);

/// A POST of JSON.
pub(crate) struct Post<'a> {
    /// Whom error messages name: `PagerDuty`, `the webhook`.
    pub(crate) receiver: &'static str,
    /// Where to; secret, as webhook URLs carry their password.
    pub(crate) url: &'a SecretString,
    /// Headers beyond the usual ones.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The JSON.
    pub(crate) body: Vec<u8>,
    /// What else must not show in errors.
    pub(crate) secrets: &'a [&'a SecretString],
}

/// What an answer means to whoever tells people.
pub(crate) trait Verdict: Sized {
    /// Any answer of the 200s is an acceptance.
    fn accepted(self) -> Result<Self, NotifyError>;

    /// An answer that is no acceptance, of the class that a status has: its own, or the one that its body names.
    fn refused(&self, class: u16) -> NotifyError;
}

impl Http {
    /// A client that waits this long for a whole answer.
    pub fn with_timeout(total_timeout: Duration) -> Self {
        Self(outbound::Http::with_timeout(total_timeout))
    }

    /// Sends a POST once; redirects are not followed.
    pub(crate) async fn post<'a>(&self, post: Post<'a>) -> Result<Answer<'a>, NotifyError> {
        let request = Request {
            to: post.receiver,
            method: Method::POST,
            url: post.url,
            headers: post.headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
            body: Some(post.body),
            secrets: post.secrets,
            longest_answer: LONGEST_ANSWER,
        };
        self.0.send(request).await.map_err(|none| match none {
            NoAnswer::Unsent(cause) => NotifyError::Permanent(cause),
            NoAnswer::Unreachable(cause) => NotifyError::Transient(cause),
            NoAnswer::Lost(cause) => NotifyError::Ambiguous(cause),
        })
    }
}

impl Verdict for Answer<'_> {
    fn accepted(self) -> Result<Self, NotifyError> {
        if self.is_success() { Ok(self) } else { Err(self.refused(self.status)) }
    }

    fn refused(&self, class: u16) -> NotifyError {
        refusal(class, self.retry_after, self.cause())
    }
}

/// The class of a status that is no acceptance.
fn refusal(status: u16, retry_after: Option<SignedDuration>, cause: Cause) -> NotifyError {
    match status {
        429 => NotifyError::RateLimited { cause, retry_after },
        // 408 and 425 say that the request was not dealt with and may be repeated (RFC 9110, RFC 8470).
        408 | 425 | 500.. => NotifyError::Transient(cause),
        _ => NotifyError::Permanent(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_class() {
        use domain::delivery::Outcome;
        for status in 300u16..600 {
            let expected = match status {
                429 => Outcome::RateLimited { retry_after: None },
                408 | 425 | 500..=599 => Outcome::Transient,
                _ => Outcome::Permanent,
            };
            let error = refusal(status, None, Cause::plain("no"));
            assert_eq!(error.outcome(), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_no_url_is_not_repeated_in_the_error() {
        let url = SecretString::from("hooks.example.com/s3cr3t");
        let post = Post { receiver: "the webhook", url: &url, headers: Vec::new(), body: Vec::new(), secrets: &[] };
        let error = Http::default().post(post).await.expect_err("no URL");
        assert!(matches!(error, NotifyError::Permanent(_)));
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}
