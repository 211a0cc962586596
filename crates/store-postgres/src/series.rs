//! Series: what provider, name, channel and campaign events have in common, and the number they are counted under.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use angaros_domain::TenantId;
use angaros_domain::event::Event;
use angaros_store::{SeriesFilter, StoreError};

use crate::error::Run;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::{Value, value, values};

/// Series that are remembered. They never change, so those that go are only looked up again.
const REMEMBERED_MAX: usize = 1 << 16;

/// What a series stands for, in the order of its unique key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Identity<'e> {
    tenant: i64,
    campaign_id: &'e str,
    name: &'e str,
    channel: &'e str,
    provider: &'e str,
}

impl<'e> Identity<'e> {
    fn of(event: &'e Event) -> Identity<'e> {
        // How the table writes what may be absent: no text of ours is empty.
        let text = |optional: &'e Option<String>| optional.as_deref().unwrap_or_default();
        Identity {
            tenant: event.tenant.0,
            campaign_id: text(&event.campaign_id),
            name: &event.name,
            channel: text(&event.channel),
            provider: &event.provider,
        }
    }

    /// The same as one text, to remember it by. Lengths keep parts apart.
    fn remembered_as(&self) -> String {
        let Identity { tenant, campaign_id, name, channel, provider } = self;
        let (a, b, c) = (campaign_id.len(), name.len(), channel.len());
        format!("{tenant} {a} {b} {c} {campaign_id}{name}{channel}{provider}")
    }
}

/// The numbers of series that are known to be committed.
#[derive(Default)]
pub(crate) struct Known(Mutex<HashMap<String, i32>>);

impl Known {
    fn get(&self, identity: &Identity<'_>) -> Option<i32> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&identity.remembered_as()).copied()
    }

    fn remember(&self, identity: &Identity<'_>, id: i32) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(identity.remembered_as(), id);
    }
}

/// What happened in a series of a level, from one point in time to another, in parentheses: for `LATERAL`, beside levels
/// called `l`. `OFFSET 0` lets the planner do it in no other way: it takes all series for equally long, and where one holds
/// nearly everything it would rather read that from end to end than go to the range once for each level.
pub(crate) fn occurred(series: &str, start: &str, stop: &str) -> String {
    format!(
        "(SELECT w.occurred_at, w.recipient_key FROM events AS w WHERE w.series = {series}
            AND w.level = l.level::smallint AND w.occurred_at >= {start} AND w.occurred_at < {stop} OFFSET 0)"
    )
}

/// The number of each event's series. Those that are new are made, in the order of their key.
pub(crate) async fn of_events(session: &Session<'_>, events: &[Event]) -> Run<Vec<i32>> {
    let identities: Vec<Identity<'_>> = events.iter().map(Identity::of).collect();
    let mut numbers: BTreeMap<Identity<'_>, Option<i32>> = BTreeMap::new();
    for identity in &identities {
        numbers.entry(*identity).or_insert_with(|| session.store.series.get(identity));
    }
    let unknown = missing(&numbers);
    if !unknown.is_empty() {
        for (identity, id) in find(session, &unknown).await? {
            // Whatever is found was committed before: nothing was made in this transaction yet.
            session.store.series.remember(&identity, id);
            numbers.insert(identity, Some(id));
        }
        let new = missing(&numbers);
        if !new.is_empty() {
            make(session, &new).await?;
            // In a statement of its own, which sees those that a rival made meanwhile.
            numbers.extend(find(session, &new).await?.into_iter().map(|(identity, id)| (identity, Some(id))));
        }
    }
    let number = |identity| numbers.get(identity).copied().flatten();
    let numbers: Option<Vec<i32>> = identities.iter().map(number).collect();
    numbers.ok_or_else(|| StoreError::Internal("a series was not made".into()).into())
}

fn missing<'e>(numbers: &BTreeMap<Identity<'e>, Option<i32>>) -> Vec<Identity<'e>> {
    numbers.iter().filter(|(_, id)| id.is_none()).map(|(identity, _)| *identity).collect()
}

async fn find<'e>(session: &Session<'_>, wanted: &[Identity<'e>]) -> Run<Vec<(Identity<'e>, i32)>> {
    let sql = "SELECT u.number, s.id FROM unnest($1, $2, $3, $4, $5) WITH ORDINALITY
            AS u (tenant, campaign_id, name, channel, provider, number)
        JOIN series AS s ON s.tenant = u.tenant AND s.campaign_id = u.campaign_id AND s.name = u.name
            AND s.channel = u.channel AND s.provider = u.provider";
    let rows = session.rows(sql, columns(wanted).values()).await?;
    let found = |row: &tokio_postgres::Row| {
        let number: i64 = get(row, 0)?;
        let identity = usize::try_from(number - 1).ok().and_then(|place| wanted.get(place));
        let identity = identity.ok_or_else(|| row::unreadable(0, "not one of those asked for"))?;
        Ok((*identity, get(row, 1)?))
    };
    row::all(&rows, found)
}

async fn make(session: &Session<'_>, new: &[Identity<'_>]) -> Run<()> {
    let sql = "INSERT INTO series (tenant, campaign_id, name, channel, provider)
        SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    session.execute(sql, columns(new).values()).await?;
    Ok(())
}

/// Identities by column.
struct Columns<'e> {
    tenants: Vec<i64>,
    texts: [Vec<Text<'e>>; 4],
}

fn columns<'e>(all: &[Identity<'e>]) -> Columns<'e> {
    Columns {
        tenants: column(all, |one| one.tenant),
        texts: [
            column(all, |one| Text(one.campaign_id)),
            column(all, |one| Text(one.name)),
            column(all, |one| Text(one.channel)),
            column(all, |one| Text(one.provider)),
        ],
    }
}

impl<'e> Columns<'e> {
    fn values(self) -> Vec<Value<'e>> {
        [value(self.tenants)].into_iter().chain(self.texts.map(value)).collect()
    }
}

/// A series that a question is about.
pub(crate) struct Matching {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) channel: Option<String>,
    pub(crate) campaign_id: Option<String>,
}

/// The series of a tenant that a filter lets through.
pub(crate) async fn matching(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &SeriesFilter,
) -> Run<Vec<Matching>> {
    let wanted = [&filter.campaign_id, &filter.event_name, &filter.channel, &filter.provider];
    if wanted.iter().any(|text| text.as_deref() == Some("")) {
        // That stands for none, which is not what is asked for.
        return Ok(Vec::new());
    }
    let [campaign_id, name, channel, provider] = wanted.map(|text| text.as_deref().map(Text));
    let sql = "SELECT id, name, nullif(channel, ''), nullif(campaign_id, '') FROM series
        WHERE tenant = $1 AND ($2::text IS NULL OR campaign_id = $2) AND ($3::text IS NULL OR name = $3)
            AND ($4::text IS NULL OR channel = $4) AND ($5::text IS NULL OR provider = $5) ORDER BY id";
    let rows = session.rows(sql, values![tenant.0, campaign_id, name, channel, provider]).await?;
    row::all(&rows, |row| {
        Ok(Matching {
            id: get(row, 0)?,
            name: row::text(row, 1)?,
            channel: row::optional_text(row, 2)?,
            campaign_id: row::optional_text(row, 3)?,
        })
    })
}
