//! Routes, noise, inhibitions and quarantine rules as the watch file writes them.

use config::{Environment, WatchFile};
use domain::fingerprint::Labels;
use domain::policy::{DEFAULT_FLAPPING, Described, Policy};
use domain::{Severity, Timestamp};
use jiff::SignedDuration;

/// What the router reads of the full face of a watch file.
const FACE: &str = r#"
namespace = "OPsPipeline"

[hours.market]
timezone = "America/New_York"
open     = ["mon-fri 09:30-16:00"]
closed   = ["2026-12-25"]

[receiver.on-call]
pagerduty = { routing_key = "ssm:receivers/pagerduty" }
[receiver.manager]
pagerduty = { routing_key = "ssm:receivers/pagerduty_manager" }
[receiver.team]
webhook = { url = "ssm:receivers/hook_url" }
[receiver.mail]
sns = { topic = "pages" }

[routes]
default = ["team"]
[[routes.route]]
when = { severity = ["CRITICAL", "HIGH"] }
to   = ["on-call", "mail"]
fallback = ["manager"]
escalate = { after = "15m", to = ["manager"] }
[[routes.route]]
when  = { severity = ["LOW"] }
to    = ["team"]
hours = "market"
group_by = ["kind"]
group_wait = "45s"

[noise]
dedup_window = "1h"
digest_every = "2h"
flapping     = { changes = 4, within = "20m" }
remind_every = { CRITICAL = "1h" }

[source.gfs]
forecast_type = "medium_range"
every = "6h"
expected_after = "5h"
late_after = "6h"
max_runtime = "1h"
upstream.s3 = { buckets = ["noaa-gfs-bdp-pds"] }
complete.keys = ["{yyyymmdd}{hh}"]
trigger.sqs = { queue = "jobs" }

[[inhibit]]
when  = { kind = "upstream-late", subject = "gfs" }
mutes = { kind = "heartbeat", subject = "medium-range" }

[[quarantine]]
when = { kind = "claim", severity = "CRITICAL" }
from = ["topic:claims"]
if_store_unreachable = "deny"
"#;

fn policy(text: &str) -> anyhow::Result<Policy> {
    Ok(WatchFile::parse(text, "w.toml", &Environment::parse("prod")?)?.policy())
}

fn described<'a>(severity: Severity, subject: &'a str, labels: &'a Labels) -> Described<'a> {
    Described { severity, kind: "metric", subject, environment: "prod", labels }
}

#[test]
fn the_full_face_says_who_is_told_when_and_who_instead() -> anyhow::Result<()> {
    let policy = policy(FACE)?;
    let labels = Labels::new();
    let high = policy.routes_of(&described(Severity::High, "x", &labels));
    assert_eq!(
        (high[0].to.as_slice(), high[0].fallback.as_slice()),
        (&["on-call", "mail"].map(str::to_owned)[..], &["manager".to_owned()][..])
    );
    let escalate = high[0].escalate.as_ref().map(|escalate| (escalate.after, escalate.to.clone()));
    assert_eq!(escalate, Some((SignedDuration::from_mins(15), vec!["manager".to_owned()])));
    let low = policy.routes_of(&described(Severity::Low, "x", &labels));
    let open = |at: &str| -> anyhow::Result<Option<bool>> {
        let at: Timestamp = at.parse()?;
        Ok(low[0].hours.as_ref().map(|hours| hours.is_open(at)))
    };
    assert_eq!((open("2026-12-24T15:00:00Z")?, open("2026-12-25T15:00:00Z")?), (Some(true), Some(false)));
    let group = low[0].group.as_ref().map(|group| (group.by.clone(), group.wait));
    assert_eq!(group, Some((vec!["kind".to_owned()], SignedDuration::from_secs(45))));
    let medium = policy.routes_of(&described(Severity::Medium, "x", &labels));
    assert_eq!(medium, [&policy.default_route]);
    assert_eq!(policy.default_route.to, ["team"]);
    Ok(())
}

#[test]
fn the_full_face_says_how_noise_is_kept_down_what_mutes_what_and_who_may_bar_a_worker() -> anyhow::Result<()> {
    let policy = policy(FACE)?;
    assert_eq!(policy.dedup_window, SignedDuration::from_hours(1));
    assert_eq!(policy.digest_every, Some(SignedDuration::from_hours(2)));
    assert_eq!(policy.flapping.map(|flaps| (flaps.changes, flaps.within)), Some((4, SignedDuration::from_mins(20))));
    assert_eq!(policy.remind_every, [(Severity::Critical, SignedDuration::from_hours(1))].into());
    assert_eq!(
        (policy.inhibit[0].when.kind[0].as_str(), policy.inhibit[0].mutes.subject[0].as_str()),
        ("upstream-late", "medium-range")
    );
    assert_eq!(policy.quarantine[0].from, ["topic:claims"]);
    assert!(policy.quarantine[0].deny_without_store);
    Ok(())
}

#[test]
fn a_word_that_ends_in_a_star_matches_beginnings_and_any_other_key_is_a_label() -> anyhow::Result<()> {
    let when = "when = { subject = \"OPsPipeline/*\", ticker = [\"A*\", \"MSFT\"], environment = \"production\" }";
    let policy = policy(&FACE.replacen("when = { severity = [\"CRITICAL\", \"HIGH\"] }", when, 1))?;
    let matches = |subject: &str, ticker: &str| {
        let labels = Labels::from([("ticker".to_owned(), ticker.to_owned())]);
        policy.routes[0].when.matches(&described(Severity::Low, subject, &labels))
    };
    assert!(matches("OPsPipeline/Lag", "AAPL") && matches("OPsPipeline/Lag", "MSFT"));
    assert!(!matches("Other/Lag", "AAPL") && !matches("OPsPipeline/Lag", "MSFTX"));
    Ok(())
}

#[test]
fn what_is_not_said_about_noise_has_its_default_and_zero_switches_off() -> anyhow::Result<()> {
    let (without, _) = FACE.split_once("[noise]").unwrap_or_default();
    let silent = policy(without)?;
    assert_eq!(silent.flapping, Some(DEFAULT_FLAPPING));
    assert_eq!(silent.digest_every, Some(SignedDuration::from_hours(1)));
    assert!(silent.remind_every.is_empty() && silent.inhibit.is_empty() && silent.quarantine.is_empty());
    let off = policy(&format!("{without}[noise]\ndigest_every = \"0s\"\nflapping = {{ changes = 0 }}\n"))?;
    assert_eq!((off.digest_every, off.flapping), (None, None));
    let some = policy(&format!("{without}[noise]\nflapping = {{ within = \"1h\" }}\n"))?;
    assert_eq!(some.flapping.map(|flaps| (flaps.changes, flaps.within)), Some((5, SignedDuration::from_hours(1))));
    let waits = policy(&FACE.replacen("group_wait = \"45s\"\n", "", 1))?;
    let wait = waits.routes[1].group.as_ref().map(|group| group.wait);
    assert_eq!(wait, Some(SignedDuration::from_secs(30)));
    Ok(())
}

#[test]
fn each_mistake_about_noise_and_routes_is_told_where_it_stands() -> anyhow::Result<()> {
    for (right, wrong, expected) in [
        (
            "to = [\"manager\"] }",
            "to = [\"manger\"] }",
            "routes.route[0].escalate.to: there is no receiver `manger` (did you mean `manager`?)",
        ),
        ("after = \"15m\"", "after = \"15s\"", "routes.route[0].escalate.after: expected 1m to 30d"),
        ("after = \"15m\"", "after = \"300000w\"", "routes.route[0].escalate.after: expected 1m to 30d"),
        ("dedup_window = \"1h\"", "dedup_window = \"7d1s\"", "noise.dedup_window: expected at most 7d, or \"0s\""),
        ("digest_every = \"2h\"", "digest_every = \"31d\"", "noise.digest_every: expected 1m to 30d, or \"0s\""),
        ("CRITICAL = \"1h\"", "CRITICAL = \"5w\"", "noise.remind_every.CRITICAL: expected 1m to 30d; for no reminders"),
        (
            "fallback = [\"manager\"]",
            "fallback = [\"mail\"]",
            "routes.route[0]: receiver `mail` is in `to` and in `fallback`",
        ),
        (
            "fallback",
            "falback",
            "routes.route[0].falback: unknown key (did you mean `fallback`?), expected one of when, to,",
        ),
        (
            "group_by = [\"kind\"]",
            "group_by = [\"severity\"]",
            "routes.route[1].group_by: alerts of a group may rise one by one",
        ),
        (
            "group_by = [\"kind\"]",
            "group_by = [\"kind\", \"kind\"]",
            "routes.route[1].group_by: `kind` is listed twice",
        ),
        ("group_wait = \"45s\"", "group_wait = \"0s\"", "routes.route[1].group_wait: expected 1s to 15m"),
        ("changes = 4", "changes = 4.5", "noise.flapping.changes: expected a whole number, not the number 4.5"),
        ("within = \"20m\"", "within = \"2d\"", "noise.flapping.within: expected 1m to 24h"),
        ("CRITICAL = \"1h\"", "CRITICAL = \"1h\", sev1 = \"2h\"", "noise.remind_every.sev1: CRITICAL is listed twice"),
        ("CRITICAL = \"1h\"", "CRITCAL = \"1h\"", "noise.remind_every.CRITCAL: unknown severity `CRITCAL`"),
        ("when  = { kind = \"upstream-late\", subject = \"gfs\" }\n", "", "inhibit[0].when: is missing: which alerts"),
        (
            "subject = \"gfs\"",
            "subject = \"gsf\"",
            "inhibit[0].when.subject: there is no source `gsf`, expected one of gfs",
        ),
        (
            "when  = { severity = [\"LOW\"] }",
            "when  = { kind = [\"upstream-late\", \"run-failed\"], subject = [\"gfs\", \"g*\", \"nowcast\"] }",
            "routes.route[1].when.subject: there is no source `nowcast`, expected one of gfs",
        ),
        ("from = [\"topic:claims\"]\n", "", "quarantine[0].from: is missing: the senders that may bar a worker"),
        ("from = [\"topic:claims\"]", "from = [\"topic:\"]", "quarantine[0].from: `topic:` is no sender"),
        (
            "from = [\"topic:claims\"]",
            "from = [\"topic:arn:aws:sns:eu-central-1:123456789012:claims\"]",
            "quarantine[0].from: `topic:arn:aws:sns:eu-central-1:123456789012:claims` is no sender that messages have: \
             expected the topic's name alone, as in `topic:claims`",
        ),
        (
            "from = [\"topic:claims\"]",
            "from = [\"principal:AROAEXAMPLE:writer\"]",
            "quarantine[0].from: `principal:AROAEXAMPLE:writer` is no sender that messages have: expected the id that SQS",
        ),
        ("[[quarantine]]", "[[quarantin]]", "quarantin: unknown key (did you mean `quarantine`?)"),
    ] {
        assert!(FACE.contains(right), "{right}");
        let error = policy(&FACE.replacen(right, wrong, 1)).err().map(|error| error.to_string()).unwrap_or_default();
        let told = error.split_once(": ").map(|(_, told)| told).unwrap_or_default();
        assert!(told.starts_with(expected) && error.lines().count() == 1, "{wrong}\n{error}");
    }
    Ok(())
}
