//! What people say in payloads: names, reasons, words to match. Each refuses what says nothing.

use domain::Severity;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What a person writes is read by persons; nobody reads more. Characters.
const LONGEST: usize = 500;

/// A text that says something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Said(String);

impl Said {
    /// The text, without spaces around it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Said {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("is empty: expected a text that says something".to_owned()),
            1..=LONGEST => Ok(Self(text.to_owned())),
            length => Err(format!("has {length} characters: expected at most {LONGEST}")),
        }
    }
}

/// One text, or a list of at least one; each may end in `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = texts(deserializer)?;
        let within = |text: &&String| text.strip_suffix('*').unwrap_or(text).contains('*');
        match texts.iter().find(within) {
            Some(text) => Err(D::Error::custom(format!("`{text}`: `*` may only stand at the end"))),
            None => Ok(Self(texts)),
        }
    }
}

/// One severity, or a list of at least one, in any spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Severities(pub(crate) Vec<Severity>);

impl<'de> Deserialize<'de> for Severities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |text: String| text.parse().map_err(D::Error::custom);
        texts(deserializer)?.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let expected = || D::Error::custom("expected a text, or a list of at least one text");
    let texts = match Value::deserialize(deserializer)? {
        Value::String(text) => vec![text],
        Value::Array(list) if !list.is_empty() => {
            let text = |value: Value| value.as_str().map(str::to_owned).ok_or_else(expected);
            list.into_iter().map(text).collect::<Result<_, _>>()?
        }
        _ => return Err(expected()),
    };
    if texts.iter().any(|text| text.trim().is_empty()) {
        return Err(D::Error::custom("one of the texts is empty"));
    }
    Ok(texts)
}
