//! Counting what is folded: quarters of days per series, events and recipients per campaign.

use std::collections::BTreeMap;

use angaros_domain::{TenantId, Timestamp};
use angaros_store::Result;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::quarters::{Quarters, day_of, quarter_of};
use crate::series::{self, Identity};
use crate::tail::Entry;

/// Counts events in the quarters of their days.
pub(crate) fn add_to_days(connection: &Connection, entries: &[Entry]) -> Result<()> {
    let mut new: Vec<(i64, i64, usize)> = entries
        .iter()
        .map(|entry| (entry.series, day_of(entry.occurred_at), quarter_of(entry.occurred_at)))
        .collect();
    new.sort_unstable();
    let mut select = connection
        .prepare_cached("SELECT quarters FROM event_counts WHERE series = ?1 AND day = ?2")
        .stored()?;
    let mut upsert = connection
        .prepare_cached(
            "INSERT INTO event_counts VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET quarters = excluded.quarters",
        )
        .stored()?;
    for of_day in new.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (series, day, _) = of_day[0];
        let stored: Option<Vec<u8>> =
            select.query_row([series, day], |row| row.get(0)).optional().stored()?;
        let mut quarters = Quarters::decode(&stored.unwrap_or_default())?;
        for (_, _, quarter) in of_day {
            quarters.add(*quarter, 1);
        }
        upsert.execute(params![series, day, quarters.encode()]).stored()?;
    }
    Ok(())
}

/// What happened in a campaign: since when, until when, and what of each name.
pub(crate) struct Addition {
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) events: BTreeMap<String, Vec<Entry>>,
}

/// Events by campaign. Series that differ only in what a campaign does not tell apart are taken together.
pub(crate) fn by_campaign(
    connection: &Connection,
    entries: &[Entry],
) -> Result<BTreeMap<(TenantId, String), Addition>> {
    let mut by_series: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        by_series.entry(entry.series).or_default().push(*entry);
    }
    let mut campaigns: BTreeMap<(TenantId, String), Addition> = BTreeMap::new();
    for (series, entries) in by_series {
        let Identity { tenant, name, campaign_id: Some(campaign_id) } = series::identity(connection, series)?
        else {
            continue;
        };
        let addition = campaigns.entry((tenant, campaign_id)).or_insert_with(|| Addition {
            first_at: Timestamp::MAX,
            last_at: Timestamp::MIN,
            events: BTreeMap::new(),
        });
        for entry in &entries {
            addition.first_at = addition.first_at.min(entry.occurred_at);
            addition.last_at = addition.last_at.max(entry.occurred_at);
        }
        addition.events.entry(name).or_default().extend(entries);
    }
    Ok(campaigns)
}

/// A recipient of an event of a campaign: event, recipient, and the position of the first such event.
pub(crate) type RecipientRow = (i64, i64, i64);

/// What is added to the events of campaigns, by their numbers.
#[derive(Default)]
pub(crate) struct CampaignCounting {
    /// How many events, and how many recipients that it did not have yet.
    additions: BTreeMap<i64, (i64, i64)>,
    /// The first and the last event of campaigns, by their numbers.
    spans: BTreeMap<i64, (Timestamp, Timestamp)>,
}

impl CampaignCounting {
    /// Makes what is new of campaigns and their events, and answers the rows of their recipients in order: event,
    /// recipient, and the first position. Nothing is counted yet, so that what readers put together stays right.
    pub(crate) fn begin(
        connection: &Connection,
        entries: &[Entry],
    ) -> Result<(CampaignCounting, Vec<RecipientRow>)> {
        let mut counting = CampaignCounting::default();
        let mut rows = Vec::new();
        for ((tenant, campaign_id), addition) in by_campaign(connection, entries)? {
            let campaign = find_or_insert_campaign(connection, tenant, &campaign_id)?;
            counting.spans.insert(campaign, (addition.first_at, addition.last_at));
            for (name, entries) in addition.events {
                let event = find_or_insert(connection, campaign, &name)?;
                counting.additions.insert(event, (entries.len() as i64, 0));
                rows.extend(
                    entries.iter().filter_map(|entry| Some((event, entry.recipient?, entry.position))),
                );
            }
        }
        rows.sort_unstable();
        rows.dedup_by_key(|(event, recipient, _)| (*event, *recipient));
        Ok((counting, rows))
    }

    /// Lists a recipient of an event, if it is not listed yet. `folded` is the place before this stretch: what was listed
    /// for a later event is a new recipient all the same, only the stretch was begun before.
    pub(crate) fn list(&mut self, connection: &Connection, row: RecipientRow, folded: i64) -> Result<()> {
        let (event, recipient, _) = row;
        let mut insert = connection
            .prepare_cached("INSERT OR IGNORE INTO campaign_recipients VALUES (?1, ?2, ?3)")
            .stored()?;
        let is_new = insert.execute(row).stored()? > 0 || {
            let sql =
                "SELECT position > ?3 FROM campaign_recipients WHERE campaign_event = ?1 AND recipient = ?2";
            let mut select = connection.prepare_cached(sql).stored()?;
            select.query_row([event, recipient, folded], |row| row.get(0)).stored()?
        };
        if is_new && let Some((_, new)) = self.additions.get_mut(&event) {
            *new += 1;
        }
        Ok(())
    }

    /// Counts everything.
    pub(crate) fn finish(&self, connection: &Connection) -> Result<()> {
        let sql = "UPDATE campaign_events SET n = n + ?2, recipients = recipients + ?3 WHERE id = ?1";
        let mut update = connection.prepare_cached(sql).stored()?;
        for (event, (events, recipients)) in &self.additions {
            update.execute([event, events, recipients]).stored()?;
        }
        let sql = "UPDATE campaigns SET first_at = min(first_at, ?2), last_at = max(last_at, ?3)
                   WHERE id = ?1 AND (first_at > ?2 OR last_at < ?3)";
        let mut widen = connection.prepare_cached(sql).stored()?;
        for (campaign, (first_at, last_at)) in &self.spans {
            widen.execute([*campaign, first_at.as_millis(), last_at.as_millis()]).stored()?;
        }
        Ok(())
    }
}

/// The number of a campaign; if it is new it is made, and as long as nothing is counted of it, it ends before it begins.
fn find_or_insert_campaign(connection: &Connection, tenant: TenantId, campaign_id: &str) -> Result<i64> {
    let sql = "SELECT id FROM campaigns WHERE tenant = ?1 AND campaign_id = ?2";
    let mut select = connection.prepare_cached(sql).stored()?;
    let found = select.query_row(params![tenant.0, campaign_id], |row| row.get(0)).optional().stored()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let (first_at, last_at) = (Timestamp::MAX.as_millis(), Timestamp::MIN.as_millis());
    let mut insert =
        connection.prepare_cached("INSERT INTO campaigns VALUES (NULL, ?1, ?2, ?3, ?4)").stored()?;
    insert.insert(params![tenant.0, campaign_id, first_at, last_at]).stored()
}

/// The number of an event of a campaign; it is made if it is new.
fn find_or_insert(connection: &Connection, campaign: i64, name: &str) -> Result<i64> {
    let sql = "SELECT id FROM campaign_events WHERE campaign = ?1 AND name = ?2";
    let mut select = connection.prepare_cached(sql).stored()?;
    let found = select.query_row(params![campaign, name], |row| row.get(0)).optional().stored()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO campaign_events VALUES (NULL, ?1, ?2, 0, 0)").stored()?;
    insert.insert(params![campaign, name]).stored()
}
