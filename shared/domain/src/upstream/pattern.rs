//! Patterns of object keys: `gfs.{yyyymmdd}/{hh}/atmos/gfs.t{hh}z.pgrb2.0p25.f{000..120..1}`.
//!
//! `{yyyymmdd} {yyyy} {mm} {dd} {jjj} {hh} {min}` are the cycle's nominal time in UTC (`jjj` is the day of the year),
//! `{000..384..3}` is each number of a range as wide as its first one is written, `*` is anything, and
//! `{time:%Y%j%H%M%S}` is when an observation was made, as its key says.

mod expand;
mod parse;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

pub use expand::{Piece, Wanted};

/// A pattern names at most so many keys. A GFS cycle has 209 files, the largest ensembles some thousands.
pub const MOST_KEYS: usize = 20_000;
/// The longest key of an S3 object, in bytes (S3 user guide, "Naming Amazon S3 objects").
pub const LONGEST_KEY: usize = 1_024;

/// A pattern of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    parts: Vec<Part>,
    written: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The nominal time, by a format of `strftime`.
    Nominal(&'static str),
    Range {
        from: u32,
        to: u32,
        step: u32,
        width: usize,
    },
    Any,
    /// The time of an observation, by a format of `strptime`.
    Time(String),
}

/// What is wrong with a pattern; positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// There is none.
    #[error("a key pattern is empty: expected one, as in `gfs.{{yyyymmdd}}/{{hh}}/f{{000..384..3}}`")]
    Empty,
    /// A `{` is not closed, or a `}` not opened.
    #[error("`{pattern}` has a `{brace}` at character {position} without its other half: expected `{{placeholder}}`")]
    Brace {
        /// The pattern.
        pattern: String,
        /// Which.
        brace: char,
        /// Where.
        position: usize,
    },
    /// A placeholder that nobody knows.
    #[error(
        "`{pattern}` has `{{{found}}}` at character {position}: expected yyyymmdd, yyyy, mm, dd, jjj, hh, min, a range such as 000..384..3, or time:FORMAT"
    )]
    Unknown {
        /// The pattern.
        pattern: String,
        /// Where.
        position: usize,
        /// What is there.
        found: String,
    },
    /// A range that is none.
    #[error("`{pattern}` has the range `{{{found}}}` at character {position}: {why}")]
    Range {
        /// The pattern.
        pattern: String,
        /// Where.
        position: usize,
        /// What is there.
        found: String,
        /// What was expected of it.
        why: String,
    },
    /// A time that cannot be read from a key.
    #[error(
        "`{pattern}` has `{{time:{found}}}` at character {position}: expected a format of fixed width that gives a day and a time, of %Y %m %d %j %H %M %S, as in %Y%m%d-%H%M%S"
    )]
    Time {
        /// The pattern.
        pattern: String,
        /// Where.
        position: usize,
        /// What is there.
        found: String,
    },
    /// More than one time.
    #[error("`{pattern}` has a second `{{time:…}}` at character {position}: expected one")]
    Times {
        /// The pattern.
        pattern: String,
        /// Where.
        position: usize,
    },
    /// It names too much.
    #[error("`{pattern}` names {found} keys: expected at most {most}")]
    TooMany {
        /// The pattern.
        pattern: String,
        /// How many.
        found: u64,
        /// How many there may be.
        most: usize,
    },
    /// No object has so long a key.
    #[error("a key pattern is {0} bytes long: expected at most {LONGEST_KEY}, as S3 allows")]
    TooLong(usize),
}

impl KeyPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, where, and what was expected.
    pub fn read(text: &str) -> Result<Self, BadPattern> {
        parse::read(text)
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether keys say when they were observed.
    pub fn says_when(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Time(_)))
    }

    /// Whether it names every key that it wants: there is no `*` in it and no `{time:…}`.
    pub fn names_every_key(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Any | Part::Time(_)))
    }

    /// What it says of a cycle's nominal time; what it says besides is the same for all.
    pub fn nominal_parts(&self, at: Timestamp) -> Vec<String> {
        let said = |part: &Part| match part {
            Part::Nominal(format) => Some(nominal(at, format)),
            Part::Text(_) | Part::Range { .. } | Part::Any | Part::Time(_) => None,
        };
        self.parts.iter().filter_map(said).collect()
    }

    /// What every key of a cycle begins with: what to list. A pattern of observations that is to be searched around the
    /// cycle's nominal time has one for each day, or hour, that the search touches.
    pub fn prefixes(&self, from: Timestamp, to: Timestamp) -> BTreeSet<String> {
        const HOUR: i64 = 3_600;
        // Directories change with the hour at most; a search is never longer than a source's `within`.
        let hours = (from.as_second().div_euclid(HOUR)..=to.as_second().div_euclid(HOUR)).take(MOST_KEYS);
        let instants = hours.filter_map(|hour| Timestamp::from_second(hour * HOUR).ok());
        std::iter::once(from).chain(instants.filter(|at| *at > from)).map(|at| self.prefix(at)).collect()
    }

    /// What every key of a cycle begins with.
    pub fn prefix(&self, at: Timestamp) -> String {
        let mut prefix = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => prefix.push_str(text),
                Part::Nominal(format) => prefix.push_str(&nominal(at, format)),
                Part::Range { .. } | Part::Any | Part::Time(_) => break,
            }
        }
        prefix
    }
}

fn nominal(at: Timestamp, format: &str) -> String {
    at.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// Reads a time of observation (UTC) that is written by a format of fixed width.
fn observed(text: &str, format: &str) -> Option<Timestamp> {
    let civil: DateTime = strtime::parse(format, text).ok()?.to_datetime().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// How wide a time is by a format.
fn width(format: &str) -> usize {
    nominal(Timestamp::UNIX_EPOCH, format).len()
}
