//! A worker: one claimed notification, one attempt. Admit, send, classify, decide.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use angaros_domain::attempt::{Class, Outcome, Report, Through, decide, decide_interrupted};
use angaros_domain::lifecycle::Change;
use angaros_domain::{FailureReason, LeaseId, Notification, Timestamp, metric};
use angaros_providers::{Capabilities, Outgoing};
use angaros_service::{Claim, Finished};
use futures_util::FutureExt as _;

use crate::accounts::Pass;
use crate::{Shared, endpoint};

/// How long a claim stays away that no account could take, in seconds.
const RELEASED_SECONDS: i64 = 5;

/// How a send ended.
pub(crate) enum Ended {
    /// The provider's adapter reported.
    Reported(Outcome),
    /// The process is shutting down and could not wait any longer.
    Interrupted,
}

impl Ended {
    /// What is known of it.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Ended::Reported(outcome) => outcome.clone(),
            Ended::Interrupted => {
                Outcome::new(Class::Ambiguous, "interrupted by a shutdown before the provider answered")
            }
        }
    }
}

/// Makes one attempt and says what is to become of the notification.
pub(crate) async fn run(
    shared: Arc<Shared>,
    lease: LeaseId,
    claimed_at: Timestamp,
    claim: Claim,
    pass: Option<Pass>,
) -> Finished {
    let Claim { slot, notification, is_suppressed } = claim;
    let change = match (notification.endpoint(), pass) {
        _ if is_suppressed => withhold(&notification),
        (Some(id), _) => endpoint::attempt(&shared, claimed_at, &notification, id).await,
        (None, Some(pass)) => attempt(&shared, claimed_at, &notification, pass).await,
        // No account may take it now. It goes back, and that is not its fault.
        (None, None) => Change::release(shared.service.clock().now().plus_seconds(RELEASED_SECONDS)),
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

async fn attempt(shared: &Shared, claimed_at: Timestamp, notification: &Notification, pass: Pass) -> Change {
    let clock = shared.service.clock();
    let started_at = clock.now();
    if notification.is_expired(started_at) {
        return Change::fail(FailureReason::Expired, None);
    }
    let provider = pass.provider();
    let stopwatch = clock.stopwatch();
    let outgoing = Outgoing { notification, attempt: notification.attempts + 1 };
    let ended = send(shared, provider.send(outgoing)).await;
    let outcome = ended.outcome();
    count(provider.name(), &outcome, stopwatch.elapsed());
    log(notification, provider.name(), &outcome, stopwatch.elapsed());
    let report = Report {
        provider: provider.name().to_owned(),
        claimed_at,
        started_at,
        duration_millis: stopwatch.elapsed_millis(),
        outcome,
    };
    let capabilities = provider.capabilities();
    let blames_account = pass.blames_account(notification.last_attempted_at);
    if let Ended::Reported(outcome) = &ended {
        pass.done(outcome, blames_account);
    }
    let policy = &shared.settings.channels[notification.channel.index()].retry;
    match ended {
        Ended::Interrupted => decide_interrupted(report, capabilities.idempotent, policy, clock.now()),
        Ended::Reported(_) => {
            let Capabilities { receipts, idempotent, .. } = capabilities;
            let through = Through { receipts, blames_account, idempotent };
            decide(notification, report, through, policy, clock.now(), clock.random())
        }
    }
}

/// Sends within the hard limit. Neither a hanging nor a panicking adapter may keep a claim for ever: the heartbeat
/// would renew its lease as long as the process lives.
pub(crate) async fn send(shared: &Shared, sending: impl Future<Output = Outcome>) -> Ended {
    let limit = Duration::from_secs(shared.settings.lease_seconds.unsigned_abs());
    let sending = AssertUnwindSafe(sending).catch_unwind();
    tokio::select! {
        biased;
        answered = tokio::time::timeout(limit, sending) => Ended::Reported(match answered {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::new(Class::Ambiguous, "the provider's adapter failed; see the log"),
            Err(_) => Outcome::new(Class::Ambiguous, "no answer within the lease"),
        }),
        () = shared.hurry.cancelled() => Ended::Interrupted,
    }
}

pub(crate) fn count(provider: &str, outcome: &Outcome, duration: Duration) {
    let labels = [("provider", provider.to_owned()), ("class", outcome.class.as_str().to_owned())];
    metrics::counter!(metric::ATTEMPTS, &labels).increment(1);
    metrics::histogram!(metric::ATTEMPT_SECONDS, "provider" => provider.to_owned())
        .record(duration.as_secs_f64());
}

pub(crate) fn log(notification: &Notification, provider: &str, outcome: &Outcome, duration: Duration) {
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
