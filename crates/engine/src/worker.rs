//! A worker: one claimed notification, one attempt. Admit, send, classify, decide.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use angaros_domain::attempt::{Class, Outcome, Report, decide, decide_interrupted};
use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, LeaseId, Notification, Timestamp, metric};
use angaros_providers::{Outgoing, Provider};
use angaros_service::{Claim, Finished};
use futures_util::FutureExt as _;

use crate::Shared;

/// How a send ended.
enum Ended {
    /// The provider's adapter reported.
    Reported(Outcome),
    /// The process is shutting down and could not wait any longer.
    Interrupted,
}

/// Makes one attempt and says what is to become of the notification.
pub(crate) async fn run(
    shared: Arc<Shared>,
    lease: LeaseId,
    claimed_at: Timestamp,
    claim: Claim,
) -> Finished {
    let Claim { slot, notification, is_suppressed } = claim;
    let change = if is_suppressed {
        withhold(&notification)
    } else {
        attempt(&shared, claimed_at, &notification).await
    };
    Finished { lease, slot, notification, change }
}

/// Gives up what goes to a suppressed address: no attempt, and no provider hears of it.
fn withhold(notification: &Notification) -> Change {
    metrics::counter!(metric::SUPPRESSED, "channel" => notification.channel.as_str()).increment(1);
    let (id, correlation_id) = (notification.id, &notification.correlation.id);
    tracing::debug!(notification = %id, %correlation_id, "not sent: its address is suppressed");
    Change::fail(FailureReason::Suppressed, None)
}

async fn attempt(shared: &Shared, claimed_at: Timestamp, notification: &Notification) -> Change {
    let clock = shared.service.clock();
    let started_at = clock.now();
    if notification.is_expired(started_at) {
        return Change::fail(FailureReason::Expired, None);
    }
    let Some(provider) = shared.registry.route(notification.channel).first() else {
        // The registry refuses a configuration with a channel that has no provider.
        return Change::release(started_at);
    };
    let stopwatch = clock.stopwatch();
    let ended = send(shared, &**provider, notification).await;
    let outcome = match &ended {
        Ended::Reported(outcome) => outcome.clone(),
        Ended::Interrupted => {
            Outcome::new(Class::Ambiguous, "interrupted by a shutdown before the provider answered")
        }
    };
    count(provider.name(), &outcome, stopwatch.elapsed());
    log(notification, provider.name(), &outcome, stopwatch.elapsed());
    let report = Report {
        provider: provider.name().to_owned(),
        claimed_at,
        started_at,
        duration_millis: stopwatch.elapsed_millis(),
        outcome,
    };
    let policy = &shared.settings.channels[notification.channel.index()].retry;
    let capabilities = provider.capabilities();
    match ended {
        Ended::Interrupted => decide_interrupted(report, capabilities.idempotent, policy, clock.now()),
        Ended::Reported(_) => {
            decide(notification, report, capabilities.receipts, policy, clock.now(), clock.random())
        }
    }
}

/// Sends within the hard limit. Neither a hanging nor a panicking adapter may keep a claim for ever: the heartbeat
/// would renew its lease as long as the process lives.
async fn send(shared: &Shared, provider: &dyn Provider, notification: &Notification) -> Ended {
    let outgoing = Outgoing { notification, attempt: notification.attempts + 1 };
    let limit = Duration::from_secs(shared.settings.lease_seconds.unsigned_abs());
    let sending = AssertUnwindSafe(provider.send(outgoing)).catch_unwind();
    tokio::select! {
        answered = tokio::time::timeout(limit, sending) => Ended::Reported(match answered {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::new(Class::Ambiguous, "the provider's adapter failed; see the log"),
            Err(_) => Outcome::new(Class::Ambiguous, "no answer within the lease"),
        }),
        () = shared.hurry.cancelled() => Ended::Interrupted,
    }
}

fn count(provider: &str, outcome: &Outcome, duration: Duration) {
    let labels = [("provider", provider.to_owned()), ("class", outcome.class.as_str().to_owned())];
    metrics::counter!(metric::ATTEMPTS, &labels).increment(1);
    metrics::histogram!(metric::ATTEMPT_SECONDS, "provider" => provider.to_owned())
        .record(duration.as_secs_f64());
}

fn log(notification: &Notification, provider: &str, outcome: &Outcome, duration: Duration) {
    let fields = (notification.id, &notification.correlation.id, notification.attempts + 1);
    let class = outcome.class.as_str();
    let duration_ms = duration.as_millis();
    if outcome.class == Class::Accepted {
        tracing::debug!(notification = %fields.0, correlation_id = %fields.1, attempt = fields.2, provider, class, duration_ms, "sent");
    } else {
        // The provider's words stay out of the log: they may repeat an address or the content. The trace has them.
        tracing::warn!(notification = %fields.0, correlation_id = %fields.1, attempt = fields.2, provider, class, duration_ms, "an attempt failed");
    }
}
