//! When a cycle is triggered again: sooner at first, and in time for the heartbeat on it.

use jiff::{SignedDuration, Timestamp};

use super::{Run, Source};

/// How long after the first attempt failed the second comes; each further one waits three times as long.
pub const FIRST: SignedDuration = SignedDuration::from_mins(2);
/// The longest wait.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// A trigger that refuses for good is asked once more after so long: a person may have mended it.
pub const MENDED: SignedDuration = SignedDuration::from_mins(15);
/// So many refusals in a row (16 hours of them) are one failure.
pub const MOST_REFUSALS: u32 = 20;

/// How long to wait after so many failures.
fn wait(failures: u32) -> SignedDuration {
    let factor = 3_i32.saturating_pow(failures.saturating_sub(1).min(10));
    FIRST.checked_mul(factor).map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// When the next attempt comes after one has failed; none where there is no further attempt.
pub fn after_attempt(source: &Source, run: &Run, now: Timestamp) -> Option<Timestamp> {
    (run.attempts < source.attempts).then(|| in_time(source, run, now, wait(run.attempts)))
}

/// When the trigger is asked again that has surely accepted nothing; none after [`MOST_REFUSALS`].
pub fn after_refusal(source: &Source, run: &Run, asked: Option<SignedDuration>, now: Timestamp) -> Option<Timestamp> {
    let refusals = run.refusals.saturating_add(1);
    // Who says how long, is believed up to the longest wait.
    let own = in_time(source, run, now, wait(refusals));
    let asked = asked.map(|asked| later(now, asked.clamp(SignedDuration::ZERO, LONGEST)));
    (refusals < MOST_REFUSALS).then(|| asked.map_or(own, |asked| asked.max(own)))
}

/// When a cycle is armed by itself whose trigger refuses for good; none where that has been done.
pub fn after_ban(source: &Source, run: &Run, now: Timestamp) -> Option<Timestamp> {
    (!run.rearmed).then(|| in_time(source, run, now, MENDED))
}

/// So much later, or earlier where a run could else not end before the heartbeat on it turns down.
fn in_time(source: &Source, run: &Run, now: Timestamp, wait: SignedDuration) -> Timestamp {
    let at = later(now, wait);
    let answer_by = source.answer_by.and_then(|by| run.at.saturating_add(by).ok());
    match answer_by.and_then(|by| by.saturating_sub(source.max_runtime).ok()) {
        Some(last_chance) if now < last_chance && last_chance < at => last_chance,
        _ => at,
    }
}

fn later(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}
