//! Our own tables that a policy may empty: what tells their rows apart, and which of them are still needed.

use super::floor::{Floor, days};
use super::table::Table;

/// One of our own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnTable {
    /// Its name, in our schema.
    pub name: &'static str,
    /// The column that says when a row is from.
    pub time: &'static str,
    /// Its primary key.
    pub key: &'static [&'static str],
    /// How long rows are needed at least.
    pub floor: Floor,
    /// A condition of SQL: rows of which it does not hold are still needed, however old they are.
    pub done: &'static str,
}

/// Our schema.
pub const OWN_SCHEMA: &str = "watchkeeper";

/// A message waits in a queue for 14 days at most (`MessageRetentionPeriod` in template.yaml), and a day is left to whoever
/// puts it back.
const QUEUED: i64 = 15;

/// Those that grow with every signal, run or cycle. Alerts, deliveries and what people did stay; pings and suspects are
/// forgotten by whoever writes them.
///
/// Names of columns stand alone in the conditions: they hold in any statement about the table, whatever it calls it.
pub static OWN_TABLES: [OwnTable; 7] = [
    OwnTable {
        name: "signals",
        time: "received_at",
        key: &["signal_id"],
        floor: Floor {
            least: days(QUEUED),
            why: "a message may come again for 14 days, and is known by its signal; digests and replays read them",
        },
        // Decided; of no alert that fires, and not what bars a worker; in a digest, unless there are none.
        done: "decision is not null
          and (alert_id is null
               or alert_id not in (select alert_id from watchkeeper.alerts where status = 'firing'))
          and signal_id not in (select signal_id from watchkeeper.quarantines where released_at is null)
          and (decision <> 'suppressed' or digest_id is not null or received_at < now() - interval '90 days')",
    },
    OwnTable {
        name: "delivery_attempts",
        time: "attempted_at",
        key: &["attempt_id"],
        floor: Floor {
            least: days(QUEUED),
            why: "what was sent while the record was gone is looked for among them for 14 days",
        },
        // Of no delivery that is still to be made: whether it may be a repeat, and since when it is refused, is read here.
        done: "delivery_id not in (
              select delivery_id from watchkeeper.deliveries where status in ('pending', 'sending', 'held'))",
    },
    OwnTable {
        name: "ledger",
        time: "finished_at",
        key: &["run_id"],
        floor: Floor { least: days(7), why: "heartbeats look there for the runs of each function" },
        // The last run of each function that did its work, or did one of its tasks, is what a heartbeat counts from.
        done: "run_id not in (
              select distinct on (function, summary ->> 'task') run_id
              from watchkeeper.ledger
              where outcome <> 'failed'
              order by function, summary ->> 'task', finished_at desc)",
    },
    OwnTable {
        name: "heartbeat_slots",
        time: "slot_at",
        key: &["name", "slot_at"],
        floor: Floor { least: days(7), why: "they say which nominal times of the week were served" },
        done: "settled",
    },
    OwnTable {
        name: "heartbeat_transitions",
        time: "at",
        key: &["name", "at", "to_status"],
        floor: Floor { least: days(7), why: "they say what became of each heartbeat in the week" },
        done: "notice is null or told_at is not null",
    },
    OwnTable {
        name: "signal_outbox",
        time: "created_at",
        key: &["id"],
        floor: Floor { least: days(QUEUED), why: "a signal that is raised again is known by its id" },
        done: "sent_at is not null",
    },
    OwnTable {
        name: "forecast_runs",
        time: "run_timestamp",
        key: &["run_id"],
        floor: Floor { least: days(1), why: "runs are followed and announced" },
        // Over and announced, and nobody still told of its failure; the newest of each source that is complete is what people use, and says that the source lives.
        done:
            "(status = 'deleted' or (status in ('complete', 'failed') and announced_at is not null and not told_failed))
          and run_id not in (
              select distinct on (source) run_id
              from watchkeeper.forecast_runs
              where status = 'complete'
              order by source, run_timestamp desc)",
    },
];

/// One of our own tables by its name; `None` where no policy may empty it.
pub fn own_table(table: &Table) -> Option<&'static OwnTable> {
    let ours = table.schema.as_deref().is_none_or(|schema| schema == OWN_SCHEMA);
    OWN_TABLES.iter().find(|own| ours && own.name == table.name)
}

#[cfg(test)]
mod tests {
    use super::super::condition::check_condition;
    use super::*;

    #[test]
    fn tables_are_ours_with_our_schema_or_without_any() {
        let found = |text: &str| Table::read(text).ok().and_then(|table| own_table(&table)).map(|own| own.name);
        assert_eq!((found("ledger"), found("watchkeeper.ledger")), (Some("ledger"), Some("ledger")));
        assert_eq!((found("public.ledger"), found("leases"), found("alerts")), (None, None, None));
    }

    #[test]
    fn what_is_still_needed_is_said_in_conditions_that_any_policy_may_have() {
        for own in OWN_TABLES {
            assert_eq!(check_condition(own.done), Ok(()), "{}", own.name);
        }
    }
}
