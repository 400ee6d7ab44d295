//! Telling without a record: while the store is gone, by what this sandbox remembers of it.

use domain::Timestamp;
use domain::condition::{Condition, Lasting, Observed, source};
use jiff::SignedDuration;
use runtime::Fault;
use runtime::queue::Queue;
use store::check_states::{Record, Remembered};

use crate::conditions::failed;
use crate::record::{Outcome, STORE, decide, remember};

/// Why there is no record.
pub(crate) struct Missing<'f> {
    pub(crate) why: &'f Fault,
    /// Whether a watched database is gone as well and said so: most likely it is the same server, and one alert enough.
    pub(crate) said: bool,
}

/// Tells without a record: by what this sandbox remembers, or, where it remembers nothing, at the first bad reading. The
/// signals are dated by the evaluation (`at`), so that a repeated invocation sends the same ones.
///
/// # Errors
/// Nothing: what the queue did not take is said.
pub(crate) async fn off_record(
    queue: &Queue,
    remembered: &mut Option<Vec<Remembered>>,
    conditions: &mut Vec<Condition>,
    environment: &str,
    missing: &Missing<'_>,
    (now, at): (Timestamp, Timestamp),
) -> Outcome {
    if !missing.said {
        let summary = format!("Watchkeeper's own database is not to be had: {}", missing.why.message);
        conditions.push(failed(STORE, Observed::Beyond, summary));
    }
    if remembered.is_none() {
        for condition in conditions.iter_mut() {
            condition.lasting = Lasting::For(SignedDuration::ZERO);
        }
    }
    let known = remembered.clone().unwrap_or_default();
    // What was told is taken for heard: there is nobody to ask.
    let firing = known.iter().filter(|row| row.state.firing);
    let heard = firing.map(|row| ((row.fingerprint.clone(), source(&row.check)), None)).collect();
    let record = Record { remembered: known, heard };
    let changes = decide(&record, conditions, environment, (now, at));
    let bodies: Vec<&str> = changes.raised.iter().map(|signal| signal.body.as_str()).collect();
    let failed = queue.send(&bodies).await;
    let unsent: Vec<(String, String)> =
        failed.into_iter().filter_map(|(n, why)| Some((changes.raised.get(n)?.id.clone(), why))).collect();
    let raised = changes.raised.len() - unsent.len();
    let after = remember(record.remembered, &changes);
    let firing = after.iter().filter(|row| row.state.firing).count();
    // What was not sent must be sent by the next run: nothing is remembered of this one.
    if unsent.is_empty() {
        *remembered = Some(after);
    }
    Outcome { firing, raised, unsent, newer: None }
}
