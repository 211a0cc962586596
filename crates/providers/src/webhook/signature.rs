//! Signatures as Standard Webhooks define them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::settings::SettingsFault;

const PREFIX: &str = "whsec_";
/// The bytes a key must have, by the specification.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Signs with every key that is in use.
pub(super) struct Signer(Vec<Hmac<Sha256>>);

impl Signer {
    /// Reads one or more secrets, separated by white space.
    pub(super) fn new(secrets: &str) -> Result<Signer, SettingsFault> {
        let keys: Option<Vec<_>> = secrets.split_whitespace().map(key).collect();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Signer(keys)),
            _ => Err(SettingsFault::new(
                "secret",
                "must be whsec_ and 24 to 64 bytes in base64; several are separated by spaces",
            )),
        }
    }

    /// The value of `webhook-signature` for a message with this id, sent at this time (seconds since 1970).
    pub(super) fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let signatures = self.0.iter().map(|key| {
            let mut mac = key.clone();
            mac.update(format!("{id}.{seconds}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

fn key(secret: &str) -> Option<Hmac<Sha256>> {
    let bytes = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    KEY_BYTES.contains(&bytes.len()).then(|| Hmac::new_from_slice(&bytes).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    #[test]
    fn gives_what_the_reference_libraries_give() {
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signature =
            Signer::new(SECRET).unwrap().sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn each_key_in_use_gives_a_signature() {
        let other = format!("whsec_{}", STANDARD.encode([7; 64]));
        let both = Signer::new(&format!("{SECRET} {other}")).unwrap().sign("id", 1, b"{}");
        let each = [SECRET, &other].map(|s| Signer::new(s).unwrap().sign("id", 1, b"{}"));
        assert_eq!(both, each.join(" "));
    }

    #[test]
    fn weak_and_malformed_secrets_are_refused() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![1; bytes]));
        assert!(Signer::new(&of(24)).is_ok() && Signer::new(&of(64)).is_ok());
        let half = format!("{SECRET} oops");
        for bad in ["", " ", "whsec_", "secret", "whsec_%%%", &of(23), &of(65), &SECRET[6..], &half] {
            assert!(Signer::new(bad).is_err(), "{bad}");
        }
    }
}
