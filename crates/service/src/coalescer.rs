//! Group commit without a timer: what arrives while a transaction is under way shares the next one.
//!
//! An idle service answers a single request at once; under load the batch grows exactly with the load. The queue is
//! bounded, and a full one refuses instead of waiting.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use angaros_domain::metric;
use angaros_store::StoreError;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::room::{Room, Rooms};
use crate::{Result, ServiceError};

/// An item that waits, the room that it takes in the queue, and where its outcome goes.
struct Waiting<I, O> {
    item: I,
    company: Company,
    answer: Answer<O>,
}

struct Answer<O> {
    outcome: oneshot::Sender<Result<O>>,
    _room: Room,
}

/// With whom an item may share its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// With whoever waits.
    Any,
    /// With nobody, so that a failure is its own.
    Nobody,
}

/// Gathers single items into calls of a batch verb.
pub(crate) struct Coalescer<I, O> {
    verb: &'static str,
    weight: fn(&I) -> usize,
    rooms: Rooms,
    queue: mpsc::UnboundedSender<Waiting<I, O>>,
}

/// How items are gathered.
pub(crate) struct Limits<I> {
    /// Transactions under way at once. With one, everything that arrives while it is flushed shares the next; with two,
    /// the store has work in its hands at once, and each takes less.
    pub in_flight: usize,
    /// How much may wait for a commit, in rows; more is refused.
    pub queue_max: usize,
    /// How much one batch may weigh; a single heavier item goes alone.
    pub batch_weight_max: usize,
    /// What an item weighs, in rows.
    pub weight: fn(&I) -> usize,
}

impl<I: Send + 'static, O: Send + 'static> Coalescer<I, O> {
    /// Starts a task that feeds `work` with batches. `work` answers one outcome an item, in order.
    pub(crate) fn start<F, Fut>(verb: &'static str, limits: Limits<I>, work: F) -> Coalescer<I, O>
    where
        F: Fn(Vec<I>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = std::result::Result<Vec<O>, StoreError>> + Send + 'static,
    {
        // Bounded by the room that every item in it has taken.
        let (queue, waiting) = mpsc::unbounded_channel();
        let (weight, rooms) = (limits.weight, Rooms::new(limits.queue_max));
        tokio::spawn(gather(verb, limits, waiting, Arc::new(work)));
        Coalescer { verb, weight, rooms, queue }
    }

    /// Takes room for an item. Refuses at once if too many wait.
    pub(crate) fn room(&self, item: &I) -> Result<Room> {
        self.rooms.take((self.weight)(item)).ok_or_else(|| {
            metrics::counter!(metric::REFUSED, "verb" => self.verb).increment(1);
            ServiceError::Busy
        })
    }

    /// Waits for room for an item.
    pub(crate) async fn room_patiently(&self, item: &I) -> Result<Room> {
        self.rooms.wait((self.weight)(item)).await.ok_or(ServiceError::Busy)
    }

    /// Hands an item over and waits for its outcome. Refuses at once if too many wait.
    pub(crate) async fn run(&self, item: I) -> Result<O> {
        let room = self.room(&item)?;
        self.hand_over(item, room, Company::Any).await
    }

    /// Hands an item over that has its room, and waits for its outcome.
    pub(crate) async fn hand_over(&self, item: I, room: Room, company: Company) -> Result<O> {
        let (sender, outcome) = oneshot::channel();
        let answer = Answer { outcome: sender, _room: room };
        if self.queue.send(Waiting { item, company, answer }).is_err() {
            return Err(ServiceError::Busy);
        }
        // The gatherer always answers; it can only vanish with the runtime.
        outcome.await.unwrap_or(Err(ServiceError::Busy))
    }

    /// Takes nothing more, and waits for at most `limit` until everything that was taken is stored. Answers how many
    /// rows are not.
    pub(crate) async fn close(&self, limit: Duration) -> usize {
        self.rooms.close(limit).await
    }
}

async fn gather<I, O, F, Fut>(
    verb: &'static str,
    limits: Limits<I>,
    mut waiting: mpsc::UnboundedReceiver<Waiting<I, O>>,
    work: Arc<F>,
) where
    I: Send + 'static,
    O: Send + 'static,
    F: Fn(Vec<I>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = std::result::Result<Vec<O>, StoreError>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.in_flight));
    let mut held_over = None;
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Some(first) = (match held_over.take() {
            Some(item) => Some(item),
            None => waiting.recv().await,
        }) else {
            return;
        };
        let mut weight = (limits.weight)(&first.item);
        let mut alone = first.company == Company::Nobody;
        let mut batch = vec![first];
        while !alone && let Ok(next) = waiting.try_recv() {
            weight += (limits.weight)(&next.item);
            alone = next.company == Company::Nobody;
            if alone || weight > limits.batch_weight_max {
                held_over = Some(next);
                break;
            }
            batch.push(next);
        }
        let work = Arc::clone(&work);
        tokio::spawn(async move {
            store_batch(verb, batch, &*work).await;
            drop(slot);
        });
    }
}

async fn store_batch<I, O, F, Fut>(verb: &'static str, batch: Vec<Waiting<I, O>>, work: &F)
where
    F: Fn(Vec<I>) -> Fut,
    Fut: Future<Output = std::result::Result<Vec<O>, StoreError>>,
{
    metrics::histogram!(metric::COALESCED, "verb" => verb).record(batch.len() as f64);
    let (items, answers): (Vec<I>, Vec<Answer<O>>) =
        batch.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
    // An answer that nobody waits for any more is dropped: the caller gave up, the item is stored all the same.
    match work(items).await {
        Ok(outcomes) => {
            debug_assert_eq!(outcomes.len(), answers.len());
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                drop(answer.outcome.send(Ok(outcome)));
            }
        }
        Err(error) => {
            let error = ServiceError::from(error);
            for answer in answers {
                drop(answer.outcome.send(Err(error.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn limits(queue_max: usize, batch_weight_max: usize) -> Limits<usize> {
        Limits { in_flight: 2, queue_max, batch_weight_max, weight: |_| 1 }
    }

    #[tokio::test]
    async fn what_arrives_during_a_batch_shares_the_next_one() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Semaphore::new(0));
        let (seen, open) = (Arc::clone(&sizes), Arc::clone(&gate));
        let coalescer = Arc::new(Coalescer::start("test", limits(1000, 60), move |items: Vec<usize>| {
            seen.lock().unwrap().push(items.len());
            let open = Arc::clone(&open);
            async move {
                open.acquire().await.unwrap().forget();
                Ok(items)
            }
        }));
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let coalescer = Arc::clone(&coalescer);
                tokio::spawn(async move { coalescer.run(n).await.unwrap() })
            })
            .collect();
        gate.add_permits(1000);
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(call.await.unwrap(), n, "each caller gets its own outcome");
        }
        let sizes = sizes.lock().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 100);
        assert!(sizes.len() < 20, "100 calls took {} batches", sizes.len());
        assert!(sizes.iter().all(|size| *size <= 60));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_failed_batch_tells_everyone() {
        let gate = Arc::new(Semaphore::new(0));
        let open = Arc::clone(&gate);
        let coalescer = Arc::new(Coalescer::start("test", limits(5, 1), move |_: Vec<usize>| {
            let open = Arc::clone(&open);
            async move {
                open.acquire().await.unwrap().forget();
                Err::<Vec<usize>, _>(StoreError::TooSlow)
            }
        }));
        let calls: Vec<_> = (0..20)
            .map(|n| {
                let coalescer = Arc::clone(&coalescer);
                tokio::spawn(async move { coalescer.run(n).await })
            })
            .collect();
        gate.add_permits(100);
        let mut refused = 0;
        for call in calls {
            match call.await.unwrap() {
                Err(ServiceError::Busy) => refused += 1,
                Err(ServiceError::Store(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(refused, 15, "five wait or are under way");
    }
}
