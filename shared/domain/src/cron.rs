//! Cron expressions of five fields, on the clock of a time zone.
//!
//! What a wall clock skips in spring happens when it has skipped it; what it shows twice in autumn happens once where the
//! hour is fixed, and each time where every hour counts.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// When something happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Timetable {
    cron: Cron,
    timezone: TimeZone,
    written: String,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCron {
    /// It has seconds, years or a nickname.
    #[error(
        "`{0}` has not five fields: expected minute, hour, day of the month, month and day of the week, as in `0 2 * * sun`"
    )]
    Fields(String),
    /// A field cannot be read.
    #[error("`{cron}` cannot be read ({why}): expected five fields, as in `0 2 * * sun`")]
    Unreadable {
        /// What is written.
        cron: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Timetable {
    /// Reads an expression.
    ///
    /// # Errors
    /// When it is none of five fields.
    pub fn read(cron: &str, timezone: TimeZone) -> Result<Self, BadCron> {
        if cron.split_whitespace().count() != 5 {
            return Err(BadCron::Fields(cron.to_owned()));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let unreadable =
            |error: croner::errors::CronError| BadCron::Unreadable { cron: cron.to_owned(), why: error.to_string() };
        Ok(Self { cron: parser.parse(cron).map_err(unreadable)?, timezone, written: cron.to_owned() })
    }

    /// Whose clock it goes by.
    pub fn timezone(&self) -> &TimeZone {
        &self.timezone
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The last time at or before an instant.
    pub fn at_or_before(&self, at: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&at.to_zoned(self.timezone.clone()), true).ok()?;
        Some(found.timestamp())
    }

    /// The first time at or after an instant; `None` for a day that never comes, as the 31st of February.
    pub fn at_or_after(&self, at: Timestamp) -> Option<Timestamp> {
        // A search begins at a whole second and takes one that has begun for one that is still to come.
        self.first_at(second_of(at.saturating_add(PART_OF_A_SECOND).ok()?))
    }

    /// The first time after an instant.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        self.first_at(second_of(at).saturating_add(1))
    }

    fn first_at(&self, second: i64) -> Option<Timestamp> {
        let from = Timestamp::from_second(second).ok()?.to_zoned(self.timezone.clone());
        Some(self.cron.find_next_occurrence(&from, true).ok()?.timestamp())
    }
}

/// The longest time that is less than a second.
const PART_OF_A_SECOND: SignedDuration = SignedDuration::from_nanos(999_999_999);

/// The second that an instant lies in, since 1970.
fn second_of(at: Timestamp) -> i64 {
    at.as_nanosecond().div_euclid(1_000_000_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_neither_hides_a_time_nor_brings_one_back() {
        let at = |text: &str| text.parse::<Timestamp>().expect("an instant");
        let twice_a_day = Timetable::read("0 6,18 * * *", TimeZone::UTC).expect("five fields");
        assert_eq!(twice_a_day.after(at("2026-03-01T06:00:00Z")), Some(at("2026-03-01T18:00:00Z")));
        assert_eq!(twice_a_day.after(at("2026-03-01T06:00:00.5Z")), Some(at("2026-03-01T18:00:00Z")));
        assert_eq!(twice_a_day.after(at("2026-03-01T05:59:59.5Z")), Some(at("2026-03-01T06:00:00Z")));
        assert_eq!(twice_a_day.at_or_after(at("2026-03-01T06:00:00Z")), Some(at("2026-03-01T06:00:00Z")));
        assert_eq!(twice_a_day.at_or_after(at("2026-03-01T06:00:00.5Z")), Some(at("2026-03-01T18:00:00Z")));
        assert_eq!(twice_a_day.at_or_before(at("2026-03-01T06:00:00.5Z")), Some(at("2026-03-01T06:00:00Z")));
        assert_eq!(twice_a_day.at_or_before(at("2026-03-01T05:59:59.5Z")), Some(at("2026-02-28T18:00:00Z")));
    }
}
