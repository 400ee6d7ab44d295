//! Looks into JSON that others wrote: what is missing, empty or of another type is simply not there, so that one odd
//! field never costs a whole message.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::fingerprint::Labels;

/// 0001-01-01T00:00:00Z in Unix seconds. What is dated before it is not dated: PostgreSQL's instants begin in 4713 BC.
const YEAR_ONE: i64 = -62_135_596_800;

/// A JSON object.
pub(super) type Json = Map<String, Value>;

/// A text that is not empty.
pub(super) fn text<'a>(json: &'a Json, name: &str) -> Option<&'a str> {
    json.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
}

/// A text that is not empty, or a number or truth value as one.
pub(super) fn scalar(json: &Json, name: &str) -> Option<String> {
    let value = json.get(name).filter(|value| !value.is_null() && !value.is_array() && !value.is_object())?;
    Some(plain(value)).filter(|text| !text.trim().is_empty())
}

/// The labels in the field `labels`; one that is null is none.
pub(super) fn labels(json: &Json) -> Labels {
    let labels = object(json, "labels").into_iter().flatten().filter(|(_, value)| !value.is_null());
    labels.map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// An object.
pub(super) fn object<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    json.get(name).and_then(Value::as_object)
}

/// A list; one that is missing is empty.
pub(super) fn list<'a>(json: &'a Json, name: &str) -> &'a [Value] {
    json.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The instant in a field, if there is one that can be read.
pub(super) fn instant(json: &Json, name: &str) -> Option<Timestamp> {
    let at = match json.get(name)? {
        Value::String(text) => from_text(text.trim()),
        Value::Number(number) => from_number(number.as_f64()?),
        _ => None,
    };
    at.filter(|at| at.as_second() >= YEAR_ONE)
}

/// RFC 3339; CloudWatch's `2015-06-03T17:43:27.123+0000`, an offset without the colon; Python's `isoformat()`, which
/// leaves the offset out and means UTC wherever programs report to each other.
fn from_text(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).and_then(|time| time.to_timestamp()).ok())
        .or_else(|| {
            text.parse::<DateTime>().and_then(|time| time.to_zoned(TimeZone::UTC)).map(|at| at.timestamp()).ok()
        })
}

/// Unix seconds, or milliseconds where seconds would lie after the year 5000.
fn from_number(number: f64) -> Option<Timestamp> {
    let seconds = if number.abs() > 1e11 { number / 1e3 } else { number };
    SignedDuration::try_from_secs_f64(seconds).and_then(Timestamp::from_duration).ok()
}

/// A value as a label holds it: a text as it is, anything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
