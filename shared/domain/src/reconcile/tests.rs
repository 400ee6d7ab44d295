//! What is made up for, and what is left alone.

use super::*;

const ARN: &str = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:lag";
const NOW: &str = "06:30:00";

fn at(time: &str) -> Timestamp {
    format!("2026-03-01T{time}Z").parse().expect("a time of day")
}

fn alarm(state: State, since: &str) -> Alarm {
    Alarm {
        name: "lag".to_owned(),
        arn: ARN.to_owned(),
        description: None,
        state,
        reason: None,
        since: at(since),
        metric: None,
        suppressed: false,
    }
}

fn fires(source: &str) -> FiringSource {
    FiringSource {
        source: source.to_owned(),
        changed_at: at("06:00:00"),
        kind: "metric".to_owned(),
        subject: "Q/Depth".to_owned(),
        environment: "prod".to_owned(),
        severity: Severity::High,
        labels: Labels::new(),
    }
}

fn listing(ours: Vec<Alarm>) -> Listing {
    Listing { ours, others: BTreeSet::new(), complete: true }
}

/// `raise`, or how the source ends, or nothing.
fn planned(listing: &Listing, firing: &[FiringSource]) -> String {
    let plan = plan(listing, firing, at(NOW));
    let raised = plan.raise.iter().map(|_| "raise".to_owned());
    let resolved = plan.resolve.iter().map(|(_, end)| match end {
        End::Ok(since) => format!("ok since {since}"),
        End::Gone => "gone".to_owned(),
    });
    raised.chain(resolved).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_lost_notification_is_made_up_for_and_nothing_else_is() {
    let known = [fires(ARN)];
    let suppressed = Alarm { suppressed: true, ..alarm(State::Alarm, "06:00:00") };
    for (why, listing, firing, planned_is) in [
        ("it fires and nobody knows", listing(vec![alarm(State::Alarm, "06:00:00")]), &[][..], "raise"),
        ("its notification may be under way", listing(vec![alarm(State::Alarm, "06:29:01")]), &[], ""),
        ("it fires and that is known", listing(vec![alarm(State::Alarm, "06:00:00")]), &known, ""),
        ("its owner keeps it quiet", listing(vec![suppressed]), &[], ""),
        ("it is fine and nothing else was said", listing(vec![alarm(State::Ok, "06:00:00")]), &[], ""),
        ("it is over", listing(vec![alarm(State::Ok, "06:20:00")]), &known, "ok since 2026-03-01T06:20:00Z"),
        ("it is over, but hardly", listing(vec![alarm(State::Ok, "06:20:01")]), &known, ""),
        ("nobody can say how it is", listing(vec![alarm(State::Unknown, "06:00:00")]), &known, ""),
        ("it was deleted", listing(vec![]), &known, "gone"),
    ] {
        assert_eq!(planned(&listing, firing), planned_is, "{why}");
    }
}

#[test]
fn what_a_listing_that_broke_off_does_not_name_may_still_be_there() {
    let known = [fires(ARN), fires("arn:aws:cloudwatch:eu-central-1:111122223333:alarm:other")];
    let seen = Listing { complete: false, ..listing(vec![alarm(State::Ok, "06:00:00")]) };
    assert_eq!(planned(&seen, &known), "ok since 2026-03-01T06:00:00Z", "what was seen is certain");
}

#[test]
fn an_alarm_that_does_not_notify_us_is_left_alone_as_long_as_it_exists() {
    let there = Listing { others: BTreeSet::from([ARN.to_owned()]), ..listing(vec![]) };
    assert_eq!(planned(&there, &[fires(ARN)]), "");
}

#[test]
fn alarms_of_the_topics_account_and_region_are_known_by_how_their_arns_begin() {
    let prefix = arn_prefix("arn:aws-cn:sns:cn-north-1:111122223333:stack-alarms");
    assert_eq!(prefix.as_deref(), Some("arn:aws-cn:cloudwatch:cn-north-1:111122223333:alarm:"));
    for no_arn in ["", "topic", "arn:aws:sns:eu-central-1:1"] {
        assert_eq!(arn_prefix(no_arn), None, "{no_arn:?}");
    }
}
