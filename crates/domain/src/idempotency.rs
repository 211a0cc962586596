//! The one rule for everything that can be sent twice.

use crate::fingerprint::{Fingerprint, key_of};
use crate::ids::TenantId;

/// A caller's `Idempotency-Key`: 1-255 characters, bare or as a quoted string (RFC 8941 section 3.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest key that is taken, in characters.
    pub const CHARACTERS_MAX: usize = 255;

    /// Reads the header's value. A quoted string means its content, so that `"a"` and `a` are one key.
    pub fn parse(header: &str) -> Option<IdempotencyKey> {
        let header = header.trim();
        let key = match header.strip_prefix('"') {
            Some(rest) => unescape(rest.strip_suffix('"')?)?,
            None => header.to_owned(),
        };
        let length = key.chars().count();
        (1..=Self::CHARACTERS_MAX).contains(&length).then_some(IdempotencyKey(key))
    }

    /// Takes a key that a store holds: it was parsed when it came in.
    pub fn from_stored(text: &str) -> Option<IdempotencyKey> {
        (!text.is_empty()).then(|| IdempotencyKey(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The compact key that stores index it by. On a hit they compare the text too.
    pub fn lookup_key(&self, tenant: TenantId) -> [u8; 16] {
        key_of(&[b"idempotency", &tenant.0.to_le_bytes(), self.0.as_bytes()])
    }
}

/// Undoes `\"` and `\\`; any other escape, or a bare quote, is malformed.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

/// A key together with what the request said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// The caller's key.
    pub key: IdempotencyKey,
    /// What the request said, for telling a repeat from a conflict.
    pub fingerprint: Fingerprint,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_and_quoted_are_one_key() {
        let parse = |text: &str| IdempotencyKey::parse(text).map(|k| k.0);
        assert_eq!(parse("abc"), parse("\"abc\""));
        assert_eq!(parse(r#""a\"b\\""#).as_deref(), Some(r#"a"b\"#));
        for bad in ["", "\"\"", "\"abc", "\"a\"b\"", r#""a\n""#, &"x".repeat(256)] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(parse(&"x".repeat(255)).is_some());
    }
}
