//! The model's suppression list.

use angaros_domain::event::Event;
use angaros_domain::{Address, EventId, Notification, Suppression, SuppressionReason, TenantId, Timestamp};
use angaros_store::{ListPlace, PageRequest, Result, Suppressed, SuppressionFilter, Suppressions};
use async_trait::async_trait;

use super::MemoryStore;
use super::state::{Row, State};

#[async_trait]
impl Suppressions for MemoryStore {
    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<Vec<Suppressed>> {
        let mut state = self.state();
        Ok(suppressions.into_iter().map(|suppression| state.put_on_list(suppression)).collect())
    }

    async fn unsuppress(&self, addresses: Vec<(TenantId, Address)>) -> Result<Vec<bool>> {
        let mut state = self.state();
        let remove = |(tenant, address): (TenantId, Address)| {
            let place = state.place_on_list(tenant, &address);
            place.and_then(|place| state.suppressions.remove(&place)).is_some()
        };
        Ok(addresses.into_iter().map(remove).collect())
    }

    async fn suppressions(
        &self,
        tenant: TenantId,
        addresses: &[Address],
    ) -> Result<Vec<Option<Suppression>>> {
        let state = self.state();
        let found = |address| state.suppressions.get(&state.place_on_list(tenant, address)?).cloned();
        Ok(addresses.iter().map(found).collect())
    }

    async fn suppression_page(
        &self,
        tenant: TenantId,
        filter: &SuppressionFilter,
        page: PageRequest<ListPlace>,
    ) -> Result<Vec<(ListPlace, Suppression)>> {
        let state = self.state();
        let chosen = |(place, s): &(&i64, &Suppression)| {
            s.tenant == tenant
                && page.after.is_none_or(|after| **place < after.0)
                && filter.channel.is_none_or(|channel| s.address.channel() == channel)
                && filter.reason.is_none_or(|reason| s.reason == reason)
                && filter.addresses.as_ref().is_none_or(|addresses| addresses.contains(&s.address))
        };
        let latest_first = state.suppressions.iter().rev().filter(chosen);
        Ok(latest_first.take(page.limit).map(|(place, s)| (ListPlace(*place), s.clone())).collect())
    }
}

impl State {
    fn place_on_list(&self, tenant: TenantId, address: &Address) -> Option<i64> {
        let mut list = self.suppressions.iter();
        list.find(|(_, s)| s.tenant == tenant && s.address == *address).map(|(place, _)| *place)
    }

    fn put_on_list(&mut self, suppression: Suppression) -> Suppressed {
        match self.place_on_list(suppression.tenant, &suppression.address) {
            Some(place) => Suppressed::Already(self.suppressions[&place].clone()),
            None => {
                let place = self.suppressions.last_key_value().map_or(1, |(last, _)| last + 1);
                self.suppressions.insert(place, suppression);
                Suppressed::Added
            }
        }
    }

    /// Whether a notification goes to an address that is suppressed.
    pub(crate) fn is_suppressed(&self, notification: &Notification) -> bool {
        self.place_on_list(notification.tenant, &Address::of(notification)).is_some()
    }

    /// Puts a notification's address on the list; if it was not there, the log tells of it.
    pub(crate) fn put_recipient_on_list(
        &mut self,
        slot: usize,
        (reason, event_id): (SuppressionReason, Option<EventId>),
        now: Timestamp,
    ) {
        let notification = &self.rows[slot].notification;
        let told = notification.suppressed_event(reason, now);
        let suppression = Suppression::of(notification, reason, event_id, now);
        if self.put_on_list(suppression) == Suppressed::Added {
            self.append(vec![told]);
        }
    }

    /// Puts on the list whom a stored event says not to send to any more, if it does.
    pub(crate) fn heed(&mut self, event: &Event) {
        let Some(reason) = SuppressionReason::of(event) else { return };
        let named = event.message_id.as_ref().and_then(|id| self.named(event.tenant, id, |_| true));
        match named {
            Some(slot) => self.put_recipient_on_list(slot, (reason, Some(event.id)), event.received_at),
            None => {
                if let Some(suppression) = Suppression::told_by(event, reason, event.id) {
                    self.put_on_list(suppression);
                }
            }
        }
    }

    /// The notification that a message id names: its own, or the provider's if that is one's only, among those that
    /// `among` lets through.
    pub(crate) fn named(
        &self,
        tenant: TenantId,
        message_id: &str,
        among: impl Fn(&Notification) -> bool,
    ) -> Option<usize> {
        let own = |row: &Row| row.notification.tenant == tenant;
        let mut named = self.slots_in(|row| own(row) && row.notification.id.to_string() == message_id);
        if named.is_empty() {
            named = self.slots_in(|row| {
                let n = &row.notification;
                own(row) && among(n) && n.provider_message_id.as_deref() == Some(message_id)
            });
        }
        let [slot] = named[..] else { return None };
        Some(slot)
    }
}
