//! What a payload asks of data-poller, with its numbers checked.

use jiff::{SignedDuration, Timestamp};

use super::Source;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Only this source.
    pub source: Option<String>,
    /// Runs that failed for a known reason, too.
    pub force_retry: bool,
    /// How many hours back; none for a poll that nobody asked for.
    backfill_hours: Option<i64>,
    /// At most so many triggers.
    limit: Option<usize>,
}

/// The window of `force_retry` that names none, in hours.
pub const FORCED_HOURS: i64 = 24;
/// The longest window, in hours: a leap year.
pub const MOST_HOURS: i64 = 366 * 24;
/// The highest `limit`.
pub const MOST_LIMIT: i64 = 10_000;

/// What is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// No such window.
    #[error("`backfill_hours` is {0}: expected a whole number of hours from 1 to {MOST_HOURS}, as in 48")]
    Hours(i64),
    /// No such limit.
    #[error("`limit` is {0}: expected from 0 to {MOST_LIMIT}; 0 is no limit but time and each source's `concurrency`")]
    Limit(i64),
    /// No such source.
    #[error("`source` is `{found}`: expected one of the watch file's sources: {known}")]
    Source {
        /// What is asked for.
        found: String,
        /// What there is.
        known: String,
    },
}

impl Request {
    /// Checks what a payload says.
    ///
    /// # Errors
    /// The first field that cannot be meant, and what was expected.
    pub fn read(
        source: Option<String>,
        force_retry: bool,
        backfill_hours: Option<i64>,
        limit: Option<i64>,
        sources: &[Source],
    ) -> Result<Self, BadRequest> {
        if let Some(hours) = backfill_hours.filter(|hours| !(1..=MOST_HOURS).contains(hours)) {
            return Err(BadRequest::Hours(hours));
        }
        if let Some(limit) = limit.filter(|limit| !(0..=MOST_LIMIT).contains(limit)) {
            return Err(BadRequest::Limit(limit));
        }
        if let Some(found) = source.as_ref().filter(|name| sources.iter().all(|source| source.name != **name)) {
            let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            let known = if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
            return Err(BadRequest::Source { found: found.clone(), known });
        }
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
        Ok(Self { source, force_retry, backfill_hours, limit })
    }

    /// A poll that nobody asked for.
    pub fn poll() -> Self {
        Self { source: None, force_retry: false, backfill_hours: None, limit: None }
    }

    /// Whether a person wants cycles made up for.
    pub fn is_backfill(&self) -> bool {
        self.force_retry || self.backfill_hours.is_some()
    }

    /// Whether it is about a source.
    pub fn is_about(&self, source: &Source) -> bool {
        self.source.as_ref().is_none_or(|name| *name == source.name)
    }

    /// At most so many triggers; none where time and concurrency are all that limits them.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// The oldest nominal time that it is about.
    pub fn from(&self, source: &Source, now: Timestamp) -> Timestamp {
        let back = match self.backfill_hours {
            Some(hours) => SignedDuration::from_hours(hours),
            None if self.force_retry => SignedDuration::from_hours(FORCED_HOURS),
            None => source.look_back,
        };
        now.saturating_sub(back).unwrap_or(Timestamp::MIN)
    }
}
