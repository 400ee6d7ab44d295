//! Payloads at the door: strict, and every refusal names the field.

mod strict;

use jiff::{SignedDuration, Timestamp};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::fault::Fault;

/// Reads a payload. `null` and an absent payload count as `{}`.
///
/// # Errors
/// `BadPayload` that names the field and what was expected.
pub fn parse<T: DeserializeOwned>(payload: Value) -> Result<T, Fault> {
    match payload {
        Value::Null => parse_part(Value::Object(serde_json::Map::new())),
        Value::Object(_) => parse_part(payload),
        _ => Err(Fault::bad_payload("the payload is no JSON object: expected {} or fields in braces")),
    }
}

/// Reads a part of a payload.
///
/// # Errors
/// `BadPayload` that names the field below this part, and what was expected.
pub fn parse_part<T: DeserializeOwned>(part: Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(strict::Strict(part)).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        Fault::bad_payload(if path == "." { cause.to_string() } else { format!("{path}: {cause}") })
    })
}

/// How far `now` may be from the clock before nothing is changed any more.
const REPLAY: SignedDuration = SignedDuration::from_mins(5);

/// Why nothing may change, if so: a run is rehearsed, or replayed. `now` from another time is a replay, except in the local
/// cloud.
pub fn held_back(dry_run: bool, now: Option<Timestamp>, clock: Timestamp, is_local: bool) -> Option<&'static str> {
    let apart = now.map(|now| now.duration_since(clock).abs());
    if dry_run {
        Some("dry_run")
    } else if apart.is_some_and(|apart| apart > REPLAY) && !is_local {
        Some("now is more than 5 minutes from the clock, which implies dry_run")
    } else {
        None
    }
}

/// Reads `scheduled_at`. EventBridge Scheduler replaces `<aws.scheduler.scheduled-time>`; where it has not been
/// replaced (a call by hand, a local cloud), the field counts as absent.
///
/// # Errors
/// When it is neither an instant nor in angle brackets.
pub fn scheduled_at<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    match text.as_deref() {
        None => Ok(None),
        Some(placeholder) if placeholder.starts_with('<') && placeholder.ends_with('>') => Ok(None),
        Some(text) => read_instant(text).map(Some).map_err(D::Error::custom),
    }
}

/// Seconds from 1970 to the beginning of the year 1. Years before it are no mistake that the store could hold.
const YEAR_ONE: i64 = -62_135_596_800;

/// Reads an instant of the years 1 to 9999.
///
/// # Errors
/// When it is anything else.
pub fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => read_instant(&text).map_err(D::Error::custom),
        _ => Err(D::Error::custom("expected an instant as 2026-03-01T06:00:00Z")),
    }
}

/// Reads an instant as [`instant`] does; nothing where there is `null`.
///
/// # Errors
/// When it is anything else.
pub fn optional_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        other => instant(other).map(Some).map_err(D::Error::custom),
    }
}

fn read_instant(text: &str) -> Result<Timestamp, String> {
    let instant: Option<Timestamp> = text.parse().ok();
    instant.filter(|instant| instant.as_second() >= YEAR_ONE).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        format!("`{}`: expected an instant as 2026-03-01T06:00:00Z, of the years 1 to 9999", shown.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Payload {
        dry_run: bool,
        #[serde(deserialize_with = "optional_instant")]
        now: Option<Timestamp>,
        limit: i64,
        below: Vec<Below>,
        #[serde(deserialize_with = "scheduled_at")]
        scheduled_at: Option<Timestamp>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Below {
        #[serde(rename = "name")]
        _name: String,
    }

    #[test]
    fn nothing_is_a_payload_too() {
        let payload: Payload = parse(Value::Null).expect("defaults");
        assert!(!payload.dry_run && payload.now.is_none() && payload.scheduled_at.is_none());
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (payload, named) in [
            (json!({"dryrun": true}), "dryrun"),
            (json!({"dry_run": "yes"}), "dry_run: expected true or false, not a text"),
            (json!({"now": "tomorrow"}), "now: `tomorrow`: expected an instant as 2026-03-01T06:00:00Z"),
            (json!({"now": "-009000-01-01T00:00:00Z"}), "now: `-009000-01-01T00:00:00Z`: expected an instant"),
            (json!({"now": 5}), "now: expected an instant as 2026-03-01T06:00:00Z"),
            (json!({"scheduled_at": "soon"}), "scheduled_at: `soon`: expected an instant"),
            (json!({"limit": 1.5}), "limit: expected a whole number, not 1.5"),
            (json!({"below": {"name": "a"}}), "below: expected a list, not fields in braces"),
            (json!({"below": [{"name": "a"}, ["b"]]}), "below[1]: expected fields in braces, not a list"),
            (json!({"below": [{"name": null}]}), "below[0].name: expected a text, not null"),
        ] {
            let fault = parse::<Payload>(payload.clone()).expect_err("refused");
            assert_eq!(fault.kind, crate::Kind::BadPayload);
            assert!(fault.message.contains(named), "{payload} -> {}", fault.message);
        }
    }

    #[test]
    fn another_time_holds_back_except_in_the_local_cloud() {
        let clock: Timestamp = "2026-03-01T06:00:00Z".parse().expect("an instant");
        let at = |now: &str, is_local| held_back(false, now.parse().ok(), clock, is_local);
        assert_eq!(at("2026-03-01T06:05:00Z", false), None);
        assert!(at("2026-03-01T06:05:01Z", false).is_some());
        assert!(at("2026-03-01T05:54:59Z", false).is_some());
        assert_eq!(at("2020-01-01T00:00:00Z", true), None);
        assert_eq!(held_back(true, None, clock, true), Some("dry_run"));
        assert_eq!(held_back(false, None, clock, false), None);
    }

    #[test]
    fn an_unreplaced_placeholder_counts_as_absent() {
        let payload: Payload = parse(json!({"scheduled_at": "<aws.scheduler.scheduled-time>"})).expect("a payload");
        assert_eq!(payload.scheduled_at, None);
        let payload: Payload = parse(json!({"scheduled_at": "2026-03-01T06:00:00Z"})).expect("a payload");
        assert!(payload.scheduled_at.is_some());
    }
}
