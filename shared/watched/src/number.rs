//! Reads any of Postgres's numbers as a double, which is what CloudWatch computes in.

use tokio_postgres::types::{FromSql, Type};

/// A number of any built-in type, rounded once to the nearest double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'a> FromSql<'a> for Number {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            // Beyond 2^53 the nearest double is meant: CloudWatch has no integers.
            Type::INT8 => i64::from_sql(ty, raw)? as f64,
            Type::FLOAT4 => f32::from_sql(ty, raw)?.into(),
            Type::FLOAT8 => f64::from_sql(ty, raw)?,
            _ => numeric(raw).ok_or("malformed numeric")?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC)
    }
}

/// Reads `numeric` as it is sent: four 16-bit words (number of digits, weight of the first, sign, scale for display),
/// then digits to the base 10,000. Postgres: `numeric_send` in src/backend/utils/adt/numeric.c.
fn numeric(raw: &[u8]) -> Option<f64> {
    let words: Vec<u16> = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _scale, digits @ ..] = words.as_slice() else { return None };
    let sign = match sign {
        0x0000 => "",
        0x4000 => "-",
        0xC000 => return Some(f64::NAN),
        0xD000 => return Some(f64::INFINITY),
        0xF000 => return Some(f64::NEG_INFINITY),
        _ => return None,
    };
    if digits.len() != usize::from(*count) || digits.iter().any(|digit| *digit > 9_999) {
        return None;
    }
    // In decimal, so that it is rounded once, by the parser, and correctly.
    let mantissa: String = digits.iter().map(|digit| format!("{digit:04}")).collect();
    let last_weight = i32::from(weight.cast_signed()) - i32::try_from(digits.len()).ok()? + 1;
    format!("{sign}0{mantissa}e{}", 4 * last_weight).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_numeric_is_read_as_the_nearest_double() {
        // As `select numeric_send(…)` writes them.
        for (words, value) in [
            (&[0, 0, 0, 0][..], 0.0),
            (&[1, 0, 0, 0, 42], 42.0),
            (&[2, 0, 0, 1, 180, 5_000], 180.5),
            (&[2, 0, 0x4000, 1, 180, 5_000], -180.5),
            (&[1, 0xFFFF, 0, 4, 1], 0.0001),
            (&[1, 2, 0, 0, 7], 700_000_000.0),
            (&[0, 0, 0xD000, 0], f64::INFINITY),
            (&[0, 0, 0xF000, 0], f64::NEG_INFINITY),
        ] {
            assert_eq!(numeric(&sent(words)), Some(value), "{words:?}");
        }
        assert!(numeric(&sent(&[0, 0, 0xC000, 0])).is_some_and(f64::is_nan));
    }

    #[test]
    fn what_is_no_numeric_is_refused() {
        for words in [&[][..], &[1, 0, 0, 0], &[0, 0, 0, 0, 5], &[1, 0, 7, 0, 5], &[1, 0, 0, 0, 10_000]] {
            assert_eq!(numeric(&sent(words)), None, "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_take_the_reader_down(raw in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = numeric(&raw);
        }
    }
}
