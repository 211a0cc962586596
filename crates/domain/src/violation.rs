//! What is wrong with a request, and where.

use serde::Serialize;

/// One fault of a request, with the place it was found at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON pointer as a URI fragment (RFC 6901 section 6), e.g. `#/notifications/3/recipient`.
    pub pointer: String,
    /// What is wrong, in words for the caller. Never repeats the offending value.
    pub detail: String,
}

impl Violation {
    /// A fault at a pointer such as `#/recipient`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Violation {
        Violation { pointer: pointer.into(), detail: detail.into() }
    }

    /// The same fault as a part of something larger: `#/recipient` within `#/notifications/3`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Violation {
        self.pointer = format!("{parent}{}", self.pointer.trim_start_matches('#'));
        self
    }
}

/// At most this many faults are reported for one request.
pub const VIOLATIONS_MAX: usize = 100;
