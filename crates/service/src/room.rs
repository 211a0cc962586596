//! The room of a bounded queue, in rows: whoever puts something in takes room for it first, and everything that was
//! put in has left once all of the room is free again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room that was taken. It is free again when nobody holds it any more.
pub(crate) type Room = Arc<OwnedSemaphorePermit>;

/// The room of one queue.
pub(crate) struct Rooms {
    max: u32,
    free: Arc<Semaphore>,
}

impl Rooms {
    /// Room for so many rows, at least one.
    pub(crate) fn new(rows_max: usize) -> Rooms {
        let max = u32::try_from(rows_max.clamp(1, Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Rooms { max, free: Arc::new(Semaphore::new(max as usize)) }
    }

    /// Takes room at once, if there is enough.
    pub(crate) fn take(&self, rows: usize) -> Option<Room> {
        Arc::clone(&self.free).try_acquire_many_owned(self.fitting(rows)).ok().map(Arc::new)
    }

    /// Waits until there is enough. Who waits first is served first, and before those who do not wait. `None` once the
    /// queue is closed.
    pub(crate) async fn wait(&self, rows: usize) -> Option<Room> {
        Arc::clone(&self.free).acquire_many_owned(self.fitting(rows)).await.ok().map(Arc::new)
    }

    /// Lets nothing in any more, and waits for at most `limit` until everything has left. Answers how many rows have
    /// not.
    pub(crate) async fn close(&self, limit: Duration) -> usize {
        let emptied = tokio::time::timeout(limit, self.free.acquire_many(self.max)).await;
        self.free.close();
        match emptied {
            Ok(_) => 0,
            Err(_) => self.max as usize - self.free.available_permits(),
        }
    }

    /// What is larger than the whole queue takes all of it.
    fn fitting(&self, rows: usize) -> u32 {
        u32::try_from(rows).unwrap_or(u32::MAX).clamp(1, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn what_does_not_fit_is_refused_and_what_is_larger_than_all_takes_all() {
        let rooms = Rooms::new(10);
        let six = rooms.take(6).unwrap();
        assert!(rooms.take(5).is_none());
        assert!(rooms.take(4).is_some(), "what was refused has taken nothing");
        assert!(rooms.take(11).is_none());
        drop(six);
        let all = rooms.take(11).unwrap();
        assert!(rooms.take(1).is_none());
        drop(all);
        assert!(rooms.take(0).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_served_in_order() {
        let rooms = Arc::new(Rooms::new(10));
        let held = rooms.take(8).unwrap();
        let waiting = Arc::clone(&rooms);
        let large = tokio::spawn(async move { waiting.wait(10).await });
        tokio::task::yield_now().await;
        assert!(rooms.take(1).is_none(), "the large one is first");
        drop(held);
        assert!(large.await.unwrap().is_some());
        assert!(rooms.take(1).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_what_is_inside_and_lets_nothing_in() {
        let rooms = Arc::new(Rooms::new(10));
        let (first, second) = (rooms.take(3).unwrap(), rooms.take(4).unwrap());
        let shared = Arc::clone(&second);
        let closing = Arc::clone(&rooms);
        let closed = tokio::spawn(async move { closing.close(PATIENCE).await });
        tokio::task::yield_now().await;
        assert!(rooms.take(1).is_none());
        drop((first, second));
        assert_eq!(closed.await.unwrap(), 4, "someone still holds it");
        assert!(rooms.wait(1).await.is_none() && rooms.take(1).is_none());
        drop(shared);
        let rooms = Rooms::new(10);
        assert_eq!(rooms.close(Duration::ZERO).await, 0);
        assert!(rooms.take(1).is_none());
    }
}
