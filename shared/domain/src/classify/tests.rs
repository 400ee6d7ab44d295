//! Which rule wins.

use proptest::prelude::*;

use super::*;

fn rule(when: When, severity: Severity) -> Rule {
    Rule { when, severity }
}

fn facts<'a>(labels: &'a Labels, command: &'a str) -> Facts<'a> {
    Facts {
        kind: "claim",
        subject: "worker-7",
        source: "claim",
        sender: "topic:claims",
        environment: "prod",
        status: SignalStatus::Event,
        severity: Severity::Low,
        labels,
        command,
    }
}

fn words(word: &str) -> Vec<String> {
    vec!["another".to_owned(), word.to_owned()]
}

#[test]
fn a_rule_may_ask_for_everything_that_is_known_of_a_signal() {
    let labels: Labels = [("verdict".to_owned(), "FALSE".to_owned())].into();
    let facts = facts(&labels, "docker stop web");
    let label = |value: &str| BTreeMap::from([("verdict".to_owned(), words(value))]);
    let matching = [
        When { kind: words("claim"), ..When::default() },
        When { subject: words("worker-7"), ..When::default() },
        When { source: words("claim"), ..When::default() },
        When { sender: words("topic:claims"), ..When::default() },
        When { environment: words("prod"), ..When::default() },
        When { status: vec![SignalStatus::Event], ..When::default() },
        When { severity: vec![Severity::Low], ..When::default() },
        When { labels: label("FALSE"), ..When::default() },
        When { command: Some(Command::Destructive), ..When::default() },
    ];
    let other = [
        When { kind: words("metric"), ..When::default() },
        When { subject: words("worker"), ..When::default() },
        When { source: words("x"), ..When::default() },
        When { sender: words("principal:x"), ..When::default() },
        When { environment: words("test"), ..When::default() },
        When { status: vec![SignalStatus::Firing], ..When::default() },
        When { severity: vec![Severity::High], ..When::default() },
        When { labels: label("TRUE"), ..When::default() },
        When { labels: BTreeMap::from([("none".to_owned(), words("x"))]), ..When::default() },
    ];
    for (when, matches) in matching.into_iter().map(|when| (when, true)).chain(other.map(|when| (when, false))) {
        assert_eq!(when.matches(&facts), matches, "{when:?}");
    }
}

#[test]
fn the_first_match_wins_and_no_match_keeps_the_severity_of_the_shape() {
    let labels = Labels::new();
    let of = |kind: &str, severity| rule(When { kind: words(kind), ..When::default() }, severity);
    let rules = [of("metric", Severity::High), of("claim", Severity::Medium), of("claim", Severity::Critical)];
    assert_eq!(severity(&rules, &facts(&labels, "")), Severity::Medium);
    assert_eq!(severity(&rules[..1], &facts(&labels, "")), Severity::Low);
}

proptest! {
    #[test]
    fn a_rule_that_does_not_match_changes_nothing(at in 0usize..3, kind in "[a-z]{1,5}") {
        prop_assume!(kind != "claim" && kind != "another");
        let labels = Labels::new();
        let mut rules = vec![rule(When { environment: words("prod"), ..When::default() }, Severity::High); 2];
        let before = severity(&rules, &facts(&labels, ""));
        rules.insert(at, rule(When { kind: vec![kind], ..When::default() }, Severity::Critical));
        prop_assert_eq!(severity(&rules, &facts(&labels, "")), before);
    }
}
