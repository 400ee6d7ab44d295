//! How short a policy may be: below it, rows would go that are still needed.

use std::fmt;

use jiff::SignedDuration;

use super::keep::Keep;

/// The shortest that rows may be kept, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The least.
    pub least: SignedDuration,
    /// What needs the rows until then.
    pub why: &'static str,
}

impl Floor {
    /// The floor of any table.
    pub const ANY: Self = Self { least: days(1), why: "what is younger is live, and writers are not done with it" };

    /// Whether rows are kept long enough, however long the months are.
    pub fn allows(&self, keep: &Keep) -> bool {
        keep.at_least() >= self.least
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at least {}d: {}", self.least.as_hours() / 24, self.why)
    }
}

pub(super) const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_as_long_as_its_shortest() {
        let floor = Floor { least: days(30), why: "" };
        for (keep, allowed) in
            [("30d", true), ("29d23h", false), ("1mo", false), ("1mo2d", true), ("2mo", true), ("1y", true)]
        {
            assert_eq!(Keep::read(keep).map(|keep| floor.allows(&keep)), Ok(allowed), "{keep}");
        }
    }
}
