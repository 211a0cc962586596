//! The secrets that deliveries are signed with, as Standard Webhooks define them.

use std::fmt;
use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How a secret begins.
const PREFIX: &str = "whsec_";
/// What fingerprints are of.
const FINGERPRINT_CONTEXT: &str = "angaros webhook secret fingerprint v1";
/// The bytes that a key may have, by the specification.
pub const KEY_BYTES: RangeInclusive<usize> = 24..=64;

/// A secret in the form in which people exchange it: `whsec_` and the key in base64. It has to be readable, because it
/// signs; so it is kept out of every log instead: its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// A secret with this key, which must be random.
    pub fn new(key: [u8; 32]) -> SigningSecret {
        SigningSecret(format!("{PREFIX}{}", STANDARD.encode(key)))
    }

    /// Reads a secret; `None` if it is not `whsec_` and [`KEY_BYTES`] in base64.
    pub fn parse(text: &str) -> Option<SigningSecret> {
        let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        KEY_BYTES.contains(&key.len()).then(|| SigningSecret(text.to_owned()))
    }

    /// The secret itself: for signing, for storing, and for showing it to whoever may see it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What tells it from other secrets, and nothing of it.
    pub fn fingerprint(&self) -> String {
        let key = blake3::derive_key(FINGERPRINT_CONTEXT, self.0.as_bytes());
        blake3::Hash::from_bytes(key).to_hex()[..16].to_owned()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_read_and_never_shown_by_accident() {
        let secret = SigningSecret::new([7; 32]);
        assert_eq!(SigningSecret::parse(secret.reveal()), Some(secret.clone()));
        assert_eq!(format!("{secret:?}"), "SigningSecret(..)");
    }

    #[test]
    fn weak_and_malformed_secrets_are_refused() {
        let of = |bytes: usize| format!("{PREFIX}{}", STANDARD.encode(vec![1; bytes]));
        assert!(SigningSecret::parse(&of(24)).is_some() && SigningSecret::parse(&of(64)).is_some());
        for bad in
            ["", "whsec_", "secret", "whsec_%%%", &of(23), &of(65), &of(32)[6..], &format!("{} ", of(32))]
        {
            assert_eq!(SigningSecret::parse(bad), None, "{bad}");
        }
    }
}
