//! Silences: outside its windows one changes nothing, whatever clocks do.

use super::*;
use crate::fingerprint::Labels;
use crate::severity::Severity;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

fn recurrence(cron: &str, duration: &str, timezone: &str) -> Result<Recurrence, BadRecurrence> {
    Recurrence::read(Written { cron: cron.into(), duration: duration.into(), timezone: timezone.into() })
}

fn in_new_york(cron: &str, duration: &str) -> Recurrence {
    recurrence(cron, duration, "America/New_York").expect("right")
}

fn silence(recurring: Option<Recurrence>) -> Silence {
    Silence {
        id: Uuid::nil(),
        matchers: Matcher { kind: vec!["metric".into()], ..Matcher::default() },
        from: at("2026-03-01T00:00:00Z"),
        until: at("2026-12-01T00:00:00Z"),
        recurring,
        author: "ana".into(),
        reason: "deployments".into(),
    }
}

fn mutes(silence: &Silence, kind: &str, when: Timestamp) -> Option<Timestamp> {
    let labels = Labels::new();
    let condition = Described { severity: Severity::High, kind, subject: "s", environment: "prod", labels: &labels };
    silence.mutes(&condition, when)
}

#[test]
fn a_silence_mutes_what_matches_from_its_beginning_up_to_its_end() {
    let silence = silence(None);
    assert_eq!(mutes(&silence, "metric", at("2026-03-01T00:00:00Z")), Some(silence.until));
    assert_eq!(mutes(&silence, "metric", at("2026-11-30T23:59:59Z")), Some(silence.until));
    assert_eq!(mutes(&silence, "heartbeat", at("2026-03-02T00:00:00Z")), None);
    assert_eq!(mutes(&silence, "metric", at("2026-02-28T23:59:59Z")), None);
    assert_eq!(mutes(&silence, "metric", at("2026-12-01T00:00:00Z")), None);
}

#[test]
fn recurring_maintenance_mutes_during_its_windows_and_never_beyond_the_silence() {
    // Sundays from 02:00 to 04:30 in New York, which is four hours behind in summer.
    let silence = silence(Some(in_new_york("0 2 * * sun", "2h30m")));
    let window = |when| mutes(&silence, "metric", at(when));
    assert_eq!(window("2026-07-05T06:00:00Z"), Some(at("2026-07-05T08:30:00Z")));
    assert_eq!(window("2026-07-05T08:29:59Z"), Some(at("2026-07-05T08:30:00Z")));
    assert_eq!(window("2026-07-05T08:30:00Z"), None);
    assert_eq!(window("2026-07-05T05:59:59Z"), None);
    assert_eq!(window("2026-07-06T06:00:00Z"), None, "a Monday");
    let until_late = Silence { recurring: Some(in_new_york("0 18 30 11 *", "3h")), ..silence };
    assert_eq!(mutes(&until_late, "metric", at("2026-11-30T23:30:00Z")), Some(until_late.until));
}

#[test]
fn a_window_that_the_clock_skips_in_spring_begins_when_it_has_skipped_it() {
    // On 2026-03-08, 02:00 to 03:00 does not exist in New York.
    let nightly = in_new_york("30 2 * * *", "1h");
    assert_eq!(nightly.open_until(at("2026-03-08T06:59:59Z")), None);
    assert_eq!(nightly.open_until(at("2026-03-08T07:00:00Z")), Some(at("2026-03-08T08:00:00Z")));
    assert_eq!(nightly.open_until(at("2026-03-08T08:00:00Z")), None);
    assert_eq!(nightly.open_until(at("2026-03-09T06:30:00Z")), Some(at("2026-03-09T07:30:00Z")));
}

#[test]
fn a_window_that_the_clock_shows_twice_in_autumn_begins_once() {
    // On 2026-11-01, New York shows 01:00 to 02:00 twice: from 05:00Z and from 06:00Z.
    let nightly = in_new_york("30 1 * * *", "45m");
    assert_eq!(nightly.open_until(at("2026-11-01T05:30:00Z")), Some(at("2026-11-01T06:15:00Z")));
    assert_eq!(nightly.open_until(at("2026-11-01T06:14:59Z")), Some(at("2026-11-01T06:15:00Z")));
    assert_eq!(nightly.open_until(at("2026-11-01T06:30:00Z")), None, "01:30 for the second time");
    assert_eq!(nightly.open_until(at("2026-11-02T06:30:00Z")), Some(at("2026-11-02T07:15:00Z")));
}

#[test]
fn what_would_mute_nothing_or_cannot_be_read_is_refused_with_its_field() {
    for (cron, duration, timezone, said) in [
        ("* * * * * *", "1h", "UTC", "cron: `* * * * * *` has not five fields"),
        ("@daily", "1h", "UTC", "cron: `@daily` has not five fields"),
        ("0 25 * * *", "1h", "UTC", "cron: `0 25 * * *` cannot be read ("),
        ("0 2 * * someday", "1h", "UTC", "cron: `0 2 * * someday` cannot be read ("),
        ("0 2 * * *", "1", "UTC", "duration: `1` is not a duration"),
        ("0 2 * * *", "30s", "UTC", "duration: `30s` is not from 1m to 7d"),
        ("0 2 * * *", "1h", "Mars/Olympus", "timezone: there is no time zone `Mars/Olympus`; expected"),
    ] {
        let error = recurrence(cron, duration, timezone).expect_err(cron).to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn a_day_that_does_not_exist_and_a_window_outside_the_silence_are_refused() {
    let (from, until) = (at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
    let window = |cron: &str| in_new_york(cron, "1h").expect_window(from, until);
    assert_eq!(window("0 0 31 2 *"), Err(BadRecurrence::Never("0 0 31 2 *".into())));
    assert_eq!(window("0 0 1 5 *"), Err(BadRecurrence::Never("0 0 1 5 *".into())));
    assert_eq!(window("0 0 15 3 *"), Ok(()));
    let just_before = recurrence("30 23 28 2 *", "1h", "UTC").expect("right");
    assert_eq!(just_before.expect_window(from, until), Ok(()), "it began before and is not over");
}

proptest! {
    #[test]
    fn a_window_is_open_until_its_end_and_not_at_it(minutes in 0i64..400 * 24 * 60, lasts in 1i64..600) {
        let daily = in_new_york("30 1 * * *", &format!("{lasts}m"));
        let when = at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_mins(minutes);
        if let Some(end) = daily.open_until(when) {
            prop_assert!(when < end && end <= when + jiff::SignedDuration::from_mins(lasts));
            prop_assert_eq!(daily.open_until(end - jiff::SignedDuration::from_secs(1)), Some(end));
            prop_assert_eq!(daily.open_until(end), None);
        }
    }
}
