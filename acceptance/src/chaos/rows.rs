//! What the record says in the end, as the verdict needs it.

use anyhow::Result;

use super::world::World;

/// An alert on record.
pub(super) struct Alert {
    pub(super) id: String,
    pub(super) fingerprint: String,
    pub(super) kind: String,
    pub(super) subject: String,
    pub(super) severity: String,
    pub(super) notified: String,
    pub(super) is_open: bool,
    /// It was over before the record knew of it: it stands for what some were told without the record, and for its end.
    pub(super) was_over: bool,
}

/// A delivery on record.
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) alert_id: String,
    pub(super) receiver: String,
    pub(super) key: String,
    pub(super) notice: String,
    pub(super) status: String,
    pub(super) folded: bool,
    /// Tries that were accepted, or of unknown outcome.
    pub(super) tries: usize,
}

/// Every alert, the oldest first.
pub(super) async fn alerts(world: &World) -> Result<Vec<Alert>> {
    let rows = world
        .rows(
            "select alert_id, fingerprint, kind, subject, severity, notified_severity, status = 'firing',
                    not exists (
                        select from watchkeeper.signals as signal
                        where signal_id = alert.alert_id and coalesce(reason, '') not in ('stale', 'duplicate'))
             from watchkeeper.alerts as alert order by opened_at",
        )
        .await?;
    let alert = |row: Vec<String>| -> Option<Alert> {
        let [id, fingerprint, kind, subject, severity, notified, is_open, was_over] = row.try_into().ok()?;
        let (is_open, was_over) = (is_open == "t", was_over == "t");
        Some(Alert { id, fingerprint, kind, subject, severity, notified, is_open, was_over })
    };
    Ok(rows.into_iter().filter_map(alert).collect())
}

/// Every delivery.
pub(super) async fn deliveries(world: &World) -> Result<Vec<Delivery>> {
    let rows = world
        .rows(
            "select delivery_id, alert_id, receiver, dedup_key, notice, status, receipt ->> 'folded_into' is not null,
                    (select count(*) from watchkeeper.delivery_attempts as attempt
                     where attempt.delivery_id = delivery.delivery_id and outcome in ('accepted', 'ambiguous'))
             from watchkeeper.deliveries as delivery",
        )
        .await?;
    let delivery = |row: Vec<String>| -> Option<Delivery> {
        let [id, alert_id, receiver, key, notice, status, folded, tries] = row.try_into().ok()?;
        let (folded, tries) = (folded == "t", tries.parse().ok()?);
        Some(Delivery { id, alert_id, receiver, key, notice, status, folded, tries })
    };
    Ok(rows.into_iter().filter_map(delivery).collect())
}
