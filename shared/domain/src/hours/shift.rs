//! One line of business hours: `mon-fri 09:30-16:00`.

use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};

/// Some days of the week, from one time to another; to a time that is not later, it ends on the day after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// Monday first.
    days: [bool; 7],
    /// Minutes after midnight, below 1440.
    from: u32,
    /// Minutes after the same midnight, so up to 2879.
    to: u32,
}

/// What is wrong with a shift's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` {why}: expected days and hours, as in `mon-fri 09:30-16:00`, `sat,sun 22:00-06:00`, `mon-sun 00:00-24:00`"
)]
pub struct BadShift {
    /// As it is written.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes of a day.
const DAY: u32 = 24 * 60;

impl FromStr for Shift {
    type Err = BadShift;

    fn from_str(text: &str) -> Result<Self, BadShift> {
        read(text).map_err(|why| BadShift { text: text.to_owned(), why })
    }
}

fn read(text: &str) -> Result<Shift, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [days, hours] = words[..] else { return Err("is not one list of days and one range of hours".to_owned()) };
    let (from, to) = hours.split_once('-').ok_or_else(|| format!("has no range of hours in `{hours}`"))?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    if from == DAY {
        return Err("begins at 24:00, which is 00:00 of the next day".to_owned());
    }
    if from == to {
        return Err("begins when it ends".to_owned());
    }
    Ok(Shift { days: days_of(days)?, from, to: if to > from { to } else { to + DAY } })
}

/// Minutes after midnight, at most 1440.
fn minutes(text: &str) -> Result<u32, String> {
    let bad = || format!("has no time of day in `{text}`");
    let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
    let digits = |part: &str, most: usize| -> Result<u32, String> {
        let plain = (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if plain { part.parse().map_err(|_| bad()) } else { Err(bad()) }
    };
    if minute.len() != 2 {
        return Err(bad());
    }
    let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
    let minutes = hour * 60 + minute;
    if minute > 59 || minutes > DAY { Err(bad()) } else { Ok(minutes) }
}

fn days_of(text: &str) -> Result<[bool; 7], String> {
    let index = |day: &str| {
        let known = DAYS.iter().position(|known| known.eq_ignore_ascii_case(day));
        known.ok_or_else(|| format!("has no day `{day}` (they are {})", DAYS.join(", ")))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        // A range may pass the end of the week: fri-mon.
        let length = (last + 7 - first) % 7;
        for day in 0..=length {
            days[(first + day) % 7] = true;
        }
    }
    Ok(days)
}

impl Shift {
    /// Whether the shift that began on `date`, so many days ago (none or one), is on when a clock shows `time`.
    pub(super) fn covers(&self, date: Date, time: Time, days_ago: i32) -> bool {
        let minute = u32::from(time.hour().unsigned_abs()) * 60 + u32::from(time.minute().unsigned_abs());
        let minute = minute + DAY * days_ago.unsigned_abs();
        self.is_on(date.weekday()) && (self.from..self.to).contains(&minute)
    }

    fn is_on(&self, day: Weekday) -> bool {
        let index = usize::from(day.to_monday_zero_offset().unsigned_abs());
        self.days.get(index).copied().unwrap_or(false)
    }

    /// The times of day at which it begins and ends.
    pub(super) fn edges(&self) -> [Time; 2] {
        [self.from, self.to].map(|minutes| {
            let minutes = minutes % DAY;
            let part = |number: u32| i8::try_from(number).unwrap_or_default();
            Time::new(part(minutes / 60), part(minutes % 60), 0, 0).unwrap_or_default()
        })
    }
}
