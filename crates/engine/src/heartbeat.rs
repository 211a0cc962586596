//! The heartbeat: keeps this process's leases alive for as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use crate::Shared;

/// Renews at about a third of the lease, jittered so that processes do not beat in step. It goes on during a
/// shutdown, while sends in flight finish; [`crate::Engine::shutdown`] ends it.
pub(crate) async fn run(shared: Arc<Shared>) {
    let clock = shared.service.clock();
    let lease_seconds = shared.settings.lease_seconds;
    let third = Duration::from_secs(lease_seconds.unsigned_abs()) / 3;
    loop {
        tokio::time::sleep(third.mul_f64(0.8 + clock.random() * 0.4)).await;
        if shared.capacity.available_permits() == shared.settings.concurrency {
            continue;
        }
        let until = clock.now().plus_seconds(lease_seconds);
        if let Err(error) = shared.service.renew(&shared.settings.worker, until).await {
            tracing::warn!(%error, "leases could not be renewed");
        }
    }
}
