//! Campaigns: reading what is counted of them.

use std::collections::BTreeMap;

use angaros_domain::batch::StatusCounts;
use angaros_domain::{Status, TenantId, Timestamp};
use angaros_store::{CampaignCounts, CampaignSummary, PageRequest, Result};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::error::SqliteResult;
use crate::{lease, row};

pub(crate) fn page(
    connection: &Connection,
    tenant: TenantId,
    page: &PageRequest<(Timestamp, String)>,
) -> Result<Vec<CampaignCounts>> {
    let sql = "SELECT id, campaign_id, first_at, last_at FROM campaigns INDEXED BY campaigns_latest
               WHERE tenant = ?1 AND (last_at, campaign_id) < (?2, ?3)
               ORDER BY last_at DESC, campaign_id DESC LIMIT ?4";
    // Nothing happens as late as the last point in time there is.
    let (at, id) = page.after.clone().unwrap_or((Timestamp::MAX, String::new()));
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql).stored()?;
    let found = statement.query_map(params![tenant.0, at.as_millis(), id, limit], campaign_row).stored()?;
    let found: Vec<(i64, CampaignCounts)> = found.collect::<rusqlite::Result<_>>().stored()?;
    let mut campaigns = Vec::with_capacity(found.len());
    for (number, mut campaign) in found {
        for (name, n, _) in events(connection, number)? {
            campaign.counts.insert(name, n);
        }
        campaigns.push(campaign);
    }
    Ok(campaigns)
}

pub(crate) fn summary(
    connection: &Connection,
    tenant: TenantId,
    campaign_id: &str,
) -> Result<Option<CampaignSummary>> {
    let sql =
        "SELECT id, campaign_id, first_at, last_at FROM campaigns WHERE tenant = ?1 AND campaign_id = ?2";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let found = statement.query_row(params![tenant.0, campaign_id], campaign_row).optional().stored()?;
    let Some((number, mut campaign)) = found else { return Ok(None) };
    let mut unique_recipients = BTreeMap::new();
    for (name, n, recipients) in events(connection, number)? {
        unique_recipients.insert(name.clone(), recipients);
        campaign.counts.insert(name, n);
    }
    let notifications = statuses(connection, tenant, campaign_id)?;
    Ok(Some(CampaignSummary { campaign, unique_recipients, notifications }))
}

fn campaign_row(row: &Row<'_>) -> rusqlite::Result<(i64, CampaignCounts)> {
    let campaign = CampaignCounts {
        campaign_id: row.get(1)?,
        counts: BTreeMap::new(),
        first_event_at: Timestamp::from_millis(row.get(2)?),
        last_event_at: Timestamp::from_millis(row.get(3)?),
    };
    Ok((row.get(0)?, campaign))
}

/// Name, events and unique recipients.
fn events(connection: &Connection, campaign: i64) -> Result<Vec<(String, u64, u64)>> {
    let sql = "SELECT name, n, recipients FROM campaign_events WHERE campaign = ?1";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let rows = statement.query_map([campaign], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

/// Where the notifications of a campaign stand. What is claimed is counted where it stood before; live leases tell of it.
fn statuses(connection: &Connection, tenant: TenantId, campaign_id: &str) -> Result<StatusCounts> {
    let sql = "SELECT status, n FROM campaign_statuses WHERE tenant = ?1 AND campaign_id = ?2 AND n > 0";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let rows = statement
        .query_map(params![tenant.0, campaign_id], |row| Ok((row::parsed::<Status>(row, 0)?, row.get(1)?)))
        .stored()?;
    let mut counts: StatusCounts = rows.collect::<rusqlite::Result<_>>().stored()?;
    let sql = "SELECT status FROM notifications WHERE slot = ?1 AND tenant = ?2 AND campaign_id = ?3";
    let mut statement = connection.prepare_cached(sql).stored()?;
    for slot in lease::claimed(connection)?.keys() {
        let status: Option<Status> = statement
            .query_row(params![slot, tenant.0, campaign_id], |row| row::parsed(row, 0))
            .optional()
            .stored()?;
        if let Some(stood) = status.and_then(|status| counts.get_mut(&status)) {
            *stood -= 1;
            *counts.entry(Status::Processing).or_default() += 1;
        }
    }
    counts.retain(|_, n| *n > 0);
    Ok(counts)
}
