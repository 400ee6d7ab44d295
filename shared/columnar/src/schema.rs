//! The columns of a file, as JSON in its metadata and as Parquet's own schema.

use std::{collections::HashSet, ops::Deref, sync::Arc};

use parquet::{
    basic::Repetition,
    schema::types::{SchemaDescriptor, Type},
};

use crate::{Column, Error};

/// The columns of a file, in the order in which tuples have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema(Vec<Column>);

impl Schema {
    /// # Errors
    /// Without columns, with more than a tuple can have, or with two of one name.
    pub fn new(columns: Vec<Column>) -> Result<Self, Error> {
        if columns.is_empty() {
            return Err(Error::Schema("a file needs at least one column".to_owned()));
        }
        if i16::try_from(columns.len()).is_err() {
            return Err(Error::Schema(format!("{} columns are more than a row of Postgres can have", columns.len())));
        }
        let mut names = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !names.insert(&column.name)) {
            return Err(Error::Schema(format!("two columns are named {:?}; name each once", twice.name)));
        }
        Ok(Self(columns))
    }

    /// As it stands in a file's metadata.
    pub(crate) fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(&self.0).map_err(|error| Error::Schema(format!("columns do not become JSON: {error}")))
    }

    pub(crate) fn from_json(json: &str) -> Result<Self, Error> {
        let columns = serde_json::from_str(json)
            .map_err(|error| Error::Damaged(format!("{} is not a list of columns: {error}", crate::COLUMNS)))?;
        Self::new(columns)
    }

    /// As Parquet has it: every column may be NULL.
    pub(crate) fn parquet(&self) -> Result<Arc<SchemaDescriptor>, Error> {
        let build = || -> parquet::errors::Result<SchemaDescriptor> {
            let mut fields = Vec::with_capacity(self.0.len());
            for Column { name, carried, .. } in &self.0 {
                let field = Type::primitive_type_builder(name, carried.physical())
                    .with_repetition(Repetition::OPTIONAL)
                    .with_logical_type(carried.logical())
                    .with_length(carried.width().map_or(-1, |width| width as i32))
                    .build()?;
                fields.push(Arc::new(field));
            }
            Ok(SchemaDescriptor::new(Arc::new(Type::group_type_builder("row").with_fields(fields).build()?)))
        };
        build().map(Arc::new).map_err(Error::parquet("describe the columns"))
    }
}

impl Deref for Schema {
    type Target = [Column];

    fn deref(&self) -> &[Column] {
        &self.0
    }
}
