//! How the record stands as a whole: what waits, who refuses, who is barred, and whether people acknowledge.

use domain::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::Error;
use crate::rows::column;
use crate::statements::Statement;

pub(crate) const STATEMENTS: &[&Statement] = &[&READ, &READ_ACKNOWLEDGEMENT];

static READ: Statement = Statement {
    name: "reading how the record stands",
    sql:
        "select (select count(*) from watchkeeper.deliveries where status = 'held')                  as held,
                 (select count(*) from watchkeeper.receiver_states where unhealthy_since is not null) as unhealthy,
                 (select count(*) from watchkeeper.quarantines
                  where released_at is null and environment = $1)                                     as barred,
                 (select count(*) from watchkeeper.alerts
                  where status = 'firing' and kind <> 'synthetic'
                    and (acknowledged_at is null or acknowledged_until <= $2))                        as unacknowledged",
    types: &[Type::TEXT, Type::TIMESTAMPTZ],
};
static READ_ACKNOWLEDGEMENT: Statement = Statement {
    name: "reading how many alerts were acknowledged",
    // What is over at once, nobody has the time to acknowledge.
    sql: "select count(*)                                            as opened,
                 count(*) filter (where acknowledged_at is not null) as acknowledged
          from watchkeeper.alerts
          where opened_at > $1 - interval '7 days'
            and severity in ('CRITICAL', 'HIGH')
            and notified_severity is not null
            and (acknowledged_at is not null or coalesce(resolved_at, $1) - opened_at >= interval '15 minutes')",
    types: &[Type::TIMESTAMPTZ],
};

/// Counts of what stands in the record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Deliveries that wait for business hours or a switch.
    pub held: usize,
    /// Receivers that refuse whatever they are told.
    pub unhealthy: usize,
    /// Workers that are barred in one environment.
    pub barred: usize,
    /// Open alerts that nobody looks after.
    pub unacknowledged: usize,
}

/// Of the CRITICAL and HIGH alerts of a week that somebody was told of and had time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// How many there were.
    pub opened: usize,
    /// How many of them were acknowledged.
    pub acknowledged: usize,
}

impl Acknowledgement {
    /// A share of fewer alerts says nothing.
    const FEWEST: usize = 5;

    /// The share of the acknowledged; `None` where there are too few alerts, or where nobody acknowledges here at all:
    /// what is acknowledged at the provider is not known.
    pub fn percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 alerts")]
        let percent = 100.0 * self.acknowledged as f64 / self.opened as f64;
        (self.acknowledged > 0 && self.opened >= Self::FEWEST).then_some(percent)
    }
}

/// How the record stands at `now`; barred are counted in `environment`.
///
/// # Errors
/// The statement's failure.
pub async fn read(client: &Client, environment: &str, now: Timestamp) -> Result<Vitals, Error> {
    let rows = READ.run(client, &[&environment, &now]).await?;
    let Some(row) = rows.first() else { return Ok(Vitals::default()) };
    Ok(Vitals {
        held: count(row, "held")?,
        unhealthy: count(row, "unhealthy")?,
        barred: count(row, "barred")?,
        unacknowledged: count(row, "unacknowledged")?,
    })
}

/// How many alerts of the week before `now` were acknowledged.
///
/// # Errors
/// The statement's failure.
pub async fn read_acknowledgement(client: &Client, now: Timestamp) -> Result<Acknowledgement, Error> {
    let rows = READ_ACKNOWLEDGEMENT.run(client, &[&now]).await?;
    let Some(row) = rows.first() else { return Ok(Acknowledgement { opened: 0, acknowledged: 0 }) };
    Ok(Acknowledgement { opened: count(row, "opened")?, acknowledged: count(row, "acknowledged")? })
}

fn count(row: &Row, name: &'static str) -> Result<usize, Error> {
    column::<i64>(row, name).map(|count| usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_where_people_acknowledge_and_there_is_enough_to_count() {
        for (acknowledged, opened, percent) in
            [(0, 0, None), (0, 50, None), (2, 4, None), (2, 5, Some(40.0)), (6, 6, Some(100.0))]
        {
            assert_eq!(Acknowledgement { opened, acknowledged }.percent(), percent, "{acknowledged} of {opened}");
        }
    }
}
