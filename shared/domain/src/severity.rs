//! The one severity scale, and how the scales of others map onto it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad it is. `CRITICAL HIGH MEDIUM LOW` are sev1 … sev4 and PagerDuty's `critical error warning info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Worth knowing, nothing to do now.
    Low,
    /// To be looked at in working hours.
    Medium,
    /// Wakes somebody.
    High,
    /// Wakes somebody and keeps on until it is over.
    Critical,
}

/// A word that is on no severity scale we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown severity `{0}`: expected CRITICAL, HIGH, MEDIUM or LOW (or sev1…sev4, P1…P4, critical/error/warning/info)"
)]
pub struct UnknownSeverity(pub String);

impl Severity {
    /// All of them, worst first.
    pub const ALL: [Severity; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word used in columns, logs, keys and the watch file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "CRITICAL",
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }

    /// Reads a severity in any scale whose order of meaning is known, in any letter case.
    ///
    /// `critical error warning info` and `PAGE CRITICAL WARN` disagree about the word *critical*; it is the worst
    /// wherever it stands alone.
    pub fn from_any_scale(word: &str) -> Result<Self, UnknownSeverity> {
        match word.trim().to_ascii_lowercase().as_str() {
            "critical" | "crit" | "sev1" | "p1" | "page" | "sev0" | "p0" | "fatal" | "emergency" => Ok(Self::Critical),
            "high" | "sev2" | "p2" | "error" => Ok(Self::High),
            "medium" | "sev3" | "p3" | "warning" | "warn" => Ok(Self::Medium),
            "low" | "sev4" | "p4" | "info" | "sev5" | "p5" | "notice" | "debug" | "none" => Ok(Self::Low),
            _ => Err(UnknownSeverity(word.to_owned())),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::from_any_scale(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_of_others_map_in_order_of_meaning() {
        for (words, severity) in [
            (["CRITICAL", "sev1", "P1", "page"], Severity::Critical),
            (["HIGH", "SEV2", "p2", "error"], Severity::High),
            (["Medium", "sev3", "P3", "warning"], Severity::Medium),
            (["low", "sev4", "P4", "info"], Severity::Low),
        ] {
            for word in words {
                assert_eq!(Severity::from_any_scale(word), Ok(severity), "{word}");
            }
        }
        for (words, severity) in [
            (["P0", "sev0", "fatal", "Emergency", "crit"], Severity::Critical),
            (["none", "notice", "P5", "SEV5", "debug"], Severity::Low),
        ] {
            assert_eq!(
                words.map(Severity::from_any_scale),
                std::array::from_fn(|_| Ok(severity)),
                "beyond the ends of our scale"
            );
        }
        assert!(Severity::from_any_scale("urgent").is_err());
    }

    #[test]
    fn a_worse_severity_compares_greater() {
        assert!(Severity::Critical > Severity::High && Severity::Medium > Severity::Low);
    }
}
