//! When requests fall due.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use angaros_clock::Stopwatch;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

/// A fixed schedule: request `i` falls due at `i / rate`, whatever became of those before it.
///
/// A thread of its own waits for each point in time, because the runtime's timer knows whole milliseconds only.
pub(crate) struct Pace {
    schedule: Arc<Schedule>,
    next: AtomicUsize,
    /// Ends the waiting when it is dropped.
    _waiting: Sender<()>,
}

struct Schedule {
    /// Requests that fell due and were not taken yet.
    due: Semaphore,
    watch: Stopwatch,
    interval: Duration,
    count: usize,
}

impl Pace {
    /// Begins now: so many requests, so many a second, for at most so many who take them. Also answers what ends once
    /// all of them are due.
    pub(crate) fn start(
        watch: Stopwatch,
        rate: f64,
        count: usize,
        takers: usize,
    ) -> (Arc<Pace>, JoinHandle<()>) {
        let interval = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        let schedule = Arc::new(Schedule { due: Semaphore::new(0), watch, interval, count });
        let (sender, stopped) = channel();
        let ticking = Arc::clone(&schedule);
        let ticking = spawn_blocking(move || {
            ticking.tick(&stopped);
            // Whoever waits for more is let go.
            ticking.due.add_permits(takers);
        });
        (Arc::new(Pace { schedule, next: AtomicUsize::new(0), _waiting: sender }), ticking)
    }

    /// The next request, once it is due, and when it fell due; `None` if there are no more.
    pub(crate) async fn next(&self) -> Option<(usize, Duration)> {
        self.schedule.due.acquire().await.ok()?.forget();
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < self.schedule.count).then(|| (index, self.schedule.at(index)))
    }
}

impl Schedule {
    fn at(&self, index: usize) -> Duration {
        self.interval.saturating_mul(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn tick(&self, stopped: &Receiver<()>) {
        let mut given = 0;
        while given < self.count {
            let wait = self.at(given).saturating_sub(self.watch.elapsed());
            if !wait.is_zero() && stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let now = self.watch.elapsed();
            let due = (given..self.count).take_while(|index| self.at(*index) <= now).count();
            self.due.add_permits(due);
            given += due;
        }
    }
}
