//! What the tests share.

pub(crate) mod notification;

use angaros_domain::Notification;
use angaros_domain::attempt::Outcome;
use angaros_domain::outbound::OutboundPolicy;
use angaros_providers::{Outgoing, Provider};

/// A policy that reaches this machine, as an operator would allow it.
pub(crate) fn loopback() -> OutboundPolicy {
    OutboundPolicy::allowing(vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
}

/// Sends a first attempt.
pub(crate) async fn send(provider: &dyn Provider, notification: &Notification) -> Outcome {
    provider.send(Outgoing { notification, attempt: 1 }).await
}

/// Sends, waits until the counterpart says that it holds the request, and lets virtual time run to the time-out.
///
/// Before that the time is the real one: with the clock paused from the start, tokio would move it on while a connection
/// is being made.
pub(crate) async fn send_and_wait_in_vain(
    provider: &dyn Provider,
    notification: &Notification,
    holds: &tokio::sync::Notify,
) -> (Outcome, std::time::Duration) {
    let start = tokio::time::Instant::now();
    let outcome = tokio::join!(send(provider, notification), async {
        holds.notified().await;
        tokio::time::pause();
    })
    .0;
    (outcome, start.elapsed())
}
