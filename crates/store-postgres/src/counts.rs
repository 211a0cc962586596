//! Counting, in the transaction that appends: quarters of hours per series, events and recipients per campaign, statuses
//! per campaign. Each is one statement for all that is to be counted, in the order of its key.

use std::collections::{BTreeMap, BTreeSet};

use angaros_domain::Timestamp;
use angaros_domain::event::{Event, campaign_event_key};

use crate::error::Run;
use crate::log::recipient_of;
use crate::row::get;
use crate::session::Session;
use crate::text::Text;
use crate::values::values;

/// A quarter of an hour, in milliseconds: zones differ from UTC by multiples of it.
pub(crate) const QUARTER_MILLIS: i64 = 15 * 60 * 1000;

/// The quarter of an hour since 1970 that a point in time falls into.
pub(crate) fn quarter_of(at: Timestamp) -> i64 {
    at.as_millis() / QUARTER_MILLIS
}

/// Counts events that were just appended.
pub(crate) async fn add(session: &Session<'_>, events: &[Event], series: &[i32]) -> Run<()> {
    futures_util::try_join!(add_to_quarters(session, events, series), add_to_campaigns(session, events))?;
    Ok(())
}

async fn add_to_quarters(session: &Session<'_>, events: &[Event], series: &[i32]) -> Run<()> {
    let mut counts: BTreeMap<(i32, i32), i64> = BTreeMap::new();
    for (event, series) in events.iter().zip(series) {
        // The last quarter of 9999 is below 2^29.
        let quarter = quarter_of(event.occurred_at) as i32;
        *counts.entry((*series, quarter)).or_default() += 1;
    }
    let (keys, n): (Vec<(i32, i32)>, Vec<i64>) = counts.into_iter().unzip();
    let (series, quarters): (Vec<i32>, Vec<i32>) = keys.into_iter().unzip();
    let sql = "INSERT INTO event_counts AS c (n, series, quarter, shard)
        SELECT u.n, u.series, u.quarter, $4 FROM unnest($1, $2, $3) AS u (n, series, quarter)
        ON CONFLICT (series, quarter, shard) DO UPDATE SET n = c.n + excluded.n";
    session.execute(sql, values![n, series, quarters, session.shard.number()]).await?;
    Ok(())
}

/// What is added to an event of a campaign.
struct Addition {
    n: i64,
    first_at: Timestamp,
    last_at: Timestamp,
    recipients: BTreeSet<i64>,
}

async fn add_to_campaigns(session: &Session<'_>, events: &[Event]) -> Run<()> {
    let mut additions: BTreeMap<(i64, &str, &str), Addition> = BTreeMap::new();
    for event in events {
        let Some(campaign_id) = &event.campaign_id else { continue };
        let (key, at) = ((event.tenant.0, campaign_id.as_str(), event.name.as_str()), event.occurred_at);
        let addition = additions.entry(key).or_insert_with(|| Addition {
            n: 0,
            first_at: at,
            last_at: at,
            recipients: BTreeSet::new(),
        });
        addition.n += 1;
        addition.first_at = addition.first_at.min(at);
        addition.last_at = addition.last_at.max(at);
        addition.recipients.extend(recipient_of(event));
    }
    if additions.is_empty() {
        return Ok(());
    }
    let mut listed: BTreeMap<i64, i64> = new_recipients(session, &additions).await?;
    let (mut tenants, mut campaigns, mut names) = (vec![], vec![], vec![]);
    let (mut n, mut recipients, mut first_at, mut last_at) = (vec![], vec![], vec![], vec![]);
    for ((tenant, campaign_id, name), addition) in &additions {
        tenants.push(*tenant);
        campaigns.push(Text(campaign_id));
        names.push(Text(name));
        n.push(addition.n);
        recipients.push(listed.remove(&event_key(*tenant, campaign_id, name)).unwrap_or(0));
        first_at.push(addition.first_at.as_millis());
        last_at.push(addition.last_at.as_millis());
    }
    let sql = "INSERT INTO campaign_events AS c (tenant, n, recipients, first_at, last_at, shard, campaign_id, name)
        SELECT u.tenant, u.n, u.recipients, u.first_at, u.last_at, $8, u.campaign_id, u.name
        FROM unnest($1, $2, $3, $4, $5, $6, $7) AS u (tenant, campaign_id, name, n, recipients, first_at, last_at)
        ON CONFLICT (tenant, campaign_id, name, shard) DO UPDATE SET n = c.n + excluded.n,
            recipients = c.recipients + excluded.recipients, first_at = least(c.first_at, excluded.first_at),
            last_at = greatest(c.last_at, excluded.last_at)";
    let shard = session.shard.number();
    session.execute(sql, values![tenants, campaigns, names, n, recipients, first_at, last_at, shard]).await?;
    Ok(())
}

/// Lists recipients, and answers how many each event did not have yet. A rival that lists the same one is waited for: it
/// is new to exactly one of the two.
async fn new_recipients(
    session: &Session<'_>,
    additions: &BTreeMap<(i64, &str, &str), Addition>,
) -> Run<BTreeMap<i64, i64>> {
    let mut pairs = BTreeSet::new();
    for ((tenant, campaign_id, name), addition) in additions {
        let event = event_key(*tenant, campaign_id, name);
        pairs.extend(addition.recipients.iter().map(|recipient| (event, *recipient)));
    }
    let (events, recipients): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
    let sql = "WITH new AS (
            INSERT INTO campaign_recipients SELECT * FROM unnest($1, $2) ON CONFLICT DO NOTHING RETURNING event)
        SELECT event, count(*) FROM new GROUP BY event";
    let rows = session.rows(sql, values![events, recipients]).await?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}

fn event_key(tenant: i64, campaign_id: &str, name: &str) -> i64 {
    campaign_event_key(angaros_domain::TenantId(tenant), campaign_id, name)
}

/// Counts where notifications of campaigns stand: tenant, campaign, status, and by how much.
pub(crate) async fn add_statuses(session: &Session<'_>, moved: Vec<(i64, String, String, i64)>) -> Run<()> {
    let mut counts: BTreeMap<(i64, String, String), i64> = BTreeMap::new();
    for (tenant, campaign_id, status, by) in moved {
        *counts.entry((tenant, campaign_id, status)).or_default() += by;
    }
    counts.retain(|_, by| *by != 0);
    if counts.is_empty() {
        return Ok(());
    }
    let (mut tenants, mut campaigns, mut statuses, mut n) = (vec![], vec![], vec![], vec![]);
    for ((tenant, campaign_id, status), by) in &counts {
        tenants.push(*tenant);
        campaigns.push(Text(campaign_id));
        statuses.push(status.as_str());
        n.push(*by);
    }
    let sql = "INSERT INTO campaign_statuses AS c (tenant, n, shard, campaign_id, status)
        SELECT u.tenant, u.n, $5, u.campaign_id, u.status
        FROM unnest($1, $2, $3, $4) AS u (tenant, campaign_id, status, n)
        ON CONFLICT (tenant, campaign_id, status, shard) DO UPDATE SET n = c.n + excluded.n";
    session.execute(sql, values![tenants, campaigns, statuses, n, session.shard.number()]).await?;
    Ok(())
}
