//! What is wrong with a configuration, in words that name the key and where its value came from.

use std::fmt;

use super::key::Key;
use super::setting::Origin;

/// One thing that stops the start. Never shows a value that may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No setting has this name.
    UnknownKey {
        key: Key,
        origin: Origin,
        /// What may have been meant.
        hint: String,
    },
    /// The setting cannot have this value, or needs one.
    Invalid {
        key: Key,
        origin: Origin,
        /// What it must be.
        detail: String,
    },
    /// A file cannot be read at all.
    File {
        /// The file, with the line if that is known.
        place: String,
        detail: String,
    },
}

impl Problem {
    /// Whether this is about `key`.
    pub(crate) fn concerns(&self, wanted: &Key) -> bool {
        match self {
            Problem::UnknownKey { key, .. } | Problem::Invalid { key, .. } => key == wanted,
            Problem::File { .. } => false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::UnknownKey { key, origin: Origin::Variable(name), hint } => {
                write!(f, "unknown variable {name} (key `{key}`){hint}")
            }
            Problem::UnknownKey { key, origin, hint } => write!(f, "unknown key `{key}` in {origin}{hint}"),
            Problem::Invalid { key, origin: Origin::Default, detail } => write!(f, "`{key}` {detail}"),
            Problem::Invalid { key, origin, detail } => write!(f, "`{key}` in {origin} {detail}"),
            Problem::File { place, detail } => write!(f, "{place}: {detail}"),
        }
    }
}

/// Everything that is wrong with a configuration, reported together so that one start shows it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [problem] => write!(f, "the configuration has an error: {problem}"),
            problems => {
                write!(f, "the configuration has {} errors:", problems.len())?;
                problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}
