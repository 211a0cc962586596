//! Series: what provider, name, channel and campaign events have in common, and the number they are counted under.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use angaros_domain::event::Event;
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{Result, SeriesFilter};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params, params_from_iter};

use crate::error::SqliteResult;

/// A series that a job has met.
pub(crate) struct Met {
    pub(crate) id: i64,
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) campaign_id: Option<String>,
    provider: String,
    channel: Option<String>,
    /// When its events happened, as far as this job knows: first and last.
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

impl Met {
    fn is_of(&self, event: &Event) -> bool {
        self.tenant == event.tenant
            && self.name == event.name
            && self.channel == event.channel
            && self.campaign_id == event.campaign_id
            && self.provider == event.provider
    }
}

/// The series that a job meets, each looked up or made once.
#[derive(Default)]
pub(crate) struct SeriesMet {
    met: Vec<Met>,
    by_hash: HashMap<u64, usize>,
    hasher: RandomState,
}

impl SeriesMet {
    /// The place in [`SeriesMet::all`] of an event's series; takes note of when the event happened.
    pub(crate) fn of(&mut self, connection: &Connection, event: &Event) -> Result<usize> {
        let what = (event.tenant, &event.name, &event.channel, &event.campaign_id, &event.provider);
        let mut hash = self.hasher.hash_one(what);
        loop {
            match self.by_hash.get(&hash) {
                Some(place) if self.met[*place].is_of(event) => {
                    let met = &mut self.met[*place];
                    met.first_at = met.first_at.min(event.occurred_at);
                    met.last_at = met.last_at.max(event.occurred_at);
                    return Ok(*place);
                }
                // Two that share a hash: the second one stands under the next number.
                Some(_) => hash = hash.wrapping_add(1),
                None => break,
            }
        }
        let id = find_or_insert(connection, event)?;
        self.by_hash.insert(hash, self.met.len());
        self.met.push(Met {
            id,
            tenant: event.tenant,
            name: event.name.clone(),
            campaign_id: event.campaign_id.clone(),
            provider: event.provider.clone(),
            channel: event.channel.clone(),
            first_at: event.occurred_at,
            last_at: event.occurred_at,
        });
        Ok(self.met.len() - 1)
    }

    pub(crate) fn all(&self) -> &[Met] {
        &self.met
    }

    /// Stores since when and until when the series have events.
    pub(crate) fn finish(&self, connection: &Connection) -> Result<()> {
        let mut widen = connection
            .prepare_cached(
                "UPDATE series SET first_at = min(first_at, ?2), last_at = max(last_at, ?3)
                 WHERE id = ?1 AND (first_at > ?2 OR last_at < ?3)",
            )
            .stored()?;
        for met in &self.met {
            widen.execute(params![met.id, met.first_at.as_millis(), met.last_at.as_millis()]).stored()?;
        }
        Ok(())
    }
}

fn find_or_insert(connection: &Connection, event: &Event) -> Result<i64> {
    let (channel, campaign_id) = (text(event.channel.as_ref()), text(event.campaign_id.as_ref()));
    let sql = "SELECT id FROM series
               WHERE tenant = ?1 AND campaign_id = ?2 AND name = ?3 AND channel = ?4 AND provider = ?5";
    let what = params![event.tenant.0, campaign_id, event.name, channel, event.provider];
    let found = connection.prepare_cached(sql).stored()?.query_row(what, |row| row.get(0)).optional();
    if let Some(id) = found.stored()? {
        return Ok(id);
    }
    let at = event.occurred_at.as_millis();
    connection
        .prepare_cached("INSERT INTO series VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?6)")
        .stored()?
        .insert(params![event.tenant.0, event.provider, event.name, channel, campaign_id, at])
        .stored()
}

/// How the table writes what may be absent: no text of ours is empty.
fn text(optional: Option<&String>) -> &str {
    optional.map_or("", String::as_str)
}

/// A series that a question is about.
pub(crate) struct Matching {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) channel: Option<String>,
    pub(crate) campaign_id: Option<String>,
}

/// The series of a tenant that a filter lets through and that have events in a range.
pub(crate) fn matching(
    connection: &Connection,
    tenant: TenantId,
    filter: &SeriesFilter,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Matching>> {
    let (sql, values) = matching_query(tenant, filter, from, to);
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement
        .query_map(params_from_iter(values), |row| {
            Ok(Matching {
                id: row.get(0)?,
                name: row.get(1)?,
                channel: row.get(2)?,
                campaign_id: row.get(3)?,
            })
        })
        .stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

fn matching_query(
    tenant: TenantId,
    filter: &SeriesFilter,
    from: Timestamp,
    to: Timestamp,
) -> (String, Vec<Box<dyn ToSql>>) {
    let mut sql =
        "SELECT id, name, nullif(channel, ''), nullif(campaign_id, '') FROM series WHERE tenant = ?"
            .to_owned();
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(tenant.0)];
    for (column, wanted) in [
        ("campaign_id", &filter.campaign_id),
        ("name", &filter.event_name),
        ("channel", &filter.channel),
        ("provider", &filter.provider),
    ] {
        if let Some(wanted) = wanted {
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(Box::new(wanted.clone()));
        }
    }
    sql.push_str(" AND last_at >= ? AND first_at < ? ORDER BY id");
    values.push(Box::new(from.as_millis()));
    values.push(Box::new(to.as_millis()));
    (sql, values)
}
