//! Campaigns: reading what is counted of them.

use std::collections::{BTreeMap, HashSet};

use angaros_domain::batch::StatusCounts;
use angaros_domain::{Status, TenantId, Timestamp};
use angaros_store::{CampaignCounts, CampaignSummary, PageRequest, Result, SeriesFilter};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::counts::{self, Addition};
use crate::error::SqliteResult;
use crate::tail::{Entry, Session};
use crate::{lease, row, series};

pub(crate) fn page(
    session: &Session<'_>,
    tenant: TenantId,
    page: &PageRequest<(Timestamp, String)>,
) -> Result<Vec<CampaignCounts>> {
    // What the tail of the log adds may move a campaign to the front: those are put together one by one.
    let own: HashSet<i64> = series::matching(session, tenant, &SeriesFilter::default())?
        .into_iter()
        .filter(|one| one.campaign_id.is_some())
        .map(|one| one.id)
        .collect();
    let (_, tail) = session.tail(|entry| own.contains(&entry.series))?;
    let mut moved = BTreeMap::new();
    for ((_, id), addition) in counts::by_campaign(session, &tail)? {
        moved.insert(id, addition);
    }
    let mut campaigns = stored_page(session, tenant, page, moved.len())?;
    campaigns.retain(|(_, campaign)| !moved.contains_key(&campaign.campaign_id));
    for (id, addition) in &moved {
        let (number, mut campaign) = stored(session, tenant, id)?.unwrap_or_else(|| (0, empty(id, addition)));
        campaign.first_event_at = campaign.first_event_at.min(addition.first_at);
        campaign.last_event_at = campaign.last_event_at.max(addition.last_at);
        campaigns.push((number, campaign));
    }
    let place = |campaign: &CampaignCounts| (campaign.last_event_at, campaign.campaign_id.clone());
    campaigns.retain(|(_, campaign)| page.after.as_ref().is_none_or(|after| place(campaign) < *after));
    campaigns.sort_by_key(|(_, campaign)| std::cmp::Reverse(place(campaign)));
    campaigns.truncate(page.limit);
    for (number, campaign) in &mut campaigns {
        for (_, name, n, _) in events(session, *number)? {
            campaign.counts.insert(name, n);
        }
        for (name, entries) in moved.get(&campaign.campaign_id).into_iter().flat_map(|added| &added.events) {
            *campaign.counts.entry(name.clone()).or_default() += entries.len() as u64;
        }
    }
    Ok(campaigns.into_iter().map(|(_, campaign)| campaign).collect())
}

/// A page as it would be without the tail of the log, and so many campaigns more.
fn stored_page(
    connection: &Connection,
    tenant: TenantId,
    page: &PageRequest<(Timestamp, String)>,
    more: usize,
) -> Result<Vec<(i64, CampaignCounts)>> {
    let sql = "SELECT id, campaign_id, first_at, last_at FROM campaigns INDEXED BY campaigns_latest
               WHERE tenant = ?1 AND (last_at, campaign_id) < (?2, ?3)
               ORDER BY last_at DESC, campaign_id DESC LIMIT ?4";
    // Nothing happens as late as the last point in time there is.
    let (at, id) = page.after.clone().unwrap_or((Timestamp::MAX, String::new()));
    let limit = i64::try_from(page.limit.saturating_add(more)).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql).stored()?;
    let found = statement.query_map(params![tenant.0, at.as_millis(), id, limit], campaign_row).stored()?;
    found.collect::<rusqlite::Result<_>>().stored()
}

fn stored(
    connection: &Connection,
    tenant: TenantId,
    campaign_id: &str,
) -> Result<Option<(i64, CampaignCounts)>> {
    let sql =
        "SELECT id, campaign_id, first_at, last_at FROM campaigns WHERE tenant = ?1 AND campaign_id = ?2";
    let mut statement = connection.prepare_cached(sql).stored()?;
    statement.query_row(params![tenant.0, campaign_id], campaign_row).optional().stored()
}

/// A campaign that only the tail of the log knows.
fn empty(campaign_id: &str, addition: &Addition) -> CampaignCounts {
    CampaignCounts {
        campaign_id: campaign_id.to_owned(),
        counts: BTreeMap::new(),
        first_event_at: addition.first_at,
        last_event_at: addition.last_at,
    }
}

pub(crate) fn summary(
    session: &Session<'_>,
    tenant: TenantId,
    campaign_id: &str,
) -> Result<Option<CampaignSummary>> {
    let filter = SeriesFilter { campaign_id: Some(campaign_id.to_owned()), ..SeriesFilter::default() };
    let series: HashSet<i64> = series::matching(session, tenant, &filter)?.iter().map(|one| one.id).collect();
    let (folded, tail) = session.tail(|entry| series.contains(&entry.series))?;
    let addition = counts::by_campaign(session, &tail)?.into_values().next();
    let (number, mut campaign) = match (stored(session, tenant, campaign_id)?, &addition) {
        (Some(found), _) => found,
        (None, Some(addition)) => (0, empty(campaign_id, addition)),
        (None, None) => return Ok(None),
    };
    let mut unique_recipients = BTreeMap::new();
    let mut numbers = BTreeMap::new();
    for (id, name, n, recipients) in events(session, number)? {
        numbers.insert(name.clone(), id);
        unique_recipients.insert(name.clone(), recipients);
        campaign.counts.insert(name, n);
    }
    if let Some(addition) = addition {
        campaign.first_event_at = campaign.first_event_at.min(addition.first_at);
        campaign.last_event_at = campaign.last_event_at.max(addition.last_at);
        for (name, entries) in addition.events {
            *campaign.counts.entry(name.clone()).or_default() += entries.len() as u64;
            let new = new_recipients(session, folded, numbers.get(&name).copied(), &entries)?;
            *unique_recipients.entry(name).or_default() += new;
        }
    }
    let notifications = statuses(session, tenant, campaign_id)?;
    Ok(Some(CampaignSummary { campaign, unique_recipients, notifications }))
}

/// How many of the recipients of entries are not in the list of an event yet, as far as it is folded.
fn new_recipients(
    connection: &Connection,
    folded: i64,
    event: Option<i64>,
    entries: &[Entry],
) -> Result<u64> {
    let sql = "SELECT EXISTS (SELECT 1 FROM campaign_recipients WHERE campaign_event = ?1 AND recipient = ?2
               AND position <= ?3)";
    let mut listed = connection.prepare_cached(sql).stored()?;
    let recipients: HashSet<i64> = entries.iter().filter_map(|entry| entry.recipient).collect();
    let mut new = 0;
    for recipient in recipients {
        let known: bool = match event {
            None => false,
            Some(event) => listed.query_row([event, recipient, folded], |row| row.get(0)).stored()?,
        };
        new += u64::from(!known);
    }
    Ok(new)
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

/// Number, name, count and unique recipients of each event of a campaign.
fn events(connection: &Connection, campaign: i64) -> Result<Vec<(i64, String, u64, u64)>> {
    let sql = "SELECT id, name, n, recipients FROM campaign_events WHERE campaign = ?1";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let rows =
        statement.query_map([campaign], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.stored()?.collect::<rusqlite::Result<_>>().stored()
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
