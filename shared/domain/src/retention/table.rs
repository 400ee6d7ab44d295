//! A table's name, as it is written in the watch file and quoted in SQL.

use std::fmt;

/// A table, with its schema where that is written; else the first in the database's search path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// Its schema.
    pub schema: Option<String>,
    /// Its name.
    pub name: String,
}

/// What is wrong with the name of a table or column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is empty, or begins or ends with a blank.
    #[error("`{0}` is no name: expected one without blanks around it, as in `created_at`")]
    Blank(String),
    /// No name has such characters.
    #[error("{0:?} holds a control character: expected a name, as in `created_at`")]
    Control(String),
    /// Postgres would cut it off, and mean another.
    #[error("`{0}` has {len} bytes: expected at most {LONGEST_NAME}, as Postgres takes", len = .0.len())]
    Long(String),
    /// It has too many parts.
    #[error("`{0}` has more than one dot: expected a table, as in `audit_logs` or `public.audit_logs`")]
    Dots(String),
}

/// <https://www.postgresql.org/docs/16/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const LONGEST_NAME: usize = 63;

/// Checks the name of a column, or of a part of a table's name.
///
/// # Errors
/// When Postgres would not take it, or take it for another.
pub fn check_name(name: &str) -> Result<(), BadName> {
    match name {
        _ if name.trim().is_empty() || name.trim_matches(' ') != name => Err(BadName::Blank(name.to_owned())),
        _ if name.chars().any(char::is_control) => Err(BadName::Control(name.to_owned())),
        _ if name.len() > LONGEST_NAME => Err(BadName::Long(name.to_owned())),
        _ => Ok(()),
    }
}

/// A name in quotes, so that SQL takes it for a name whatever it holds, in the letter case in which it is written.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// Reads `audit_logs` or `public.audit_logs`, in the letter case of the catalogue, without quotes.
    ///
    /// # Errors
    /// With what is wrong with the name.
    pub fn read(text: &str) -> Result<Self, BadName> {
        let (schema, name) = match text.split_once('.') {
            Some((_, name)) if name.contains('.') => return Err(BadName::Dots(text.to_owned())),
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        schema.map_or(Ok(()), check_name)?;
        check_name(name)?;
        Ok(Self { schema: schema.map(str::to_owned), name: name.to_owned() })
    }

    /// The name for SQL.
    pub fn quoted(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        format!("{schema}{}", quoted(&self.name))
    }

    /// Whether both may be one table: a name without a schema may be in any.
    pub fn may_be(&self, other: &Self) -> bool {
        let schemas = self.schema.as_ref().zip(other.schema.as_ref());
        self.name == other.name && schemas.is_none_or(|(one, another)| one == another)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
        write!(f, "{schema}{}", self.name)
    }
}
