//! Storing what was acknowledged before it is stored: whatever passes is waited out.

use std::time::Duration;

use crate::Result;
use crate::coalescer::{Coalescer, Company};
use crate::room::Room;

/// The pause before the second try. Each further one is twice as long, up to [`PAUSE_MAX`]. All who failed together
/// come back together, and so share a transaction again.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(2);

impl<I: Clone + Send + 'static, O: Send + 'static> Coalescer<I, O> {
    /// Hands an item over again until it is stored, for as long as the process lives. It keeps its room meanwhile.
    ///
    /// # Errors
    /// If the store will never take it: it has failed in a transaction of its own, for a reason that does not pass.
    pub(crate) async fn persist(&self, item: I, room: Room) -> Result<O> {
        let mut company = Company::Any;
        let mut pause = PAUSE;
        loop {
            match self.hand_over(item.clone(), Room::clone(&room), company).await {
                Err(error) if error.is_transient() => {
                    tokio::time::sleep(pause).await;
                    pause = PAUSE_MAX.min(pause * 2);
                }
                // The fault may be that of another item in the transaction.
                Err(_) if company == Company::Any => company = Company::Nobody,
                outcome => return outcome,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use angaros_store::StoreError;
    use tokio::task::JoinSet;
    use tokio::time::Instant;

    use super::*;
    use crate::coalescer::Limits;

    /// What a store that fails in its own way was asked for.
    type Seen = Arc<Mutex<Vec<Vec<u32>>>>;
    type Failing = fn(&Seen, &[u32]) -> Option<StoreError>;

    fn over(failing: Failing) -> (Arc<Coalescer<u32, u32>>, Seen) {
        let seen = Seen::default();
        let asked = Arc::clone(&seen);
        let limits = Limits { in_flight: 2, queue_max: 10, batch_weight_max: 100, weight: |_| 1 };
        let coalescer = Coalescer::start("test", limits, move |items: Vec<u32>| {
            asked.lock().unwrap().push(items.clone());
            let failed = failing(&asked, &items);
            async move { failed.map_or(Ok(items), Err) }
        });
        (Arc::new(coalescer), seen)
    }

    fn put(
        coalescer: &Arc<Coalescer<u32, u32>>,
        items: impl IntoIterator<Item = u32>,
    ) -> JoinSet<Result<u32>> {
        let mut waiting = JoinSet::new();
        for item in items {
            let (room, coalescer) = (coalescer.room(&item).unwrap(), Arc::clone(coalescer));
            waiting.spawn(async move { coalescer.persist(item, room).await });
        }
        waiting
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_out_while_the_room_is_kept() {
        let (coalescer, seen) = over(|seen, _| match seen.lock().unwrap().len() {
            n if n % 3 == 1 => Some(StoreError::Unavailable("gone".into())),
            n if n < 30 => Some(StoreError::Busy),
            _ => None,
        });
        let started = Instant::now();
        let mut waiting = put(&coalescer, 0..10);
        assert!(coalescer.room(&10).is_err());
        let first = waiting.join_next().await.unwrap().unwrap().unwrap();
        assert!(first < 10);
        assert!(started.elapsed() > Duration::from_secs(40), "{:?}", started.elapsed());
        assert_eq!(waiting.join_all().await.len(), 9);
        assert_eq!(seen.lock().unwrap().last().unwrap().len(), 10, "they still share a transaction");
        assert!(coalescer.room(&10).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_fails_by_itself_is_given_up() {
        let (coalescer, seen) = over(|_, items| {
            items.contains(&3).then(|| StoreError::Internal("three can not be stored".into()))
        });
        let outcomes = put(&coalescer, 0..5).join_all().await;
        let mut stored: Vec<u32> =
            outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().copied()).collect();
        stored.sort_unstable();
        assert_eq!(stored, [0, 1, 2, 4]);
        let sizes: Vec<usize> = seen.lock().unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [5, 1, 1, 1, 1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_close_waits_for_the_tries_and_tells_what_is_left() {
        let (coalescer, _) = over(|seen, _| (seen.lock().unwrap().len() < 8).then_some(StoreError::Busy));
        let waiting = put(&coalescer, 0..4);
        assert_eq!(coalescer.close(Duration::from_secs(60)).await, 0);
        assert!(waiting.join_all().await.iter().all(Result::is_ok));

        let (coalescer, _) = over(|_, _| Some(StoreError::Busy));
        let waiting = put(&coalescer, 0..4);
        assert_eq!(coalescer.close(Duration::from_secs(60)).await, 4);
        assert!(coalescer.room(&5).is_err(), "nothing comes in any more");
        drop(waiting);
    }
}
