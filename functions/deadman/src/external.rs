//! Says, after a complete evaluation, that there was one: to CloudWatch, whose alarm misses it, and to something outside
//! of AWS, if the watch file names it.

use std::time::Duration;

use config::{Current, DeadmanConfig};
use domain::Timestamp;
use runtime::{Deadline, Summary};
use secrecy::ExposeSecret;

use crate::app::App;

/// The longest that a call may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Says it, each in its own way, whatever becomes of the other.
pub(crate) async fn complete(
    app: &App,
    parameters: &Current,
    now: Timestamp,
    deadline: &Deadline,
    summary: &mut Summary,
) {
    if let Err(why) = metrics::heartbeat(&app.cloudwatch, &app.watch_file, DeadmanConfig::HEARTBEAT, now).await {
        summary.failed("heartbeat", why);
    }
    match ping(app, parameters, deadline).await {
        None => {}
        Some(Ok(())) => summary.did("pinged", 1),
        Some(Err(why)) => summary.failed("external_ping", why),
    }
}

/// Calls the address, if there is one: a GET, as Healthchecks takes it. The address is a secret, and in no error.
/// <https://healthchecks.io/docs/http_api/>
async fn ping(app: &App, parameters: &Current, deadline: &Deadline) -> Option<Result<(), String>> {
    let address = app.watch_file.external_ping.as_ref()?;
    let url = match parameters.secrets.address(address) {
        Ok(url) => url,
        Err(error) => return Some(Err(error.to_string())),
    };
    Some(call(url.expose_secret(), deadline.for_work().min(LIMIT)).await)
}

async fn call(url: &str, limit: Duration) -> Result<(), String> {
    let tls = tls::client_config(None).map_err(|error| error.to_string())?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .user_agent(concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.without_url().to_string())?;
    let answer = client.get(url).send().await.map_err(|error| format!("no answer: {}", error.without_url()))?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
}
