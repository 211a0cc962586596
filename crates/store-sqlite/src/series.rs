//! Series: what provider, name, channel and campaign events have in common, and the number they are counted under.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use angaros_domain::TenantId;
use angaros_domain::event::Event;
use angaros_store::{Result, SeriesFilter};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params, params_from_iter};

use crate::error::SqliteResult;

/// So many series are remembered; then it begins anew.
const MET_MAX: usize = 16_384;

/// A series that the writer has met.
struct Met {
    id: i64,
    tenant: TenantId,
    name: String,
    campaign_id: Option<String>,
    provider: String,
    channel: Option<String>,
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

/// The series that the writer has met, so that it looks each up once. Whoever undoes writes begins anew with an empty one:
/// series may have been made by them.
#[derive(Default)]
pub(crate) struct SeriesMet {
    met: HashMap<u64, Met>,
    hasher: RandomState,
}

impl SeriesMet {
    /// The number of an event's series.
    pub(crate) fn of(&mut self, connection: &Connection, event: &Event) -> Result<i64> {
        let what = (event.tenant, &event.name, &event.channel, &event.campaign_id, &event.provider);
        let mut hash = self.hasher.hash_one(what);
        loop {
            match self.met.get(&hash) {
                Some(met) if met.is_of(event) => return Ok(met.id),
                // Two that share a hash: the second one stands under the next number.
                Some(_) => hash = hash.wrapping_add(1),
                None => break,
            }
        }
        let id = find_or_insert(connection, event)?;
        if self.met.len() >= MET_MAX {
            self.met.clear();
        }
        let met = Met {
            id,
            tenant: event.tenant,
            name: event.name.clone(),
            campaign_id: event.campaign_id.clone(),
            provider: event.provider.clone(),
            channel: event.channel.clone(),
        };
        self.met.insert(hash, met);
        Ok(id)
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
    connection
        .prepare_cached("INSERT INTO series VALUES (NULL, ?1, ?2, ?3, ?4, ?5)")
        .stored()?
        .insert(params![event.tenant.0, event.provider, event.name, channel, campaign_id])
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

/// The series of a tenant that a filter lets through.
pub(crate) fn matching(
    connection: &Connection,
    tenant: TenantId,
    filter: &SeriesFilter,
) -> Result<Vec<Matching>> {
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
            if wanted.is_empty() {
                // That stands for none, which is not what is asked for.
                return Ok(Vec::new());
            }
            sql.push_str(&format!(" AND {column} = ?"));
            values.push(Box::new(wanted.clone()));
        }
    }
    sql.push_str(" ORDER BY id");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(Matching { id: row.get(0)?, name: row.get(1)?, channel: row.get(2)?, campaign_id: row.get(3)? })
    });
    rows.stored()?.collect::<rusqlite::Result<_>>().stored()
}

/// Whose a series is, what its events are called, and in which campaign they are.
pub(crate) struct Identity {
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) campaign_id: Option<String>,
}

/// What a series stands for.
pub(crate) fn identity(connection: &Connection, id: i64) -> Result<Identity> {
    let sql = "SELECT tenant, name, nullif(campaign_id, '') FROM series WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let found = statement.query_row([id], |row| {
        Ok(Identity { tenant: TenantId(row.get(0)?), name: row.get(1)?, campaign_id: row.get(2)? })
    });
    found.stored()
}
