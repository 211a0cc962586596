//! The suppression list as people and programs keep it. What results and events put on it, the store does by itself.

use angaros_domain::{Address, Channel, Suppression, SuppressionReason, TenantId, Violation};
use angaros_store::{ListPlace, Suppressed, SuppressionFilter};

use crate::{Missing, Page, PageOf, Result, Service, ServiceError};

/// The most addresses that one request puts on the list.
pub const SUPPRESSIONS_MAX: usize = 1000;

/// A request to put an address on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionDraft {
    /// Of which channel it is an address.
    pub channel: Channel,
    /// The address, as the caller writes it.
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
}

/// Which addresses to list. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuppressionQuestion {
    /// Of this channel.
    pub channel: Option<Channel>,
    /// Suppressed for this reason.
    pub reason: Option<SuppressionReason>,
    /// This one, as the caller writes it, of whatever channel it is an address.
    pub address: Option<String>,
}

impl SuppressionQuestion {
    fn filter(&self) -> SuppressionFilter {
        let channels = self.channel.map_or_else(|| Channel::ALL.to_vec(), |channel| vec![channel]);
        let written = |text: &String| channels.iter().map(|channel| Address::new(*channel, text)).collect();
        SuppressionFilter {
            channel: self.channel,
            reason: self.reason,
            addresses: self.address.as_ref().map(written),
        }
    }
}

impl Service {
    /// Puts an address on the list; how it stands there, and whether it is new. What is there already stays as it is.
    pub async fn suppress(&self, tenant: TenantId, draft: SuppressionDraft) -> Result<(Suppression, bool)> {
        let suppression = self
            .suppression_of(tenant, &draft)
            .map_err(|fault| ServiceError::Invalid(vec![Violation::new("#/address", fault)]))?;
        let outcomes = self.store.suppress(vec![suppression.clone()]).await?;
        Ok(match outcomes.into_iter().next() {
            Some(Suppressed::Already(before)) => (before, false),
            Some(Suppressed::Added) | None => (suppression, true),
        })
    }

    /// Puts up to [`SUPPRESSIONS_MAX`] addresses on the list, all of them or none; how many are new.
    pub async fn suppress_many(&self, tenant: TenantId, drafts: &[SuppressionDraft]) -> Result<usize> {
        if !(1..=SUPPRESSIONS_MAX).contains(&drafts.len()) {
            let detail = format!("must have 1 to {SUPPRESSIONS_MAX} entries");
            return Err(ServiceError::Invalid(vec![Violation::new("#/suppressions", detail)]));
        }
        let (mut suppressions, mut faults) = (Vec::with_capacity(drafts.len()), Vec::new());
        for (index, draft) in drafts.iter().enumerate() {
            match self.suppression_of(tenant, draft) {
                Ok(suppression) => suppressions.push(suppression),
                Err(fault) if faults.len() < angaros_domain::violation::VIOLATIONS_MAX => {
                    faults.push(Violation::new(format!("#/suppressions/{index}/address"), fault));
                }
                Err(_) => break,
            }
        }
        if !faults.is_empty() {
            return Err(ServiceError::Invalid(faults));
        }
        let outcomes = self.store.suppress(suppressions).await?;
        Ok(outcomes.iter().filter(|outcome| **outcome == Suppressed::Added).count())
    }

    fn suppression_of(
        &self,
        tenant: TenantId,
        draft: &SuppressionDraft,
    ) -> std::result::Result<Suppression, String> {
        Ok(Suppression {
            tenant,
            address: Address::parse(draft.channel, &draft.address)?,
            reason: draft.reason,
            notification_id: None,
            event_id: None,
            created_at: self.clock.now(),
        })
    }

    /// What the list says of an address.
    pub async fn suppression(&self, tenant: TenantId, address: Address) -> Result<Suppression> {
        let found = self.store.suppressions(tenant, &[address]).await?.pop().flatten();
        found.ok_or(ServiceError::NotFound(Missing::Suppression))
    }

    /// What the list says of each of these addresses, in their order.
    pub async fn suppressions_of(
        &self,
        tenant: TenantId,
        addresses: &[Address],
    ) -> Result<Vec<Option<Suppression>>> {
        Ok(self.store.suppressions(tenant, addresses).await?)
    }

    /// Takes an address off the list: what is sent there from now on reaches its provider again.
    pub async fn unsuppress(&self, tenant: TenantId, address: Address) -> Result<()> {
        let was_there = self.store.unsuppress(vec![(tenant, address)]).await?;
        if was_there == [true] { Ok(()) } else { Err(ServiceError::NotFound(Missing::Suppression)) }
    }

    /// The list, the latest first.
    pub async fn suppressions(
        &self,
        tenant: TenantId,
        question: &SuppressionQuestion,
        page: PageOf<'_>,
    ) -> Result<Page<Suppression>> {
        let scope = format!("suppressions/{}/{question:?}", tenant.0);
        let request = page.request::<ListPlace>(&scope)?;
        let found = self.store.suppression_page(tenant, &question.filter(), request).await?;
        let Page { items, next_cursor } = page.page(&scope, found, |(place, _)| *place);
        Ok(Page { items: items.into_iter().map(|(_, suppression)| suppression).collect(), next_cursor })
    }
}
