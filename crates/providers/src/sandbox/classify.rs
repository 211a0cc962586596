//! What each pretended failure means.

use angaros_domain::attempt::{Class, Outcome};

use crate::settings::Failure;

/// How long a throttled sandbox asks to wait, in milliseconds.
const RETRY_AFTER_MILLIS: i64 = 1_000;

/// Down, for everything and for a while.
pub(super) fn outage() -> Outcome {
    Outcome::new(Class::Transient, "pretended to be down")
}

pub(super) fn failure(failure: Failure) -> Outcome {
    match failure {
        Failure::Transient => Outcome::new(Class::Transient, "pretended to fail for now"),
        Failure::Permanent => Outcome::new(Class::Permanent, "pretended to refuse the message"),
        Failure::Timeout => Outcome::new(Class::Ambiguous, "pretended to give no answer"),
        Failure::Throttled => Outcome::new(Class::Throttled, "pretended to ask for fewer requests")
            .with_retry_after(Some(RETRY_AFTER_MILLIS)),
    }
}
