//! The publisher: follows the log of events, and queues deliveries to the webhook endpoints that want them.
//!
//! Without an endpoint it reads nothing and is not woken by events.

use std::sync::Arc;
use std::time::Duration;

use angaros_service::Followed;

use crate::Shared;

/// How soon it looks again at the end of the log: the fallback for growth that nobody told of.
const POLL: Duration = Duration::from_secs(1);
/// How soon it looks for endpoints again: the fallback for one that another process made.
const LOOK: Duration = Duration::from_secs(5);
/// How long it waits after the store failed.
const RECOVER: Duration = Duration::from_millis(500);

pub(crate) async fn run(shared: Arc<Shared>) {
    let (service, clock) = (&shared.service, shared.service.clock());
    while !shared.stopping.is_cancelled() {
        let pause = match service.fan_out().await {
            Ok(Followed::Part) => continue,
            Ok(Followed::End) => {
                tokio::select! {
                    biased;
                    () = service.coord().log_growth() => continue,
                    () = shared.stopping.cancelled() => return,
                    () = tokio::time::sleep(POLL.mul_f64(0.75 + clock.random() / 2.0)) => continue,
                }
            }
            Ok(Followed::Nobody) => LOOK.mul_f64(0.75 + clock.random() / 2.0),
            Err(error) => {
                tracing::warn!(%error, "events could not be fanned out to webhook endpoints; it is tried again");
                RECOVER
            }
        };
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => {}
            () = service.endpoint_changed() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
