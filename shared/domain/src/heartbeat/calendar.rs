//! When nothing is expected of a heartbeat: outside business hours, and during maintenance.

use jiff::Timestamp;

use crate::hours::Hours;
use crate::silence::Recurrence;

/// When a heartbeat rests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calendar {
    /// Outside these it rests.
    pub hours: Option<Hours>,
    /// During these it rests.
    pub maintenance: Vec<Recurrence>,
}

/// More windows than this, each beginning before the last one ended, are no schedule but a way to never be watched.
const MOST_WINDOWS: usize = 1_000;

impl Calendar {
    /// Whether it rests.
    pub fn rests(&self, at: Timestamp) -> bool {
        self.hours.as_ref().is_some_and(|hours| !hours.is_open(at))
            || self.maintenance.iter().any(|window| window.open_until(at).is_some())
    }

    /// The first instant at or after this one at which it does not rest; `None` where that is more than a year away.
    pub fn awake(&self, at: Timestamp) -> Option<Timestamp> {
        let mut at = at;
        for _ in 0..MOST_WINDOWS {
            if let Some(hours) = &self.hours
                && !hours.is_open(at)
            {
                at = hours.next_change(at)?;
            } else if let Some(end) = self.maintenance.iter().filter_map(|window| window.open_until(at)).max() {
                at = end;
            } else {
                return Some(at);
            }
        }
        None
    }
}
