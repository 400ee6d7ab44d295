//! A column: what Postgres calls it, and what COPY is asked for.

use serde::{Deserialize, Serialize};

use crate::carried::Carried;

/// A column of a table and of the file that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in Postgres, unquoted.
    pub name: String,
    /// Its type as `format_type()` writes it, such as `numeric(10,2)`.
    #[serde(rename = "type")]
    pub sql_type: String,
    /// How its values stand in the file.
    pub carried: Carried,
}

impl Column {
    /// A column of a type with this OID, carried natively where Parquet has the same and as text otherwise.
    pub fn of(name: &str, type_oid: u32, sql_type: &str) -> Self {
        Self { name: name.to_owned(), sql_type: sql_type.to_owned(), carried: Carried::of(type_oid) }
    }

    /// The same column carried as text after all, for values that Parquet cannot say.
    #[must_use]
    pub fn as_text(self) -> Self {
        Self { carried: Carried::AsText, ..self }
    }

    /// What to select, so that COPY sends the value as it is carried.
    pub fn select(&self) -> String {
        let quoted = self.quoted();
        if self.carried.cast_to_text() { format!("{quoted}::text") } else { quoted }
    }

    /// The name as an identifier in SQL.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }

    /// The column's type in a table that COPY fills from a file; a restore casts from it to [`Column::sql_type`].
    pub fn staged(&self) -> &str {
        if self.carried.cast_to_text() { "text" } else { &self.sql_type }
    }

    /// The column's type in Athena's DDL.
    pub fn athena(&self) -> &'static str {
        self.carried.athena()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_parquet_has_is_selected_as_it_is_and_everything_else_as_text() {
        let uuid = Column::of("id", 2950, "uuid");
        assert_eq!((uuid.select().as_str(), uuid.staged(), uuid.athena()), ("\"id\"", "uuid", "binary"));
        let numeric = Column::of("pri\"ce", 1700, "numeric(10,2)");
        assert_eq!(
            (numeric.select().as_str(), numeric.staged(), numeric.athena()),
            ("\"pri\"\"ce\"::text", "text", "string")
        );
        let json = Column::of("payload", 3802, "jsonb");
        assert_eq!((json.select().as_str(), json.staged()), ("\"payload\"::text", "text"));
    }

    #[test]
    fn a_column_is_carried_as_text_on_request() {
        let at = Column::of("at", 1184, "timestamp with time zone").as_text();
        assert_eq!((at.select().as_str(), at.staged()), ("\"at\"::text", "text"));
        assert_eq!(at.sql_type, "timestamp with time zone");
    }
}
