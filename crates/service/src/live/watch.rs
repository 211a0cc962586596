//! One client's view: what it asked for, told from the past into the present.
//!
//! Requests are carried out one after the other. A subscription says first where things stand, or what happened since a
//! cursor; it holds at the router before the last stretch of that is read, so that nothing falls in between. What the
//! router delivers meanwhile waits, and what of it was told already is left out.
//!
//! A cursor is good for all subscriptions of a watch: everything up to it was told for each of them.
//!
//! What one subscription may cost is bounded: a cursor may lie only so far behind the end of the log, and the past is
//! read page by page, in turns with all others.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use angaros_domain::cursor::{self, InvalidCursor};
use angaros_domain::{NotificationId, Status, TenantId};
use angaros_store::Position;
use tokio::sync::mpsc;

use super::history::{Standing, Stretch};
use super::reading::{Found, Question, Reading, read};
use super::router::{Command, Delivery, WatchId};
use super::{Topic, Update};
use crate::paging::CursorKey;
use crate::read::feed_scope;
use crate::{Result, Service, ServiceError};

/// Notifications that a subscription tells the status of; the newest ones.
const STANDING_MAX: usize = 1000;
/// Requests that may wait to be carried out.
const ORDERS_MAX: usize = 16;

/// What a watch tells.
#[derive(Debug)]
pub enum News {
    /// There is such a topic, and its cursor is near enough: what follows is its past.
    Begun,
    /// A status, and the cursor with which to go on behind it.
    Update(Update, String),
    /// Nothing was to tell of the topic up to this cursor, and the past goes on behind it.
    Reached(Topic, String),
    /// Everything was told that was asked for; the topic is live. With the cursor to go on with.
    Subscribed(Topic, String),
    /// The topic is not followed any more.
    Unsubscribed(Topic),
    /// The topic is not followed, for this reason.
    Refused(Topic, ServiceError),
    /// The client was too slow, or changes came faster than they could be handed on. What was told is complete; the
    /// rest is to be had with the last cursor.
    Ended,
}

enum Order {
    Subscribe { topic: Topic, since: Option<Position> },
    Unsubscribe { topic: Topic },
}

/// How far the request is that is being carried out.
enum Stage {
    Idle,
    /// Whether there is such a thing is still to be seen.
    Begun {
        topic: Topic,
        since: Option<Position>,
    },
    /// The past is read, up to where it ended when this began; nothing holds at the router yet.
    Reading {
        topic: Topic,
        reached: Position,
        end: Position,
    },
    /// The router was asked.
    Asked {
        topic: Topic,
        reached: Option<Position>,
    },
    /// It holds at the router, from `from` on; the rest is told. What the router handed on before it held stands in the
    /// log up to `end`.
    Telling {
        topic: Topic,
        from: Position,
        end: Position,
        rest: Rest,
    },
}

enum Rest {
    /// What is being tried, after one of them. No event tells of it yet. It is read before the rest of the log and told
    /// after it, so that all that led to it was told.
    Trying { reached: Position, after: Option<NotificationId>, found: Vec<Update> },
    /// What the log has behind a place; then what was found.
    Log { reached: Position, found: Vec<Update> },
    /// Where things stand, after one of them, so many at most.
    Standing { after: Option<NotificationId>, left: usize },
}

impl Stage {
    /// What has to be read to go on, about which topic.
    fn question(&self) -> Option<(Topic, Question)> {
        let (topic, question) = match self {
            Stage::Idle | Stage::Asked { .. } => return None,
            Stage::Begun { topic, .. } => (topic, Question::End),
            Stage::Reading { topic, reached, end } => {
                (topic, Question::Behind { place: *reached, end: *end })
            }
            Stage::Telling { topic, from, end, rest } => {
                let standing = |status, after| Question::Standing { status, after, place: *from };
                let question = match rest {
                    Rest::Trying { after, .. } => standing(Some(Status::Processing), *after),
                    Rest::Log { reached, .. } => Question::Behind { place: *reached, end: *end },
                    Rest::Standing { after, .. } => standing(None, *after),
                };
                (topic, question)
            }
        };
        Some((topic.clone(), question))
    }
}

/// One client's subscriptions. Dropping it ends them.
pub struct Watch {
    service: Arc<Service>,
    id: WatchId,
    tenant: TenantId,
    queue: mpsc::Receiver<Delivery>,
    orders: VecDeque<Order>,
    stage: Stage,
    topics: HashSet<Topic>,
    told: VecDeque<News>,
    /// What was told of each notification since the subscription holds: older deliveries are no news.
    known: HashMap<NotificationId, Update>,
    /// How many deliveries may be older than that.
    old: usize,
    /// The read that the stage waits for.
    reading: Option<Reading>,
    /// How many places of the log a cursor may lie behind its end.
    behind_max: u64,
}

impl Service {
    /// Opens a watch on a tenant's notifications. A cursor from which it goes on may lie `behind_max` places behind the
    /// end of the log, in which all tenants' events stand; that of a single notification may lie anywhere.
    pub fn watch(self: &Arc<Service>, tenant: TenantId, behind_max: u64) -> Watch {
        let (id, queue) = self.live.connect(tenant);
        Watch {
            service: Arc::clone(self),
            id,
            tenant,
            queue,
            orders: VecDeque::new(),
            stage: Stage::Idle,
            topics: HashSet::new(),
            told: VecDeque::new(),
            known: HashMap::new(),
            old: 0,
            reading: None,
            behind_max,
        }
    }
}

impl Watch {
    /// Asks for a topic: from where things stand now, or from behind a cursor.
    ///
    /// # Errors
    /// [`ServiceError::InvalidCursor`]; everything else is told by [`Watch::next`].
    pub fn subscribe(&mut self, topic: Topic, since: Option<&str>) -> Result<()> {
        let scope = feed_scope(self.tenant);
        let read = |text| Position::from_bytes(&cursor::decode(&scope, text).ok()?);
        let since = since.map(|text| read(text).ok_or(InvalidCursor)).transpose()?;
        self.orders.push_back(Order::Subscribe { topic, since });
        Ok(())
    }

    /// Asks for no more of a topic.
    pub fn unsubscribe(&mut self, topic: Topic) {
        self.orders.push_back(Order::Unsubscribe { topic });
    }

    /// How many topics are followed or asked for.
    pub fn topics(&self) -> usize {
        let asked = |order: &&Order| matches!(order, Order::Subscribe { .. });
        let is_asked = match &self.stage {
            Stage::Begun { topic, .. } | Stage::Reading { topic, .. } | Stage::Asked { topic, .. } => {
                !self.topics.contains(topic)
            }
            Stage::Idle | Stage::Telling { .. } => false,
        };
        self.topics.len() + usize::from(is_asked) + self.orders.iter().filter(asked).count()
    }

    /// Whether more may be asked for now. If not, [`Watch::next`] comes first.
    pub fn has_room(&self) -> bool {
        self.orders.len() < ORDERS_MAX
    }

    /// Waits for the next news. May be given up at any time without losing any, and without beginning anything twice.
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(news) = self.told.pop_front() {
                return news;
            }
            if let Some((topic, question)) = self.stage.question() {
                let reading = match &mut self.reading {
                    Some(reading) => reading,
                    none => none.insert(read(Arc::clone(&self.service), self.tenant, topic, question)),
                };
                let found = reading.await;
                self.reading = None;
                match found {
                    Ok(found) => self.note(found),
                    Err(error) => self.refuse(error),
                }
            } else if matches!(self.stage, Stage::Asked { .. }) || self.begin() {
                match self.queue.recv().await {
                    Some(delivery) => self.take(delivery),
                    None => return News::Ended,
                }
            }
        }
    }

    /// Begins with the next request; whether there is none.
    fn begin(&mut self) -> bool {
        match self.orders.pop_front() {
            None => return true,
            Some(Order::Subscribe { topic, since }) => self.stage = Stage::Begun { topic, since },
            Some(Order::Unsubscribe { topic }) => {
                self.forget(&topic);
                self.told.push_back(News::Unsubscribed(topic));
            }
        }
        false
    }

    /// Takes what the router delivers while nothing is being told.
    fn take(&mut self, delivery: Delivery) {
        match (delivery, &mut self.stage) {
            (Delivery::Changed(update), stage) => {
                // What is behind this was not told yet for the topic that is being subscribed.
                let reached = match stage {
                    Stage::Asked { reached, .. } => *reached,
                    _ => None,
                };
                if self.old > 0 {
                    self.old -= 1;
                    if self.known.get(&update.id).is_some_and(|known| known.covers(&update)) {
                        return;
                    }
                } else {
                    self.known = HashMap::new();
                }
                let until = reached.map_or(update.position, |reached| reached.min(update.position));
                self.tell(&update, until);
            }
            (Delivery::Subscribed { settled: from, published: end }, Stage::Asked { topic, reached }) => {
                let topic = topic.clone();
                let rest = match *reached {
                    Some(reached) => Rest::Trying { reached, after: None, found: Vec::new() },
                    None => Rest::Standing { after: None, left: STANDING_MAX },
                };
                // Where everything stands would be no help.
                let is_told = reached.is_none() && topic == Topic::All;
                self.topics.insert(topic.clone());
                self.stage = Stage::Telling { topic, from, end, rest };
                if is_told {
                    self.finish(from);
                }
            }
            (Delivery::Subscribed { .. }, _) => {}
        }
    }

    /// Carries the request on by what a read found.
    fn note(&mut self, found: Found) {
        match (found, &self.stage) {
            (Found::End(end), Stage::Begun { topic, since }) => self.begun(topic.clone(), *since, end),
            (Found::Stretch(stretch), Stage::Reading { topic, end, .. }) => {
                self.retold(topic.clone(), &stretch, *end);
            }
            (Found::Stretch(stretch), Stage::Telling { from, .. }) => self.logged(stretch, *from),
            (Found::Standing(standing), Stage::Telling { from, rest: Rest::Standing { .. }, .. }) => {
                self.stood(standing, *from);
            }
            (Found::Standing(trying), Stage::Telling { .. }) => self.tried(trying),
            // Every stage gets the answer to its own question.
            (Found::End(_) | Found::Stretch(_) | Found::Standing(_), _) => {}
        }
    }

    /// There is such a topic; whether its cursor is near enough.
    fn begun(&mut self, topic: Topic, since: Option<Position>, end: Position) {
        let is_far =
            |since: Position| u64::try_from(end.0 - since.0).is_ok_and(|behind| behind > self.behind_max);
        // The past of one notification is found without reading that of the others.
        let is_one = matches!(topic, Topic::Notification(_));
        if since.is_some_and(|since| !is_one && is_far(since)) {
            return self.refuse(ServiceError::TooFarBehind);
        }
        self.told.push_back(News::Begun);
        match since {
            Some(reached) => self.stage = Stage::Reading { topic, reached, end },
            None => self.ask(topic, None),
        }
    }

    /// Tells a stretch of the log, while nothing holds at the router yet.
    fn retold(&mut self, topic: Topic, stretch: &Stretch, end: Position) {
        for update in &stretch.updates {
            self.tell(update, update.position);
        }
        if stretch.is_end {
            self.ask(topic, Some(stretch.until));
        } else {
            self.pass(&topic, stretch.updates.is_empty(), stretch.until);
            self.stage = Stage::Reading { topic, reached: stretch.until, end };
        }
    }

    /// Tells how far the past was read, if there was nothing else to tell.
    fn pass(&mut self, topic: &Topic, was_empty: bool, until: Position) {
        if was_empty {
            let cursor = self.cursor(until);
            self.told.push_back(News::Reached(topic.clone(), cursor));
        }
    }

    /// Takes note of what is being tried.
    fn tried(&mut self, trying: Standing) {
        if let Stage::Telling { rest, .. } = &mut self.stage
            && let Rest::Trying { reached, after, found } = rest
        {
            found.extend(trying.updates);
            match trying.next {
                Some(next) => *after = Some(next),
                None => *rest = Rest::Log { reached: *reached, found: std::mem::take(found) },
            }
        }
    }

    /// Tells a stretch of the log, and after its end what is being tried.
    fn logged(&mut self, stretch: Stretch, from: Position) {
        let was_empty = stretch.updates.is_empty();
        for update in stretch.updates {
            self.tell(&update, update.position.min(from));
            self.known.insert(update.id, update);
        }
        let Stage::Telling { topic, rest: Rest::Log { reached, found }, .. } = &mut self.stage else {
            return;
        };
        if !stretch.is_end {
            *reached = stretch.until;
            let topic = topic.clone();
            return self.pass(&topic, was_empty, stretch.until.min(from));
        }
        for update in std::mem::take(found) {
            // What has ended meanwhile was told with the log.
            if !self.known.get(&update.id).is_some_and(|known| known.covers(&update)) {
                self.tell(&update, from);
                self.known.insert(update.id, update);
            }
        }
        self.finish(from);
    }

    /// Tells where things stand.
    fn stood(&mut self, standing: Standing, from: Position) {
        let Stage::Telling { rest: Rest::Standing { after, left }, .. } = &mut self.stage else { return };
        let mut updates = standing.updates;
        updates.truncate(*left);
        *left -= updates.len();
        *after = standing.next;
        let is_end = standing.next.is_none() || *left == 0;
        for update in updates {
            self.tell(&update, from);
            self.known.insert(update.id, update);
        }
        if is_end {
            self.finish(from);
        }
    }

    fn ask(&mut self, topic: Topic, reached: Option<Position>) {
        self.service.live.command(Command::Subscribe { id: self.id, topic: topic.clone() });
        self.stage = Stage::Asked { topic, reached };
    }

    /// The topic is live.
    fn finish(&mut self, from: Position) {
        if let Stage::Telling { topic, .. } = std::mem::replace(&mut self.stage, Stage::Idle) {
            self.told.push_back(News::Subscribed(topic, self.cursor(from)));
        }
        // Another topic may follow the same notification, and must not miss a step of it: then repeats are let through.
        if self.topics.len() > 1 {
            self.known = HashMap::new();
        }
        self.old = self.queue.len();
    }

    fn refuse(&mut self, error: ServiceError) {
        let stage = std::mem::replace(&mut self.stage, Stage::Idle);
        if let Stage::Begun { topic, .. } | Stage::Reading { topic, .. } | Stage::Telling { topic, .. } =
            stage
        {
            self.forget(&topic);
            self.told.push_back(News::Refused(topic, error));
        }
    }

    fn forget(&mut self, topic: &Topic) {
        if self.topics.remove(topic) {
            self.service.live.command(Command::Unsubscribe { id: self.id, topic: topic.clone() });
        }
    }

    fn tell(&mut self, update: &Update, until: Position) {
        let cursor = self.cursor(until);
        self.told.push_back(News::Update(update.clone(), cursor));
    }

    fn cursor(&self, place: Position) -> String {
        cursor::encode(&feed_scope(self.tenant), &place.to_bytes())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.service.live.command(Command::Leave { id: self.id });
    }
}
