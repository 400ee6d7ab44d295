//! Open alerts about which something may be due without a signal, under their locks, for another decision.

use std::time::Duration;

use domain::decide::State;
use domain::policy::{Integration, Policy};
use domain::{Fingerprint, Timestamp};
use tokio_postgres::Client;

use super::sql;
use super::surroundings::Surroundings;
use crate::Error;
use crate::rows::{column, joined, source};
use crate::statements::{Flush, say};

/// The fingerprints of open alerts about which something may be due at `now`, the worst first.
///
/// # Errors
/// The statement's failure, or [`Error::Timeout`] after `patience`.
pub async fn list_due_again(
    client: &Client,
    policy: &Policy,
    now: Timestamp,
    patience: Duration,
) -> Result<Vec<Fingerprint>, Error> {
    let by_severity = policy.remind_every.iter().map(|(severity, every)| (Some(severity.as_str()), None, every));
    let by_name = policy.heartbeat_remind_every.iter().map(|(name, every)| (None, Some(name.as_str()), every));
    let mut reminders: (Vec<Option<&str>>, Vec<Option<&str>>, Vec<f64>) = Default::default();
    for (severity, heartbeat, every) in by_severity.chain(by_name) {
        reminders.0.push(severity);
        reminders.1.push(heartbeat);
        reminders.2.push(every.as_secs_f64());
    }
    let (severities, heartbeats, every) = reminders;
    let routes = policy.routes.iter().chain([&policy.default_route]);
    let escalations = routes.filter_map(|route| Some(route.escalate.as_ref()?.after.as_secs_f64()));
    let soonest = escalations.min_by(f64::total_cmp);
    let by_themselves = Integration::ALL.into_iter().filter(|integration| integration.escalates_by_itself());
    let by_themselves: Vec<&str> = by_themselves.map(Integration::as_str).collect();
    let mut flush = Flush::new(patience);
    flush.add(sql::LIST_DUE_AGAIN.run(client, &[&now, &severities, &every, &soonest, &by_themselves, &heartbeats]));
    let [rows] = flush.answers(sql::LIST_DUE_AGAIN.name).await?;
    rows.iter().map(|row| Ok(Fingerprint::from_stored(column(row, "fingerprint")?))).collect()
}

/// Locks these fingerprints and reads what is known of them. The transaction is open and holds the locks;
/// [`apply`](super::apply) or a dropped connection ends it.
///
/// # Errors
/// Any statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn load_open(
    client: &Client,
    fingerprints: &[Fingerprint],
    policy: &Policy,
    now: Timestamp,
    patience: Duration,
) -> Result<State, Error> {
    let mut locks: Vec<i64> = fingerprints.iter().map(Fingerprint::lock_key).collect();
    locks.sort_unstable();
    locks.dedup();
    let fingerprints: Vec<&str> = fingerprints.iter().map(Fingerprint::as_str).collect();
    let milliseconds = patience.as_millis().max(1).to_string();
    let surroundings = Surroundings::of(&[], &fingerprints, policy, Some(now));

    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(sql::BOUND.run(client, &[&milliseconds]));
    flush.add(sql::LOCK.run(client, &[&locks]));
    flush.add(sql::READ_SOURCES.run(client, &[&fingerprints]));
    flush.add(sql::READ_ALERTS.run(client, &[&fingerprints]));
    flush.add(sql::READ_DELIVERIES.run(client, &[&fingerprints]));
    surroundings.ask(client, &mut flush);
    let mut answers = flush.all("reading alerts that are due again").await?.into_iter().skip(3);
    let mut next = || answers.next().unwrap_or_default();
    let (sources, alerts, deliveries) = (next(), next(), next());
    let mut state = State {
        alerts: joined(&alerts, &deliveries)?,
        sources: sources.iter().map(source).collect::<Result<_, _>>()?,
        ..State::default()
    };
    surroundings.read(&mut answers, &mut state)?;
    Ok(state)
}
