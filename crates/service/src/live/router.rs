//! The one task that hands status changes on, in the order of the log.
//!
//! What several tasks store at once is published in any order. The router holds a change back until everything that
//! stands before it in the log has been published too, which takes as long as the commits that were under way. So the
//! changes that a watch gets are in the order of the log, and the place of the last one says what it has seen.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use angaros_coord::Heard;
use angaros_domain::{Status, TenantId, metric};
use angaros_store::{Position, Transition};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep_until};

use super::index::Index;
use super::settled::Settled;
use super::{Topic, Update};
use crate::TransitionCoord;
use crate::publish::Publisher;

/// Changes that may wait for one client before it counts as too slow: more than one commit brings.
pub(super) const QUEUE_MAX: usize = 8192;

/// Changes that may be held back. It takes a commit that hangs to come near it.
const HELD_MAX: usize = 100_000;

/// How long a change is held back if other processes store changes too: what they publish takes a moment to get here.
const WAY: Duration = Duration::from_millis(20);

/// One client, for the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct WatchId(pub(super) u64);

/// What the router hands to a watch.
#[derive(Debug)]
pub(super) enum Delivery {
    /// A change that it asked for.
    Changed(Arc<Update>),
    /// The subscription that it asked for last holds from here on. Every change up to `settled` that it had asked for
    /// before stands in front of this. No change was handed on yet that stands behind `published` in the log: what stands
    /// before it has to be read there.
    Subscribed { settled: Position, published: Position },
}

/// What a watch asks of the router.
pub(super) enum Command {
    Connect { id: WatchId, tenant: TenantId, queue: mpsc::Sender<Delivery> },
    Subscribe { id: WatchId, topic: Topic },
    Unsubscribe { id: WatchId, topic: Topic },
    Leave { id: WatchId },
}

struct Watcher {
    tenant: TenantId,
    queue: mpsc::Sender<Delivery>,
    topics: HashSet<Topic>,
    /// The last change that it was handed, by its number: one that it asked for twice comes once.
    last: u64,
}

/// A change that waits until everything before it is published.
struct Held {
    batch: Arc<Vec<Transition>>,
    place: usize,
    /// Not before this.
    until: Instant,
}

impl Held {
    fn change(&self) -> &Transition {
        &self.batch[self.place]
    }

    /// `processing` stands behind the event whose place it names.
    fn order(&self) -> (Position, bool) {
        let change = self.change();
        (change.position, change.status == Status::Processing)
    }
}

/// The state of the one task.
pub(super) struct Router {
    coord: Arc<TransitionCoord>,
    publisher: Arc<Publisher>,
    /// Only while there are watches, so that nobody builds changes for an empty room. What other processes do is always
    /// heard, to know how far the log reaches.
    changes: Option<broadcast::Receiver<Heard<Transition>>>,
    held: Vec<Held>,
    index: Index,
    watchers: HashMap<WatchId, Watcher>,
    /// Subscriptions that do not hold yet.
    asked: Vec<(WatchId, Topic)>,
    /// How many changes were handed on.
    count: u64,
    /// Up to where everything is published that other processes stored too.
    settled: Settled,
}

impl Router {
    pub(super) fn new(coord: Arc<TransitionCoord>, publisher: Arc<Publisher>) -> Router {
        Router {
            settled: Settled::new(coord.is_shared()),
            changes: coord.is_shared().then(|| coord.watch()),
            coord,
            publisher,
            held: Vec::new(),
            index: Index::default(),
            watchers: HashMap::new(),
            asked: Vec::new(),
            count: 0,
        }
    }

    pub(super) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let publisher = Arc::clone(&self.publisher);
        loop {
            let next_release = self.next_release();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                batch = next(&mut self.changes) => match batch {
                    Ok(heard) => self.hear(heard),
                    Err(RecvError::Lagged(_)) => self.let_all_go("missed"),
                    Err(RecvError::Closed) => return,
                },
                () = publisher.moved() => {}
                () = until(next_release) => {}
            }
            while let Ok(command) = commands.try_recv() {
                self.obey(command);
            }
            self.round();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Connect { id, tenant, queue } => {
                self.changes.get_or_insert_with(|| self.coord.watch());
                self.watchers.insert(id, Watcher { tenant, queue, topics: HashSet::new(), last: 0 });
            }
            Command::Subscribe { id, topic } => self.asked.push((id, topic)),
            Command::Unsubscribe { id, topic } => {
                self.asked.retain(|asked| *asked != (id, topic.clone()));
                if let Some(watcher) = self.watchers.get_mut(&id) {
                    watcher.topics.remove(&topic);
                    self.index.remove(watcher.tenant, &topic, id);
                }
            }
            Command::Leave { id } => self.forget(id),
        }
    }

    /// When time alone lets go of something that is held back. What waits for a commit is let go by that.
    fn next_release(&self) -> Option<Instant> {
        let now = Instant::now();
        self.held.iter().map(|held| held.until).filter(|until| *until > now).min()
    }

    /// Hands on what may be handed on, then lets new subscriptions hold.
    fn round(&mut self) {
        // In this order: whatever is published by now is in the channel by now.
        let published = self.publisher.published();
        self.take_all();
        self.held.sort_by_key(Held::order);
        let now = Instant::now();
        let is_ready = |held: &Held| held.change().position <= published.until && held.until <= now;
        let ready = self.held.iter().position(|held| !is_ready(held)).unwrap_or(self.held.len());
        let settled = self.settled.reached(published, now);
        for held in self.held.drain(..ready).collect::<Vec<_>>() {
            self.hand_on(held.change(), settled);
        }
        if self.held.len() > HELD_MAX {
            self.let_all_go("missed");
        }
        // What began while nobody watched may never be published: it has to be over before the past is read.
        if published.is_complete {
            for (id, topic) in std::mem::take(&mut self.asked) {
                self.subscribe(id, topic, Delivery::Subscribed { settled, published: published.until });
            }
        }
    }

    fn take_all(&mut self) {
        loop {
            match self.changes.as_mut().map(broadcast::Receiver::try_recv) {
                Some(Ok(heard)) => self.hear(heard),
                Some(Err(TryRecvError::Lagged(_))) => self.let_all_go("missed"),
                Some(Err(TryRecvError::Empty | TryRecvError::Closed)) | None => return,
            }
        }
    }

    fn hear(&mut self, heard: Heard<Transition>) {
        match heard {
            Heard::Own(batch) => self.hold(&batch),
            Heard::Others(batch) => {
                let last = batch.iter().map(|change| change.position).max();
                self.publisher.reaches(last.unwrap_or_default());
                self.hold(&batch);
            }
            Heard::Missed => self.let_all_go("missed"),
        }
    }

    fn hold(&mut self, batch: &Arc<Vec<Transition>>) {
        let way = if self.coord.is_shared() { WAY } else { Duration::ZERO };
        let until = Instant::now() + way;
        self.held.extend((0..batch.len()).map(|place| Held { batch: Arc::clone(batch), place, until }));
    }

    /// Hands a change on to those who asked for it, with the place behind which they may resume.
    fn hand_on(&mut self, change: &Transition, settled: Position) {
        self.count += 1;
        let mut update = None;
        let mut slow = Vec::new();
        for id in self.index.followers(change) {
            let Some(watcher) = self.watchers.get_mut(&id).filter(|watcher| watcher.last < self.count) else {
                continue;
            };
            watcher.last = self.count;
            let update = update.get_or_insert_with(|| Arc::new(Update::of(change, settled)));
            if let Err(TrySendError::Full(_)) = watcher.queue.try_send(Delivery::Changed(Arc::clone(update)))
            {
                slow.push(id);
            }
        }
        for id in slow {
            self.let_go(id, "slow");
        }
    }

    fn subscribe(&mut self, id: WatchId, topic: Topic, holds: Delivery) {
        let Some(watcher) = self.watchers.get_mut(&id) else { return };
        self.index.insert(watcher.tenant, &topic, id);
        watcher.topics.insert(topic);
        if let Err(TrySendError::Full(_)) = watcher.queue.try_send(holds) {
            self.let_go(id, "slow");
        }
    }

    /// Ends a watch; it still gets what waits for it.
    fn let_go(&mut self, id: WatchId, reason: &'static str) {
        metrics::counter!(metric::LIVE_DROPPED, "reason" => reason).increment(1);
        self.forget(id);
    }

    /// Changes were missed: every watch ends, and resumes from the log.
    fn let_all_go(&mut self, reason: &'static str) {
        if !self.watchers.is_empty() {
            tracing::warn!(
                watches = self.watchers.len(),
                "status changes were missed; clients have to resume"
            );
        }
        self.held.clear();
        for id in self.watchers.keys().copied().collect::<Vec<_>>() {
            self.let_go(id, reason);
        }
    }

    fn forget(&mut self, id: WatchId) {
        if let Some(watcher) = self.watchers.remove(&id) {
            for topic in &watcher.topics {
                self.index.remove(watcher.tenant, topic, id);
            }
        }
        if self.watchers.is_empty() {
            if !self.coord.is_shared() {
                self.changes = None;
            }
            self.held.clear();
            self.asked.clear();
        }
    }
}

/// Waits for a time; for ever without one.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The next changes; waits for ever if nobody watches.
async fn next(
    changes: &mut Option<broadcast::Receiver<Heard<Transition>>>,
) -> Result<Heard<Transition>, RecvError> {
    match changes {
        Some(changes) => changes.recv().await,
        None => std::future::pending().await,
    }
}
