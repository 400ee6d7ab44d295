//! HTTP endpoints that checks call, and what is expected of their answers.

use domain::Severity;
use domain::check::{Metric, Missing, Threshold};
use jiff::SignedDuration;

use super::database::LONGEST_TIMEOUT;
use super::metric::{text, within};
use super::reader::Table;
use super::secret::{BY_CHECKS, secret};
use crate::environment::Environment;
use crate::reference::Address;
use crate::secrets::is_address;

/// What a check of an HTTP endpoint asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAsk {
    /// Where.
    pub url: Address,
    /// The status it must answer.
    pub status: u16,
    /// How soon.
    pub within: Option<SignedDuration>,
    /// What must occur in the first 64 KiB of its answer.
    pub body: Option<String>,
}

/// What can be measured of an endpoint, with its unit: the columns of its metrics.
pub(super) const QUANTITIES: [(&str, &str); 2] = [("latency", "Seconds"), ("status", "None")];
/// The column of the built-in metric: 1 when the endpoint does not answer as expected, else 0.
pub const FAILING: &str = "failing";
/// What is appended to a check's name for the built-in metric.
const FAILING_SUFFIX: &str = "Failing";
/// What an endpoint must answer where nothing is said.
const OK: u16 = 200;

/// The endpoint that a check calls.
pub(super) fn http(table: &Table<'_>, environment: &Environment) -> Option<HttpAsk> {
    let url = url(table, environment);
    let timeout = table.duration("timeout").map(|timeout| timeout.value);
    let Some(expect) = table.table("expect", &["status", "within", "body"]) else {
        return Some(HttpAsk { url: url?, status: OK, within: None, body: None });
    };
    let status = expect.number("status").unwrap_or(f64::from(OK));
    if status.fract() != 0.0 || !(100.0..600.0).contains(&status) {
        expect.note("expected a `status` from 100 to 599");
    }
    let soon = within(&expect, "within", timeout.unwrap_or(LONGEST_TIMEOUT).min(LONGEST_TIMEOUT));
    Some(HttpAsk { url: url?, status: status as u16, within: soon, body: text(&expect, "body") })
}

/// The address, or a reference to it. The text may hold a password, so it is not repeated.
fn url(table: &Table<'_>, environment: &Environment) -> Option<Address> {
    let text = table.text("http")?;
    if text.value.starts_with("ssm:") {
        return secret(table, &text, "database/status_url", BY_CHECKS).map(Address::Secret);
    }
    let authority = text.value.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    if authority.is_some_and(|authority| authority.contains('@')) {
        table.note_at(&text, "expected an address without user and password: keep it in SSM, or ask something public");
    } else if !is_address(text.value, environment) {
        let exception = if environment.is_local() { "" } else { " (plain http is for the environment `local` only)" };
        table.note_at(&text, format!("expected an address https://host/path or a reference `ssm:…`{exception}"));
    }
    Some(Address::Url(text.value.to_owned()))
}

/// The metric that every check of an endpoint has: `PublicApiFailing` of `public-api`.
pub(super) fn failing(check: &str, severity: Option<Severity>, lasting: Option<SignedDuration>) -> Metric {
    let camel = check.split('-').map(|word| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_uppercase() + rest
    });
    Metric {
        column: FAILING.to_owned(),
        name: camel.collect::<String>() + FAILING_SUFFIX,
        unit: Some("None".to_owned()),
        threshold: Some(Threshold::Above(0.0)),
        lasting,
        severity,
        presence: false,
        missing: Missing::Ignore,
        hours: None,
        summary: None,
        runbook: None,
    }
}
