//! JSON read strictly, and refused in the words of whoever wrote it: a list is not taken for a structure, field by field,
//! and what was expected is called by its JSON name.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// A value, to be read strictly at every level.
pub(super) struct Strict(pub(super) Value);

impl Strict {
    /// That something else was expected.
    fn refuse<T>(&self, expected: &str) -> Result<T, Error> {
        let found = match &self.0 {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(_) => "a text".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "fields in braces".to_owned(),
        };
        Err(Error::custom(format!("expected {expected}, not {found}")))
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match &self.0 {
                Value::Number(number) if !number.is_f64() => self.deserialize_any(visitor),
                _ => self.refuse("a whole number"),
            }
        }
    )*};
}

macro_rules! only {
    ($($method:ident $kind:pat => $expected:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match &self.0 {
                $kind => self.deserialize_any(visitor),
                _ => self.refuse($expected),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Strict {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter().map(Strict))),
            Value::Object(fields) => {
                visitor.visit_map(MapDeserializer::new(fields.into_iter().map(|(key, value)| (key, Strict(value)))))
            }
            simple => simple.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(_) => self.0.deserialize_enum(name, variants, visitor),
            Value::Object(fields) if fields.len() == 1 => {
                let fields = MapDeserializer::new(fields.into_iter().map(|(key, value)| (key, Strict(value))));
                MapAccessDeserializer::new(fields).deserialize_enum(name, variants, visitor)
            }
            _ => self.refuse("a text"),
        }
    }

    only! {
        deserialize_bool Value::Bool(_) => "true or false"
        deserialize_str Value::String(_) => "a text"
        deserialize_string Value::String(_) => "a text"
        deserialize_seq Value::Array(_) => "a list"
        deserialize_map Value::Object(_) => "fields in braces"
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
