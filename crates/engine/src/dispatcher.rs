//! The dispatcher: claims what there is capacity for, and hands it to workers.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::{Channel, metric};
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
    let mut gate = Gate::new(&shared.settings.channels);
    while !shared.stopping.is_cancelled() {
        let round = tokio::select! {
            () = shared.stopping.cancelled() => return,
            capacity = capacity(&shared) => round(&shared, &results, &mut gate, capacity).await,
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
    /// Nothing could be claimed from these channels.
    Idle { open: Vec<Channel> },
}

/// Waits for free places: at least one, and a while for more if sends are about to finish anyway.
async fn capacity(shared: &Shared) -> OwnedSemaphorePermit {
    let enough = (shared.settings.concurrency / 4).clamp(1, CLAIM_MAX) as u32;
    let gathered =
        tokio::time::timeout(GATHER, Arc::clone(&shared.capacity).acquire_many_owned(enough)).await;
    let mut permit = match gathered {
        Ok(Ok(permit)) => permit,
        // The semaphore is never closed, so only the time-out leads here.
        _ => match Arc::clone(&shared.capacity).acquire_owned().await {
            Ok(permit) => permit,
            Err(_) => std::future::pending().await,
        },
    };
    let more = shared.capacity.available_permits().min(CLAIM_MAX.saturating_sub(permit.num_permits()));
    if let Ok(rest) = Arc::clone(&shared.capacity).try_acquire_many_owned(more as u32) {
        permit.merge(rest);
    }
    permit
}

/// Claims for the free places, takes the tokens, and starts a worker for each claim.
async fn round(
    shared: &Arc<Shared>,
    results: &Results,
    gate: &mut Gate,
    mut places: OwnedSemaphorePermit,
) -> Result<Round> {
    let pauses = shared.service.worker().await?;
    let open: Vec<Channel> = Channel::ALL.into_iter().filter(|c| pauses.is_running(*c)).collect();
    let clock = shared.service.clock();
    let now = clock.now();
    let Some(quotas) = gate.quotas(&open, places.num_permits(), now) else { return Ok(Round::Idle { open }) };
    let params = ClaimParams {
        worker: shared.settings.worker.clone(),
        lease: clock.new_lease_id(),
        lanes: quotas.lanes,
        channel_max: quotas.channel_max,
        max: places.num_permits(),
        now,
        until: now.plus_seconds(shared.settings.lease_seconds),
    };
    let Some(lease) = shared.service.claim(params).await? else { return Ok(Round::Idle { open }) };
    for channel in Channel::ALL {
        let claimed = lease.claims.iter().filter(|claim| claim.notification.channel == channel).count();
        gate.take(channel, claimed, now);
    }
    start(shared, results, lease, &mut places);
    Ok(Round::Worked)
}

fn start(shared: &Arc<Shared>, results: &Results, lease: ClaimedLease, places: &mut OwnedSemaphorePermit) {
    metrics::gauge!(metric::IN_FLIGHT).increment(lease.claims.len() as f64);
    for claim in lease.claims {
        // No more is claimed than places are held, so there is one for each.
        let Some(place) = places.split(1) else { break };
        let work = worker::run(Arc::clone(shared), lease.id, lease.claimed_at, claim);
        let results = results.clone();
        shared.spawn(async move { results.report(work.await, place).await });
    }
}

/// Sleeps until there is work, tokens, or the time for a look has come.
async fn idle(shared: &Shared, gate: &Gate, open: &[Channel]) {
    let clock = shared.service.clock();
    let poll = POLL.mul_f64(0.75 + clock.random() / 2.0);
    let tokens = async {
        match gate.next_at(open, clock.now()) {
            Some(at) => clock.sleep_until(at).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shared.stopping.cancelled() => {}
        () = shared.service.coord().work() => {}
        () = tokens => {}
        () = tokio::time::sleep(poll) => {}
    }
}

async fn pause(shared: &Shared, duration: Duration) {
    tokio::select! {
        () = shared.stopping.cancelled() => {}
        () = tokio::time::sleep(duration) => {}
    }
}
