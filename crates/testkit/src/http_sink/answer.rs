//! What the sink answers.

use std::sync::Arc;
use std::time::Duration;

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It serves the next request.
    Keep,
    /// It is closed (FIN).
    Close,
    /// It is reset (RST).
    Reset,
    /// It stays open and silent.
    Hang,
}

/// One answer, down to its bytes.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) bytes: Arc<[u8]>,
    pub(super) delay: Duration,
    pub(super) then: Then,
}

impl Answer {
    /// A complete answer; the connection is kept.
    pub fn new(status: u16, body: impl AsRef<[u8]>) -> Answer {
        Answer::with_headers(status, &[], body)
    }

    /// The same with further headers.
    pub fn with_headers(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status} Status\r\n");
        for (name, value) in headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        // An answer without content must not announce any (RFC 9110 section 8.6).
        if status != 204 {
            bytes += &format!("content-length: {}\r\n", body.len());
        }
        bytes += "\r\n";
        Answer::raw([bytes.as_bytes(), body].concat(), Then::Keep)
    }

    /// Any bytes at all, and what follows them.
    pub fn raw(bytes: impl AsRef<[u8]>, then: Then) -> Answer {
        Answer { bytes: bytes.as_ref().into(), delay: Duration::ZERO, then }
    }

    /// The same answer, given later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Answer {
        self.delay = delay;
        self
    }
}
