//! One look is enough: everything that is wrong with a file, each with its own line.

use config::watch_file::WatchFileError;
use config::{Environment, WatchFile};
use domain::policy::Integration;

const WRONG: &str = include_str!("wrong.toml");

/// Line and key of each mistake, as the file itself marks them.
fn marked() -> Vec<(usize, &'static str)> {
    let lines = WRONG.lines().zip(1..);
    lines.filter_map(|(line, number)| Some((number, line.split_once("# wrong: ")?.1.trim()))).collect()
}

#[test]
fn every_mistake_of_every_section_is_told_once_with_its_line_and_its_key() -> anyhow::Result<()> {
    let Err(error) = WatchFile::parse(WRONG, "wrong.toml", &Environment::parse("prod")?) else {
        anyhow::bail!("it was taken");
    };
    let text = error.to_string();
    let WatchFileError::Wrong { problems, .. } = error else { anyhow::bail!("{text}") };
    let told: Vec<_> = problems.iter().map(|problem| (problem.line, problem.key.as_str())).collect();
    assert_eq!(told, marked(), "{text}");
    assert!(told.len() >= 10, "{text}");
    assert!(!text.contains("0123456789abcdef"), "what may be a secret is not repeated: {text}");
    Ok(())
}

#[test]
fn each_mistake_says_what_was_expected_and_what_was_probably_meant() -> anyhow::Result<()> {
    let error = WatchFile::parse(WRONG, "wrong.toml", &Environment::parse("prod")?).err();
    let text = error.map(|error| error.to_string()).unwrap_or_default();
    for said in [
        "`5 minutes` is not a duration: expected numbers with units",
        "there is no time zone `America/NewYork` (did you mean `America/New_York`?)",
        "has no day `satt` (they are mon, tue, wed, thu, fri, sat, sun): expected days and hours, as in `mon-fri 09:30-16:00`",
        "expected dates, as in \"2026-12-25\", found the text \"2026-02-30\" in it",
        "(did you mean `database`?), expected one of",
        "unknown severity `URGENT`: expected CRITICAL, HIGH, MEDIUM or LOW",
        "`markt` (did you mean `market`?), expected one of market",
        "there is no function of Watchkeeper's called `archivr` (did you mean `archiver`?), expected one of healthcheck,",
        "`0 2 31 2 *` never comes: there is no such day",
        "expected 1m to 366d: evaluations come once a minute",
        "`@weekly` has not five fields",
        "there is no database `pipelin` (did you mean `pipeline`?), expected one of pipeline, watchkeeper",
        "`2 years` does not say how long: expected numbers with units y, mo, w, d, h, m or s, largest first, as in `2y`",
        "`7d` would take rows that are needed: expected at least 15d: a message may come again for 14 days",
        "would allow deleting the whole bucket: expected a prefix, as in `nowcast/`",
        "expected a reference such as `ssm:receivers/pagerduty`",
        "unknown key (did you mean `webhook`?), expected one of webhook",
        "there is no receiver `teem` (did you mean `team`?), expected one of on-call, team",
        "did you mean `subject`? If not, a label that is really called so goes into `labels = { … }`",
        "unknown key (did you mean `dedup_window`?)",
        "there is no receiver `on-cal` (did you mean `on-call`?), expected one of on-call, team",
        "there is no [hours.NAME] called `markt` (did you mean `market`?), expected one of market",
        "says nothing without `group_by`: what alerts of a group have in common",
        "`subjct`: did you mean `subject`? expected kind, subject, environment or an identity label",
        "`*` may only stand at the end",
        "expected 3 to 1000, or 0 to switch it off",
        "expected 1m to 30d; for no reminders, leave the severity out",
        "only signals have one, and this is about alerts",
        "`mutes` asks the same as `when`: an alert never mutes its like",
        "`kind` is no identity label, and `equal` compares those only",
        "`claims` is no sender: expected `topic:NAME`, `events:SOURCE` or `principal:ID`",
        "whoever fits a pattern could bar workers",
        "expected \"deny\" or \"allow\", not \"perhaps\"",
        "expected `kind = \"claim\"` in `when`: nothing else names a worker",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    Ok(())
}

#[test]
fn a_first_file_that_works_has_twenty_lines() -> anyhow::Result<()> {
    let watch_file = WatchFile::parse(include_str!("first.toml"), "dev.toml", &Environment::parse("dev")?)?;
    assert_eq!(watch_file.receivers["team"].integration(), Integration::Slack);
    assert_eq!(watch_file.checks[0].metrics[0].name, "TelemetryLag");
    Ok(())
}
