//! Cursors: where the next page begins. Opaque, tied to the filters they were made with, and checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The cursor was changed, cut, made by another service, or made for other filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this list and these filters")]
pub struct InvalidCursor;

const CHECK_BYTES: usize = 8;

/// Writes the key of the last item of a page. `scope` names the list, the tenant and every filter.
///
/// The checksum is bound to the scope: it guards against mistakes (a cursor of another list, a cut one), and a forged
/// one that got past it could only start the caller's own list at another place.
pub fn encode(scope: &str, key: &[u8]) -> String {
    let mut bytes = check(scope, key).to_vec();
    bytes.extend_from_slice(key);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the key that [`encode`] wrote for the same scope.
pub fn decode(scope: &str, cursor: &str) -> Result<Vec<u8>, InvalidCursor> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
    let (sum, key) = bytes.split_at_checked(CHECK_BYTES).ok_or(InvalidCursor)?;
    if check(scope, key) == sum { Ok(key.to_vec()) } else { Err(InvalidCursor) }
}

fn check(scope: &str, key: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = blake3::Hasher::new_derive_key("angaros cursor v1")
        .update(&(scope.len() as u64).to_le_bytes())
        .update(scope.as_bytes())
        .update(key)
        .finalize();
    let mut sum = [0; CHECK_BYTES];
    sum.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_the_same_scope_reads_it(key in proptest::collection::vec(any::<u8>(), 0..40), a in ".*", b in ".*") {
            let cursor = encode(&a, &key);
            prop_assert_eq!(decode(&a, &cursor), Ok(key));
            if a != b {
                prop_assert_eq!(decode(&b, &cursor), Err(InvalidCursor));
            }
        }

        #[test]
        fn any_changed_character_is_refused(key in proptest::collection::vec(any::<u8>(), 1..40), at in any::<prop::sample::Index>()) {
            let mut cursor = encode("list", &key).into_bytes();
            let at = at.index(cursor.len());
            cursor[at] = if cursor[at] == b'A' { b'B' } else { b'A' };
            prop_assert!(decode("list", std::str::from_utf8(&cursor).unwrap()).is_err());
        }
    }
}
