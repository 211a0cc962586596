//! The places for sends in flight, and how channels share them.
//!
//! A place is taken with a claim and given back when the result is stored. A part of the places is kept for each channel,
//! so that one whose provider is slow cannot hold them all and keep the others from sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use angaros_domain::Channel;
use angaros_service::ChannelSet;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// One place in so many is kept for each channel: enough to go on with, and little enough to miss.
const KEPT_SHARE: usize = 32;

/// The places of this process.
pub(crate) struct Places {
    count: usize,
    free: Arc<Semaphore>,
    taken: Taken,
    given_back: Notify,
}

/// How many each channel's sends hold.
type Taken = Arc<[AtomicUsize; Channel::ALL.len()]>;

/// A place that a send holds.
pub(crate) struct Place {
    channel: Channel,
    taken: Taken,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken[self.channel.index()].fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(crate) fn new(count: usize) -> Places {
        let free = Arc::new(Semaphore::new(count));
        Places { count, free, taken: Taken::default(), given_back: Notify::new() }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.count - self.free.available_permits()
    }

    /// Waits until so many are free, and holds them.
    pub(crate) async fn hold(&self, count: usize) -> OwnedSemaphorePermit {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        match Arc::clone(&self.free).acquire_many_owned(count).await {
            Ok(permit) => permit,
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Holds what is free, at most so many.
    pub(crate) fn hold_free(&self, max: usize) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(self.free.available_permits().min(max)).unwrap_or(u32::MAX);
        Arc::clone(&self.free).try_acquire_many_owned(count).ok()
    }

    /// Gives one of the held places to a send.
    pub(crate) fn take(&self, held: &mut OwnedSemaphorePermit, channel: Channel) -> Option<Place> {
        let permit = held.split(1)?;
        self.taken[channel.index()].fetch_add(1, Ordering::Relaxed);
        Some(Place { channel, taken: Arc::clone(&self.taken), permit: Some(permit) })
    }

    /// Takes places back, all in one, so that whoever waits for several sees them at once.
    pub(crate) fn give_back(&self, places: Vec<Place>) {
        let permits = places.into_iter().filter_map(|mut place| place.permit.take());
        drop(permits.reduce(|mut all, permit| {
            all.merge(permit);
            all
        }));
        self.given_back.notify_one();
    }

    /// Waits until places are given back; if some were since the last wait, not at all.
    pub(crate) async fn given_back(&self) {
        self.given_back.notified().await;
    }

    /// Whether one of these channels may have no more places, be there free ones or not.
    pub(crate) fn are_full_for(&self, channels: &[Channel]) -> bool {
        ChannelSet::all()
            .filter(|set| {
                set.channels().count() == 1 && channels.iter().any(|channel| set.contains(*channel))
            })
            .any(|set| self.open_to(set) == 0)
    }

    /// How many of the free places these channels may have together: all but what is kept for the others.
    pub(crate) fn open_to(&self, set: ChannelSet) -> usize {
        let taken = |channel: Channel| self.taken[channel.index()].load(Ordering::Relaxed);
        let all: usize = Channel::ALL.into_iter().map(taken).sum();
        let others = Channel::ALL.into_iter().filter(|channel| !set.contains(*channel));
        let kept: usize =
            others.map(|channel| (self.count / KEPT_SHARE).saturating_sub(taken(channel))).sum();
        self.count.saturating_sub(all).saturating_sub(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(channels: &[Channel]) -> ChannelSet {
        ChannelSet::all().find(|set| set.channels().eq(channels.iter().copied())).unwrap()
    }

    #[tokio::test]
    async fn a_channel_never_gets_what_is_kept_for_the_others() {
        let places = Places::new(160);
        assert_eq!(places.open_to(set(&[Channel::Sms])), 145);
        let mut held = places.hold(145).await;
        let mut of_sms: Vec<Place> =
            (0..145).map(|_| places.take(&mut held, Channel::Sms).unwrap()).collect();
        assert_eq!((places.taken(), places.open_to(set(&[Channel::Sms]))), (145, 0));
        assert_eq!(places.open_to(set(&[Channel::Push])), 5);
        assert_eq!(places.open_to(set(&Channel::ALL)), 15);
        places.give_back(of_sms.split_off(100));
        places.given_back().await;
        assert_eq!(places.open_to(set(&[Channel::Sms])), 45);
        assert_eq!(places.hold_free(1_000).map(|held| held.num_permits()), Some(60));
    }

    #[tokio::test]
    async fn a_few_places_belong_to_whoever_comes() {
        let places = Places::new(1);
        assert_eq!(places.open_to(set(&[Channel::Sms])), 1);
        let mut held = places.hold(1).await;
        let place = places.take(&mut held, Channel::Sms);
        assert!(place.is_some() && places.take(&mut held, Channel::Sms).is_none());
        assert_eq!(places.open_to(set(&Channel::ALL)), 0);
    }
}
