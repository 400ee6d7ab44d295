//! How conditions begin, last and end.

use proptest::prelude::*;

use super::*;

fn condition(observed: Observed) -> Condition {
    Condition {
        check: "telemetry".to_owned(),
        metric: Some("TelemetryLag".to_owned()),
        kind: "metric".to_owned(),
        subject: "OPsPipeline/TelemetryLag".to_owned(),
        labels: Labels::new(),
        severity: Severity::High,
        lasting: Lasting::TwoEvaluations,
        watched: true,
        observed,
        value: Some(200.0),
        timed_out: false,
        summary: "TelemetryLag is 200, above 180".to_owned(),
        details: Map::new(),
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_344_800 + minute * 60).expect("an instant")
}

/// Evaluates at minutes 0, 5, 10, …; answers what was told, by minute.
fn story(make: impl Fn(Observed) -> Condition, found: &[Observed]) -> Vec<(i64, &'static str)> {
    let (mut state, mut heard) = (None, false);
    let mut told = Vec::new();
    for (minute, observed) in (0..).step_by(5).zip(found) {
        let Some(advanced) = advance(state.as_ref(), &make(*observed), heard, at(minute)) else { continue };
        state = Some(advanced.state);
        match advanced.told {
            Some(Change::Firing { .. }) => told.push((minute, "firing")),
            Some(Change::Resolved { .. }) => told.push((minute, "resolved")),
            None => {}
        }
        heard = advanced.state.firing;
    }
    told
}

use Observed::{Beyond, Unknown, Within};

#[test]
fn one_bad_reading_tells_nobody_and_two_in_a_row_do() {
    assert_eq!(story(condition, &[Beyond, Within, Beyond, Within]), []);
    assert_eq!(story(condition, &[Within, Beyond, Beyond, Beyond]), [(10, "firing")]);
    assert_eq!(story(condition, &[Beyond, Beyond, Within, Within]), [(5, "firing"), (10, "resolved")]);
}

#[test]
fn a_length_of_time_counts_from_the_first_bad_reading() {
    let lasting = |length| move |observed| Condition { lasting: Lasting::For(length), ..condition(observed) };
    let ten = lasting(SignedDuration::from_mins(10));
    assert_eq!(story(ten, &[Beyond, Beyond, Beyond]), [(10, "firing")]);
    assert_eq!(story(ten, &[Beyond, Within, Beyond, Beyond]), [], "it has to last without a break");
    assert_eq!(story(lasting(SignedDuration::ZERO), &[Beyond]), [(0, "firing")]);
}

#[test]
fn a_schedule_that_comes_a_little_early_does_not_cost_a_whole_interval() {
    let ten = Condition { lasting: Lasting::For(SignedDuration::from_mins(10)), ..condition(Beyond) };
    let early = |seconds| at(10) - SignedDuration::from_secs(seconds);
    let first = advance(None, &ten, false, at(0)).expect("evaluated").state;
    let told = |seconds| advance(Some(&first), &ten, false, early(seconds)).expect("evaluated").told;
    assert!(told(60).is_some() && told(61).is_none());
    let minute = Condition { lasting: Lasting::For(SignedDuration::from_mins(1)), ..condition(Beyond) };
    assert_eq!(
        advance(None, &minute, false, at(0)).expect("evaluated").told,
        None,
        "the first reading is never enough"
    );
}

#[test]
fn an_evaluation_that_can_say_nothing_changes_nothing() {
    assert_eq!(story(condition, &[Beyond, Unknown, Beyond]), [(10, "firing")]);
    assert_eq!(story(condition, &[Beyond, Beyond, Unknown, Within]), [(5, "firing"), (15, "resolved")]);
}

#[test]
fn outside_business_hours_nothing_begins_but_what_holds_may_end() {
    let closed = |observed| Condition { watched: false, ..condition(observed) };
    assert_eq!(story(closed, &[Beyond, Beyond, Beyond]), []);
    let opened = advance(None, &condition(Beyond), false, at(0))
        .and_then(|one| advance(Some(&one.state), &condition(Beyond), false, at(5)));
    let firing = opened.expect("it fires").state;
    assert!(firing.firing);
    let still = advance(Some(&firing), &closed(Beyond), true, at(10)).expect("evaluated");
    assert!(still.state.firing && still.told.is_none());
    let over = advance(Some(&firing), &closed(Within), false, at(10)).expect("evaluated");
    assert_eq!(over.told, Some(Change::Resolved { since: Some(at(0)) }));
}

#[test]
fn the_night_before_does_not_count_when_the_market_opens() {
    let lasting =
        |watched| Condition { lasting: Lasting::For(SignedDuration::from_mins(10)), watched, ..condition(Beyond) };
    let night = advance(None, &lasting(false), false, at(0)).expect("evaluated").state;
    let opening = advance(Some(&night), &lasting(true), false, at(600)).expect("evaluated");
    assert_eq!((opening.told, opening.state.breaching_since), (None, Some(at(600))));
}

#[test]
fn a_severity_that_was_raised_meanwhile_is_told() {
    let firing = State {
        firing: true,
        severity: Severity::High,
        breaching_since: Some(at(0)),
        value: None,
        evaluated_at: at(5),
        seen_at: at(5),
        timed_out: false,
    };
    let worse = Condition { severity: Severity::Critical, ..condition(Beyond) };
    let told = advance(Some(&firing), &worse, true, at(10)).expect("evaluated");
    assert_eq!(told.told, Some(Change::Firing { since: at(0) }));
    assert_eq!(advance(Some(&told.state), &worse, true, at(15)).expect("evaluated").told, None);
}

#[test]
fn what_the_router_still_holds_for_firing_is_resolved_though_nobody_remembers_raising_it() {
    let told = advance(None, &condition(Within), true, at(0)).expect("evaluated").told;
    assert_eq!(told, Some(Change::Resolved { since: None }));
}

#[test]
fn what_the_router_does_not_hold_for_firing_is_told_again_while_it_holds() {
    // Its end went out without a record, or the signal was lost on its way.
    let state =
        advance(None, &Condition { lasting: Lasting::For(SignedDuration::ZERO), ..condition(Beyond) }, false, at(0));
    let state = state.expect("evaluated").state;
    let again = advance(Some(&state), &condition(Beyond), false, at(5)).expect("evaluated");
    assert_eq!(again.told, Some(Change::Firing { since: at(0) }));
    assert_eq!(advance(Some(&again.state), &condition(Beyond), true, at(10)).expect("evaluated").told, None);
}

#[test]
fn a_value_that_is_missing_was_last_seen_when_it_was_there() {
    let seen = advance(None, &condition(Within), false, at(0)).expect("evaluated").state;
    let missing = Condition { value: None, ..condition(Beyond) };
    let gone = advance(Some(&seen), &missing, false, at(5)).expect("evaluated").state;
    assert_eq!((gone.seen_at, gone.evaluated_at), (at(0), at(5)));
}

#[test]
fn a_summary_that_quotes_a_megabyte_is_cut() {
    let long = Condition { summary: "x".repeat(1_000_000), ..condition(Beyond) };
    assert!(raise(&long, Change::Firing { since: at(0) }, "prod", at(0)).body.len() < 5_000);
}

#[test]
fn the_signal_is_the_native_form_with_an_id_that_is_the_same_every_time() {
    let raised = raise(&condition(Beyond), Change::Firing { since: at(0) }, "prod", at(5));
    let fingerprint = Fingerprint::of("prod", "metric", "OPsPipeline/TelemetryLag", &Labels::new());
    assert_eq!(raised.id, format!("{fingerprint}/firing/HIGH/2026-03-01T06:05:00Z"));
    let body: Value = serde_json::from_str(&raised.body).expect("JSON");
    assert_eq!(body["source"], "check:telemetry");
    assert_eq!(body["status"], "firing");
    assert_eq!(body["details"], serde_json::json!({"value": 200.0, "since": "2026-03-01T06:00:00Z"}));
    let over = raise(&condition(Within), Change::Resolved { since: Some(at(0)) }, "prod", at(25));
    let body: Value = serde_json::from_str(&over.body).expect("JSON");
    assert!(body["summary"].as_str().is_some_and(|text| text.starts_with("Over after 25m.")), "{body}");
    assert_ne!(raised.id, over.id);
}

fn observed() -> impl Strategy<Value = Observed> {
    prop_oneof![Just(Beyond), Just(Within), Just(Unknown)]
}

proptest! {
    #[test]
    fn evaluating_again_at_the_same_instant_changes_nothing(found in proptest::collection::vec(observed(), 1..20), heard: bool) {
        let mut state = None;
        for (minute, observed) in (0..).zip(found) {
            if let Some(advanced) = advance(state.as_ref(), &condition(observed), heard, at(minute)) {
                prop_assert_eq!(advance(Some(&advanced.state), &condition(observed), heard, at(minute)), None);
                prop_assert_eq!(advance(Some(&advanced.state), &condition(Beyond), heard, at(minute - 1)), None);
                state = Some(advanced.state);
            }
        }
    }

    #[test]
    fn firing_and_resolved_take_turns(found in proptest::collection::vec(observed(), 0..40), minutes in 0_i64..30) {
        let lasting = |observed| Condition { lasting: Lasting::For(SignedDuration::from_mins(minutes)), ..condition(observed) };
        let told = story(lasting, &found);
        for (n, (_, word)) in told.iter().enumerate() {
            prop_assert_eq!(*word, if n % 2 == 0 { "firing" } else { "resolved" });
        }
    }
}
