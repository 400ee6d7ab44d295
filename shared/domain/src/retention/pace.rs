//! How fast rows may be deleted: between two transactions, others come first.

use jiff::SignedDuration;

use crate::duration;

/// How a database fares, as its own views say; `None` where they say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// How far the furthest replica lags (`pg_stat_replication.replay_lag`).
    pub replication_lag: Option<SignedDuration>,
    /// How many sessions wait for a lock of ours (`pg_blocking_pids`).
    pub waiting_for_us: u32,
    /// How old the oldest transaction of others is: until it ends, nothing that was deleted is cleaned up.
    pub oldest_transaction: Option<SignedDuration>,
}

/// How much of it is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most that a replica may lag.
    pub replication_lag: SignedDuration,
    /// The most sessions that may wait for us.
    pub waiting_for_us: u32,
    /// The oldest that others' transactions may be.
    pub oldest_transaction: SignedDuration,
    /// How long to wait in a row before it is left to a later run.
    pub patience: SignedDuration,
}

/// What to do before the next transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Go on.
    Go,
    /// Look again after this long.
    Wait {
        /// How long.
        for_: SignedDuration,
        /// What is too much.
        why: String,
    },
    /// Leave the rest to a later run.
    Stop {
        /// What was too much, for how long.
        why: String,
    },
}

/// The first wait, and the longest between two looks.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(1);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(15);

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Readers of a replica see the pipeline a minute late at most; the checks' own limits are above it.
            replication_lag: SignedDuration::from_secs(30),
            waiting_for_us: 0,
            // A nightly dump takes longer and is let be; what is older has been forgotten, or is a report that minds the bloat.
            oldest_transaction: SignedDuration::from_mins(30),
            patience: SignedDuration::from_mins(2),
        }
    }
}

/// What to do before the next transaction, having waited for `waited` in a row. Waits double until the patience is at its end.
pub fn pace(pressure: &Pressure, limits: &Limits, waited: SignedDuration) -> Pace {
    let Some(why) = too_much(pressure, limits) else { return Pace::Go };
    let left = limits.patience.saturating_sub(waited);
    if !left.is_positive() {
        return Pace::Stop { why: format!("{why}, for {}", duration::display(waited)) };
    }
    Pace::Wait { for_: waited.clamp(FIRST_WAIT, LONGEST_WAIT).min(left), why }
}

fn too_much(pressure: &Pressure, limits: &Limits) -> Option<String> {
    let beyond = |found: Option<SignedDuration>, most| found.filter(|found| *found > most);
    let show = duration::display;
    if pressure.waiting_for_us > limits.waiting_for_us {
        return Some(format!("sessions wait for a lock of ours: {}", pressure.waiting_for_us));
    }
    if let Some(lag) = beyond(pressure.replication_lag, limits.replication_lag) {
        return Some(format!("a replica is {} behind, more than {}", show(lag), show(limits.replication_lag)));
    }
    let oldest = beyond(pressure.oldest_transaction, limits.oldest_transaction)?;
    let most = show(limits.oldest_transaction);
    Some(format!("another transaction has been open for {}, more than {most}", show(oldest)))
}
