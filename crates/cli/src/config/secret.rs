//! How a secret is shown: not at all.

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

/// What stands for a secret that is set.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Serialises to [`HIDDEN`], or to nothing if the secret is empty.
pub(super) fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.expose_secret().is_empty() { "" } else { HIDDEN })
}
