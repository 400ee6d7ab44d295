//! Tells the topic `self` of our own functions' heartbeats, after the commit that found them missing. What could not be
//! told, or not be marked, is told by the next evaluation.

use std::time::Duration;

use aws_sdk_sns::error::DisplayErrorContext;
use domain::heartbeat::Status;
use domain::notification::truncate;
use runtime::opening::Store;
use runtime::{Deadline, Fault, Summary};
use store::heartbeats::{Notice, list_untold, mark_told};

use crate::app::{App, patience};

/// As many as one evaluation tells.
const MOST: i64 = 50;
/// The longest that telling one may take.
const ONE: Duration = Duration::from_secs(5);
/// SNS takes at most so many characters of a subject, all of them ASCII.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const LONGEST_SUBJECT: usize = 100;

/// Tells what is untold; whether all of it was told and marked.
pub(crate) async fn tell(app: &App, store: &Store, deadline: &Deadline, summary: &mut Summary) -> bool {
    let untold = match within(deadline, list_untold(&store.connection.client, MOST)).await {
        Ok(untold) => untold,
        Err(why) => {
            summary.failed("self", why);
            return false;
        }
    };
    let all = untold.len();
    let mut told = Vec::with_capacity(all);
    for notice in untold {
        match publish(app, &notice).await {
            Ok(()) => told.push(notice),
            Err(why) => summary.failed(format!("self: {}", notice.name), why),
        }
    }
    if told.is_empty() {
        return all == 0;
    }
    summary.did("told", told.len());
    let marked = within(deadline, mark_told(&store.connection.client, &told, store.now)).await;
    let complete = marked.is_ok() && told.len() == all;
    if let Err(why) = marked {
        summary.failed("self", format!("what was told could not be marked, and is told again: {why}"));
    }
    complete
}

async fn within<T>(deadline: &Deadline, work: impl Future<Output = Result<T, store::Error>>) -> Result<T, String> {
    match tokio::time::timeout(patience(deadline), work).await {
        Ok(done) => done.map_err(|error| Fault::from(error).message),
        Err(_) => Err("Postgres did not answer in time".to_owned()),
    }
}

async fn publish(app: &App, notice: &Notice) -> Result<(), String> {
    let environment = &app.watch_file.environment;
    let verdict = match notice.to {
        Status::Down => "is missing",
        Status::Paused => "is paused",
        Status::New | Status::Up | Status::Late => "is back",
    };
    let subject = truncate(&format!("[{environment}] Watchkeeper: {} {verdict}", notice.name), LONGEST_SUBJECT);
    let message = format!(
        "{}\n\nThis is the ledger of one of Watchkeeper's own functions in {environment}, since {}. docs/RUNBOOKS.md says what to do.",
        notice.text, notice.at
    );
    let call = app.sns.publish().topic_arn(&app.config.self_topic_arn).subject(subject).message(message).send();
    match tokio::time::timeout(ONE, call).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(DisplayErrorContext(&error).to_string()),
        Err(_) => Err(format!("SNS did not answer within {} s", ONE.as_secs())),
    }
}
