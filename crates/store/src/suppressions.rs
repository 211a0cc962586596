//! The verbs of the suppression list: put addresses on it, take them off, read it.
//!
//! Two verbs of other traits go by it too. [`Queue::claim`](crate::Queue::claim) says which of its claims go to a
//! suppressed address; [`Queue::settle`](crate::Queue::settle) and [`EventLog::append`](crate::EventLog::append) put
//! addresses on it, in the transaction that stores the result or the event that shows why.

use angaros_domain::{Address, Channel, Suppression, SuppressionReason, TenantId};
use async_trait::async_trait;

use crate::{PageRequest, Result};

/// A place on the list. Grows with every address that is put there, and tells nothing about it: cursors may hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListPlace(pub i64);

/// What became of a [`Suppression`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suppressed {
    /// The address is on the list from here on.
    Added,
    /// It was there before, like this, and stays so.
    Already(Suppression),
}

/// Which addresses to list. Every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuppressionFilter {
    /// Of this channel.
    pub channel: Option<Channel>,
    /// Suppressed for this reason.
    pub reason: Option<SuppressionReason>,
    /// One of these: a text may be an address of several channels.
    pub addresses: Option<Vec<Address>>,
}

/// The suppression list.
#[async_trait]
pub trait Suppressions: Send + Sync + 'static {
    /// Puts addresses on their tenants' lists. Outcomes are in order; of two with one address in the same call the first
    /// is added.
    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<Vec<Suppressed>>;

    /// Takes addresses off their tenants' lists; whether each was there, in order.
    async fn unsuppress(&self, addresses: Vec<(TenantId, Address)>) -> Result<Vec<bool>>;

    /// What a tenant's list says of addresses, in the order asked.
    async fn suppressions(&self, tenant: TenantId, addresses: &[Address])
    -> Result<Vec<Option<Suppression>>>;

    /// A tenant's list, the latest first.
    async fn suppression_page(
        &self,
        tenant: TenantId,
        filter: &SuppressionFilter,
        page: PageRequest<ListPlace>,
    ) -> Result<Vec<(ListPlace, Suppression)>>;
}
