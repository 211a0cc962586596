//! The settler: stores results in batches. While one batch is being flushed, the next gathers.

use std::sync::Arc;
use std::time::Duration;

use angaros_domain::metric;
use angaros_service::Finished;
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
    loop {
        match shared.service.settle(results.clone()).await {
            Ok(_) => return,
            Err(error) if shared.hurry.is_cancelled() => {
                // The process ends. The leases run out, and whoever takes them over treats the attempts as ambiguous.
                tracing::error!(%error, results = results.len(), "results could not be stored before the end");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, results = results.len(), "storing results failed and is tried again");
                tokio::time::sleep(RECOVER).await;
            }
        }
    }
}
