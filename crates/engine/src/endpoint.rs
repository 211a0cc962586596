//! One attempt to deliver to a webhook endpoint.
//!
//! The endpoint is read with every attempt: a new URL, a rotated secret and a disabled endpoint count from the next
//! attempt on, for what waits already too. No breaker and no failover apply: each endpoint fails for itself, and is
//! disabled for itself. One that is slow gets fewer at once ([`crate::turnstile`]).

use angaros_domain::attempt::{Report, Through, decide, decide_interrupted};
use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, Notification, Timestamp, WebhookEndpointId};

use crate::Shared;
use crate::worker::{Ended, count, log, send};

/// How long a delivery waits whose endpoint can not be read, in seconds. That costs no attempt.
const UNREADABLE_SECONDS: i64 = 1;

/// Makes one attempt and says what is to become of the delivery.
pub(crate) async fn attempt(
    shared: &Shared,
    claimed_at: Timestamp,
    delivery: &Notification,
    id: WebhookEndpointId,
) -> Change {
    let clock = shared.service.clock();
    let started_at = clock.now();
    let Some(endpoints) = shared.registry.endpoints() else { return Change::release(started_at) };
    let endpoint = match shared.service.receiver(delivery.tenant, id).await {
        Ok(Some(endpoint)) => endpoint,
        // Deleted or disabled: nothing is sent, and the delivery log says that it was suppressed.
        Ok(None) => return Change::fail(FailureReason::Suppressed, None),
        Err(error) => {
            tracing::warn!(%error, delivery = %delivery.id, "a webhook endpoint could not be read; its delivery waits");
            return Change::release(started_at.plus_seconds(UNREADABLE_SECONDS));
        }
    };
    let entry = match shared.turnstile.enter(id, delivery.id, started_at) {
        Ok(entry) => entry,
        Err(until) => return Change::release(until),
    };
    let stopwatch = clock.stopwatch();
    let ended = send(shared, endpoints.send(delivery, &endpoint, started_at)).await;
    entry.over(clock.now());
    let outcome = ended.outcome();
    count(endpoints.name(), &outcome, stopwatch.elapsed());
    log(delivery, endpoints.name(), &outcome, stopwatch.elapsed());
    let report = Report {
        provider: endpoints.name().to_owned(),
        claimed_at,
        started_at,
        duration_millis: stopwatch.elapsed_millis(),
        outcome,
    };
    let policy = &shared.settings.channels[delivery.channel.index()].retry;
    match ended {
        Ended::Interrupted => decide_interrupted(report, true, policy, clock.now()),
        Ended::Reported(_) => {
            let through = Through { receipts: false, blames_account: false, idempotent: true };
            decide(delivery, report, through, policy, clock.now(), clock.random())
        }
    }
}
