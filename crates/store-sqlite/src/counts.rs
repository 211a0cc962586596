//! Counting what is folded: quarters of days per series, events and recipients per campaign.

use std::collections::BTreeMap;

use angaros_domain::{TenantId, Timestamp};
use angaros_store::Result;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::quarters::{Quarters, day_of, quarter_of};
use crate::series::{self, Identity};
use crate::tail::Entry;

/// Counts events.
pub(crate) fn add(connection: &Connection, entries: &[Entry]) -> Result<()> {
    add_to_days(connection, entries)?;
    add_to_campaigns(connection, entries)
}

fn add_to_days(connection: &Connection, entries: &[Entry]) -> Result<()> {
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

/// What happened in a campaign: since when, until when, and the recipients of each event, as often as it happened.
pub(crate) struct Addition {
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) events: BTreeMap<String, Vec<Option<i64>>>,
}

/// Events by campaign. Series that differ only in what a campaign does not tell apart are taken together.
pub(crate) fn by_campaign(
    connection: &Connection,
    entries: &[Entry],
) -> Result<BTreeMap<(TenantId, String), Addition>> {
    let mut by_series: BTreeMap<i64, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_series.entry(entry.series).or_default().push(entry);
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
        addition.events.entry(name).or_default().extend(entries.iter().map(|entry| entry.recipient));
    }
    Ok(campaigns)
}

fn add_to_campaigns(connection: &Connection, entries: &[Entry]) -> Result<()> {
    for ((tenant, campaign_id), addition) in by_campaign(connection, entries)? {
        let campaign =
            widen_campaign(connection, tenant, &campaign_id, (addition.first_at, addition.last_at))?;
        for (name, recipients) in addition.events {
            add_to_campaign(connection, campaign, &name, &recipients)?;
        }
    }
    Ok(())
}

/// Makes the campaign if it is new, lets it reach over a span of time, and answers its number.
fn widen_campaign(
    connection: &Connection,
    tenant: TenantId,
    campaign_id: &str,
    (first_at, last_at): (Timestamp, Timestamp),
) -> Result<i64> {
    let sql = "INSERT INTO campaigns VALUES (NULL, ?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
               first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at) RETURNING id";
    let mut upsert = connection.prepare_cached(sql).stored()?;
    let values = params![tenant.0, campaign_id, first_at.as_millis(), last_at.as_millis()];
    upsert.query_row(values, |row| row.get(0)).stored()
}

fn add_to_campaign(
    connection: &Connection,
    campaign: i64,
    name: &str,
    recipients: &[Option<i64>],
) -> Result<()> {
    let sql = "INSERT INTO campaign_events VALUES (NULL, ?1, ?2, ?3, 0) ON CONFLICT DO UPDATE SET n = n + excluded.n
               RETURNING id";
    let mut upsert = connection.prepare_cached(sql).stored()?;
    let new = recipients.len() as i64;
    let id: i64 = upsert.query_row(params![campaign, name, new], |row| row.get(0)).stored()?;

    let mut recipients: Vec<i64> = recipients.iter().copied().flatten().collect();
    recipients.sort_unstable();
    recipients.dedup();
    let mut insert =
        connection.prepare_cached("INSERT OR IGNORE INTO campaign_recipients VALUES (?1, ?2)").stored()?;
    let mut first_time = 0;
    for recipient in recipients {
        first_time += insert.execute([id, recipient]).stored()?;
    }
    if first_time > 0 {
        connection
            .prepare_cached("UPDATE campaign_events SET recipients = recipients + ?2 WHERE id = ?1")
            .stored()?
            .execute(params![id, first_time as i64])
            .stored()?;
    }
    Ok(())
}
