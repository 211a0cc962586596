//! The one clock and the one maker of ids: the only place where time and randomness enter.
//!
//! Everything else takes a [`Clock`]. Under tokio's paused time [`Clock::tokio`] follows the virtual clock, so that a
//! test of an hour of retries takes milliseconds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use angaros_domain::{BatchId, LeaseId, NotificationId, TemplateId, Timestamp, WebhookEndpointId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;
use uuid::{ContextV7, Uuid};

/// A source of time, ids and randomness. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    source: Source,
    ids: Mutex<ContextV7>,
}

enum Source {
    System,
    Tokio { base: Timestamp, start: Instant },
    Seeded { base: Timestamp, start: Instant, random: Box<Mutex<(StdRng, u32)>> },
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock::new(Source::System)
    }

    /// A clock that starts at `base` and moves with tokio's, which a test may pause and advance.
    pub fn tokio(base: Timestamp) -> Clock {
        Clock::new(Source::Tokio { base, start: Instant::now() })
    }

    /// The same, but its ids and random numbers follow from the seed, so that what a test did can be done again.
    pub fn seeded(base: Timestamp, seed: u64) -> Clock {
        let random = Box::new(Mutex::new((StdRng::seed_from_u64(seed), 0)));
        Clock::new(Source::Seeded { base, start: Instant::now(), random })
    }

    fn new(source: Source) -> Clock {
        Clock(Arc::new(Inner { source, ids: Mutex::new(ContextV7::new()) }))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match self.0.source {
            #[allow(clippy::disallowed_methods, reason = "this is the one clock")]
            Source::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp::from_millis(since.map_or(0, |d| d.as_millis() as i64))
            }
            Source::Tokio { base, start } | Source::Seeded { base, start, .. } => {
                base.plus_millis(start.elapsed().as_millis() as i64)
            }
        }
    }

    /// A stopwatch that starts now. It never runs backwards, whatever happens to the wall clock.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Waits until a point in time, as long as the clock says now.
    pub async fn sleep_until(&self, at: Timestamp) {
        let millis = at.millis_since(self.now());
        tokio::time::sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
    }

    /// A fresh version 7 UUID. Ids of one clock grow strictly, also within a millisecond.
    pub fn new_uuid(&self) -> Uuid {
        let millis = self.now().as_millis();
        if let Source::Seeded { random, .. } = &self.0.source {
            let (random, count) = &mut *random.lock().unwrap_or_else(PoisonError::into_inner);
            *count += 1;
            // Within a millisecond the count lets them grow.
            let mut bytes = [0; 10];
            bytes[3..7].copy_from_slice(&count.to_be_bytes());
            bytes[7..].copy_from_slice(&random.random::<[u8; 3]>());
            return uuid::Builder::from_unix_timestamp_millis(millis.unsigned_abs(), &bytes).into_uuid();
        }
        let (seconds, nanos) = (millis.unsigned_abs() / 1000, (millis % 1000) as u32 * 1_000_000);
        let context = self.0.ids.lock().unwrap_or_else(PoisonError::into_inner);
        Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos))
    }

    /// A fresh notification id; its time is the notification's `created_at`.
    pub fn new_notification_id(&self) -> NotificationId {
        NotificationId(self.new_uuid())
    }

    /// A fresh batch id.
    pub fn new_batch_id(&self) -> BatchId {
        BatchId(self.new_uuid())
    }

    /// A fresh template id.
    pub fn new_template_id(&self) -> TemplateId {
        TemplateId(self.new_uuid())
    }

    /// A fresh webhook endpoint id; its time is the endpoint's `created_at`.
    pub fn new_webhook_endpoint_id(&self) -> WebhookEndpointId {
        WebhookEndpointId(self.new_uuid())
    }

    /// A fresh lease id.
    pub fn new_lease_id(&self) -> LeaseId {
        LeaseId(self.new_uuid())
    }

    /// A random number in `[0, 1)`, for jitter.
    pub fn random(&self) -> f64 {
        match &self.0.source {
            Source::Seeded { random, .. } => random.lock().unwrap_or_else(PoisonError::into_inner).0.random(),
            Source::System | Source::Tokio { .. } => rand::random(),
        }
    }

    /// Random bytes, for secrets.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        rand::random()
    }
}

/// Measures a duration.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Whole milliseconds since the start.
    pub fn elapsed_millis(self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn follows_virtual_time() {
        let base = Timestamp::from_millis(1_780_000_000_000);
        let clock = Clock::tokio(base);
        clock.sleep_until(base.plus_seconds(3600)).await;
        assert_eq!(clock.now(), base.plus_seconds(3600));
        clock.sleep_until(base).await;
        assert_eq!(clock.now().millis_since(base.plus_seconds(3600)), 0, "the past needs no waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn a_seed_says_every_id_and_number() {
        let base = Timestamp::from_millis(1_780_000_000_000);
        let drawn = |seed| {
            let clock = Clock::seeded(base, seed);
            let ids: Vec<Uuid> = (0..300).map(|_| clock.new_uuid()).collect();
            assert!(ids.is_sorted_by(|a, b| a < b));
            (ids, clock.random().to_bits())
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn ids_grow_and_tell_their_time() {
        let clock = Clock::system();
        let before = clock.now();
        let ids: Vec<NotificationId> = (0..5_000).map(|_| clock.new_notification_id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids[0].created_at() >= before && ids[4_999].created_at() <= clock.now().plus_millis(50));
    }
}
