//! The story of a migration: check what is shipped, connect, apply what is due, answer.

use std::time::{Duration, Instant};

use anyhow::Context;
use config::{MigratorConfig, Parameters, SecretRef, WatchFile};
use lambda_runtime::LambdaEvent;
use runtime::{Deadline, Fault, Kind, Summary};
use secrecy::ExposeSecret;
use serde_json::Value;
use store::{Connection, migrations};

use crate::answer;
use crate::payload::{Call, Deployment, Event, RequestType, parse};

/// Time kept back to answer CloudFormation.
const TO_ANSWER: Duration = Duration::from_secs(5);

/// Handles one invocation. A deployment is always answered; once it is, the invocation has succeeded, for it is the
/// deployment that reports the failure.
///
/// # Errors
/// A fault of a call by hand, or of an answer that could not be delivered.
pub(crate) async fn handle(ssm: &aws_sdk_ssm::Client, event: LambdaEvent<Value>) -> Result<Value, Fault> {
    let deadline = Deadline::of(&event.context);
    match parse(event.payload)? {
        Event::Call(call) => {
            let summary = in_time(migrate(ssm, &call), &deadline).await?;
            serde_json::to_value(summary).map_err(|error| Fault::from(anyhow::Error::new(error)))
        }
        Event::Deployment(request) => {
            let outcome = deployed(ssm, &request, &deadline).await;
            if let Err(fault) = &outcome {
                tracing::error!(error.kind = fault.kind.as_str(), error = fault.message, "The deployment is refused");
            }
            answer::send(&request, &outcome, &deadline).await?;
            Ok(Value::Null)
        }
    }
}

async fn deployed(ssm: &aws_sdk_ssm::Client, request: &Deployment, deadline: &Deadline) -> Result<(), Fault> {
    match request.request_type {
        // The record outlives the stack, and a stack must be removable without its database.
        RequestType::Delete => Ok(()),
        RequestType::Unknown => Err(Fault::bad_payload("RequestType: expected Create, Update or Delete")),
        RequestType::Create | RequestType::Update => in_time(migrate(ssm, &Call::default()), deadline).await.map(drop),
    }
}

/// Checks the shipped watch file and applies the migrations that are due.
async fn migrate(ssm: &aws_sdk_ssm::Client, call: &Call) -> Result<Summary, Fault> {
    let started = Instant::now();
    let config = MigratorConfig::from_env().map_err(Fault::bad_config)?;
    WatchFile::load(&config.watch_file, &config.environment).map_err(Fault::bad_config)?;
    let mut parameters = Parameters::new(ssm.clone(), config.environment.clone(), MigratorConfig::BRANCHES);
    let secrets = parameters.refresh(started).await.secrets;
    let direct = secrets.get(&SecretRef::store_direct());
    let url = direct.or_else(|_| secrets.get(&SecretRef::store())).map_err(Fault::bad_config)?;
    let authority = secrets.get(&SecretRef::database_authority()).ok();

    let connection = Connection::open(&url, authority.as_ref().map(ExposeSecret::expose_secret)).await?;
    let migrated = migrations::migrate(&connection.client, call.target).await.context("migrating the schema")?;
    let (version, now) = migrations::version(&connection.client).await?;

    let mut summary = Summary::new("migrator", config.environment.as_str(), now, false);
    summary.looked_at("migrations", migrations::ALL.len());
    summary.did("migrations_applied", migrated.applied.len());
    for present in migrated.present {
        summary.skipped(format!("V{present:04}"), "already applied");
    }
    tracing::info!(schema.version = version, applied = ?migrated.applied, "The schema is at version {version}");
    Ok(summary.finished(started.elapsed()))
}

/// Ends work that would outlast the invocation while there is time to say so.
async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>, deadline: &Deadline) -> Result<T, Fault> {
    let patience = deadline.left().saturating_sub(TO_ANSWER);
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
        let seconds = patience.as_secs();
        Err(Fault::new(
            Kind::Unavailable,
            format!("the migrations did not finish within {seconds} s; what was under way is rolled back"),
        ))
    })
}
