//! Durations as the watch file writes them: `90s`, `2h30m`, `7d`.

use jiff::SignedDuration;

/// What is wrong with a duration's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a duration: expected numbers with units s, m, h, d or w, largest first, as in `90s`, `2h30m`, `7d`"
)]
pub struct BadDuration(pub String);

/// Seconds in each unit, largest first. Days and weeks are 24 and 168 hours: these are lengths, not calendar steps.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads `2h30m`; units go from large to small and each stands at most once.
pub fn parse(text: &str) -> Result<SignedDuration, BadDuration> {
    let bad = || BadDuration(text.to_owned());
    let mut rest = text.trim();
    let mut seconds: i64 = 0;
    let mut units = UNITS.iter();
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let count: i64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = rest[digits..].chars().next().ok_or_else(bad)?;
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(bad)?;
        seconds = count.checked_mul(*length).and_then(|part| seconds.checked_add(part)).ok_or_else(bad)?;
        rest = &rest[digits + unit.len_utf8()..];
    }
    Ok(SignedDuration::from_secs(seconds))
}

/// Writes a length of time for people: the two largest units that are not zero (`2h 5m`, `45s`).
pub fn display(length: SignedDuration) -> String {
    let mut seconds = length.as_secs().max(0);
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        if seconds >= size {
            parts.push(format!("{}{unit}", seconds / size));
            seconds %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_watch_file_writes() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("2h30m", 9_000), ("7d", 604_800), ("1w1d", 691_200)] {
            assert_eq!(parse(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_be_meant_two_ways() {
        for text in
            ["", "5", "m", "1m2h", "1h1h", "-5s", "1.5h", "5 m", "2y", "99999999999999999999s", "9999999999999999w"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn people_read_the_two_largest_units() {
        for (seconds, text) in [(0, "0s"), (45, "45s"), (7_500, "2h 5m"), (90_061, "1d 1h"), (-3, "0s")] {
            assert_eq!(display(SignedDuration::from_secs(seconds)), text);
        }
    }
}
