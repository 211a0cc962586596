//! Faults of the suppression list.

use angaros_domain::{Address, Suppression, TenantId};
use angaros_store::{ListPlace, PageRequest, Result, Suppressed, SuppressionFilter, Suppressions};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl Suppressions for Broken {
    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<Vec<Suppressed>> {
        if self.has(Fault::SuppressForgetsTheFirst) {
            let all = suppressions.iter().map(|s| (s.tenant, s.address.clone())).collect();
            self.inner.unsuppress(all).await?;
        }
        self.inner.suppress(suppressions).await
    }

    async fn unsuppress(&self, addresses: Vec<(TenantId, Address)>) -> Result<Vec<bool>> {
        if self.has(Fault::UnsuppressOnlyLooks) {
            let mut there = Vec::new();
            for (tenant, address) in addresses {
                there.extend(self.inner.suppressions(tenant, &[address]).await?.iter().map(Option::is_some));
            }
            return Ok(there);
        }
        self.inner.unsuppress(addresses).await
    }

    async fn suppressions(
        &self,
        tenant: TenantId,
        addresses: &[Address],
    ) -> Result<Vec<Option<Suppression>>> {
        if self.has(Fault::SuppressionsOfAnyTenant) {
            let state = self.inner.state();
            let find =
                |address: &Address| state.suppressions.values().find(|s| s.address == *address).cloned();
            return Ok(addresses.iter().map(find).collect());
        }
        self.inner.suppressions(tenant, addresses).await
    }

    async fn suppression_page(
        &self,
        tenant: TenantId,
        filter: &SuppressionFilter,
        page: PageRequest<ListPlace>,
    ) -> Result<Vec<(ListPlace, Suppression)>> {
        let filter = match self.fault {
            Fault::SuppressionsIgnoreTheReason => SuppressionFilter { reason: None, ..filter.clone() },
            _ => filter.clone(),
        };
        let mut found = self.inner.suppression_page(tenant, &filter, page).await?;
        if self.has(Fault::SuppressionsComeOldestFirst) {
            found.reverse();
        }
        Ok(found)
    }
}
