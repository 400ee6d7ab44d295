//! Cycles that are made of observations of several instruments, as a nowcast of satellite and radar: ready when there is
//! one of each, close enough to each other.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::listing::Object;
use super::pattern::KeyPattern;
use crate::duration;

/// Observations that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Joint {
    /// The instruments; the first leads: the others are those nearest to it.
    pub parts: Vec<Instrument>,
    /// How far apart they may be.
    pub within: SignedDuration,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its name.
    pub name: String,
    /// Where its observations are published, in the order in which mirrors are asked.
    pub mirrors: Vec<String>,
    /// What its keys are like; they say when they were observed.
    pub pattern: KeyPattern,
    /// The least size of an observation.
    pub min_bytes: u64,
}

/// Whether a joint cycle is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// There is one of each.
    Ready {
        /// Their keys, in the order of the instruments.
        keys: Vec<String>,
        /// When the leading one was made: the run's `source_data_timestamp`.
        observed_at: Timestamp,
    },
    /// One is not there.
    Waiting {
        /// Whose observation is missing.
        instrument: String,
        /// How far the nearest one is from the leading one, where there are both.
        nearest: Option<SignedDuration>,
    },
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { keys, observed_at } => write!(f, "{} observations of {observed_at}", keys.len()),
            Self::Waiting { instrument, nearest: None } => write!(f, "{instrument} has no observation yet"),
            Self::Waiting { instrument, nearest: Some(apart) } => {
                write!(f, "the nearest observation of {instrument} is {} away", duration::display(*apart))
            }
        }
    }
}

impl Joint {
    /// From when to when observations of a cycle may be: the leading ones from its nominal time until the next, the others
    /// that much more on both sides.
    pub fn searched(&self, at: Timestamp, next: Timestamp) -> (Timestamp, Timestamp) {
        let from = at.saturating_sub(self.within).unwrap_or(at);
        (from, next.saturating_add(self.within).unwrap_or(next))
    }

    /// Whether the cycle of a nominal time is ready; `next` is the nominal time after it, `listings` what each instrument
    /// has, in their order.
    pub fn ready(&self, at: Timestamp, next: Timestamp, listings: &[Vec<Object>]) -> Readiness {
        let (from, to) = self.searched(at, next);
        let seen: Vec<Vec<(Timestamp, &str)>> = self
            .parts
            .iter()
            .enumerate()
            .map(|(place, part)| {
                let objects = listings.get(place).map_or(&[][..], Vec::as_slice);
                part.observations(from, to, objects)
            })
            .collect();
        let Some((leading, others)) = seen.split_first() else {
            return Readiness::Waiting { instrument: String::new(), nearest: None };
        };
        let mut short = None;
        for lead in leading.iter().filter(|(observed, _)| (at..next).contains(observed)) {
            match self.beside(*lead, others) {
                Ok(ready) => return ready,
                Err(waiting) => short = short.or(Some(waiting)),
            }
        }
        short.unwrap_or_else(|| Readiness::Waiting {
            instrument: self.parts.first().map(|part| part.name.clone()).unwrap_or_default(),
            nearest: None,
        })
    }

    fn beside(&self, lead: (Timestamp, &str), others: &[Vec<(Timestamp, &str)>]) -> Result<Readiness, Readiness> {
        let (observed_at, key) = lead;
        let mut keys = vec![key.to_owned()];
        for (part, observations) in self.parts.iter().skip(1).zip(others) {
            let apart = |at: Timestamp| at.duration_since(observed_at).abs();
            let nearest = observations.iter().min_by_key(|(at, _)| (apart(*at), *at));
            match nearest {
                Some((at, key)) if apart(*at) <= self.within => keys.push((*key).to_owned()),
                _ => {
                    let nearest = nearest.map(|(at, _)| apart(*at));
                    return Err(Readiness::Waiting { instrument: part.name.clone(), nearest });
                }
            }
        }
        Ok(Readiness::Ready { keys, observed_at })
    }
}

impl Instrument {
    /// Its observations between two instants, oldest first.
    fn observations<'o>(&self, from: Timestamp, to: Timestamp, objects: &'o [Object]) -> Vec<(Timestamp, &'o str)> {
        // The directories of a search are those of its first and last hour.
        let wanted: Vec<_> = hours(from, to).flat_map(|hour| self.pattern.wanted(hour)).collect();
        let observed = |object: &'o Object| {
            let at = wanted.iter().find_map(|wanted| wanted.matches(&object.key)?.observed_at)?;
            ((from..=to).contains(&at) && object.bytes >= self.min_bytes).then_some((at, object.key.as_str()))
        };
        let mut found: Vec<_> = objects.iter().filter_map(observed).collect();
        found.sort_unstable();
        found
    }
}

fn hours(from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
    const HOUR: i64 = 3_600;
    let hours = from.as_second().div_euclid(HOUR)..=to.as_second().div_euclid(HOUR);
    hours.filter_map(|hour| Timestamp::from_second(hour * HOUR).ok())
}
