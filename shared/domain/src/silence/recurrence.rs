//! Recurring maintenance: windows that begin by a cron expression, on the clock of a time zone, and last a while.
//!
//! What a wall clock skips in spring begins when it has skipped it; what it shows twice in autumn begins once, the first
//! time. How long a window lasts is time that passes, whatever clocks are set to meanwhile.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::duration;
use crate::hours::{self, UnknownTimezone};

/// The shortest window: cron counts minutes.
const SHORTEST: SignedDuration = SignedDuration::from_mins(1);
/// The longest window.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When windows begin, and how long each lasts.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurrence {
    schedule: Cron,
    lasts: SignedDuration,
    timezone: TimeZone,
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
    /// It has seconds, years or a nickname.
    #[error(
        "cron: `{0}` has not five fields: expected minute, hour, day of the month, month and day of the week, as in `0 2 * * sun`"
    )]
    Fields(String),
    /// A field cannot be read.
    #[error("cron: `{cron}` cannot be read ({why}): expected five fields, as in `0 2 * * sun`")]
    Cron {
        /// What is written.
        cron: String,
        /// What is wrong with it.
        why: String,
    },
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
        if cron.split_whitespace().count() != 5 {
            return Err(BadRecurrence::Fields(cron.clone()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let schedule =
            parser.parse(cron).map_err(|error| BadRecurrence::Cron { cron: cron.clone(), why: error.to_string() })?;
        let lasts = duration::parse(duration).map_err(BadRecurrence::Duration)?;
        if !(SHORTEST..=LONGEST).contains(&lasts) {
            return Err(BadRecurrence::Length(duration.clone()));
        }
        let timezone = hours::timezone(timezone).map_err(BadRecurrence::Timezone)?;
        Ok(Self { schedule, lasts, timezone, written })
    }

    /// As it was written.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// The end of the window that is open at an instant, if one is; of several, the one that ends last.
    pub fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let began = self.schedule.find_previous_occurrence(&at.to_zoned(self.timezone.clone()), true).ok()?;
        let end = began.timestamp().saturating_add(self.lasts).ok()?;
        (at < end).then_some(end)
    }

    /// Makes sure that a window lies between two instants.
    ///
    /// # Errors
    /// [`BadRecurrence::Never`] otherwise; of a day that does not exist, as in `0 0 31 2 *`, always.
    pub fn expect_window(&self, from: Timestamp, until: Timestamp) -> Result<(), BadRecurrence> {
        let next = self.schedule.find_next_occurrence(&from.to_zoned(self.timezone.clone()), true);
        let begins = next.is_ok_and(|next| next.timestamp() < until);
        if begins || self.open_until(from).is_some() {
            return Ok(());
        }
        Err(BadRecurrence::Never(self.written.cron.clone()))
    }
}
