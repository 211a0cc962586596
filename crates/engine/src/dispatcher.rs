//! The dispatcher: claims what there is capacity for, and hands it to workers.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::retry::OnLostWorker;
use angaros_domain::{Notification, Outlet, metric};
use angaros_service::{ClaimParams, ClaimedLease, Result};
use tokio::sync::OwnedSemaphorePermit;

use crate::gate::Gate;
use crate::settler::Results;
use crate::{Shared, worker};

/// How long the dispatcher sleeps when nothing wakes it: the fallback for a wake-up that was lost.
const POLL: Duration = Duration::from_millis(1_000);
/// How long it waits for more capacity while little is free, so that claims stay batches.
const GATHER: Duration = Duration::from_millis(10);
/// How long it waits after the store failed.
const RECOVER: Duration = Duration::from_millis(500);
/// The most that one claim takes: bounds the time of its transaction.
const CLAIM_MAX: usize = 500;

pub(crate) async fn run(shared: Arc<Shared>, results: Results) {
    let mut gate = Gate::new(&shared.settings.channels, Arc::clone(&shared.accounts));
    while !shared.stopping.is_cancelled() {
        let round = tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            held = capacity(&shared) => round(&shared, &results, &mut gate, held).await,
        };
        match round {
            Ok(Round::Worked) => {}
            Ok(Round::Idle { open }) => idle(&shared, &gate, &open).await,
            Err(error) => {
                tracing::warn!(%error, "claiming failed and is tried again");
                pause(&shared, RECOVER).await;
            }
        }
    }
}

enum Round {
    /// Something was claimed: there may be more.
    Worked,
    /// Nothing could be claimed from these outlets.
    Idle { open: Vec<Outlet> },
}

/// Waits for free places: at least one, and a while for more if sends are about to finish anyway.
async fn capacity(shared: &Shared) -> OwnedSemaphorePermit {
    let places = &shared.places;
    let enough = (places.count() / 4).clamp(1, CLAIM_MAX);
    let mut held = match tokio::time::timeout(GATHER, places.hold(enough)).await {
        Ok(held) => held,
        Err(_) => places.hold(1).await,
    };
    if let Some(more) = places.hold_free(CLAIM_MAX.saturating_sub(held.num_permits())) {
        held.merge(more);
    }
    held
}

/// Claims for the free places, takes the tokens, and starts a worker for each claim.
async fn round(
    shared: &Arc<Shared>,
    results: &Results,
    gate: &mut Gate,
    mut held: OwnedSemaphorePermit,
) -> Result<Round> {
    let pauses = shared.service.worker().await?;
    let open: Vec<Outlet> =
        Outlet::ALL.into_iter().filter(|outlet| pauses.is_running(outlet.channel())).collect();
    let clock = shared.service.clock();
    let now = clock.now();
    let Some(quotas) = gate.quotas(&open, &shared.places, held.num_permits(), now) else {
        return Ok(Round::Idle { open });
    };
    let lease = clock.new_lease_id();
    let params = ClaimParams {
        worker: shared.settings.worker.clone(),
        lease,
        lanes: quotas.lanes,
        allowance: quotas.allowance,
        now,
        until: now.plus_seconds(shared.settings.lease_seconds),
    };
    let claimed = shared.service.claim(params).await.inspect_err(|_| shared.doubts.add(lease, now))?;
    let Some(lease) = claimed else { return Ok(Round::Idle { open }) };
    gate.take(&lease.claims, now);
    start(shared, results, lease, &mut held);
    Ok(Round::Worked)
}

fn start(shared: &Arc<Shared>, results: &Results, lease: ClaimedLease, held: &mut OwnedSemaphorePermit) {
    metrics::gauge!(metric::IN_FLIGHT).increment(lease.claims.len() as f64);
    let now = shared.service.clock().now();
    for claim in lease.claims {
        let outlet = claim.notification.lane().outlet;
        // No more is claimed than places are held, so there is one for each.
        let Some(place) = shared.places.take(held, outlet) else { break };
        let only = stays_with(shared, &claim.notification);
        let pass = outlet.routed().and_then(|channel| shared.accounts.admit(channel, only, now));
        let work = worker::run(Arc::clone(shared), lease.id, lease.claimed_at, claim, pass);
        let results = results.clone();
        shared.spawn(async move { results.report(work.await, place).await });
    }
}

/// The provider that a retry has to go through: another one does not know whether the former attempt arrived. Where
/// repeats are allowed, any will do.
fn stays_with<'a>(shared: &Shared, notification: &'a Notification) -> Option<&'a str> {
    let policy = &shared.settings.channels[notification.channel.index()].retry;
    let stays = policy.on_lost_worker == OnLostWorker::Fail && notification.attempts > 0;
    notification.provider.as_deref().filter(|_| stays)
}

/// Sleeps until there is work, tokens, places, or the time for a look has come.
async fn idle(shared: &Shared, gate: &Gate, open: &[Outlet]) {
    let clock = shared.service.clock();
    let poll = POLL.mul_f64(0.75 + clock.random() / 2.0);
    let tokens = async {
        match gate.next_at(open, clock.now()) {
            Some(at) => clock.sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    let places = async {
        if shared.places.are_full_for(open) {
            shared.places.given_back().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = shared.stopping.cancelled() => {}
        () = shared.service.coord().work() => {}
        () = tokens => {}
        () = places => {}
        () = tokio::time::sleep(poll) => {}
    }
}

async fn pause(shared: &Shared, duration: Duration) {
    tokio::select! {
        biased;
        () = shared.stopping.cancelled() => {}
        () = tokio::time::sleep(duration) => {}
    }
}
