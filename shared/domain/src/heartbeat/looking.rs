//! When a signal that costs money to read is read, and how far back signals are looked for.
//!
//! CloudWatch takes $0.01 for 1,000 metrics of GetMetricData (<https://aws.amazon.com/cloudwatch/pricing/>). Read by these
//! rules, a heartbeat costs so much a month, where evaluations come once a minute:
//!
//! | a signal every | is read | reads a month | costs |
//! |---|---|---|---|
//! | 1 to 10 minutes | at each evaluation | 43,200 | $0.43 |
//! | 1 hour | every 6 minutes | 7,200 | $0.07 |
//! | 6 hours | every 36 minutes | 1,200 | $0.01 |
//! | 1 day and more | every 2 hours 24 minutes or less often | 300 | less than $0.01 |
//!
//! One that is late is read once more before its deadline, and one that is down at least once an hour: whoever mended it
//! waits for the word. Read at every evaluation, each would cost $0.43.

use jiff::{SignedDuration, Timestamp};

use super::{Heartbeat, Reading, State, Status, Unknown};

/// A deadline this near is decided by the next evaluation.
const NEAR: SignedDuration = SignedDuration::from_mins(1);
/// Evaluations come once a minute, a few seconds more or less.
const SLACK: SignedDuration = SignedDuration::from_secs(5);
/// The longest until the end of an outage is noticed.
const RECOVERY: SignedDuration = SignedDuration::from_hours(1);
/// Without an evaluation for so long, pings could not be taken either.
const GAP: SignedDuration = SignedDuration::from_mins(2);
/// By then they have come again: the queue keeps a message that could not be taken hidden for five minutes.
const PINGS_COME_AGAIN: SignedDuration = SignedDuration::from_mins(6);

/// Whether a signal is read now that costs money to read: the first time; when it would be missing at the next
/// evaluation, or is already and nobody knows; while it could not be read; else every tenth of its period.
pub fn is_due(heartbeat: &Heartbeat, state: Option<&State>, now: Timestamp) -> bool {
    let Some(state) = state else { return true };
    let Some(read_at) = state.memory.read_at.filter(|read_at| *read_at <= now) else { return true };
    let down = state.status == Status::Down;
    let near = state.deadline_at.is_some_and(|deadline| deadline.duration_since(now) <= NEAR);
    if state.memory.unknown.is_some() || (near && !down) {
        return true;
    }
    let tenth = heartbeat.schedule.period(now) / 10;
    let pause = if down { tenth.min(RECOVERY) } else { tenth };
    now.duration_since(read_at) + SLACK >= pause
}

/// What is known of a heartbeat that its job tells: it is not looked for. When nothing was evaluated for a while, what was
/// told meanwhile waits on the queue, and comes after the evaluation that would miss it. `idle_for` is how long nobody has
/// evaluated.
pub fn told(state: Option<&State>, idle_for: SignedDuration, now: Timestamp) -> Reading {
    let unknown = state.and_then(|state| state.memory.unknown.as_ref());
    if idle_for > GAP {
        let until = now.saturating_add(PINGS_COME_AGAIN).unwrap_or(now);
        let minutes = idle_for.as_mins();
        let why =
            format!("nothing was evaluated for {minutes} min, and what was told meanwhile may still wait on the queue");
        return Reading::Waiting { until, why };
    }
    match unknown {
        Some(Unknown { until: Some(until), why, .. }) if *until > now => {
            Reading::Waiting { until: *until, why: why.clone() }
        }
        Some(_) => Reading::Seen { beats: Vec::new(), note: None },
        None => Reading::Unread,
    }
}

/// From when on a success would be news: since the last one, and never longer ago than one may be awaited.
pub fn since(heartbeat: &Heartbeat, state: Option<&State>, now: Timestamp) -> Timestamp {
    let awaited = heartbeat.schedule.period(now).saturating_add(heartbeat.grace);
    // A tenth more, for evaluations that came late.
    let oldest = now.saturating_sub(awaited.saturating_add(awaited / 10)).unwrap_or(Timestamp::MIN);
    let last = state.map(|state| state.last_success_at.unwrap_or(state.memory.loaded_at));
    // Nothing is known of one that is new: what came before it was configured shows that it lives.
    last.map_or(oldest, |last| last.max(oldest)).min(now)
}

/// From when on the start of a run would be news: a run that succeeds now began before the last success, if runs overlap,
/// and those that are known to be under way have yet to end.
pub fn runs_since(heartbeat: &Heartbeat, state: Option<&State>, now: Timestamp) -> Timestamp {
    let takes = heartbeat.max_runtime.unwrap_or_else(|| heartbeat.schedule.period(now).saturating_add(heartbeat.grace));
    let success = since(heartbeat, state, now).saturating_sub(takes).unwrap_or(Timestamp::MIN);
    let runs = state.into_iter().flat_map(|state| &state.memory.runs).map(|run| run.started_at);
    runs.chain([success]).min().unwrap_or(success)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::heartbeat::{Calendar, Run, Schedule};
    use crate::severity::Severity;

    fn at(text: &str) -> Timestamp {
        format!("2026-03-01T{text}Z").parse().expect(text)
    }

    fn every(length: SignedDuration) -> Heartbeat {
        Heartbeat {
            name: "orders".to_owned(),
            schedule: Schedule::every(length).expect("a length"),
            calendar: Calendar::default(),
            grace: SignedDuration::from_mins(30),
            start_grace: None,
            max_runtime: None,
            min_runtime: None,
            fail_after: 1,
            severity: Severity::High,
            manual_resume: false,
            summary: None,
            runbook: None,
        }
    }

    /// Up, loaded at midnight, last seen to succeed at one, read at two.
    fn state() -> State {
        State {
            status: Status::Up,
            since: at("01:00:00"),
            deadline_at: Some(at("07:30:00")),
            last_signal_at: Some(at("01:00:00")),
            last_success_at: Some(at("01:00:00")),
            memory: serde_json::from_value(json!({
                "loaded_at": at("00:00:00"),
                "schedule": "every 6h",
                "read_at": at("02:00:00"),
            }))
            .expect("what is remembered"),
        }
    }

    const SIX_HOURS: SignedDuration = SignedDuration::from_hours(6);

    #[test]
    fn a_metric_is_read_every_tenth_of_its_period_and_when_its_deadline_is_near() {
        let down = State { status: Status::Down, ..state() };
        let mut unread = state();
        unread.memory.read_at = None;
        let mut unknown = state();
        unknown.memory.unknown = Some(Unknown { since: at("02:01:00"), why: "throttled".to_owned(), until: None });
        for (why, state, now, expected) in [
            ("a tenth has not passed", state(), "02:35:00", false),
            ("a tenth has passed", state(), "02:36:00", true),
            ("a tenth has passed but for a few seconds", state(), "02:35:56", true),
            ("it was never read", unread, "02:01:00", true),
            ("it could not be read a minute ago", unknown, "02:01:00", true),
            ("it was read in a time to come", state(), "01:30:00", true),
            (
                "the deadline is two minutes ahead",
                State { deadline_at: Some(at("02:12:01")), ..state() },
                "02:11:00",
                false,
            ),
            (
                "the deadline is a minute ahead",
                State { deadline_at: Some(at("02:12:00")), ..state() },
                "02:11:00",
                true,
            ),
            ("the deadline has passed", State { deadline_at: Some(at("02:10:00")), ..state() }, "02:11:00", true),
            ("it has no deadline", State { deadline_at: None, ..state() }, "02:11:00", false),
            ("it is down already", State { deadline_at: Some(at("02:10:00")), ..down.clone() }, "02:11:00", false),
            ("it is down, and a tenth has passed", down, "02:36:00", true),
        ] {
            assert_eq!(is_due(&every(SIX_HOURS), Some(&state), at(now)), expected, "{why}");
        }
        assert!(is_due(&every(SIX_HOURS), None, at("02:00:00")), "the first time");
    }

    #[test]
    fn the_end_of_an_outage_is_looked_for_at_least_once_an_hour() {
        let down = State { status: Status::Down, ..state() };
        let daily = every(SignedDuration::from_hours(24));
        for (state, now, expected) in [
            (&down, "02:59:00", false),
            (&down, "03:00:00", true),
            (&state(), "03:00:00", false),
            (&state(), "04:24:00", true),
        ] {
            assert_eq!(is_due(&daily, Some(state), at(now)), expected, "{:?} at {now}", state.status);
        }
    }

    #[test]
    fn frequent_signals_are_read_at_every_evaluation() {
        let often = every(SignedDuration::from_mins(10));
        assert!(is_due(&often, Some(&state()), at("02:00:57")));
        assert!(!is_due(&often, Some(&state()), at("02:00:30")));
    }

    #[test]
    fn what_jobs_told_while_nothing_was_evaluated_is_waited_for() {
        let minutes = SignedDuration::from_mins;
        assert_eq!(told(Some(&state()), minutes(2), at("07:31:00")), Reading::Unread, "a tick that was late");
        let Reading::Waiting { until, why } = told(Some(&state()), minutes(41), at("07:31:00")) else {
            panic!("it is waited for");
        };
        assert_eq!(until, at("07:37:00"));
        assert!(why.starts_with("nothing was evaluated for 41 min"), "{why}");
        let mut waiting = state();
        waiting.memory.unknown = Some(Unknown { since: at("07:31:00"), why: why.clone(), until: Some(until) });
        assert_eq!(told(Some(&waiting), minutes(1), at("07:36:59")), Reading::Waiting { until, why });
        let nothing = Reading::Seen { beats: Vec::new(), note: None };
        assert_eq!(told(Some(&waiting), minutes(1), at("07:37:00")), nothing, "it would have come by now");
    }

    #[test]
    fn signals_are_looked_for_since_the_last_success_and_no_longer_back_than_they_may_come() {
        let six_hourly = every(SIX_HOURS);
        assert_eq!(since(&six_hourly, Some(&state()), at("02:00:00")), at("01:00:00"));
        let never = State { last_success_at: None, ..state() };
        assert_eq!(since(&six_hourly, Some(&never), at("02:00:00")), at("00:00:00"), "since it was loaded");
        assert_eq!(since(&six_hourly, None, at("08:00:00")), at("00:51:00"), "six and a half hours and a tenth");
        assert_eq!(since(&six_hourly, Some(&state()), at("23:00:00")), at("15:51:00"));
        assert_eq!(since(&six_hourly, Some(&state()), at("00:30:00")), at("00:30:00"), "never ahead");
    }

    #[test]
    fn runs_are_looked_for_since_the_oldest_that_may_still_end() {
        let mut heartbeat = every(SIX_HOURS);
        heartbeat.max_runtime = Some(SignedDuration::from_mins(20));
        let mut state = state();
        assert_eq!(runs_since(&heartbeat, Some(&state), at("02:00:00")), at("00:40:00"));
        state.memory.runs.push(Run { id: Some("7".to_owned()), started_at: at("00:10:00"), slot: None });
        assert_eq!(runs_since(&heartbeat, Some(&state), at("02:00:00")), at("00:10:00"));
    }
}
