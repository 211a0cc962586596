//! Counting what is appended: quarters of days per series, events and recipients per campaign.

use std::collections::BTreeMap;

use angaros_domain::{TenantId, Timestamp};
use angaros_store::Result;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::SqliteResult;
use crate::log::Entry;
use crate::quarters::{Quarters, day_of, quarter_of};
use crate::series::SeriesMet;

/// Counts the events of a job.
pub(crate) fn add(connection: &Connection, series: &SeriesMet, entries: &[Entry]) -> Result<()> {
    add_to_days(connection, series, entries)?;
    add_to_campaigns(connection, series, entries)
}

fn add_to_days(connection: &Connection, series: &SeriesMet, entries: &[Entry]) -> Result<()> {
    let mut days: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for entry in entries {
        let key = (series.all()[entry.series].id, day_of(entry.occurred_at));
        days.entry(key).or_default().push(quarter_of(entry.occurred_at));
    }
    let mut select = connection
        .prepare_cached("SELECT quarters FROM event_counts WHERE series = ?1 AND day = ?2")
        .stored()?;
    let mut upsert = connection
        .prepare_cached(
            "INSERT INTO event_counts VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET quarters = excluded.quarters",
        )
        .stored()?;
    for ((series, day), new) in days {
        let stored: Option<Vec<u8>> =
            select.query_row([series, day], |row| row.get(0)).optional().stored()?;
        let mut quarters = Quarters::decode(&stored.unwrap_or_default())?;
        for quarter in new {
            quarters.add(quarter, 1);
        }
        upsert.execute(params![series, day, quarters.encode()]).stored()?;
    }
    Ok(())
}

/// What a job adds to an event of a campaign.
#[derive(Default)]
struct Addition {
    events: i64,
    recipients: Vec<i64>,
}

fn add_to_campaigns(connection: &Connection, series: &SeriesMet, entries: &[Entry]) -> Result<()> {
    let mut by_series: Vec<Addition> = series.all().iter().map(|_| Addition::default()).collect();
    for entry in entries.iter().filter(|entry| series.all()[entry.series].campaign_id.is_some()) {
        let addition = &mut by_series[entry.series];
        addition.events += 1;
        addition.recipients.extend(entry.recipient);
    }
    // Series that differ only in what a campaign does not tell apart are counted together.
    let mut additions: BTreeMap<(TenantId, &str), BTreeMap<&str, Addition>> = BTreeMap::new();
    let mut spans: BTreeMap<(TenantId, &str), (Timestamp, Timestamp)> = BTreeMap::new();
    for (met, addition) in series.all().iter().zip(by_series) {
        let Some(campaign_id) = met.campaign_id.as_deref() else { continue };
        let span = spans.entry((met.tenant, campaign_id)).or_insert((met.first_at, met.last_at));
        *span = (span.0.min(met.first_at), span.1.max(met.last_at));
        let all = additions.entry((met.tenant, campaign_id)).or_default().entry(&met.name).or_default();
        all.events += addition.events;
        all.recipients.extend(addition.recipients);
    }
    for (((tenant, campaign_id), span), (_, additions)) in spans.into_iter().zip(additions) {
        let campaign = widen_campaign(connection, tenant, campaign_id, span)?;
        for (name, addition) in additions {
            add_to_campaign(connection, campaign, name, addition)?;
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

fn add_to_campaign(connection: &Connection, campaign: i64, name: &str, addition: Addition) -> Result<()> {
    let sql = "INSERT INTO campaign_events VALUES (NULL, ?1, ?2, ?3, 0) ON CONFLICT DO UPDATE SET n = n + excluded.n
               RETURNING id";
    let mut upsert = connection.prepare_cached(sql).stored()?;
    let id: i64 = upsert.query_row(params![campaign, name, addition.events], |row| row.get(0)).stored()?;

    let Addition { mut recipients, .. } = addition;
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
