//! The suppression list: reading and changing it, and what results and events put on it.

use std::collections::{BTreeMap, HashMap, HashSet};

use angaros_domain::event::Event;
use angaros_domain::{Address, EventId, NotificationId, Suppression, SuppressionReason, TenantId};
use angaros_store::{ListPlace, PageRequest, SettledItem, StoreError, Suppressed, SuppressionFilter};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::error::Run;
use crate::log::Log;
use crate::receipts::Named;
use crate::row::{self, column, get};
use crate::session::Session;
use crate::text::Text;
use crate::values::{Value, value, values};

pub(crate) const SUPPRESSION: &str =
    "s.number, s.tenant, s.channel, s.address, s.reason, s.notification_id, s.event_id, s.created_at";

pub(crate) fn suppression(row: &Row) -> Run<(ListPlace, Suppression)> {
    let suppression = Suppression {
        tenant: TenantId(get(row, 1)?),
        address: Address::new(row::parsed(row, 2)?, &row::text(row, 3)?),
        reason: row::parsed(row, 4)?,
        notification_id: get::<Option<Uuid>>(row, 5)?.map(NotificationId),
        event_id: get::<Option<Uuid>>(row, 6)?.map(EventId),
        created_at: row::at(row, 7)?,
    };
    Ok((ListPlace(get(row, 0)?), suppression))
}

/// What an address is found by.
type AddressKey<'a> = (TenantId, &'static str, &'a str);

fn key(tenant: TenantId, address: &Address) -> AddressKey<'_> {
    (tenant, address.channel().as_str(), address.as_str())
}

pub(crate) async fn suppress(session: &Session<'_>, suppressions: &[Suppression]) -> Run<Vec<Suppressed>> {
    let all: Vec<&Suppression> = suppressions.iter().collect();
    let added = add(session, &all).await?;
    let named: Vec<(TenantId, Address)> = all.iter().map(|s| (s.tenant, s.address.clone())).collect();
    let mut before = find(session, &named).await?;
    let outcome = |(index, suppression): (usize, &Suppression)| {
        if added.contains_key(&index) {
            return Ok(Suppressed::Added);
        }
        let known = before.get_mut(&index).map(|(_, known)| known.clone());
        // Who took it off again at the same time has left nothing to tell of.
        Ok(Suppressed::Already(known.unwrap_or_else(|| suppression.clone())))
    };
    suppressions.iter().enumerate().map(outcome).collect()
}

/// Puts addresses on their lists, and answers which were not there: their number here and on the list. Of two with one
/// address the first is added. A rival that adds the same one is waited for, in the order of addresses.
async fn add(session: &Session<'_>, all: &[&Suppression]) -> Run<HashMap<usize, i64>> {
    let mut first: BTreeMap<AddressKey<'_>, usize> = BTreeMap::new();
    for (index, s) in all.iter().enumerate() {
        first.entry(key(s.tenant, &s.address)).or_insert(index);
    }
    if first.is_empty() {
        return Ok(HashMap::new());
    }
    // Numbers are taken in the order of the call: that is the order of the list.
    let sql = "WITH asked AS MATERIALIZED (
            SELECT u.*, nextval(pg_get_serial_sequence('suppressions', 'number')) AS number
            FROM unnest($1, $2, $3, $4, $5, $6, $7) AS u (tenant, channel, address, reason, notification_id, event_id,
                created_at))
        INSERT INTO suppressions (number, tenant, channel, address, reason, notification_id, event_id, created_at)
            OVERRIDING SYSTEM VALUE
        SELECT number, tenant, channel, address, reason, notification_id, event_id, created_at FROM asked
        ORDER BY tenant, channel, address
        ON CONFLICT (tenant, channel, address_digest(address)) DO NOTHING RETURNING number, tenant, channel, address";
    let mut indexes: Vec<usize> = first.values().copied().collect();
    indexes.sort_unstable();
    let values = values![
        column(&indexes, |index| all[*index].tenant.0),
        column(&indexes, |index| all[*index].address.channel().as_str()),
        column(&indexes, |index| Text(all[*index].address.as_str())),
        column(&indexes, |index| all[*index].reason.as_str()),
        column(&indexes, |index| all[*index].notification_id.map(|id| id.0)),
        column(&indexes, |index| all[*index].event_id.map(|id| id.0)),
        column(&indexes, |index| all[*index].created_at.as_millis()),
    ];
    let rows = session.rows(sql, values).await?;
    let mut added = HashMap::new();
    for row in &rows {
        let (number, tenant): (i64, i64) = (get(row, 0)?, get(row, 1)?);
        let address = Address::new(row::parsed(row, 2)?, &row::text(row, 3)?);
        if let Some(index) = first.get(&key(TenantId(tenant), &address)) {
            added.insert(*index, number);
        }
    }
    Ok(added)
}

/// Who is not to be sent to any more, gathered from all results and events of a call: rivals that put the same addresses
/// on the list wait for each other in one direction only if each puts all of its own there at once.
#[derive(Default)]
pub(crate) struct Heeded {
    all: Vec<Suppression>,
    /// What is told of each in the log if it is new.
    told: Vec<Option<Event>>,
}

/// One of them, by its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heed(usize);

impl Heeded {
    /// The address of a result that says so.
    pub(crate) fn result(&mut self, item: &SettledItem) -> Option<Heed> {
        let (n, reason) = (&item.notification, item.suppress?);
        let told = n.suppressed_event(reason, n.updated_at);
        Some(self.push(Suppression::of(n, reason, None, n.updated_at), Some(told)))
    }

    /// Whom an event says so of, if it does. That its notification's address is there now is told in the log. `id` is
    /// the event's, if it has it already.
    pub(crate) fn event(&mut self, named: &Named, event: &Event, id: Option<EventId>) -> Option<Heed> {
        let reason = SuppressionReason::of(event)?;
        let message_id = event.message_id.as_ref();
        let notification = message_id.and_then(|message_id| named.by_message(event.tenant, message_id, None));
        let Some(n) = notification else {
            // Of the event's id, only that there is one.
            let told = Suppression::told_by(event, reason, event.id)?;
            return Some(self.push(Suppression { event_id: id, ..told }, None));
        };
        let told = n.suppressed_event(reason, event.received_at);
        Some(self.push(Suppression::of(n, reason, id, event.received_at), Some(told)))
    }

    fn push(&mut self, suppression: Suppression, told: Option<Event>) -> Heed {
        self.all.push(suppression);
        self.told.push(told);
        Heed(self.all.len() - 1)
    }

    /// Puts them all on their lists. Of two with one address the first is new.
    pub(crate) async fn add(self, session: &Session<'_>) -> Run<Listed> {
        let numbers = add(session, &self.all.iter().collect::<Vec<_>>()).await?;
        Ok(Listed { numbers, told: self.told })
    }
}

/// Which of them are new.
#[derive(Default)]
pub(crate) struct Listed {
    numbers: HashMap<usize, i64>,
    told: Vec<Option<Event>>,
}

impl Listed {
    /// Tells in the log that one is on the list now; its number there. Nothing, if it was there before.
    pub(crate) fn tell(&mut self, log: &mut Log, Heed(index): Heed) -> Option<i64> {
        let number = self.numbers.get(&index).copied()?;
        if let Some(event) = self.told.get_mut(index).and_then(Option::take) {
            log.append(event);
        }
        Some(number)
    }
}

/// Writes down which events told of what was just put on the list, now that they have their ids.
pub(crate) async fn tell(session: &Session<'_>, told: Vec<(i64, EventId)>) -> Run<()> {
    if told.is_empty() {
        return Ok(());
    }
    let (numbers, ids): (Vec<i64>, Vec<Uuid>) = told.into_iter().map(|(number, id)| (number, id.0)).unzip();
    let sql = "UPDATE suppressions AS s SET event_id = u.id FROM unnest($1, $2) AS u (number, id)
        WHERE s.number = u.number";
    session.execute(sql, values![numbers, ids]).await?;
    Ok(())
}

pub(crate) async fn unsuppress(session: &Session<'_>, addresses: &[(TenantId, Address)]) -> Run<Vec<bool>> {
    // Of two that name one address the first takes it off.
    let mut first: BTreeMap<AddressKey<'_>, usize> = BTreeMap::new();
    for (index, (tenant, address)) in addresses.iter().enumerate() {
        first.entry(key(*tenant, address)).or_insert(index);
    }
    let asked: Vec<(AddressKey<'_>, usize)> = first.into_iter().collect();
    let sql = "WITH found AS (
            SELECT s.number, u.index FROM unnest($1, $2, $3, $4) AS u (tenant, channel, address, index)
            JOIN suppressions AS s ON s.tenant = u.tenant AND s.channel = u.channel
                AND address_digest(s.address) = address_digest(u.address)
            ORDER BY s.number FOR UPDATE OF s)
        DELETE FROM suppressions AS s USING found WHERE s.number = found.number RETURNING found.index";
    let values = values![
        column(&asked, |((tenant, ..), _)| tenant.0),
        column(&asked, |((_, channel, _), _)| *channel),
        column(&asked, |((.., address), _)| Text(address)),
        column(&asked, |(_, index)| *index as i64),
    ];
    let rows = session.rows(sql, values).await?;
    let removed: Vec<i64> = row::all(&rows, |row| get(row, 0))?;
    Ok((0..addresses.len() as i64).map(|index| removed.contains(&index)).collect())
}

/// The numbers of those addresses that are on their tenants' lists.
pub(crate) async fn among(session: &Session<'_>, addresses: &[(TenantId, Address)]) -> Run<HashSet<usize>> {
    Ok(find(session, addresses).await?.into_keys().collect())
}

/// What the lists say of addresses, by the numbers of those that are on them.
async fn find(
    session: &Session<'_>,
    addresses: &[(TenantId, Address)],
) -> Run<HashMap<usize, (ListPlace, Suppression)>> {
    let sql = format!(
        "SELECT {SUPPRESSION}, u.index FROM unnest($1, $2, $3) WITH ORDINALITY AS u (tenant, channel, address, index)
         JOIN suppressions AS s ON s.tenant = u.tenant AND s.channel = u.channel
             AND address_digest(s.address) = address_digest(u.address)"
    );
    let values = values![
        column(addresses, |(tenant, _)| tenant.0),
        column(addresses, |(_, address)| address.channel().as_str()),
        column(addresses, |(_, address)| Text(address.as_str())),
    ];
    let rows = session.rows(&sql, values).await?;
    let found = |row: &Row| {
        let index = usize::try_from(get::<i64>(row, 8)? - 1);
        let index = index.map_err(|_| StoreError::Internal("an address that was not asked for".into()))?;
        Ok((index, suppression(row)?))
    };
    rows.iter().map(found).collect()
}

pub(crate) async fn suppressions(
    session: &Session<'_>,
    tenant: TenantId,
    addresses: &[Address],
) -> Run<Vec<Option<Suppression>>> {
    let named: Vec<(TenantId, Address)> = addresses.iter().map(|address| (tenant, address.clone())).collect();
    let mut found = find(session, &named).await?;
    Ok((0..addresses.len()).map(|index| found.remove(&index).map(|(_, suppression)| suppression)).collect())
}

pub(crate) async fn page(
    session: &Session<'_>,
    tenant: TenantId,
    filter: &SuppressionFilter,
    page: &PageRequest<ListPlace>,
) -> Run<Vec<(ListPlace, Suppression)>> {
    let after = page.after.unwrap_or(ListPlace(i64::MAX));
    if let Some(addresses) = &filter.addresses {
        // There are no more of them than channels.
        let named: Vec<(TenantId, Address)> =
            addresses.iter().map(|address| (tenant, address.clone())).collect();
        let mut found: Vec<(ListPlace, Suppression)> = find(session, &named).await?.into_values().collect();
        found.retain(|(place, s)| {
            *place < after
                && filter.channel.is_none_or(|channel| s.address.channel() == channel)
                && filter.reason.is_none_or(|reason| s.reason == reason)
        });
        found.sort_unstable_by_key(|(place, _)| std::cmp::Reverse(*place));
        found.dedup_by_key(|(place, _)| *place);
        found.truncate(page.limit);
        return Ok(found);
    }
    let (channel, reason) = (filter.channel.map(|c| c.as_str()), filter.reason.map(|r| r.as_str()));
    let limit = row::limit(page.limit);
    let mut values: Vec<Value<'_>> = values![tenant.0, after.0, limit];
    values.extend(channel.map(value));
    values.extend(reason.map(value));
    row::all(&session.rows(&page_sql(filter), values).await?, suppression)
}

/// A page by channel and reason. Conditions that are not asked for are left out, so that one index serves what remains.
fn page_sql(filter: &SuppressionFilter) -> String {
    let (channel, reason) = match (filter.channel.is_some(), filter.reason.is_some()) {
        (true, true) => (" AND s.channel = $4", " AND s.reason = $5"),
        (true, false) => (" AND s.channel = $4", ""),
        (false, true) => ("", " AND s.reason = $4"),
        (false, false) => ("", ""),
    };
    format!(
        "SELECT {SUPPRESSION} FROM suppressions AS s
         WHERE s.tenant = $1 AND s.number < $2{channel}{reason} ORDER BY s.number DESC LIMIT $3"
    )
}
