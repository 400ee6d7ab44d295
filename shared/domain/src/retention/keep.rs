//! How long rows are kept: calendar years and months, and lengths of time, counted back in UTC.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, civil};

/// How long something is kept, as the watch file writes it: `2y`, `6mo`, `90d`, `30d12h`.
///
/// Years and months are steps of the calendar, as in Postgres's `now() - interval '6 months'`; days are 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keep {
    pub(super) months: i32,
    pub(super) length: SignedDuration,
}

/// What is wrong with the text of a [`Keep`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeep {
    /// It cannot be read.
    #[error(
        "`{0}` does not say how long: expected numbers with units y, mo, w, d, h, m or s, largest first, as in `2y`, `6mo`, \
         `90d`, `30d12h`"
    )]
    Unreadable(String),
    /// It is longer than anything is kept.
    #[error("`{0}` is too long: expected at most {MOST_YEARS}y")]
    TooLong(String),
}

/// There is no time so long ago.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{keep} before {now} is before the year 1: expected a `now` of our time")]
pub struct BeforeTime {
    /// How long.
    pub keep: Keep,
    /// Counted back from when.
    pub now: Timestamp,
}

/// Nothing is kept longer; what should stay for good has no policy.
const MOST_YEARS: i32 = 100;
const MONTHS_PER_YEAR: i32 = 12;
const DAY: i64 = 86_400;

/// Each unit with its months and its seconds, largest first.
const UNITS: [(&str, i64, i64); 7] =
    [("y", 12, 0), ("mo", 1, 0), ("w", 0, 7 * DAY), ("d", 0, DAY), ("h", 0, 3_600), ("m", 0, 60), ("s", 0, 1)];

impl Keep {
    /// So many days.
    pub const fn days(days: u16) -> Self {
        Self { months: 0, length: SignedDuration::from_hours(days as i64 * 24) }
    }

    /// Reads `30d12h`; units go from large to small and each stands at most once.
    ///
    /// # Errors
    /// With what was expected instead.
    pub fn read(text: &str) -> Result<Self, BadKeep> {
        let bad = || BadKeep::Unreadable(text.to_owned());
        let too_long = || BadKeep::TooLong(text.to_owned());
        let (mut months, mut seconds) = (0_i64, 0_i64);
        let mut units = UNITS.iter();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(bad());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0).ok_or_else(bad)?;
            let (count, after) = rest.split_at(digits);
            let word = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(word);
            let (_, in_months, in_seconds) = units.find(|(name, ..)| *name == unit).ok_or_else(bad)?;
            let count: i64 = count.parse().map_err(|_| too_long())?;
            let add = |sum: i64, one: i64| count.checked_mul(one).and_then(|part| sum.checked_add(part));
            months = add(months, *in_months).ok_or_else(too_long)?;
            seconds = add(seconds, *in_seconds).ok_or_else(too_long)?;
            rest = after;
        }
        // A month counts as a twelfth of 365 days.
        let total = months.checked_mul(365 * DAY / 12).and_then(|in_months| in_months.checked_add(seconds));
        let longest = i64::from(MOST_YEARS) * 365 * DAY;
        match (i32::try_from(months), total) {
            (Ok(months), Some(total)) if total <= longest => {
                Ok(Self { months, length: SignedDuration::from_secs(seconds) })
            }
            _ => Err(too_long()),
        }
    }

    /// What is older than this, at `now`, is kept no longer.
    ///
    /// # Errors
    /// When that is before the year 1.
    pub fn cutoff(&self, now: Timestamp) -> Result<Timestamp, BeforeTime> {
        let before = || BeforeTime { keep: *self, now };
        let months = Span::new().try_months(self.months).map_err(|_| before())?;
        let stepped = now.to_zoned(TimeZone::UTC).checked_sub(months).map_err(|_| before())?;
        let cutoff = stepped.timestamp().checked_sub(self.length).map_err(|_| before())?;
        let beginning = civil::date(1, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).map_err(|_| before())?;
        if cutoff < beginning.timestamp() { Err(before()) } else { Ok(cutoff) }
    }

    /// The shortest time that this can be: a year may have 365 days, a month 28.
    pub fn at_least(&self) -> SignedDuration {
        let (years, months) = (i64::from(self.months / MONTHS_PER_YEAR), i64::from(self.months % MONTHS_PER_YEAR));
        SignedDuration::from_secs((years * 365 + months * 28) * DAY).saturating_add(self.length)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut months, mut seconds) = (i64::from(self.months), self.length.as_secs());
        if months == 0 && seconds == 0 {
            return f.write_str("0s");
        }
        // People count in days.
        for (unit, in_months, in_seconds) in UNITS.into_iter().filter(|(unit, ..)| *unit != "w") {
            let left = if in_months > 0 { &mut months } else { &mut seconds };
            let count = *left / in_months.max(in_seconds);
            *left %= in_months.max(in_seconds);
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}
