//! What people say in payloads: names, reasons, words to match. Each refuses what says nothing.

use domain::Severity;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// What a person writes is read by persons; nobody reads more. Characters.
const LONGEST: usize = 500;
/// Nobody writes a longer list by hand, and what it asks is asked of every alert. Texts.
const MOST: usize = 200;

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
        expect_readable(text)?;
        match text.is_empty() {
            true => Err("is empty: expected a text that says something".to_owned()),
            false => Ok(Self(text.to_owned())),
        }
    }
}

/// Neither too long nor with what nobody can read; the store takes no NUL at all.
fn expect_readable(text: &str) -> Result<(), String> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(format!("holds the control character U+{:04X}: expected a text of one line", u32::from(control)));
    }
    match text.chars().count() {
        ..=LONGEST => Ok(()),
        length => Err(format!("has {length} characters: expected at most {LONGEST}")),
    }
}

/// A worker as somebody calls it, and as it is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Called {
    /// Exactly as asked, for the answer.
    pub(crate) asked: String,
    /// Without spaces around it, for the record.
    pub(crate) known: Said,
}

impl TryFrom<String> for Called {
    type Error = String;

    fn try_from(asked: String) -> Result<Self, String> {
        Ok(Self { known: Said::try_from(asked.clone())?, asked })
    }
}

/// The name of a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(pub(crate) String);

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.trim().is_empty() {
            true => Err("the name of a label is empty".to_owned()),
            false => expect_readable(&name).map(|()| Self(name)).map_err(|bad| format!("the name of a label {bad}")),
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
    if texts.len() > MOST {
        return Err(D::Error::custom(format!("{} texts are too many: expected at most {MOST}", texts.len())));
    }
    for text in &texts {
        if text.trim().is_empty() {
            return Err(D::Error::custom("one of the texts is empty"));
        }
        expect_readable(text).map_err(|bad| D::Error::custom(format!("one of the texts {bad}")))?;
    }
    Ok(texts)
}
