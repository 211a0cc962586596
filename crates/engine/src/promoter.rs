//! The promoter: moves what is due into its lane, gives up what waits beyond its end, and sleeps until there is more.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::Timestamp;

use crate::Shared;

/// Rows of one transaction.
const BATCH: usize = 1_000;
/// The longest sleep: the fallback for an announcement that was lost.
const LOOK: Duration = Duration::from_secs(5);

pub(crate) async fn run(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        // First what has ended, so that it is not moved before.
        let (ended, next_end) = match shared.service.expire(BATCH).await {
            Ok(expiry) => (expiry.expired, expiry.next_at),
            Err(error) => {
                tracing::warn!(%error, "giving up what has expired failed and is tried again");
                (0, None)
            }
        };
        let (moved, next_due) = match shared.service.promote(BATCH).await {
            Ok(promotion) => (promotion.moved, promotion.next_due),
            Err(error) => {
                tracing::warn!(%error, "promoting failed and is tried again");
                (0, None)
            }
        };
        if ended < BATCH && moved < BATCH {
            sleep(&shared, next_due.into_iter().chain(next_end).min()).await;
        }
    }
}

/// Sleeps until the next is due, something earlier is announced, or the time for a look has come.
async fn sleep(shared: &Shared, mut next_due: Option<Timestamp>) {
    let clock = shared.service.clock();
    let look = tokio::time::sleep(LOOK.mul_f64(0.75 + clock.random() / 2.0));
    tokio::pin!(look);
    loop {
        let due = async {
            match next_due {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = shared.stopping.cancelled() => return,
            () = due => return,
            () = &mut look => return,
            at = shared.service.coord().earlier_due() => {
                next_due = Some(next_due.map_or(at, |due| due.min(at)));
            }
        }
    }
}
