//! Schedules that mean nothing are refused, with what to write instead.

use super::*;

#[test]
fn what_can_never_fire_is_refused() {
    let zone = || hours::timezone("UTC").expect("a zone");
    let refused = |text: &str| Schedule::cron(text, zone()).expect_err(text).to_string();
    assert!(refused("0 0 31 2 *").contains("`0 0 31 2 *` never comes"), "{}", refused("0 0 31 2 *"));
    assert!(refused("* * * * * *").contains("has not five fields"));
    assert!(refused("0 25 * * *").contains("cannot be read"));
    assert!(Schedule::cron("0 0 29 2 *", zone()).is_ok(), "a leap day comes");
}

#[test]
fn a_period_is_a_minute_at_least_and_a_year_at_most() {
    let every = |length| Schedule::every(length).map(|schedule| schedule.period(at("00:00")));
    assert!(every(SignedDuration::ZERO).is_err() && every(SignedDuration::from_secs(59)).is_err());
    assert!(every(LONGEST + minutes(1)).is_err());
    assert_eq!(every(minutes(1)), Ok(minutes(1)));
    assert_eq!(gfs().schedule.period(at("01:00")), minutes(360));
}
