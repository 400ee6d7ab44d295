//! Decides again, without a signal, about open alerts whose mute is over, who wait to be acknowledged, or who were taken on
//! for a time that has passed.

use domain::Timestamp;
use domain::decide::{Plan, State, decide_again};
use runtime::Deadline;
use store::{Class, Connection, Error, batch};

use crate::app::patience;
use crate::record::Rules;

/// How many alerts one transaction decides about: their locks keep signals about them waiting.
const AT_ONCE: usize = 200;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Again {
    /// Alerts that were looked at.
    pub(crate) looked_at: usize,
    /// Deliveries that were decided.
    pub(crate) deliveries: usize,
    /// Time ran out with more to do.
    pub(crate) more: bool,
}

/// Decides again about everything that may be due at `now`.
///
/// # Errors
/// The store's. The connection must then be dropped: it may hold an open transaction.
pub(crate) async fn decide_what_is_due(
    connection: &Connection,
    rules: &Rules<'_>,
    now: Timestamp,
    deadline: &Deadline,
) -> Result<Again, Error> {
    let client = &connection.client;
    let due = batch::list_due_again(client, rules.policy, now, patience(deadline)).await?;
    let mut again = Again::default();
    for some in due.chunks(AT_ONCE) {
        if deadline.for_work().is_zero() {
            again.more = true;
            break;
        }
        let state = batch::load_open(client, some, rules.policy, now, patience(deadline)).await?;
        let state = State { switched_off: rules.switched_off.clone(), ..state };
        let plan = decide_again(state, rules.policy, now);
        again.looked_at += some.len();
        if plan == Plan::default() {
            batch::give_up(client, patience(deadline)).await?;
            continue;
        }
        match batch::apply(client, &[], &plan, patience(deadline)).await {
            Ok(()) => again.deliveries += plan.deliveries.len(),
            // The next tick finds them as they are by then.
            Err(error) if error.class() == Class::Outdated => batch::give_up(client, patience(deadline)).await?,
            Err(error) => return Err(error),
        }
    }
    Ok(again)
}
