//! Where things stand, and what happened since a place of the log: what a watch is told before it is live.

use std::collections::HashSet;
use std::sync::Arc;

use angaros_domain::event::{Event, PROVIDER_ANGAROS};
use angaros_domain::{EventId, Notification, NotificationId, Status, TenantId};
use angaros_store::{NotificationFilter, PageRequest, Position, Store, TimelineFilter};

use super::{Topic, Update};
use crate::delivery::attempt_of;
use crate::{Missing, Result, ServiceError};

/// Notifications of one page of a snapshot. Their contents are read along, so pages are small.
const NOTIFICATIONS_PAGE: usize = 100;
/// Events of one page of the log.
const EVENTS_PAGE: usize = 500;

/// A stretch of what happened.
pub(super) struct Stretch {
    /// In the order of the log.
    pub(super) updates: Vec<Update>,
    /// It reaches up to here.
    pub(super) until: Position,
    /// That is as far as was asked.
    pub(super) is_end: bool,
}

/// A page of where things stand.
pub(super) struct Standing {
    /// Newest notification first.
    pub(super) updates: Vec<Update>,
    /// Where to go on, if there is more.
    pub(super) next: Option<NotificationId>,
}

/// Reads for one topic of one tenant.
pub(super) struct History<'a> {
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) tenant: TenantId,
    pub(super) topic: &'a Topic,
}

impl History<'_> {
    /// Refuses a topic that names something that does not exist. Campaigns and recipients need not exist yet.
    pub(super) async fn check(&self) -> Result<()> {
        let (is_there, missing) = match self.topic {
            Topic::Notification(id) => {
                let found = self.store.notifications(self.tenant, &[*id]).await?;
                (found.into_iter().flatten().next().is_some(), Missing::Notification)
            }
            Topic::Batch(id) => (self.store.batch(self.tenant, *id).await?.is_some(), Missing::Batch),
            Topic::Campaign(_) | Topic::Recipient(_) | Topic::All => return Ok(()),
        };
        if is_there { Ok(()) } else { Err(ServiceError::NotFound(missing)) }
    }

    /// The statuses that are known behind a place of the log, at least up to `end`; of several notifications a page of
    /// them.
    pub(super) async fn behind(&self, after: Position, end: Position) -> Result<Stretch> {
        let Topic::Notification(id) = self.topic else { return self.logged_behind(after, end).await };
        let mut updates = self.timeline(*id).await?;
        updates.retain(|update| update.position > after);
        updates.sort_by_key(|update| update.position);
        let until = updates.last().map_or(after, |update| update.position);
        Ok(Stretch { updates, until, is_end: true })
    }

    /// The statuses that the engine's own events tell. Anybody may report events of this message, any number of them:
    /// they are passed over page by page.
    async fn timeline(&self, id: NotificationId) -> Result<Vec<Update>> {
        let (message_id, filter) = (id.to_string(), TimelineFilter::default());
        let (mut updates, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: EVENTS_PAGE, after };
            let found = self.store.message_timeline(self.tenant, &message_id, &filter, page).await?;
            after = found.last().map(|event| (event.occurred_at, event.id));
            updates.extend(found.iter().filter_map(update));
            if found.len() < EVENTS_PAGE {
                return Ok(updates);
            }
        }
    }

    async fn logged_behind(&self, after: Position, end: Position) -> Result<Stretch> {
        let page = self.store.feed(self.tenant, after, EVENTS_PAGE).await?;
        let events = page.events.iter().map(|(_, event)| event);
        let mut updates: Vec<Update> =
            events.filter(|event| self.is_about(event)).filter_map(update).collect();
        if let Topic::Batch(batch) = self.topic {
            // Events do not say to which batch their notification belongs.
            let ids: HashSet<NotificationId> = updates.iter().map(|update| update.id).collect();
            let ids: Vec<NotificationId> = ids.into_iter().collect();
            let found = self.store.notifications(self.tenant, &ids).await?;
            let members = found.into_iter().flatten().filter(|found| found.batch_id == Some(*batch));
            let members: HashSet<NotificationId> = members.map(|member| member.id).collect();
            updates.retain(|update| members.contains(&update.id));
        }
        // Where a page ends is no answer: the log may end there for as long as an older transaction is open.
        Ok(Stretch { updates, until: page.next, is_end: page.next >= end })
    }

    fn is_about(&self, event: &Event) -> bool {
        match self.topic {
            Topic::Campaign(id) => event.campaign_id.as_ref() == Some(id),
            Topic::Recipient(id) => event.recipient_id.as_ref() == Some(id),
            Topic::Notification(_) | Topic::Batch(_) | Topic::All => true,
        }
    }

    /// How notifications stand now, in one status or in any. Each update names `place` as its place.
    pub(super) async fn standing(
        &self,
        status: Option<Status>,
        after: Option<NotificationId>,
        place: Position,
    ) -> Result<Standing> {
        let (found, next) = match self.topic {
            Topic::Notification(id) => {
                let found = self.store.notifications(self.tenant, &[*id]).await?.into_iter().flatten();
                (found.filter(|found| status.is_none_or(|status| found.status == status)).collect(), None)
            }
            _ => {
                let page = PageRequest { limit: NOTIFICATIONS_PAGE, after };
                let page = self.store.notification_page(self.tenant, &self.filter(status), page).await?;
                (page.items, page.next)
            }
        };
        let claimed = self.claimed(&found).await?;
        let updates = found.iter().zip(claimed).map(|(notification, claimed_at)| match claimed_at {
            Some(at) => Update {
                attempt: notification.attempts + 1,
                at,
                status: Status::Processing,
                ..stands(notification, place)
            },
            None => stands(notification, place),
        });
        Ok(Standing { updates: updates.collect(), next })
    }

    /// When those were claimed that are being tried.
    async fn claimed(&self, found: &[Notification]) -> Result<Vec<Option<angaros_domain::Timestamp>>> {
        if found.iter().all(|notification| notification.status != Status::Processing) {
            return Ok(vec![None; found.len()]);
        }
        let ids: Vec<NotificationId> = found.iter().map(|notification| notification.id).collect();
        let claimed = self.store.claimed_at(self.tenant, &ids).await?;
        let was = |notification: &Notification| notification.status == Status::Processing;
        // Whatever was claimed since is told by the router.
        Ok(found.iter().zip(claimed).map(|(found, at)| at.filter(|_| was(found))).collect())
    }

    fn filter(&self, status: Option<Status>) -> NotificationFilter {
        let mut filter = NotificationFilter { status, ..NotificationFilter::default() };
        match self.topic {
            Topic::Batch(id) => filter.batch_id = Some(*id),
            Topic::Campaign(id) => filter.campaign_id = Some(id.clone()),
            Topic::Recipient(id) => filter.recipient_id = Some(id.clone()),
            Topic::Notification(_) | Topic::All => {}
        }
        filter
    }
}

fn stands(notification: &Notification, position: Position) -> Update {
    let Notification { id, status, attempts: attempt, updated_at: at, .. } = *notification;
    Update { id, status, attempt, at, position }
}

/// The status that an event tells of, if it is one of the engine's own.
fn update(event: &Event) -> Option<Update> {
    if event.provider != PROVIDER_ANGAROS {
        return None;
    }
    Some(Update {
        id: event.message_id.as_ref()?.parse().ok()?,
        status: event.name.parse().ok()?,
        attempt: attempt_of(event),
        at: event.occurred_at,
        position: Position(EventId::place(event.id)),
    })
}
