//! Tells the fallback of deliveries whose receivers do not take them: as further rows of the same alert, so that its end
//! reaches whoever was told.

use std::time::Duration;

use domain::Timestamp;
use domain::delivery::FALL_BACK_AFTER;
use domain::policy::SELF_RECEIVER;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{Known, LOCK, ids, kinds, off};
use crate::Error;
use crate::statements::{Flush, Statement, say};

pub(super) static READ_OVERDUE: Statement = Statement {
    name: "reading deliveries whose fallback is due",
    // One that waits for its time, or for another row, has not been kept waiting by its receiver, nor has one that was held
    // until a moment ago. Of one that was never tried, `due_at` is the instant from which it could be; of one that waited
    // for others of its group, the end of that wait, unless it got worse and was tried before. A critical one of which
    // nobody hears, because its receiver was switched off meanwhile, need not name a fallback.
    sql: "select delivery.delivery_id
          from watchkeeper.deliveries as delivery
          left join watchkeeper.receiver_states as state using (receiver)
          where delivery.status in ('pending', 'sending')
            and (delivery.fallback <> '{}'
                 or (delivery.receiver = any($3) and delivery.urgency = 1 and not exists (
                     select from watchkeeper.deliveries as other
                     where other.alert_id = delivery.alert_id
                       and other.notice = delivery.notice
                       and other.receiver <> delivery.receiver
                       and (other.status = 'sent'
                            or (other.status in ('pending', 'sending') and other.receiver <> all($3))))))
            and delivery.fell_back_at is null
            and delivery.alert_id is not null
            and delivery.due_at is not null
            and (delivery.attempts > 0 or delivery.due_at <= $1)
            and (case when delivery.attempts = 0 then delivery.due_at
                      else coalesce(
                          delivery.released_at,
                          least(
                              greatest(
                                  delivery.created_at,
                                  (select group_until from watchkeeper.alerts where alert_id = delivery.alert_id)),
                              (select min(attempted_at) from watchkeeper.delivery_attempts as attempt
                               where attempt.delivery_id = delivery.delivery_id))) end <= $2
                 or state.unhealthy_since is not null
                 or (delivery.receiver = any($3) and delivery.urgency = 1))
          order by delivery.position
          limit $4",
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::INT8],
};
pub(super) static TELL_INSTEAD: Statement = Statement {
    name: "telling others instead",
    sql: include_str!("../sql/tell_instead.sql"),
    types: &[Type::UUID_ARRAY, Type::TIMESTAMPTZ, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::BOOL],
};

/// How many deliveries fall back in one transaction.
const AT_ONCE: i64 = 500;

/// Tells the fallback of deliveries that were not accepted in time by `now`, whose receiver is unhealthy, or that are
/// critical while their receiver is off; once for each. How many others are told.
///
/// # Errors
/// A statement's failure, or [`Error::Timeout`] after `patience`. The connection must then be dropped.
pub async fn fall_back(client: &Client, now: Timestamp, known: &[Known], patience: Duration) -> Result<usize, Error> {
    let since = now.saturating_sub(FALL_BACK_AFTER).unwrap_or(Timestamp::MIN);
    let off = off(known);
    let mut reading = Flush::new(patience);
    reading.add(READ_OVERDUE.run(client, &[&now, &since, &off, &AT_ONCE]));
    let [rows] = reading.answers(READ_OVERDUE.name).await?;
    let overdue = ids(&rows)?;
    if overdue.is_empty() {
        return Ok(0);
    }
    let mut flush = Flush::new(patience);
    flush.add(say(client, "begin isolation level read committed"));
    flush.add(LOCK.run(client, &[&overdue]));
    flush.add(tell_instead(client, &overdue, now, known, true));
    flush.add(say(client, "commit"));
    let [_, _, told, _] = flush.answers(TELL_INSTEAD.name).await?;
    Ok(told.len())
}

/// The same for given deliveries, in the caller's transaction, which holds their locks. `overdue` ones need not have been
/// given up.
pub(super) async fn tell_instead(
    client: &Client,
    deliveries: &[Uuid],
    now: Timestamp,
    known: &[Known],
    overdue: bool,
) -> Result<Vec<Row>, Error> {
    let (receivers, integrations) = kinds(known);
    let people = [SELF_RECEIVER];
    let people = people.as_slice();
    TELL_INSTEAD.run(client, &[&deliveries, &now, &receivers, &integrations, &people, &overdue]).await
}
