//! `[[classify]]`: what a rule may ask, and what is wrong with one.

use config::{Environment, WatchFile};
use domain::classify::{Command, Rule, When};
use domain::{Severity, SignalStatus};

/// A watch file with these rules; they begin on line 7.
fn parse(rules: &str) -> Result<WatchFile, Vec<String>> {
    let text = format!(
        "namespace = \"N\"\n[receiver.team]\nwebhook = {{ url = \"ssm:receivers/hook\" }}\n[routes]\ndefault = [\"team\"]\n\n{rules}"
    );
    let environment = Environment::parse("prod").expect("an environment");
    WatchFile::parse(&text, "w.toml", &environment)
        .map_err(|error| error.to_string().lines().map(|line| line.trim().to_owned()).collect())
}

#[test]
fn a_rule_may_ask_for_all_that_is_known_and_for_any_label() {
    let watch_file = parse(
        r#"[[classify]]
when = { kind = "metric", subject = ["a/b", "a/c"], source = "s", sender = "topic:t", environment = ["prd", "stg"], status = "firing", severity = "sev2", command = "destructive", verdict = "FALSE", team = ["x", "y"], labels = { kind = "z" } }
severity = "P1"
"#,
    )
    .expect("right");
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let label = |name: &str, values: &[&str]| (name.to_owned(), words(values));
    let when = When {
        kind: words(&["metric"]),
        subject: words(&["a/b", "a/c"]),
        source: words(&["s"]),
        sender: words(&["topic:t"]),
        environment: words(&["prod", "staging"]),
        status: vec![SignalStatus::Firing],
        severity: vec![Severity::High],
        labels: [label("verdict", &["FALSE"]), label("team", &["x", "y"]), label("kind", &["z"])].into(),
        command: Some(Command::Destructive),
    };
    assert_eq!(watch_file.policy().classify, [Rule { when, severity: Severity::Critical }]);
}

#[test]
fn every_mistake_is_told_with_its_line_and_what_was_expected() {
    for (rule, mistakes) in [
        ("when = { kind = \"claim\" }", &["w.toml:7: classify[0].severity: is missing: how bad they are"][..]),
        ("severity = \"LOW\"", &["w.toml:7: classify[0].when: is missing: which signals"]),
        (
            "when = { labels = {} }\nseverity = \"LOW\"",
            &["w.toml:8: classify[0].when.labels: asks nothing: expected an identity label"],
        ),
        ("when = {}\nseverity = \"LOW\"", &["w.toml:8: classify[0].when: asks nothing: expected one of kind"]),
        (
            "when = { verdcit = \"FALSE\" }\nseverity = \"LOW\"",
            &["w.toml:8: classify[0].when.verdcit: did you mean `verdict`?"],
        ),
        (
            "when = { enviroment = \"prod\" }\nseverity = \"LOW\"",
            &["w.toml:8: classify[0].when.enviroment: did you mean `environment`?"],
        ),
        (
            "when = { command = \"harmless\", status = \"gone\" }\nseverity = \"URGENT\"",
            &[
                "w.toml:8: classify[0].when.command: `harmless` is none of them: expected \"destructive\"",
                "w.toml:8: classify[0].when.status: `gone` is none of them: expected firing",
                "w.toml:9: classify[0].severity: unknown severity `URGENT`",
            ],
        ),
        (
            "when = { kind = 1 }\nthen = \"x\"\nseverity = \"LOW\"",
            &["w.toml:8: classify[0].when.kind: expected a text", "w.toml:9: classify[0].then: unknown key"],
        ),
    ] {
        let found = parse(&format!("[[classify]]\n{rule}\n")).expect_err(rule);
        let found: Vec<&String> = found.iter().filter(|line| line.starts_with("w.toml:")).collect();
        assert_eq!(found.len(), mistakes.len(), "{rule}: {found:#?}");
        for mistake in mistakes {
            assert!(found.iter().any(|line| line.starts_with(mistake)), "{mistake}: {found:#?}");
        }
    }
}
