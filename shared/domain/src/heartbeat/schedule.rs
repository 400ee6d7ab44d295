//! When a heartbeat's signals are expected: by a clock on a wall, or so long after the last one.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::cron::{BadCron, Timetable};
use crate::duration;

/// When signals are expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// So long after the last success.
    Every(SignedDuration),
    /// At nominal times, its slots.
    Cron(Box<Timetable>),
}

/// The shortest time between two signals: evaluations come once a minute.
pub const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// The longest time between two signals, and the longest grace.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// The expression cannot be read.
    #[error("{0}")]
    Cron(#[source] BadCron),
    /// It names a day that does not exist.
    #[error("`{0}` never comes: there is no such day in any month it names; expected one that does, as in `0 2 * * *`")]
    Never(String),
    /// The length of time is out of range.
    #[error("`{0}` is not from 1m to 366d")]
    Length(String),
}

impl Schedule {
    /// Reads a cron expression of five fields.
    ///
    /// # Errors
    /// When it cannot be read, or never comes.
    pub fn cron(text: &str, timezone: TimeZone) -> Result<Self, BadSchedule> {
        let timetable = Timetable::read(text, timezone).map_err(BadSchedule::Cron)?;
        // Eight years after a leap day lies another, whatever century ends meanwhile.
        match timetable.at_or_after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(Self::Cron(Box::new(timetable))),
            None => Err(BadSchedule::Never(text.to_owned())),
        }
    }

    /// A signal every so often.
    ///
    /// # Errors
    /// When that is less than a minute or more than a year.
    pub fn every(length: SignedDuration) -> Result<Self, BadSchedule> {
        if (SHORTEST..=LONGEST).contains(&length) {
            Ok(Self::Every(length))
        } else {
            Err(BadSchedule::Length(duration::display(length)))
        }
    }

    /// How long it usually is from one signal to the next, around an instant.
    pub fn period(&self, at: Timestamp) -> SignedDuration {
        match self {
            Self::Every(length) => *length,
            Self::Cron(timetable) => {
                let next = timetable.after(at);
                let then = next.and_then(|next| timetable.after(next));
                match (next, then) {
                    (Some(next), Some(then)) => then.duration_since(next),
                    _ => LONGEST,
                }
            }
        }
    }
}
