//! What the migrator is invoked with: a deployment's custom resource, or a call by hand.

use jiff::Timestamp;
use runtime::{Fault, payload};
use serde::Deserialize;
use serde_json::Value;

/// An invocation, parsed at the door.
#[derive(Debug)]
pub(crate) enum Event {
    /// CloudFormation asks, and waits for an answer at the address it gives.
    Deployment(Deployment),
    /// Somebody asks.
    Call(Call),
}

/// A custom resource's request. CloudFormation adds fields of its own, and so may we later: none is refused.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html>
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Deployment {
    pub(crate) request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    pub(crate) response_url: String,
    pub(crate) stack_id: String,
    pub(crate) request_id: String,
    pub(crate) logical_resource_id: String,
}

/// What CloudFormation does to the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum RequestType {
    Create,
    Update,
    Delete,
    /// None that we know; it is answered all the same.
    #[serde(other)]
    Unknown,
}

/// `{"target": 3}`, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Call {
    /// The last migration to apply; this release's last, where absent.
    pub(crate) target: Option<i32>,
    /// When a scheduler meant it to run; migrations decide by the schema alone, so it is only checked.
    #[serde(rename = "scheduled_at", deserialize_with = "payload::scheduled_at")]
    pub(crate) _scheduled_at: Option<Timestamp>,
}

/// Reads an invocation's payload.
///
/// # Errors
/// `BadPayload` that names the field.
pub(crate) fn parse(payload: Value) -> Result<Event, Fault> {
    if payload.get("ResponseURL").is_some() {
        payload::parse(payload).map(Event::Deployment)
    } else {
        payload::parse(payload).map(Event::Call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_of_cloudformation_is_told_from_a_call() {
        let request = json!({
            "RequestType": "Update", "ResponseURL": "https://example.com/answer", "StackId": "s", "RequestId": "r",
            "LogicalResourceId": "Migration", "ResourceType": "Custom::Migration", "PhysicalResourceId": "p",
            "ResourceProperties": {"Release": "7"}, "OldResourceProperties": {"Release": "6"},
        });
        assert!(matches!(parse(request), Ok(Event::Deployment(Deployment { request_type: RequestType::Update, .. }))));
        assert!(matches!(parse(json!({})), Ok(Event::Call(Call { target: None, .. }))));
        assert!(matches!(parse(json!({"target": 1})), Ok(Event::Call(Call { target: Some(1), .. }))));
    }

    #[test]
    fn a_refusal_names_the_field() {
        for (payload, named) in [
            (json!({"tarqet": 1}), "tarqet"),
            (json!({"target": "one"}), "target: "),
            (json!({"ResponseURL": "https://example.com"}), "RequestType"),
        ] {
            let fault = parse(payload.clone()).expect_err("refused");
            assert!(fault.message.contains(named), "{payload} -> {}", fault.message);
        }
    }
}
