//! The reconciler: takes over what lost workers held, so that a killed process's messages move on.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::attempt::{Class, Outcome, Report, decide_lost};
use angaros_domain::lifecycle::Change;
use angaros_domain::{Notification, Timestamp, WorkerId};
use angaros_service::{Claim, ClaimedLease, Finished, RescueParams, Result};

use crate::Shared;
use crate::settler::Parts;

/// How often it looks for lost leases.
const LOOK: Duration = Duration::from_secs(5);
/// Lost leases that one transaction takes over.
const LEASES_MAX: usize = 20;

/// Takes back every lease there is. Only for a process that owns its database, before it claims anything.
pub(crate) async fn take_back(shared: &Shared) -> Result<()> {
    loop {
        match rescue(shared, Timestamp::MAX).await? {
            0 => return Ok(()),
            rescued => tracing::info!(rescued, "took back what was in flight when the process ended"),
        }
    }
}

/// Gives back what this process holds without knowing, and takes over from others if that is among its duties.
pub(crate) async fn run(shared: Arc<Shared>) {
    let clock = shared.service.clock();
    while !shared.stopping.is_cancelled() {
        if let Err(error) = settle_doubts(&shared).await {
            tracing::warn!(%error, "giving back lost claims failed and is tried again");
        }
        if let Err(error) = take_over_given_up(&shared).await {
            tracing::warn!(%error, "taking over what could not be settled failed and is tried again");
        }
        if shared.settings.role.tends() {
            match rescue(&shared, clock.now()).await {
                Ok(0) => {}
                Ok(rescued) => {
                    tracing::info!(rescued, "took over from lost workers");
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "taking over from lost workers failed and is tried again");
                }
            }
        }
        let look = LOOK.mul_f64(0.8 + clock.random() * 0.4);
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => {}
            () = tokio::time::sleep(look) => {}
        }
    }
}

/// Takes over some lost leases and decides about what they held. Answers how much of it was stored.
async fn rescue(shared: &Shared, ended_before: Timestamp) -> Result<usize> {
    let Some(lease) = shared.service.rescue(params(shared, ended_before)).await? else { return Ok(0) };
    let rescued = lease.claims.len();
    let mut parts = Parts::of(verdicts(shared, lease));
    parts.store(shared).await?;
    // What is refused comes again when this lease has run out, and counts as nothing: else nobody came to an end with it.
    Ok(rescued - parts.refused.len())
}

/// Gives back what this process claimed without learning of it. Nothing of that was sent.
async fn settle_doubts(shared: &Shared) -> Result<()> {
    let now = shared.service.clock().now();
    for doubted in shared.doubts.current() {
        let params = RescueParams { only: Some(doubted), ..params(shared, now) };
        // The rescue's own lease is in doubt from here on, until what it holds is given back: if its answer is lost, the
        // lease that was asked for is gone all the same.
        let own = params.lease;
        shared.doubts.add(own, now);
        let Some(lease) = shared.service.rescue(params).await? else {
            shared.doubts.remove(own);
            shared.doubts.not_there(doubted, now);
            continue;
        };
        shared.doubts.remove(doubted);
        let release = |claim: Claim| {
            let (slot, notification) = (claim.slot, claim.notification);
            Finished { lease: lease.id, slot, notification, change: Change::release(now) }
        };
        shared.service.settle(lease.claims.into_iter().map(release).collect()).await?;
        shared.doubts.remove(own);
        shared.service.coord().work_ready();
    }
    Ok(())
}

/// Takes over what this process could not settle, a lease's time after it gave up: by then the other sends of such a lease
/// have come to their end. What is refused again is taken over again once this lease has run out.
async fn take_over_given_up(shared: &Shared) -> Result<()> {
    let now = shared.service.clock().now();
    while let Some(lost) = shared.doubts.take_given_up(now.plus_seconds(-shared.settings.lease_seconds)) {
        let taken = shared.service.rescue(RescueParams { only: Some(lost), ..params(shared, now) }).await;
        if let Some(lease) = taken.inspect_err(|_| shared.doubts.give_up(lost, now))? {
            Parts::of(verdicts(shared, lease)).store(shared).await?;
        }
    }
    Ok(())
}

fn params(shared: &Shared, ended_before: Timestamp) -> RescueParams {
    let clock = shared.service.clock();
    RescueParams {
        ended_before,
        worker: WorkerId(format!("{}:rescue", shared.settings.worker)),
        spare: shared.settings.worker.clone(),
        lease: clock.new_lease_id(),
        until: clock.now().plus_seconds(shared.settings.lease_seconds),
        leases_max: LEASES_MAX,
        only: None,
    }
}

/// Whether whatever a notification may have been sent through recognises repeats.
fn is_idempotent(shared: &Shared, notification: &Notification) -> bool {
    let mut route = shared.registry.route(notification.channel).iter();
    notification.endpoint().is_some() || route.all(|provider| provider.capabilities().idempotent)
}

fn verdicts(shared: &Shared, lease: ClaimedLease) -> Vec<Finished> {
    let now = shared.service.clock().now();
    let verdict = |claim: Claim| {
        let channel = claim.notification.channel;
        let provider = match claim.notification.endpoint() {
            Some(_) => shared.registry.endpoints().map_or("", |endpoints| endpoints.name()),
            None => shared.registry.route(channel).first().map_or("", |provider| provider.name()),
        };
        let report = Report {
            provider: provider.to_owned(),
            claimed_at: lease.claimed_at,
            started_at: lease.claimed_at,
            duration_millis: now.millis_since(lease.claimed_at),
            outcome: Outcome::new(Class::Ambiguous, "the worker was lost before it reported"),
        };
        let policy = &shared.settings.channels[channel.index()].retry;
        let change =
            decide_lost(&claim.notification, report, is_idempotent(shared, &claim.notification), policy, now);
        Finished { lease: lease.id, slot: claim.slot, notification: claim.notification, change }
    };
    lease.claims.into_iter().map(verdict).collect()
}
