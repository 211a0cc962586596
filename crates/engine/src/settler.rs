//! The settler: stores results in batches. While one batch is being flushed, the next gathers.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::metric;
use angaros_service::{Finished, Result, ServiceError, StoreError};
use tokio::sync::mpsc;

use crate::Shared;
use crate::places::Place;

/// The most results of one transaction.
const BATCH_MAX: usize = 1_000;
/// How long the settler waits after the store failed.
const RECOVER: Duration = Duration::from_millis(200);

type Settling = (Finished, Place);

/// Where workers report to. Bounded: a worker that cannot report keeps its place, and nothing new is claimed for it.
#[derive(Clone)]
pub(crate) struct Results(mpsc::Sender<Settling>);

impl Results {
    /// Hands a result over together with the place that its send held.
    pub(crate) async fn report(&self, finished: Finished, place: Place) {
        // The settler outlives every worker.
        drop(self.0.send((finished, place)).await);
    }
}

/// The queue between workers and the settler.
pub(crate) fn channel(shared: &Shared) -> (Results, mpsc::Receiver<Settling>) {
    let (sender, receiver) = mpsc::channel(shared.settings.concurrency.max(1));
    (Results(sender), receiver)
}

/// Stores results until every worker is gone.
pub(crate) async fn run(shared: Arc<Shared>, mut finished: mpsc::Receiver<Settling>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while finished.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (results, places): (Vec<Finished>, Vec<Place>) = batch.drain(..).unzip();
        let count = results.len();
        settle(&shared, results).await;
        metrics::gauge!(metric::IN_FLIGHT).decrement(count as f64);
        shared.places.give_back(places);
    }
}

/// Stores results however long it takes. If the leases run out meanwhile, the results are stale and are discarded.
async fn settle(shared: &Shared, results: Vec<Finished>) {
    let mut parts = Parts::of(results);
    while let Err(error) = parts.store(shared).await {
        let results = parts.count();
        if shared.hurry.is_cancelled() {
            // The process ends. The leases run out, and whoever takes them over treats the attempts as ambiguous.
            tracing::error!(%error, results, "results could not be stored before the end");
            return;
        }
        tracing::warn!(%error, results, "storing results failed and is tried again");
        tokio::time::sleep(RECOVER).await;
    }
    for Finished { lease, .. } in parts.refused {
        shared.doubts.give_up(lease, shared.service.clock().now());
    }
}

/// Results on their way into the store: together, or, if the store will never take them so, by halves, until those that it
/// refuses are alone.
pub(crate) struct Parts {
    waiting: Vec<Vec<Finished>>,
    pub(crate) refused: Vec<Finished>,
}

impl Parts {
    pub(crate) fn of(results: Vec<Finished>) -> Parts {
        Parts { waiting: vec![results], refused: Vec::new() }
    }

    /// How many are not stored yet.
    fn count(&self) -> usize {
        self.waiting.iter().map(Vec::len).sum()
    }

    /// Stores what can be stored. After an error that passes it goes on where it was.
    pub(crate) async fn store(&mut self, shared: &Shared) -> Result<()> {
        while let Some(mut part) = self.waiting.pop() {
            match shared.service.settle(part.clone()).await {
                Ok(_) => {}
                Err(error) if !is_final(&error) => {
                    self.waiting.push(part);
                    return Err(error);
                }
                Err(_) if part.len() > 1 => {
                    let rest = part.split_off(part.len() / 2);
                    self.waiting.extend([rest, part]);
                }
                Err(error) => {
                    for Finished { notification, .. } in &part {
                        let id = notification.id;
                        tracing::error!(%error, notification = %id, "the store refuses a result: its attempt counts as lost");
                    }
                    self.refused.append(&mut part);
                }
            }
        }
        Ok(())
    }
}

/// Whether the store would answer the same for ever: something of what it was given does not fit.
fn is_final(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Store(fault) if matches!(**fault, StoreError::Internal(_) | StoreError::Corrupt(_)))
}
