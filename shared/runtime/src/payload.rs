//! Payloads at the door: strict, and every refusal names the field.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
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
        // Serde would take a list for a structure, field by field.
        _ => Err(Fault::bad_payload("the payload is no JSON object: expected {} or fields in braces")),
    }
}

/// Reads a part of a payload.
///
/// # Errors
/// `BadPayload` that names the field below this part, and what was expected.
pub fn parse_part<T: DeserializeOwned>(part: Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(part).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        Fault::bad_payload(if path == "." { cause.to_string() } else { format!("{path}: {cause}") })
    })
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
        Some(instant) => instant.parse().map(Some).map_err(|_| {
            serde::de::Error::custom(format!("`{instant}` is no instant: expected one as 2026-03-01T06:00:00Z"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Payload {
        dry_run: bool,
        now: Option<Timestamp>,
        #[serde(deserialize_with = "scheduled_at")]
        scheduled_at: Option<Timestamp>,
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
            (json!({"dry_run": "yes"}), "dry_run: "),
            (json!({"now": "tomorrow"}), "now: "),
            (json!({"scheduled_at": "soon"}), "scheduled_at: "),
        ] {
            let fault = parse::<Payload>(payload.clone()).expect_err("refused");
            assert_eq!(fault.kind, crate::Kind::BadPayload);
            assert!(fault.message.contains(named), "{payload} -> {}", fault.message);
        }
    }

    #[test]
    fn an_unreplaced_placeholder_counts_as_absent() {
        let payload: Payload = parse(json!({"scheduled_at": "<aws.scheduler.scheduled-time>"})).expect("a payload");
        assert_eq!(payload.scheduled_at, None);
        let payload: Payload = parse(json!({"scheduled_at": "2026-03-01T06:00:00Z"})).expect("a payload");
        assert!(payload.scheduled_at.is_some());
    }
}
