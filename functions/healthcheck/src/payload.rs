//! What healthcheck is asked for, and which checks that means.

use config::nearest;
use config::watch_file::{Check, WatchFile};
use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::Deserialize;

/// The payload. Every field may be left out; an unknown one is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Payload {
    /// Names of checks; without it, all.
    pub(crate) checks: Option<Vec<String>>,
    /// Measure, and publish nothing.
    pub(crate) dry_run: bool,
    /// Replaces the clock: what is published is dated so.
    #[serde(deserialize_with = "payload::optional_instant")]
    pub(crate) now: Option<Timestamp>,
    /// When the scheduler meant it to run: for the ledger, and for ids of signals while there is no record.
    #[serde(deserialize_with = "payload::scheduled_at")]
    pub(crate) scheduled_at: Option<Timestamp>,
}

impl Payload {
    /// The checks that are meant, each once, in the order of the watch file.
    ///
    /// # Errors
    /// `BadPayload` that names a check there is not, and the nearest that there is.
    pub(crate) fn select<'w>(&self, watch_file: &'w WatchFile) -> Result<Vec<&'w Check>, Fault> {
        let Some(wanted) = &self.checks else { return Ok(watch_file.checks.iter().collect()) };
        if wanted.is_empty() {
            return Err(Fault::bad_payload("checks: names no check; leave it out to run all of them"));
        }
        let known = || watch_file.checks.iter().map(|check| check.name.as_str());
        for (index, name) in wanted.iter().enumerate() {
            if watch_file.check(name).is_none() {
                let meant = nearest(name, known()).map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default();
                let all: Vec<_> = known().collect();
                let file = &watch_file.file;
                return Err(Fault::bad_payload(format!(
                    "checks[{index}]: there is no check `{name}`{meant} in {file}, expected some of {}",
                    all.join(", ")
                )));
            }
        }
        Ok(watch_file.checks.iter().filter(|check| wanted.contains(&check.name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Environment;
    use runtime::Kind;
    use serde_json::json;

    fn watch_file() -> WatchFile {
        let check = |name: &str| {
            format!(
                "[check.{name}]\ndatabase = \"db\"\nsql = \"select 1 as n\"\n\
                 [check.{name}.metric.n]\nname = \"{name}\"\nunit = \"Count\"\n"
            )
        };
        let text = format!(
            "namespace = \"N\"\n[database.db]\nurl = \"ssm:database/db\"\n{}{}\
             [receiver.team]\nsns = {{ topic = \"pages\" }}\n[routes]\ndefault = [\"team\"]\n",
            check("telemetry"),
            check("features")
        );
        WatchFile::parse(&text, "config/w.toml", &Environment::parse("local").expect("a name")).expect("a watch file")
    }

    fn selected(payload: serde_json::Value) -> Result<Vec<String>, Fault> {
        let payload: Payload = runtime::payload::parse(payload)?;
        Ok(payload.select(&watch_file())?.iter().map(|check| check.name.clone()).collect())
    }

    #[test]
    fn all_checks_are_meant_unless_some_are_named() {
        assert_eq!(selected(json!({})), Ok(vec!["telemetry".to_owned(), "features".to_owned()]));
        let some = json!({"checks": ["features", "telemetry", "features"]});
        assert_eq!(selected(some), Ok(vec!["telemetry".to_owned(), "features".to_owned()]));
        assert_eq!(selected(json!({"checks": ["features"]})), Ok(vec!["features".to_owned()]));
    }

    #[test]
    fn a_check_there_is_not_is_named_with_the_nearest_there_is() {
        let fault = selected(json!({"checks": ["features", "telemtry"]})).expect_err("no such check");
        assert_eq!(fault.kind, Kind::BadPayload);
        for part in ["checks[1]", "`telemtry`", "did you mean `telemetry`?", "telemetry, features", "config/w.toml"] {
            assert!(fault.message.contains(part), "{part}: {}", fault.message);
        }
        assert!(selected(json!({"checks": []})).is_err());
    }
}
