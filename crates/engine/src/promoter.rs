//! The promoter: moves what is due into its lane, and sleeps until the next is due.

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
        let next_due = match shared.service.promote(BATCH).await {
            Ok(promotion) if promotion.moved == BATCH => continue,
            Ok(promotion) => promotion.next_due,
            Err(error) => {
                tracing::warn!(%error, "promoting failed and is tried again");
                None
            }
        };
        sleep(&shared, next_due).await;
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
