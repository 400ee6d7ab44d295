//! Reads patterns of keys, and says what is wrong with them and where.

use super::{BadPattern, KeyPattern, LONGEST_KEY, MOST_KEYS, Part, observed};

pub(super) fn read(text: &str) -> Result<KeyPattern, BadPattern> {
    if text.is_empty() {
        return Err(BadPattern::Empty);
    }
    if text.len() > LONGEST_KEY {
        return Err(BadPattern::TooLong(text.len()));
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut rest = text;
    while let Some(found) = rest.find(['{', '}', '*']) {
        let (before, marked) = rest.split_at(found);
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let position = position(text, marked);
        let brace = |brace| BadPattern::Brace { pattern: text.to_owned(), brace, position };
        if let Some(after) = marked.strip_prefix('*') {
            parts.push(Part::Any);
            rest = after;
            continue;
        }
        let inside = marked.strip_prefix('{').ok_or_else(|| brace('}'))?;
        let (inside, after) = inside.split_once('}').ok_or_else(|| brace('{'))?;
        if inside.contains('{') {
            return Err(brace('{'));
        }
        let part = placeholder(text, position, inside)?;
        if matches!(part, Part::Time(_)) && parts.iter().any(|part| matches!(part, Part::Time(_))) {
            return Err(BadPattern::Times { pattern: text.to_owned(), position });
        }
        parts.push(part);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    // Two in a row match what one does.
    parts.dedup_by(|one, other| *one == Part::Any && *other == Part::Any);
    let keys = parts.iter().map(values).fold(1, u64::saturating_mul);
    let searched = parts.iter().any(|part| matches!(part, Part::Any | Part::Time(_)));
    let most = if searched { MOST_SEARCHED } else { MOST_KEYS };
    if keys > most as u64 {
        return Err(BadPattern::TooMany { pattern: text.to_owned(), found: keys, most });
    }
    Ok(KeyPattern { parts, written: text.to_owned() })
}

/// Each of these is searched for in the whole listing.
const MOST_SEARCHED: usize = 500;

/// At which character of the text its tail begins, from 1.
fn position(text: &str, tail: &str) -> usize {
    text[..text.len() - tail.len()].chars().count() + 1
}

/// How many keys a part multiplies.
fn values(part: &Part) -> u64 {
    match part {
        Part::Range { from, to, step, .. } => u64::from((to - from) / step) + 1,
        Part::Text(_) | Part::Nominal(_) | Part::Any | Part::Time(_) => 1,
    }
}

fn placeholder(pattern: &str, position: usize, inside: &str) -> Result<Part, BadPattern> {
    let nominal = match inside {
        "yyyymmdd" => "%Y%m%d",
        "yyyy" => "%Y",
        "mm" => "%m",
        "dd" => "%d",
        "jjj" => "%j",
        "hh" => "%H",
        "min" => "%M",
        _ if inside.starts_with("time:") => return time(pattern, position, &inside["time:".len()..]),
        _ if inside.contains("..") => return range(pattern, position, inside),
        _ => {
            return Err(BadPattern::Unknown { pattern: pattern.to_owned(), position, found: inside.to_owned() });
        }
    };
    Ok(Part::Nominal(nominal))
}

fn range(pattern: &str, position: usize, inside: &str) -> Result<Part, BadPattern> {
    let bad = |why: String| BadPattern::Range { pattern: pattern.to_owned(), position, found: inside.to_owned(), why };
    let mut fields = inside.split("..");
    let mut number = |what: &str, default: Option<&'static str>| {
        let text = fields.next().or(default).unwrap_or_default();
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let read = digits.then(|| text.parse::<u32>().ok().filter(|number| *number <= LARGEST)).flatten();
        read.map(|number| (number, text.len())).ok_or_else(|| {
            bad(format!("its {what} is `{text}`; expected a whole number from 0 to {LARGEST}, as in 000..384..3"))
        })
    };
    let ((from, width), (to, last_width), (step, _)) =
        (number("first number", None)?, number("last number", None)?, number("step", Some("1"))?);
    if fields.next().is_some() {
        return Err(bad("expected first..last or first..last..step".to_owned()));
    }
    if from > to {
        return Err(bad(format!("{from} comes after {to}; expected the smaller number first")));
    }
    if step == 0 {
        return Err(bad("its step is 0; expected at least 1".to_owned()));
    }
    if (to - from) % step != 0 {
        let last = to - (to - from) % step;
        return Err(bad(format!("steps of {step} from {from} end at {last}; expected that as the last number")));
    }
    if last_width < width {
        return Err(bad(format!("its last number has fewer digits than its first; expected {to:0width$}")));
    }
    Ok(Part::Range { from, to, step, width })
}

/// Larger than any forecast hour or member.
const LARGEST: u32 = 999_999;

fn time(pattern: &str, position: usize, format: &str) -> Result<Part, BadPattern> {
    let bad = || BadPattern::Time { pattern: pattern.to_owned(), position, found: format.to_owned() };
    let mut rest = format;
    while let Some(found) = rest.find('%') {
        rest = &rest[found + 1..];
        let directive = rest.chars().next().filter(|c| "YmdjHMS".contains(*c)).ok_or_else(bad)?;
        rest = &rest[directive.len_utf8()..];
    }
    // An instant that is written comes back: the format says a day and an hour at least.
    let written = super::nominal(SAMPLE, format);
    let read = observed(&written, format).ok_or_else(bad)?;
    if SAMPLE.duration_since(read).abs() < jiff::SignedDuration::from_hours(1) {
        Ok(Part::Time(format.to_owned()))
    } else {
        Err(bad())
    }
}

/// 1999-12-31T23:59:59Z.
const SAMPLE: jiff::Timestamp = jiff::Timestamp::constant(946_684_799, 0);
