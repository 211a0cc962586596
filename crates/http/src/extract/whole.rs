//! Whole numbers.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A whole number that is not negative, however JSON writes it: `3`, `3.0` and `3e0` are the same to JSON Schema, and to
/// writers that know no integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("u32")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Whole, E> {
        u32::try_from(number)
            .map(Whole)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Whole, E> {
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            // It is whole and lies in the range, so nothing is lost.
            return Ok(Whole(number as u32));
        }
        Err(E::invalid_type(de::Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::Whole;

    #[test]
    fn a_number_is_its_value() {
        let read = |json: &str| serde_json::from_str::<Whole>(json).ok();
        for three in ["3", "3.0", "3e0", "0.3e1"] {
            assert_eq!(read(three), Some(Whole(3)), "{three}");
        }
        assert_eq!(read("4294967295.0"), Some(Whole(u32::MAX)));
        for bad in ["-1", "-1.0", "3.5", "4294967296", "1e300", "\"3\"", "true", "null", "[3]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
