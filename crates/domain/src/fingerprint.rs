//! Fingerprints: whether two requests say the same thing.

use serde::Serialize;

/// The first byte of every fingerprint: the version of the canonical form that it was taken over.
const VERSION: u8 = 1;

/// blake3 over the canonical JSON (RFC 8785: sorted keys, numbers by value), cut to 16 bytes; the first byte is the
/// version of the form, so that the form may change without old fingerprints being mistaken for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// Takes the fingerprint of what `value` serialises to. Fields that are absent and fields that are null must
    /// already be one: leave both out (`skip_serializing_if`).
    pub fn of(value: &impl Serialize) -> Fingerprint {
        // Serialising our own request types to JSON has no failing path; an empty text would only be a fingerprint
        // that equals no real one.
        let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
        let hash = blake3::hash(&canonical);
        let mut bytes = [0; 16];
        bytes[0] = VERSION;
        bytes[1..].copy_from_slice(&hash.as_bytes()[..15]);
        Fingerprint(bytes)
    }
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
    fn parts_do_not_run_together() {
        assert_ne!(key_of(&[b"ab", b"c"]), key_of(&[b"a", b"bc"]));
    }
}
