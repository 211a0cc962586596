//! The turnstile: how many deliveries a slow webhook endpoint may have under way.
//!
//! An endpoint that hangs would soon hold the places of all the others. While one is slow only a few of its deliveries
//! are under way. What else comes goes back to the queue until it may be expected to have room, one behind the other, so
//! that a long queue before a slow endpoint is not claimed over and over. That costs no attempt.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_domain::{NotificationId, Timestamp, WebhookEndpointId};

/// An endpoint is slow whose last answer took so long, or that has owed one for so long, in milliseconds.
const SLOW_MILLIS: i64 = 1_000;
/// One place in so many may be held by one slow endpoint.
const SLOW_SHARE: usize = 32;
/// The longest that a delivery stands aside before it is looked at again, in milliseconds: an endpoint that has recovered
/// gets everything within this time.
const ASIDE_MILLIS_MAX: i64 = 5 * 60 * 1_000;
/// So many endpoints are remembered that have nothing under way.
const REMEMBERED_MAX: usize = 4_096;

/// The endpoints that have deliveries under way or were slow lately.
pub(crate) struct Turnstile {
    /// The most deliveries of one slow endpoint.
    room: usize,
    crowds: Mutex<HashMap<WebhookEndpointId, Crowd>>,
}

#[derive(Default)]
struct Crowd {
    /// Since when which deliveries are under way, the oldest first.
    under_way: BTreeSet<(Timestamp, NotificationId)>,
    /// How long the last answer took, in milliseconds.
    took_millis: i64,
    /// When the last one that stands aside comes back.
    aside_until: Option<Timestamp>,
}

/// The permission to send one delivery. It ends when it is dropped.
pub(crate) struct Entry {
    turnstile: Arc<Turnstile>,
    endpoint: WebhookEndpointId,
    delivery: (Timestamp, NotificationId),
}

impl Turnstile {
    /// For so many places.
    pub(crate) fn new(places: usize) -> Arc<Turnstile> {
        let room = (places / SLOW_SHARE).max(1);
        Arc::new(Turnstile { room, crowds: Mutex::default() })
    }

    /// Lets a delivery pass.
    ///
    /// # Errors
    /// When to try again, if the endpoint is slow and has as many under way as it may.
    pub(crate) fn enter(
        self: &Arc<Turnstile>,
        endpoint: WebhookEndpointId,
        delivery: NotificationId,
        now: Timestamp,
    ) -> Result<Entry, Timestamp> {
        let mut crowds = self.lock();
        if crowds.len() >= REMEMBERED_MAX {
            crowds.retain(|_, crowd| !crowd.under_way.is_empty());
        }
        let crowd = crowds.entry(endpoint).or_default();
        if crowd.under_way.len() >= self.room && crowd.slowness(now) >= SLOW_MILLIS {
            return Err(crowd.stand_aside(self.room, now));
        }
        let delivery = (now, delivery);
        crowd.under_way.insert(delivery);
        Ok(Entry { turnstile: Arc::clone(self), endpoint, delivery })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WebhookEndpointId, Crowd>> {
        self.crowds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crowd {
    /// How long its answers take, as far as is known, in milliseconds.
    fn slowness(&self, now: Timestamp) -> i64 {
        let owed = self.under_way.first().map_or(0, |(since, _)| now.millis_since(*since));
        self.took_millis.max(owed)
    }

    /// When the endpoint will have room for one more, behind those that stand aside already.
    fn stand_aside(&mut self, room: usize, now: Timestamp) -> Timestamp {
        let step = (self.slowness(now) / room as i64).max(1);
        let latest = now.plus_millis(ASIDE_MILLIS_MAX);
        let behind = self.aside_until.filter(|until| (now..latest).contains(until)).unwrap_or(now);
        let until = behind.plus_millis(step).min(latest);
        self.aside_until = Some(until);
        until
    }
}

impl Entry {
    /// Says that the attempt is over, whatever came of it.
    pub(crate) fn over(self, now: Timestamp) {
        if let Some(crowd) = self.turnstile.lock().get_mut(&self.endpoint) {
            crowd.took_millis = now.millis_since(self.delivery.0);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut crowds = self.turnstile.lock();
        let Some(crowd) = crowds.get_mut(&self.endpoint) else { return };
        crowd.under_way.remove(&self.delivery);
        if crowd.under_way.is_empty() && crowd.took_millis < SLOW_MILLIS {
            crowds.remove(&self.endpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use angaros_clock::Clock;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_780_000_000_000);

    struct Door {
        turnstile: Arc<Turnstile>,
        endpoint: WebhookEndpointId,
        clock: Clock,
    }

    impl Door {
        /// To an endpoint that may have two deliveries under way while it is slow.
        fn new() -> Door {
            let clock = Clock::tokio(NOW);
            let endpoint = clock.new_webhook_endpoint_id();
            Door { turnstile: Turnstile::new(2 * SLOW_SHARE), endpoint, clock }
        }

        fn enter(&self, now: Timestamp) -> Result<Entry, i64> {
            let delivery = self.clock.new_notification_id();
            self.turnstile.enter(self.endpoint, delivery, now).map_err(|until| until.millis_since(now))
        }
    }

    #[test]
    fn one_that_answers_is_not_limited() {
        let door = Door::new();
        let all: Vec<Entry> = (0..100).map(|_| door.enter(NOW).ok().unwrap()).collect();
        all.into_iter().for_each(|entry| entry.over(NOW.plus_millis(999)));
        assert!(door.enter(NOW.plus_millis(999)).is_ok());
    }

    #[test]
    fn one_that_hangs_is_left_with_its_room_and_the_rest_stands_in_line() {
        let door = Door::new();
        let first = door.enter(NOW).ok().unwrap();
        let second = door.enter(NOW).ok().unwrap();
        let later = NOW.plus_millis(2_000);
        assert_eq!((door.enter(later).err(), door.enter(later).err()), (Some(1_000), Some(2_000)));
        first.over(later);
        let third = door.enter(later).ok().unwrap();
        assert_eq!(door.enter(later).err(), Some(3_000), "it was slow, and has two under way again");
        second.over(later.plus_millis(5));
        third.over(later.plus_millis(5));
        let fourth = door.enter(later).ok().unwrap();
        assert!(door.enter(later).is_ok() && door.enter(later).is_ok(), "it answers again");
        drop(fourth);
    }

    #[test]
    fn nobody_stands_aside_for_long() {
        let door = Door::new();
        let _under_way = [door.enter(NOW).ok(), door.enter(NOW).ok()];
        let later = NOW.plus_millis(10_000);
        let last = (0..1_000).filter_map(|_| door.enter(later).err()).max();
        assert_eq!(last, Some(ASIDE_MILLIS_MAX));
        let back = NOW.plus_seconds(-86_400);
        assert!(door.enter(back).is_ok(), "a clock set back");
    }

    #[test]
    fn what_was_fast_is_forgotten_and_what_was_slow_is_remembered_for_a_while() {
        let mut door = Door::new();
        door.enter(NOW).ok().unwrap().over(NOW.plus_millis(10));
        assert_eq!(door.turnstile.lock().len(), 0);
        door.enter(NOW).ok().unwrap().over(NOW.plus_millis(5_000));
        assert_eq!(door.turnstile.lock().len(), 1);
        for _ in 0..REMEMBERED_MAX {
            door.endpoint = door.clock.new_webhook_endpoint_id();
            door.enter(NOW).ok().unwrap().over(NOW.plus_millis(5_000));
        }
        assert!(door.turnstile.lock().len() <= REMEMBERED_MAX);
    }
}
