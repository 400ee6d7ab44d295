//! The one HTTP client: posts JSON and says which class an answer, or none, belongs to.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Cause, NotifyError};

/// A receiver that does not even pick up is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From the start of the connection to the last byte of the answer. Several receivers share one invocation.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read: enough for a provider's id or its complaint. Telegram repeats the message, with every
/// character that is not ASCII as six or twelve. Bytes.
const LONGEST_ANSWER: usize = 65_536;

/// The HTTP client of all receivers, made when the first of them is told something. Clones share it.
#[derive(Clone, Debug)]
pub struct Http {
    client: Arc<OnceLock<reqwest::Client>>,
    total_timeout: Duration,
}

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

/// What came back, whatever it says.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// Its status.
    pub(crate) status: u16,
    /// How long it asks us to wait.
    pub(crate) retry_after: Option<SignedDuration>,
    /// The beginning of its body.
    pub(crate) body: String,
    receiver: &'static str,
    secrets: Vec<&'a SecretString>,
}

impl Default for Http {
    fn default() -> Self {
        Self::with_timeout(TOTAL_TIMEOUT)
    }
}

impl Http {
    /// A client that waits this long for a whole answer.
    pub fn with_timeout(total_timeout: Duration) -> Self {
        Self { client: Arc::default(), total_timeout }
    }

    /// Sends a POST once; redirects are not followed.
    pub(crate) async fn post<'a>(&self, post: Post<'a>) -> Result<Answer<'a>, NotifyError> {
        let Post { receiver, url, .. } = post;
        let Ok(target) = reqwest::Url::parse(url.expose_secret()) else {
            return Err(NotifyError::Permanent(Cause::plain(format!(
                "the address of {receiver} is not a URL: expected https://host/path"
            ))));
        };
        let mut request = self.client()?.post(target).header(CONTENT_TYPE, "application/json").body(post.body);
        for (name, value) in post.headers {
            request = request.header(name, value);
        }
        let secrets: Vec<&SecretString> = post.secrets.iter().copied().chain([url]).collect();
        let mut answer = request.send().await.map_err(|err| no_answer(receiver, err, &secrets))?;
        let body = beginning(&mut answer).await;
        let retry_after = retry_after(answer.headers());
        Ok(Answer { status: answer.status().as_u16(), retry_after, body, receiver, secrets })
    }

    fn client(&self) -> Result<&reqwest::Client, NotifyError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(self.total_timeout).map_err(|err| {
            NotifyError::Transient(Cause::plain(format!("the HTTP client could not be made: {}", chain(&*err))))
        })?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Answer<'_> {
    /// Whether it is of the 200s: an acceptance, unless its body says otherwise.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Any answer of the 200s is an acceptance.
    pub(crate) fn accepted(self) -> Result<Self, NotifyError> {
        if self.is_success() { Ok(self) } else { Err(self.refused(self.status)) }
    }

    /// An answer that is no acceptance, of the class that a status has: its own, or the one that its body names.
    pub(crate) fn refused(&self, class: u16) -> NotifyError {
        let name =
            StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |status| status.to_string());
        let said = format!("{} answered {name}: {}", self.receiver, self.body);
        refusal(class, self.retry_after, Cause::quoting(Some(self.status), &said, &self.secrets))
    }
}

fn build(total_timeout: Duration) -> Result<reqwest::Client, Box<dyn std::error::Error>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(None)?)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(total_timeout)
        // A sandbox freezes between invocations and its connections die silently: a request written into a dead one
        // would count as ambiguous, and be repeated.
        .pool_max_idle_per_host(0)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .user_agent(concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Reads the beginning of an answer; what cannot be read is left out, since the status has come already.
async fn beginning(answer: &mut reqwest::Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_ANSWER {
        let Ok(Some(chunk)) = answer.chunk().await else { break };
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(LONGEST_ANSWER);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Without a connection nothing was sent; with one, the request may have arrived.
fn no_answer(receiver: &str, err: reqwest::Error, secrets: &[&SecretString]) -> NotifyError {
    let connected = !(err.is_connect() || err.is_builder());
    let timed_out = err.is_timeout();
    let err = err.without_url();
    let what = match (connected, timed_out) {
        (false, _) => "could not be reached",
        (true, true) => "did not answer in time",
        (true, false) => "closed the connection without an answer",
    };
    let cause = Cause::quoting(None, &format!("{receiver} {what}: {}", chain(&err)), secrets);
    if connected { NotifyError::Ambiguous(cause) } else { NotifyError::Transient(cause) }
}

/// An error and its sources, in one line.
fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    let mut text = err.to_string();
    let mut next = err.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
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

/// `Retry-After` in seconds or, as a date, measured from the `Date` of the same answer: our clock may disagree.
fn retry_after(headers: &HeaderMap) -> Option<SignedDuration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(SignedDuration::from_secs(seconds.into()));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let sent = rfc2822::DateTimeParser::new().parse_timestamp(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(until.duration_since(sent).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let date = ("date", "Wed, 21 Oct 2026 07:28:00 GMT");
        for (given, expected) in [
            (vec![("retry-after", "120")], Some(120)),
            (vec![("retry-after", "Wed, 21 Oct 2026 07:29:30 GMT"), date], Some(90)),
            (vec![("retry-after", "Wed, 21 Oct 2026 07:00:00 GMT"), date], Some(0)),
            (vec![("retry-after", "Wed, 21 Oct 2026 07:29:30 GMT")], None),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "soon"), date], None),
            (vec![], None),
        ] {
            assert_eq!(retry_after(&headers(&given)), expected.map(SignedDuration::from_secs), "{given:?}");
        }
    }

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
