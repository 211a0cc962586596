//! Correlation ids and W3C trace context: the threads that tie log lines, events and provider calls together.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use crate::{TenantId, Timestamp};

/// How long after a correlation id was made, in milliseconds, its time leads to what its request made.
const SPAN_MILLIS: i64 = 2_000;

/// A correlation id: 1-128 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct CorrelationId(Arc<str>);

impl CorrelationId {
    /// Takes a caller's id if it has the promised form.
    pub fn parse(text: &str) -> Option<CorrelationId> {
        let visible = text.bytes().all(|b| (0x21..=0x7e).contains(&b));
        (visible && (1..=128).contains(&text.len())).then(|| CorrelationId(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time in which its request stored what it made, unless it took unusually long: two seconds from the moment that
    /// the id names as that of its making (a version 7 UUID does, RFC 9562 section 5.7, and so do all that are made here).
    /// What was stored then needs no index to be found by the id; everything else has a [`CorrelationId::key`].
    pub fn span(&self) -> Option<Range<Timestamp>> {
        let id = uuid::Uuid::try_parse(self.as_str()).ok().filter(|id| id.get_version_num() == 7)?;
        let made_at = Timestamp::from_millis(i64::try_from(id.as_u128() >> 80).ok()?);
        Some(made_at..made_at.plus_millis(SPAN_MILLIS))
    }

    /// A 64-bit stand-in for it. Two ids may share one, so whoever reads by it compares the text too.
    pub fn key(&self, tenant: TenantId) -> i64 {
        let parts = [b"correlation", &tenant.0.to_le_bytes()[..], self.as_str().as_bytes()];
        crate::event::head(&crate::fingerprint::key_of(&parts))
    }
}

impl From<uuid::Uuid> for CorrelationId {
    fn from(id: uuid::Uuid) -> CorrelationId {
        CorrelationId(id.to_string().into())
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A `traceparent` header (W3C Trace Context level 1, section 3.2), kept as it came once it is known to be valid.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct TraceParent(Arc<str>);

impl TraceParent {
    /// Takes `00-<32 hex>-<16 hex>-<2 hex>` with neither id all zero; anything else is ignored, as the standard says.
    pub fn parse(text: &str) -> Option<TraceParent> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let set = |part: &str| part.bytes().any(|b| b != b'0');
        let valid = version == "00"
            && parts.next().is_none()
            && hex(trace, 32)
            && set(trace)
            && hex(span, 16)
            && set(span)
            && hex(flags, 2);
        valid.then(|| TraceParent(text.into()))
    }

    /// The header value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 32 hexadecimal digits that name the trace.
    pub fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

/// What a request brings along, and everything that follows from it carries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Correlation {
    /// On every log line, event and provider call.
    pub id: CorrelationId,
    /// Passed on to providers.
    pub trace_parent: Option<TraceParent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_ids_are_visible_ascii() {
        assert!(CorrelationId::parse("a-1_/~!").is_some());
        for bad in ["", "a b", "\u{e9}", "a\n", &"x".repeat(129)] {
            assert!(CorrelationId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn trace_parents_are_checked_to_the_letter() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceParent::parse(good).unwrap().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(TraceParent::parse(bad).is_none(), "{bad}");
        }
    }
}
