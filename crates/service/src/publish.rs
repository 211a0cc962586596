//! The one place where status changes are published, and the knowledge of up to where that has happened.
//!
//! Changes are stored by several tasks at once, and what was stored first is not always published first. Whoever hands
//! a change on together with its place in the log must know that no earlier one is still to come. So every task that
//! may store changes holds a [`Publication`] meanwhile, and up to the place where the oldest of these began everything
//! is published.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use angaros_store::{Position, StoreError, Transition};
use tokio::sync::Notify;

use crate::TransitionCoord;

/// Publishes status changes.
pub(crate) struct Publisher {
    coord: Arc<TransitionCoord>,
    state: Mutex<State>,
    moved: Notify,
}

#[derive(Default)]
struct State {
    /// The next publication's number.
    next: u64,
    /// What is under way, oldest first.
    under_way: BTreeMap<u64, Begun>,
    /// The log is known to reach at least here.
    end: Position,
    /// Up to here nothing is stored any more, by any process.
    closed: Position,
}

struct Begun {
    /// Whatever it stores gets a place behind this one.
    behind: Position,
    is_watched: bool,
}

/// Up to where everything is published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    /// Every change at this place of the log or before it.
    pub(crate) until: Position,
    /// Up to here nothing is stored any more, by any process: no older transaction is open.
    pub(crate) closed: Position,
    /// Whether everything that is under way will be published. What began while nobody watched may not be.
    pub(crate) is_complete: bool,
}

impl Publisher {
    pub(crate) fn new(coord: Arc<TransitionCoord>) -> Arc<Publisher> {
        Arc::new(Publisher { coord, state: Mutex::default(), moved: Notify::new() })
    }

    /// Must be called before changes are stored.
    pub(crate) fn begin(self: &Arc<Publisher>) -> Publication {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        // Asked under the lock: who watches from now on finds in `under_way` what did not know of it.
        let is_watched = self.coord.is_watched();
        let behind = state.end;
        state.under_way.insert(number, Begun { behind, is_watched });
        Publication { publisher: Arc::clone(self), number, behind, is_watched }
    }

    /// Up to where everything is published now.
    pub(crate) fn published(&self) -> Published {
        let state = self.state();
        let oldest = state.under_way.values().next();
        Published {
            until: oldest.map_or(state.end, |begun| begun.behind),
            closed: state.closed,
            is_complete: state.under_way.values().all(|begun| begun.is_watched),
        }
    }

    /// Takes note of how far the log reaches at least: of a place at which something is stored.
    pub(crate) fn reaches(&self, end: Position) {
        let mut state = self.state();
        state.end = state.end.max(end);
    }

    /// Takes note of where the log ends, as the store said: everything that is stored later lies behind it.
    pub(crate) fn ends(&self, end: Position) {
        self.reaches(end);
        let mut state = self.state();
        state.closed = state.closed.max(end);
    }

    /// Waits until a publication has ended since the last wait.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held while changes are being stored. Dropped without [`Publication::publish`] it says that there were none.
pub(crate) struct Publication {
    publisher: Arc<Publisher>,
    number: u64,
    behind: Position,
    is_watched: bool,
}

impl Publication {
    /// Whether anyone watched when it began. If nobody did, changes need not be put together.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// A place that everything stored meanwhile lies behind.
    pub(crate) fn behind(&self) -> Position {
        self.behind
    }

    /// The store's answer to the changes. If there is none they may be stored, by now or in a moment, and whoever tries them
    /// again finds nothing left to do: nobody will ever publish them, so everybody who watches has to read the log.
    pub(crate) fn answered<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Unavailable(_)) = answer {
            self.publisher.coord.missed();
        }
        answer
    }

    /// Publishes what was stored, and that the log grew.
    pub(crate) fn publish(self, transitions: Vec<Transition>) {
        let mut state = self.publisher.state();
        let last = transitions.iter().map(|transition| transition.position).max();
        state.end = state.end.max(last.unwrap_or_default());
        // Under the lock: whoever sees that this has ended finds its changes.
        self.publisher.coord.publish(transitions);
        drop(state);
        self.publisher.coord.log_grew();
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.publisher.state().under_way.remove(&self.number);
        if self.publisher.coord.is_watched() {
            self.publisher.moved.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use angaros_coord::LocalCoord;
    use angaros_store_test::fixture;

    use super::*;

    fn at(position: i64) -> Vec<Transition> {
        vec![Transition::of(&fixture::notification(fixture::NOW), Position(position))]
    }

    #[tokio::test]
    async fn what_began_first_holds_back_what_ended_first() {
        let coord = Arc::new(LocalCoord::new());
        let _watcher = angaros_coord::Coord::<Transition>::watch(&*coord);
        let publisher = Publisher::new(coord);
        publisher.begin().publish(at(5));
        assert_eq!(publisher.published().until, Position(5));
        let (slow, fast) = (publisher.begin(), publisher.begin());
        fast.publish(at(9));
        assert_eq!(publisher.published().until, Position(5), "places 6 to 8 may still come");
        slow.publish(at(7));
        assert_eq!(publisher.published().until, Position(9));
        drop(publisher.begin());
        publisher.ends(Position(20));
        assert_eq!(publisher.published().until, Position(20));
    }

    #[tokio::test]
    async fn what_began_unwatched_is_not_complete() {
        let coord = Arc::new(LocalCoord::new());
        let publisher = Publisher::new(Arc::clone(&coord) as Arc<TransitionCoord>);
        let unaware = publisher.begin();
        let _watcher = angaros_coord::Coord::<Transition>::watch(&*coord);
        assert!(!publisher.published().is_complete);
        let aware = publisher.begin();
        drop(unaware);
        assert!(publisher.published().is_complete);
        drop(aware);
    }
}
