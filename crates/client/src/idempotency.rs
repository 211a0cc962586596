//! Keys by which the service knows that it has seen a request before.

use angaros_clock::Clock;

/// The key of one notification, or of whatever else should be made once: the same key makes nothing a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key of your own, which is the best one: the number of the order, the id of the job. 1 to 255 characters; the
    /// service refuses others.
    pub fn new(key: impl Into<String>) -> IdempotencyKey {
        IdempotencyKey(key.into())
    }

    /// A fresh one, which holds as long as you keep it: against lost answers, not against a crash of the caller.
    pub fn fresh() -> IdempotencyKey {
        IdempotencyKey(Clock::system().new_uuid().to_string())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a structured field (RFC 8941): a string in quotes, so that any visible text is one.
    pub(crate) fn header(&self) -> String {
        format!("\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ones_differ_and_quotes_are_escaped() {
        assert_ne!(IdempotencyKey::fresh(), IdempotencyKey::fresh());
        assert_eq!(IdempotencyKey::new("a\"b\\c").header(), r#""a\"b\\c""#);
    }
}
