//! The heartbeat: keeps this process's leases alive for as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use crate::Shared;

/// How soon a beat that failed is tried again: well before the lease runs out.
const AGAIN: Duration = Duration::from_millis(500);

/// Renews at about a third of the lease, jittered so that processes do not beat in step. It goes on during a
/// shutdown, while sends in flight finish; [`crate::Engine::shutdown`] ends it.
pub(crate) async fn run(shared: Arc<Shared>) {
    let clock = shared.service.clock();
    let lease_seconds = shared.settings.lease_seconds;
    let third = Duration::from_secs(lease_seconds.unsigned_abs()) / 3;
    loop {
        tokio::time::sleep(third.mul_f64(0.8 + clock.random() * 0.4)).await;
        if shared.places.taken() == 0 {
            continue;
        }
        loop {
            let until = clock.now().plus_seconds(lease_seconds);
            match shared.service.renew(&shared.settings.worker, until).await {
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "leases could not be renewed; it is tried again at once");
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}
