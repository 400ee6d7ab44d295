//! `release`: a barred worker may act again. Who said so and why is on record before it takes effect: that is the release.

use runtime::Fault;
use serde_json::{Value, json};
use store::quarantines::{self, Barred};

use super::Desk;
use crate::payload::operation::Release;

pub(super) async fn run(desk: &mut Desk<'_>, asked: &Release) -> Result<(), Fault> {
    let worker_id = match (&asked.worker_id, asked.all) {
        (Some(worker), false) => Some(worker.as_str()),
        (None, true) => None,
        _ => {
            let why = "expected a worker's id, or `all` = true, and not both";
            return Err(Fault::bad_payload(format!("release.worker_id: {why}")));
        }
    };
    let environment = asked.environment.as_ref().map(|name| domain::environment::canonical(name.as_str()));
    let release = quarantines::Release {
        worker_id,
        environment: environment.as_deref(),
        by: asked.by.as_str(),
        reason: asked.reason.as_str(),
    };
    let released = quarantines::release(&desk.connection.client, &release, desk.now, desk.patience).await?;
    if let (Some(worker), []) = (worker_id, released.as_slice()) {
        let place = environment.map(|name| format!(" in {name}")).unwrap_or_default();
        return Err(Fault::bad_payload(format!("release.worker_id: `{worker}` is not quarantined{place}")));
    }
    desk.summary.did("workers_released", released.len());
    let released: Vec<Value> = released.iter().map(|barred| one(barred, desk)).collect();
    desk.answer("released", Value::Array(released));
    Ok(())
}

fn one(barred: &Barred, desk: &Desk<'_>) -> Value {
    let Barred { worker_id, environment, barred_at, reason, alert_id } = barred;
    json!({
        "worker_id": worker_id, "environment": environment, "barred_at": barred_at, "reason": reason,
        "alert_id": alert_id, "released_at": desk.now,
    })
}
