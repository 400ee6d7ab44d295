//! What Lambda writes to a failure destination: an invocation that nobody will try again.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>

use super::Reading;
use super::fields::{Json, instant, object, text};
use crate::severity::Severity;
use crate::signal::SignalStatus;

/// Reads the record of a function's destination, or of an event source mapping's; `None` where it is none.
pub(super) fn read(json: &Json) -> Option<Reading> {
    let context = object(json, "requestContext")?;
    let (arn, condition) = (text(context, "functionArn")?, text(context, "condition")?);
    // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
    let name = arn.split(':').nth(6).filter(|name| !name.is_empty()).unwrap_or(arn);
    let answer = object(json, "responsePayload");
    let said = |name| answer.and_then(|answer| text(answer, name));
    let error = [said("errorType"), said("errorMessage")].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let after = if error.is_empty() { String::new() } else { format!(", {error}") };
    Some(Reading {
        occurred_at: instant(json, "timestamp"),
        source: arn.to_owned(),
        kind: "invocation-failed".to_owned(),
        subject: name.to_owned(),
        // A destination for successes that leads here is a slip: on record, and nobody is woken.
        status: if condition == "Success" { SignalStatus::None } else { SignalStatus::Event },
        severity: Severity::High,
        summary: format!("An invocation of {name} was given up ({condition}){after}"),
        ..Reading::default()
    })
}
