//! Recurring maintenance: windows that begin by a cron expression, on the clock of a time zone, and last a while.
//!
//! What a wall clock skips in spring begins when it has skipped it; what it shows twice in autumn begins once, the first
//! time. How long a window lasts is time that passes, whatever clocks are set to meanwhile.

use jiff::{SignedDuration, Timestamp};

use crate::cron::{BadCron, Timetable};
use crate::duration;
use crate::hours::{self, UnknownTimezone};

/// The shortest window: cron counts minutes.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// The longest window.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When windows begin, and how long each lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence {
    begins: Timetable,
    lasts: SignedDuration,
    /// As they were written.
    written: Written,
}

/// A recurrence as it is written and stored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// How long a window lasts, as in `2h30m`.
    pub duration: String,
    /// Whose clock it goes by, as in `America/New_York`.
    pub timezone: String,
}

/// What is wrong with a recurrence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecurrence {
    /// The cron expression cannot be read.
    #[error("cron: {0}")]
    Cron(#[source] BadCron),
    /// No window begins while the silence is in force.
    #[error("cron: no window of `{0}` lies between `from` and `until`: it would mute nothing")]
    Never(String),
    /// The length is no duration.
    #[error("duration: {0}")]
    Duration(#[source] duration::BadDuration),
    /// The length is too short or too long.
    #[error("duration: `{0}` is not from 1m to 7d")]
    Length(String),
    /// Nobody has heard of the time zone.
    #[error("timezone: {0}; expected a name of the IANA database, as in `America/New_York`")]
    Timezone(#[source] UnknownTimezone),
}

impl Recurrence {
    /// Reads a recurrence.
    ///
    /// # Errors
    /// The first thing that is wrong, after the field it is about.
    pub fn read(written: Written) -> Result<Self, BadRecurrence> {
        let Written { cron, duration, timezone } = &written;
        let lasts = duration::parse(duration).map_err(BadRecurrence::Duration)?;
        if !(SHORTEST..=LONGEST).contains(&lasts) {
            return Err(BadRecurrence::Length(duration.clone()));
        }
        let timezone = hours::timezone(timezone).map_err(BadRecurrence::Timezone)?;
        let begins = Timetable::read(cron, timezone).map_err(BadRecurrence::Cron)?;
        Ok(Self { begins, lasts, written })
    }

    /// As it was written.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// The end of the window that is open at an instant, if one is; of several, the one that ends last.
    pub fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let end = self.begins.at_or_before(at)?.saturating_add(self.lasts).ok()?;
        (at < end).then_some(end)
    }

    /// Makes sure that a window lies between two instants.
    ///
    /// # Errors
    /// [`BadRecurrence::Never`] otherwise; of a day that does not exist, as in `0 0 31 2 *`, always.
    pub fn expect_window(&self, from: Timestamp, until: Timestamp) -> Result<(), BadRecurrence> {
        let begins = self.begins.at_or_after(from).is_some_and(|next| next < until);
        if begins || self.open_until(from).is_some() {
            return Ok(());
        }
        Err(BadRecurrence::Never(self.written.cron.clone()))
    }
}
