//! Faults of the counts.

use angaros_domain::{TenantId, Timestamp};
use angaros_store::{
    Audit, CampaignCounts, CampaignSummary, Counts, EventMetrics, Grouping, MetricsQuery, PageRequest, Result,
};
use async_trait::async_trait;

use super::{Broken, Fault};

#[async_trait]
impl Counts for Broken {
    async fn campaign_page(
        &self,
        tenant: TenantId,
        page: PageRequest<(Timestamp, String)>,
    ) -> Result<Vec<CampaignCounts>> {
        let mut campaigns = self.inner.campaign_page(tenant, page).await?;
        if self.has(Fault::CampaignsComeOldestFirst) {
            campaigns.reverse();
        }
        Ok(campaigns)
    }

    async fn campaign(&self, tenant: TenantId, campaign_id: &str) -> Result<Option<CampaignSummary>> {
        let mut found = self.inner.campaign(tenant, campaign_id).await?;
        if self.has(Fault::UniquesCountEachTime)
            && let Some(summary) = &mut found
        {
            summary.unique_recipients = summary.campaign.counts.clone();
        }
        Ok(found)
    }

    async fn event_metrics(&self, tenant: TenantId, mut query: MetricsQuery) -> Result<EventMetrics> {
        match self.fault {
            Fault::MetricsIncludeTheirEnd => query.range.end = query.range.end.plus_millis(1),
            Fault::MetricsIgnoreTheChannel => query.filter.channel = None,
            Fault::MetricsCountWholeQuarters => {
                let quarter = |at: Timestamp| at.as_millis().div_euclid(900_000) * 900_000;
                if let Grouping::Spans(starts) = &mut query.grouping {
                    for start in starts {
                        *start = Timestamp::from_millis(quarter(*start));
                    }
                }
            }
            _ => {}
        }
        self.inner.event_metrics(tenant, query).await
    }

    async fn audit_day(&self, at: Timestamp) -> Result<Audit> {
        self.inner.audit_day(at).await
    }

    async fn counted_day_before(&self, at: Timestamp) -> Result<Option<Timestamp>> {
        self.inner.counted_day_before(at).await
    }
}
