//! Calls an HTTP endpoint once and says whether it answers as expected. No answer is an answer, too: it fails.

mod address;
mod client;

use std::error::Error;
use std::time::{Duration, Instant};

use config::watch_file::{FAILING, HttpAsk};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use watched::{Cell, Failure, FailureKind, Rows};

pub(crate) use address::Reach;
use client::NotPublic;
pub(crate) use client::Web;

/// How much of an answer is read.
const LONGEST_BODY: usize = 64 * 1024;

/// What an endpoint answered.
pub(super) struct Answer {
    /// One row: whether it fails, how long it took, which status it had.
    pub(super) rows: Rows,
    /// Why it fails, for people.
    pub(super) note: Option<String>,
    /// There was no answer before the time was over.
    pub(super) timed_out: bool,
}

/// Calls an endpoint once.
///
/// # Errors
/// When its address is not one that may be called.
pub(super) async fn ask(web: &Web, ask: &HttpAsk, url: &SecretString, limit: Duration) -> Result<Answer, Failure> {
    let url = target(web, url)?;
    let started = Instant::now();
    let called = tokio::time::timeout(limit, call(web, url, ask)).await;
    let latency = started.elapsed();
    let (status, note, timed_out) = match called {
        Ok(Ok((status, found))) => (Some(status), complaint(ask, status, latency, found), false),
        Ok(Err(err)) => {
            if let Some(refused) = causes(&err).find_map(|cause| cause.downcast_ref::<NotPublic>()) {
                return Err(Failure::refused(format!("the endpoint was not called: {refused}")));
            }
            let timed_out = err.is_timeout();
            (None, Some(format!("no answer: {}", chain(&err.without_url()))), timed_out)
        }
        Err(_) => (None, Some(format!("no answer within {limit:.1?}")), true),
    };
    let columns = [FAILING, "latency", "status"].map(str::to_owned).to_vec();
    let row = vec![
        Cell::Number(if note.is_some() { 1.0 } else { 0.0 }),
        status.map_or(Cell::Null, |_| Cell::Number(latency.as_secs_f64())),
        status.map_or(Cell::Null, |status| Cell::Number(status.into())),
    ];
    Ok(Answer { rows: Rows { columns, rows: vec![row] }, note, timed_out })
}

/// The address to call, if it may be called. It may hold a secret, so it is not repeated.
fn target(web: &Web, url: &SecretString) -> Result<Url, Failure> {
    let refuse = |what: String| Failure::new(FailureKind::Secret, format!("the endpoint was not called: {what}"));
    let url = Url::parse(url.expose_secret())
        .map_err(|err| refuse(format!("its address is no URL ({err}), expected https://host/path")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("its address holds a user or a password, expected none".to_owned()));
    }
    // Names are looked up when connecting; addresses that are written out never are.
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse()
        && !web.reach.allows(address)
    {
        return Err(refuse(format!("{address} is not a public address")));
    }
    Ok(url)
}

/// The status of the answer, and whether the text that must occur in it does.
async fn call(web: &Web, url: Url, ask: &HttpAsk) -> Result<(u16, bool), reqwest::Error> {
    let mut answer = web.client.get(url).send().await?;
    let status = answer.status().as_u16();
    let Some(text) = ask.body.as_deref().filter(|_| status == ask.status) else { return Ok((status, true)) };
    let mut body = Vec::new();
    while body.len() < LONGEST_BODY {
        let Some(chunk) = answer.chunk().await? else { break };
        body.extend_from_slice(&chunk);
    }
    body.truncate(LONGEST_BODY);
    let found = body.windows(text.len()).any(|window| window == text.as_bytes());
    Ok((status, found))
}

/// What is wrong with an answer, if anything is.
fn complaint(ask: &HttpAsk, status: u16, latency: Duration, found: bool) -> Option<String> {
    if status != ask.status {
        return Some(format!("answered {status}, expected {}", ask.status));
    }
    if !found {
        let text = ask.body.as_deref().unwrap_or_default();
        return Some(format!("answered without `{}`", domain::notification::truncate(text, 100)));
    }
    let late = ask.within.filter(|within| latency > within.unsigned_abs())?;
    Some(format!("answered after {latency:.1?}, expected within {:.1?}", late.unsigned_abs()))
}

/// An error and its causes, in one line.
fn chain(err: &dyn Error) -> String {
    let mut text = err.to_string();
    let mut next = err.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn causes<'e>(err: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(err), |err| (*err).source())
}

#[cfg(test)]
mod tests;
