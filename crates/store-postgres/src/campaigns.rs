//! Campaigns: reading what is counted of them. Each count is the sum of its shards.

use std::collections::{BTreeMap, HashMap};

use angaros_domain::batch::StatusCounts;
use angaros_domain::{Status, TenantId, Timestamp};
use angaros_store::{CampaignCounts, CampaignSummary, PageRequest};
use tokio_postgres::Row;

use crate::error::Run;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

/// Campaigns in the order of their latest event: of the rows of each, the one with that event.
const LATEST: &str = "SELECT c.campaign_id FROM campaign_events AS c
    WHERE c.tenant = $1 AND (c.last_at, c.campaign_id) < ($2, $3) AND NOT EXISTS (
        SELECT FROM campaign_events AS later WHERE later.tenant = c.tenant AND later.campaign_id = c.campaign_id
            AND (later.last_at, later.name, later.shard) > (c.last_at, c.name, c.shard))
    ORDER BY c.last_at DESC, c.campaign_id DESC LIMIT $4";

pub(crate) async fn page(
    session: &Session<'_>,
    tenant: TenantId,
    page: &PageRequest<(Timestamp, String)>,
) -> Run<Vec<CampaignCounts>> {
    // Nothing happens as late as the last point in time there is.
    let (at, id) = page.after.clone().unwrap_or((Timestamp::MAX, String::new()));
    let values = values![tenant.0, at.as_millis(), Text(&id), row::limit(page.limit)];
    let rows = session.rows(LATEST, values).await?;
    let ids: Vec<String> = row::all(&rows, |row| row::text(row, 0))?;
    let mut counted = counted(session, tenant, &ids).await?;
    Ok(ids.iter().filter_map(|id| counted.remove(id)).map(|summary| summary.campaign).collect())
}

pub(crate) async fn summary(
    session: &Session<'_>,
    tenant: TenantId,
    campaign_id: &str,
) -> Run<Option<CampaignSummary>> {
    let ids = [campaign_id.to_owned()];
    let Some(mut summary) = counted(session, tenant, &ids).await?.remove(campaign_id) else {
        return Ok(None);
    };
    summary.notifications = statuses(session, tenant, campaign_id).await?;
    Ok(Some(summary))
}

/// Events and recipients of campaigns, by their ids.
async fn counted(
    session: &Session<'_>,
    tenant: TenantId,
    ids: &[String],
) -> Run<HashMap<String, CampaignSummary>> {
    let sql = "SELECT campaign_id, name, sum(n)::bigint, sum(recipients)::bigint, min(first_at), max(last_at)
        FROM campaign_events WHERE tenant = $1 AND campaign_id = ANY($2) GROUP BY campaign_id, name";
    let rows = session.rows(sql, values![tenant.0, column(ids, |id| Text(id))]).await?;
    let mut found: HashMap<String, CampaignSummary> = HashMap::new();
    for row in &rows {
        let (id, name) = (row::text(row, 0)?, row::text(row, 1)?);
        let (first_at, last_at) = (row::at(row, 4)?, row::at(row, 5)?);
        let summary = found.entry(id.clone()).or_insert_with(|| CampaignSummary {
            campaign: CampaignCounts {
                campaign_id: id,
                counts: BTreeMap::new(),
                first_event_at: first_at,
                last_event_at: last_at,
            },
            ..CampaignSummary::default()
        });
        summary.campaign.first_event_at = summary.campaign.first_event_at.min(first_at);
        summary.campaign.last_event_at = summary.campaign.last_event_at.max(last_at);
        summary.campaign.counts.insert(name.clone(), row::number(row, 2)?);
        summary.unique_recipients.insert(name, row::number(row, 3)?);
    }
    Ok(found)
}

/// Where the notifications of a campaign stand. What is claimed is counted where it stood before; live leases tell of it.
async fn statuses(session: &Session<'_>, tenant: TenantId, campaign_id: &str) -> Run<StatusCounts> {
    let sql = "SELECT status, sum(n)::bigint FROM campaign_statuses WHERE tenant = $1 AND campaign_id = $2
        GROUP BY status HAVING sum(n) > 0";
    let rows = session.rows(sql, values![tenant.0, Text(campaign_id)]).await?;
    let count = |row: &Row| Ok((row::parsed::<Status>(row, 0)?, row::number(row, 1)?));
    let mut counts: StatusCounts = row::all(&rows, count)?.into_iter().collect();
    let sql = "SELECT n.status, count(*) FROM leases AS l CROSS JOIN LATERAL unnest(l.tenants, l.ids) AS u (tenant, id)
        JOIN notifications AS n ON n.tenant = u.tenant AND n.id = u.id
        WHERE u.tenant = $1 AND n.campaign_id = $2 GROUP BY n.status";
    for row in &session.rows(sql, values![tenant.0, Text(campaign_id)]).await? {
        let (status, claimed): (Status, i64) = (row::parsed(row, 0)?, get(row, 1)?);
        if let Some(stood) = counts.get_mut(&status) {
            let claimed = claimed.unsigned_abs().min(*stood);
            *stood -= claimed;
            *counts.entry(Status::Processing).or_default() += claimed;
        }
    }
    counts.retain(|_, n| *n > 0);
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    #[tokio::test]
    async fn campaigns_come_in_the_order_of_their_index() {
        let bench = Bench::new().await;
        bench.walks("campaign_events_latest", LATEST, values![1i64, 0i64, Text(""), 50i64]).await;
    }
}
