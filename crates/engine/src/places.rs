//! The places for sends in flight, and how outlets share them.
//!
//! A place is taken with a claim and given back when the result is stored. A part of the places is kept for each outlet,
//! so that one whose provider is slow cannot hold them all and keep the others from sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use angaros_domain::Outlet;
use angaros_service::OutletSet;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// One place in so many is kept for each outlet: enough to go on with, and little enough to miss.
const KEPT_SHARE: usize = 32;

/// The places of this process.
pub(crate) struct Places {
    count: usize,
    free: Arc<Semaphore>,
    taken: Taken,
    given_back: Notify,
}

/// How many each outlet's sends hold.
type Taken = Arc<[AtomicUsize; Outlet::ALL.len()]>;

/// A place that a send holds.
pub(crate) struct Place {
    outlet: Outlet,
    taken: Taken,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken[self.outlet.index()].fetch_sub(1, Ordering::Relaxed);
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
    pub(crate) fn take(&self, held: &mut OwnedSemaphorePermit, outlet: Outlet) -> Option<Place> {
        let permit = held.split(1)?;
        self.taken[outlet.index()].fetch_add(1, Ordering::Relaxed);
        Some(Place { outlet, taken: Arc::clone(&self.taken), permit: Some(permit) })
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

    /// Whether one of these outlets may have no more places, be there free ones or not.
    pub(crate) fn are_full_for(&self, outlets: &[Outlet]) -> bool {
        OutletSet::all()
            .filter(|set| set.outlets().count() == 1 && outlets.iter().any(|outlet| set.contains(*outlet)))
            .any(|set| self.open_to(set) == 0)
    }

    /// How many of the free places these outlets may have together: all but what is kept for the others.
    pub(crate) fn open_to(&self, set: OutletSet) -> usize {
        let taken = |outlet: Outlet| self.taken[outlet.index()].load(Ordering::Relaxed);
        let all: usize = Outlet::ALL.into_iter().map(taken).sum();
        let others = Outlet::ALL.into_iter().filter(|outlet| !set.contains(*outlet));
        let kept: usize = others.map(|outlet| (self.count / KEPT_SHARE).saturating_sub(taken(outlet))).sum();
        self.count.saturating_sub(all).saturating_sub(kept)
    }
}

#[cfg(test)]
mod tests {
    use angaros_domain::Channel;

    use super::*;

    const SMS: Outlet = Outlet::Channel(Channel::Sms);
    const PUSH: Outlet = Outlet::Channel(Channel::Push);

    fn set(outlets: &[Outlet]) -> OutletSet {
        OutletSet::all().find(|set| set.outlets().eq(outlets.iter().copied())).unwrap()
    }

    #[tokio::test]
    async fn an_outlet_never_gets_what_is_kept_for_the_others() {
        let places = Places::new(160);
        assert_eq!(places.open_to(set(&[SMS])), 140);
        let mut held = places.hold(140).await;
        let mut of_sms: Vec<Place> = (0..140).map(|_| places.take(&mut held, SMS).unwrap()).collect();
        assert_eq!((places.taken(), places.open_to(set(&[SMS]))), (140, 0));
        assert_eq!(places.open_to(set(&[PUSH])), 5);
        assert_eq!(places.open_to(set(&Outlet::ALL)), 20);
        places.give_back(of_sms.split_off(100));
        places.given_back().await;
        assert_eq!(places.open_to(set(&[SMS])), 40);
        assert_eq!(places.hold_free(1_000).map(|held| held.num_permits()), Some(60));
    }

    #[tokio::test]
    async fn a_few_places_belong_to_whoever_comes() {
        let places = Places::new(1);
        assert_eq!(places.open_to(set(&[SMS])), 1);
        let mut held = places.hold(1).await;
        let place = places.take(&mut held, SMS);
        assert!(place.is_some() && places.take(&mut held, SMS).is_none());
        assert_eq!(places.open_to(set(&Outlet::ALL)), 0);
    }
}
