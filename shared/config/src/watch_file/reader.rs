//! Reads TOML tables strictly: every key is declared before it is read, and every mistake is kept with its line.

use domain::duration;
use jiff::SignedDuration;
use jiff::civil::Date;
use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::problem::Problems;
use crate::nearest::nearest;

/// A value with the place it stands at.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    path: String,
    offset: usize,
}

/// A table whose keys have been checked.
pub(super) struct Table<'t> {
    problems: &'t Problems<'t>,
    path: String,
    offset: usize,
    entries: &'t DeTable<'t>,
    /// Keys that unknown ones were probably meant to be: one slip is one mistake, not also a missing key.
    meant: Vec<String>,
    /// Whether a key was refused.
    refused: bool,
}

/// An element of a list that holds texts and tables.
pub(super) enum Mixed<'t> {
    /// A text that is not empty.
    Text(Found<&'t str>),
    /// A table.
    Table(Table<'t>),
}

type Entry<'t> = (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>);

impl<'t> Table<'t> {
    /// The whole file, whose sections may only be these.
    pub(super) fn root(problems: &'t Problems<'t>, entries: &'t DeTable<'t>, keys: &[&str]) -> Self {
        let mut root = Self { problems, path: String::new(), offset: 0, entries, meant: Vec::new(), refused: false };
        root.refuse_others(keys);
        root
    }

    /// Notes a mistake of the table as a whole.
    pub(super) fn note(&self, what: impl Into<String>) {
        self.problems.note(self.offset, &self.path, what);
    }

    /// Notes a mistake of a value.
    pub(super) fn note_at<T>(&self, found: &Found<T>, what: impl Into<String>) {
        self.problems.note(found.offset, &found.path, what);
    }

    /// Whether a key is written, be it with a slip.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key) || self.meant.iter().any(|meant| meant == key)
    }

    /// Whether a key was refused: it may have been meant to be any of those that are missing.
    pub(super) fn has_unknown(&self) -> bool {
        self.refused
    }

    /// Where a key stands, if it is written.
    pub(super) fn place(&self, key: &str) -> Option<Found<()>> {
        self.find(key).map(|found| found.with(()))
    }

    /// A text that may be empty, where that is a mistake with a reason of its own.
    pub(super) fn found_text(&self, key: &str) -> Option<Found<&'t str>> {
        let found = self.find(key)?;
        match found.value {
            DeValue::String(text) => Some(found.with(text.as_ref())),
            other => self.refuse(&found, format!("expected a text, not {}", describe(other))),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<Found<&'t str>> {
        let found = self.find(key)?;
        match found.value {
            DeValue::String(text) if !text.trim().is_empty() => Some(found.with(text.as_ref())),
            DeValue::String(_) => self.refuse(&found, "is empty".to_owned()),
            other => self.refuse(&found, format!("expected a text, not {}", describe(other))),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &str, meaning: &str) -> Option<Found<&'t str>> {
        self.require(key, meaning);
        self.text(key)
    }

    /// A number, whole or not; never infinite, never NaN.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        let found = self.find(key)?;
        let number = match found.value {
            DeValue::Integer(whole) => i64::from_str_radix(whole.as_str(), whole.radix()).ok().map(|whole| {
                // Thresholds beyond 2^53 do not occur; CloudWatch itself computes in doubles.
                whole as f64
            }),
            DeValue::Float(float) => float.as_str().parse().ok(),
            other => return self.refuse(&found, format!("expected a number, not {}", describe(other))),
        };
        match number.filter(|number| number.is_finite()) {
            Some(number) => Some(number),
            None => self.refuse(&found, "is not a finite number".to_owned()),
        }
    }

    /// A whole number.
    pub(super) fn whole(&self, key: &str) -> Option<Found<i64>> {
        let found = self.find(key)?;
        let DeValue::Integer(whole) = found.value else {
            return self.refuse(&found, format!("expected a whole number, not {}", describe(found.value)));
        };
        match i64::from_str_radix(whole.as_str(), whole.radix()) {
            Ok(number) => Some(found.with(number)),
            Err(_) => self.refuse(&found, "is too large a number".to_owned()),
        }
    }

    /// `true` or `false`; absent is `false`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.truth(key).is_some_and(|flag| flag.value)
    }

    /// `true` or `false`, where it matters that it is written.
    pub(super) fn truth(&self, key: &str) -> Option<Found<bool>> {
        let found = self.find(key)?;
        match found.value {
            DeValue::Boolean(flag) => Some(found.with(*flag)),
            other => self.refuse(&found, format!("expected true or false, not {}", describe(other))),
        }
    }

    /// A length of time such as `2h30m`.
    pub(super) fn duration(&self, key: &str) -> Option<Found<SignedDuration>> {
        let found = self.text(key)?;
        match duration::parse(found.value) {
            Ok(length) => Some(found.with(length)),
            Err(bad) => self.refuse(&found, bad.to_string()),
        }
    }

    /// One text, or a list of at least one.
    pub(super) fn words(&self, key: &str) -> Vec<Found<&'t str>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let DeValue::Array(list) = found.value else { return self.text(key).into_iter().collect() };
        if list.is_empty() {
            self.note_at(&found, "is an empty list, expected at least one text");
        }
        let word = |item: &'t Spanned<DeValue<'t>>| match item.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => {
                Some(Found { value: text.as_ref(), path: found.path.clone(), offset: item.span().start })
            }
            other => {
                let what = format!("expected a list of texts, found {} in it", describe(other));
                self.problems.note(item.span().start, &found.path, what);
                None
            }
        };
        list.iter().filter_map(word).collect()
    }

    /// A list of dates, each a text or a date of TOML's own; an empty list is fine.
    pub(super) fn dates(&self, key: &str) -> Vec<Found<Date>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let DeValue::Array(list) = found.value else {
            let what = format!("expected a list of dates, as in [\"2026-12-25\"], not {}", describe(found.value));
            return self.refuse(&found, what).into_iter().collect();
        };
        let date = |item: &'t Spanned<DeValue<'t>>| {
            let text = match item.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                DeValue::Datetime(date) if date.time.is_none() => Some(date.to_string()),
                _ => None,
            };
            let date = text.and_then(|text| text.parse().ok());
            if date.is_none() {
                let what = format!("expected dates, as in \"2026-12-25\", found {} in it", describe(item.get_ref()));
                self.problems.note(item.span().start, &found.path, what);
            }
            Some(Found { value: date?, path: found.path.clone(), offset: item.span().start })
        };
        list.iter().filter_map(date).collect()
    }

    /// A table inside this one, whose keys may only be these.
    pub(super) fn table(&self, key: &str, keys: &[&str]) -> Option<Table<'t>> {
        let found = self.find(key)?;
        self.open(&found, keys)
    }

    /// A table inside this one whose keys the file chooses; [`Table::keys`] lists them.
    pub(super) fn open_table(&self, key: &str) -> Option<Table<'t>> {
        let found = self.find(key)?;
        self.enter(&found)
    }

    /// A table as JSON, whose keys the file chooses.
    pub(super) fn json(&self, key: &str) -> Option<Found<Map<String, Value>>> {
        let found = self.find(key)?;
        match json(found.value) {
            Ok(Value::Object(map)) => Some(found.with(map)),
            Ok(_) => self.refuse(&found, format!("expected a table, not {}", describe(found.value))),
            Err(what) => self.refuse(&found, what),
        }
    }

    /// The keys that are written, in order.
    pub(super) fn keys(&self) -> Vec<Found<&'t str>> {
        let mut keys: Vec<_> = self.entries.keys().collect();
        keys.sort_by_key(|key| key.span().start);
        let found = |key: &'t Spanned<DeString<'t>>| Found {
            value: key.get_ref().as_ref(),
            path: self.path_of(key.get_ref()),
            offset: key.span().start,
        };
        keys.into_iter().map(found).collect()
    }

    /// A list in which each element is a text or a table whose keys may only be these.
    pub(super) fn mixed(&self, key: &str, keys: &[&str]) -> Vec<Mixed<'t>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let DeValue::Array(list) = found.value else {
            let what = format!("expected a list, not {}", describe(found.value));
            return self.refuse(&found, what).into_iter().collect();
        };
        if list.is_empty() {
            self.note_at(&found, "is an empty list, expected at least one element");
        }
        let element = |(index, item): (usize, &'t Spanned<DeValue<'t>>)| {
            let place = Found { value: item.get_ref(), path: found.path.clone(), offset: item.span().start };
            match place.value {
                DeValue::String(text) if !text.trim().is_empty() => Some(Mixed::Text(place.with(text.as_ref()))),
                DeValue::Table(_) => {
                    let path = format!("{}[{index}]", found.path);
                    self.open(&Found { path, ..place }, keys).map(Mixed::Table)
                }
                other => self.refuse(&place, format!("expected texts or tables, found {} in it", describe(other))),
            }
        };
        list.iter().enumerate().filter_map(element).collect()
    }

    /// The tables of an array `[[key]]`, in order.
    pub(super) fn tables(&self, key: &str, keys: &[&str]) -> Vec<Table<'t>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let DeValue::Array(list) = found.value else {
            let what = format!("expected tables written as [[{}]], not {}", found.path, describe(found.value));
            self.note_at(&found, what);
            return Vec::new();
        };
        list.iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let path = format!("{}[{index}]", found.path);
                self.open(&Found { value: item.get_ref(), path, offset: item.span().start }, keys)
            })
            .collect()
    }

    /// The tables `[key.NAME]`, in the order they are written.
    pub(super) fn named(&self, key: &str, keys: &[&str]) -> Vec<(Found<&'t str>, Table<'t>)> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let DeValue::Table(entries) = found.value else {
            self.note_at(
                &found,
                format!("expected tables written as [{}.NAME], not {}", found.path, describe(found.value)),
            );
            return Vec::new();
        };
        let mut entries: Vec<Entry<'t>> = entries.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
            .into_iter()
            .filter_map(|(name, value)| {
                let place = Found {
                    value: value.get_ref(),
                    path: format!("{}.{}", found.path, name.get_ref()),
                    offset: name.span().start,
                };
                let table = self.open(&place, keys)?;
                Some((place.with(name.get_ref().as_ref()), table))
            })
            .collect()
    }

    /// Notes a mistake unless the key is written.
    pub(super) fn require(&self, key: &str, meaning: &str) {
        if !self.has(key) {
            self.problems.note(self.offset, &self.path_of(key), format!("is missing: {meaning}"));
        }
    }

    fn open(&self, found: &Found<&'t DeValue<'t>>, keys: &[&str]) -> Option<Table<'t>> {
        let mut table = self.enter(found)?;
        table.refuse_others(keys);
        Some(table)
    }

    fn enter(&self, found: &Found<&'t DeValue<'t>>) -> Option<Table<'t>> {
        let DeValue::Table(entries) = found.value else {
            return self.refuse(found, format!("expected a table, not {}", describe(found.value)));
        };
        Some(Table {
            problems: self.problems,
            path: found.path.clone(),
            offset: found.offset,
            entries,
            meant: Vec::new(),
            refused: false,
        })
    }

    fn refuse_others(&mut self, keys: &[&str]) {
        for (key, _) in self.entries {
            let word = key.get_ref().as_ref();
            if keys.contains(&word) {
                continue;
            }
            let meant = nearest(word, keys.iter().copied());
            let hint = meant.map(|key| format!(" (did you mean `{key}`?)")).unwrap_or_default();
            let what = format!("unknown key{hint}, expected one of {}", keys.join(", "));
            self.problems.note(key.span().start, &self.path_of(word), what);
            self.meant.extend(meant.map(str::to_owned));
            self.refused = true;
        }
    }

    fn find(&self, key: &str) -> Option<Found<&'t DeValue<'t>>> {
        let (key, value) = self.entries.get_key_value(key)?;
        Some(Found { value: value.get_ref(), path: self.path_of(key.get_ref()), offset: key.span().start })
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn refuse<T, U>(&self, found: &Found<T>, what: String) -> Option<U> {
        self.note_at(found, what);
        None
    }
}

impl<T> Found<T> {
    pub(super) fn with<U>(&self, value: U) -> Found<U> {
        Found { value, path: self.path.clone(), offset: self.offset }
    }
}

/// A value as JSON, which has neither dates nor infinities.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(whole) => {
            let number = i64::from_str_radix(whole.as_str(), whole.radix());
            Value::from(number.map_err(|_| format!("holds {whole}, which is too large a number"))?)
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            Value::from(number.ok_or_else(|| format!("holds {}, which is no finite number", float.as_str()))?)
        }
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(list) => list.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?,
        DeValue::Table(entries) => {
            let entry = |(key, value): Entry<'_>| Ok((key.get_ref().to_string(), json(value.get_ref())?));
            Value::Object(entries.iter().map(entry).collect::<Result<_, String>>()?)
        }
    })
}

fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{}\"", domain::notification::truncate(text, 40)),
        DeValue::Integer(whole) => format!("the number {whole}"),
        DeValue::Float(float) => format!("the number {}", float.as_str()),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
