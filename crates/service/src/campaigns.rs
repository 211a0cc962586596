//! Campaigns: their counts, and the rates that follow from them.

use std::collections::BTreeMap;

use angaros_domain::campaign::Rate;
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{CampaignCounts, CampaignSummary};

use crate::{Page, PageOf, Result, Service};

/// A campaign, counted and compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// What is counted; `None` as long as nothing happened in it.
    pub summary: Option<CampaignSummary>,
    /// What follows from it.
    pub rates: Vec<Rate>,
}

impl Service {
    /// Campaigns, those with the latest event first.
    pub async fn campaigns(&self, tenant: TenantId, page: PageOf<'_>) -> Result<Page<CampaignCounts>> {
        let scope = format!("campaigns/{}", tenant.0);
        let request = page.request::<(Timestamp, String)>(&scope)?;
        let campaigns = self.store.campaign_page(tenant, request).await?;
        Ok(page.page(&scope, campaigns, |campaign| (campaign.last_event_at, campaign.campaign_id.clone())))
    }

    /// One campaign. Like a timeline, one that nothing is known of is empty.
    pub async fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Result<Campaign> {
        let summary = self.store.campaign(tenant, campaign_id).await?;
        let nobody = BTreeMap::new();
        let rates = Rate::all(summary.as_ref().map_or(&nobody, |summary| &summary.unique_recipients));
        Ok(Campaign { summary, rates })
    }
}
