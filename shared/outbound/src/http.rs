//! The one HTTP client: sends a request once, and says what came back or why nothing did.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, ETAG, HeaderMap, LAST_MODIFIED, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::cause::Cause;

/// Whoever does not even pick up is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// From the start of the connection to the last byte of the answer. Several calls share one invocation.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// So many idle connections to one server are kept where they are used again.
const MOST_KEPT: usize = 32;

/// The HTTP client of all who are called, made when the first of them is. Clones share it.
#[derive(Clone, Debug)]
pub struct Http {
    client: Arc<OnceLock<reqwest::Client>>,
    total_timeout: Duration,
    kept: usize,
}

/// A request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Whom error messages name: `PagerDuty`, `the webhook`.
    pub to: &'static str,
    /// What is done there.
    pub method: Method,
    /// Where; secret, as the URLs of webhooks carry their password.
    pub url: &'a SecretString,
    /// Headers beyond the usual ones.
    pub headers: Vec<(&'static str, SecretString)>,
    /// JSON, if any.
    pub body: Option<Vec<u8>>,
    /// What else must not show in errors.
    pub secrets: &'a [&'a SecretString],
    /// How much of the answer is read, in bytes; the rest is left.
    pub longest_answer: usize,
}

/// What came back, whatever it says.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// How long it asks us to wait.
    pub retry_after: Option<SignedDuration>,
    /// The beginning of its body.
    pub body: String,
    to: &'static str,
    secrets: Vec<&'a SecretString>,
}

/// What a file is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The answer's status.
    pub status: u16,
    /// The file's size in bytes.
    pub length: Option<u64>,
    /// When it was last written, by the server's clock.
    pub last_modified: Option<Timestamp>,
    /// Its entity tag.
    pub etag: Option<String>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The request could not be written, and never will be as it is.
    #[error("{0}")]
    Unsent(Cause),
    /// There was no connection: nothing was sent.
    #[error("{0}")]
    Unreachable(Cause),
    /// The request went out and no answer came back: it may or may not have been taken.
    #[error("{0}")]
    Lost(Cause),
}

impl Default for Http {
    fn default() -> Self {
        Self::with_timeout(TOTAL_TIMEOUT)
    }
}

impl Http {
    /// A client that waits this long for a whole answer.
    pub fn with_timeout(total_timeout: Duration) -> Self {
        Self { client: Arc::default(), total_timeout, kept: 0 }
    }

    /// A client for many requests to one server within one invocation: its connections are used again. Whoever makes it
    /// drops it at the end, before the sandbox freezes.
    pub fn keeping_connections() -> Self {
        Self { kept: MOST_KEPT, ..Self::default() }
    }

    /// Sends a request once; redirects are not followed.
    ///
    /// # Errors
    /// When no answer came back; an answer that says no is none.
    pub async fn send<'a>(&self, request: Request<'a>) -> Result<Answer<'a>, NoAnswer> {
        let Request { to, method, url, headers, body, secrets, longest_answer } = request;
        let Ok(target) = reqwest::Url::parse(url.expose_secret()) else {
            let text = format!("the address of {to} is not a URL: expected https://host/path");
            return Err(NoAnswer::Unsent(Cause::plain(text)));
        };
        let mut call = self.client()?.request(method, target);
        if let Some(body) = body {
            call = call.header(CONTENT_TYPE, "application/json").body(body);
        }
        for (name, value) in &headers {
            call = call.header(*name, value.expose_secret());
        }
        let secrets: Vec<&SecretString> = secrets.iter().copied().chain([url]).collect();
        let mut answer = call.send().await.map_err(|err| no_answer(to, err, &secrets))?;
        let body = beginning(&mut answer, longest_answer).await;
        let retry_after = retry_after(answer.headers());
        Ok(Answer { status: answer.status().as_u16(), retry_after, body, to, secrets })
    }

    /// Asks what a file is like, without its content; redirects are not followed.
    ///
    /// # Errors
    /// When no answer came back.
    pub async fn head(&self, to: &'static str, url: &SecretString) -> Result<Head, NoAnswer> {
        let Ok(target) = reqwest::Url::parse(url.expose_secret()) else {
            let text = format!("the address of {to} is not a URL: expected https://host/path");
            return Err(NoAnswer::Unsent(Cause::plain(text)));
        };
        let answer = self.client()?.head(target).send().await.map_err(|err| no_answer(to, err, &[url]))?;
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Head {
            status: answer.status().as_u16(),
            // A HEAD has no body, whose length would else be what the client says.
            length: text(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            last_modified: text(LAST_MODIFIED)
                .and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date.as_str()).ok()),
            etag: text(ETAG),
        })
    }

    fn client(&self) -> Result<&reqwest::Client, NoAnswer> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(self.total_timeout, self.kept).map_err(|err| {
            NoAnswer::Unreachable(Cause::plain(format!("the HTTP client could not be made: {}", chain(&*err))))
        })?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl Answer<'_> {
    /// Whether it is of the 200s: an acceptance, unless its body says otherwise.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What it says, for people.
    pub fn cause(&self) -> Cause {
        let name =
            StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |status| status.to_string());
        self.quoted(&format!("{} answered {name}: {}", self.to, self.body))
    }

    /// A text that may repeat what it says, for people: without the secrets that took part in the request.
    pub fn quoted(&self, text: &str) -> Cause {
        Cause::quoting(Some(self.status), text, &self.secrets)
    }
}

impl NoAnswer {
    /// What happened, without secrets.
    pub fn into_cause(self) -> Cause {
        match self {
            Self::Unsent(cause) | Self::Unreachable(cause) | Self::Lost(cause) => cause,
        }
    }
}

fn build(total_timeout: Duration, kept: usize) -> Result<reqwest::Client, Box<dyn std::error::Error>> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(None)?)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(total_timeout)
        // None, unless for one invocation: a sandbox freezes between two and its connections die silently; a request
        // written into a dead one would count as ambiguous, and be repeated.
        .pool_max_idle_per_host(kept)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .user_agent(concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(client)
}

/// Reads the beginning of an answer; what cannot be read is left out, since the status has come already.
async fn beginning(answer: &mut reqwest::Response, longest: usize) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < longest {
        let Ok(Some(chunk)) = answer.chunk().await else { break };
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(longest);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Without a connection nothing was sent; with one, the request may have arrived.
fn no_answer(to: &str, err: reqwest::Error, secrets: &[&SecretString]) -> NoAnswer {
    let (unsent, unreachable, timed_out) = (err.is_builder(), err.is_connect(), err.is_timeout());
    let err = err.without_url();
    let what = match (unsent, unreachable, timed_out) {
        (true, ..) => "cannot be asked with what is configured",
        (_, true, _) => "could not be reached",
        (.., true) => "did not answer in time",
        _ => "closed the connection without an answer",
    };
    let cause = Cause::quoting(None, &format!("{to} {what}: {}", chain(&err)), secrets);
    match (unsent, unreachable) {
        (true, _) => NoAnswer::Unsent(cause),
        (_, true) => NoAnswer::Unreachable(cause),
        _ => NoAnswer::Lost(cause),
    }
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
}
