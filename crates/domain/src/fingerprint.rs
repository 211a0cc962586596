//! Fingerprints: whether two requests say the same thing.

use serde::Serialize;
use serde_json::Value;

/// The first byte of every fingerprint: the version of the canonical form that it was taken over.
const VERSION: u8 = 1;

/// blake3 over the canonical JSON (RFC 8785: sorted keys, numbers by value), cut to 16 bytes; the first byte is the
/// version of the form, so that the form may change without old fingerprints being mistaken for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Takes the fingerprint of what `value` serialises to. Fields that are absent and fields that are null must
    /// already be one: leave both out (`skip_serializing_if`).
    ///
    /// Integers are compared exactly up to 64 bits, also where RFC 8785 would round them to a double; what does not fit
    /// 64 bits is a double when it comes in already.
    pub fn of(value: &impl Serialize) -> Fingerprint {
        // Serialising our own request types to JSON has no failing path; an empty text would only be a fingerprint
        // that equals no real one.
        let mut value = serde_json::to_value(value).unwrap_or_default();
        spell_out_large_integers(&mut value);
        let canonical = serde_json_canonicalizer::to_string(&value).unwrap_or_default();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(canonical.len() as u64).to_le_bytes());
        hasher.update(canonical.as_bytes());
        let mut bytes = [0; 16];
        bytes[0] = VERSION;
        bytes[1..].copy_from_slice(&hasher.finalize().as_bytes()[..15]);
        Fingerprint(bytes)
    }
}

/// Beyond this, not every integer is a double.
const EXACT_MAX: u64 = 1 << 53;

/// Writes integers that a double may not hold as objects of their digits, so that no two of them look alike.
fn spell_out_large_integers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(digits) = large_integer(number) {
                *value = serde_json::json!({ "integer": digits });
            }
        }
        Value::Array(items) => items.iter_mut().for_each(spell_out_large_integers),
        Value::Object(fields) => fields.values_mut().for_each(spell_out_large_integers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The digits of an integer beyond [`EXACT_MAX`], whether it is written as `1e17` or as `100000000000000000`.
fn large_integer(number: &serde_json::Number) -> Option<String> {
    let integer: i128 = match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(signed), ..) => signed.into(),
        (_, Some(unsigned), _) => unsigned.into(),
        // Within these bounds the conversion is exact.
        (_, _, Some(double)) if double.fract() == 0.0 && double.abs() < 1e19 => double as i128,
        _ => return None,
    };
    (integer.unsigned_abs() > EXACT_MAX.into()).then(|| integer.to_string())
}

/// A 16-byte key made from several texts, no two lists of which run together.
pub fn key_of(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_order_and_number_form_do_not_matter_but_values_do() {
        let of = |json: &str| Fingerprint::of(&serde_json::from_str::<serde_json::Value>(json).unwrap());
        assert_eq!(of(r#"{"a":1,"b":[2.0]}"#), of(r#"{"b":[2],"a":1.0}"#));
        assert_ne!(of(r#"{"a":1}"#), of(r#"{"a":"1"}"#));
        assert_ne!(of(r#"{"a":[1,2]}"#), of(r#"{"a":[2,1]}"#));
    }

    #[test]
    fn large_integers_are_compared_exactly() {
        let of = |json: &str| Fingerprint::of(&serde_json::from_str::<serde_json::Value>(json).unwrap());
        assert_ne!(of("[9007199254740993]"), of("[9007199254740992]"));
        assert_ne!(of("18446744073709551615"), of("18446744073709551614"));
        assert_eq!(of(r#"{"a":1e17}"#), of(r#"{"a":100000000000000000}"#));
        assert_eq!(of("-9007199254740994.0"), of("-9007199254740994"));
        assert_ne!(of("9007199254740993"), of("\"9007199254740993\""));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(key_of(&[b"ab", b"c"]), key_of(&[b"a", b"bc"]));
    }
}
