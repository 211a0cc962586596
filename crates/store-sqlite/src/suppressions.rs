//! The suppression list: reading and changing it, and what results and events put on it.

use angaros_domain::event::Event;
use angaros_domain::{
    Address, EventId, Notification, NotificationId, Suppression, SuppressionReason, TenantId, Timestamp,
};
use angaros_store::{ListPlace, PageRequest, Result, Suppressed, SuppressionFilter};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params, params_from_iter};

use crate::error::SqliteResult;
use crate::log::Log;
use crate::{receipts, row};

pub(crate) const SUPPRESSION: &str =
    "number, tenant, channel, address, reason, notification_id, event_id, created_at";

pub(crate) fn suppression(row: &Row<'_>) -> rusqlite::Result<(ListPlace, Suppression)> {
    let suppression = Suppression {
        tenant: TenantId(row.get(1)?),
        address: Address::new(row::parsed(row, 2)?, &row.get::<_, String>(3)?),
        reason: row::parsed(row, 4)?,
        notification_id: row::optional_uuid(row, 5)?.map(NotificationId),
        event_id: row::optional_uuid(row, 6)?.map(EventId),
        created_at: row::time(row, 7)?.unwrap_or_default(),
    };
    Ok((ListPlace(row.get(0)?), suppression))
}

pub(crate) fn suppress(connection: &Connection, suppressions: &[Suppression]) -> Result<Vec<Suppressed>> {
    let mut outcomes = Vec::with_capacity(suppressions.len());
    for suppression in suppressions {
        let added = add(connection, suppression)?;
        let before = if added { None } else { find(connection, suppression.tenant, &suppression.address)? };
        outcomes.push(before.map_or(Suppressed::Added, |(_, before)| Suppressed::Already(before)));
    }
    Ok(outcomes)
}

/// Puts an address on the list; whether it was not there.
fn add(connection: &Connection, s: &Suppression) -> Result<bool> {
    let sql = "INSERT INTO suppressions VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT (tenant, channel, address) DO NOTHING";
    let added = connection.prepare_cached(sql).stored()?.execute(params![
        s.tenant.0,
        s.address.channel().as_str(),
        s.address.as_str(),
        s.reason.as_str(),
        s.notification_id.as_ref().map(|id| id.0.as_bytes()),
        s.event_id.as_ref().map(|id| id.0.as_bytes()),
        s.created_at.as_millis(),
    ]);
    Ok(added.stored()? > 0)
}

/// Puts a notification's address on the list; if it was not there, the log tells of it.
pub(crate) fn put_recipient(
    connection: &Connection,
    log: &mut Log<'_>,
    notification: &Notification,
    (reason, event_id): (SuppressionReason, Option<EventId>),
    now: Timestamp,
) -> Result<()> {
    if add(connection, &Suppression::of(notification, reason, event_id, now))? {
        log.append(&notification.suppressed_event(reason, now))?;
    }
    Ok(())
}

/// Puts on the list whom an event says not to send to any more, if it does. `id` is the one that the log gave it.
pub(crate) fn heed(connection: &Connection, log: &mut Log<'_>, event: &Event, id: EventId) -> Result<()> {
    let Some(reason) = SuppressionReason::of(event) else { return Ok(()) };
    if let Some(message_id) = &event.message_id
        && let Some((_, notification)) = receipts::named(connection, event.tenant, message_id, None)?
    {
        return put_recipient(connection, log, &notification, (reason, Some(id)), event.received_at);
    }
    if let Some(suppression) = Suppression::told_by(event, reason, id) {
        add(connection, &suppression)?;
    }
    Ok(())
}

pub(crate) fn unsuppress(connection: &Connection, addresses: &[(TenantId, Address)]) -> Result<Vec<bool>> {
    let sql = "DELETE FROM suppressions WHERE tenant = ?1 AND channel = ?2 AND address = ?3";
    let mut delete = connection.prepare_cached(sql).stored()?;
    let mut remove = |(tenant, address): &(TenantId, Address)| {
        let deleted = delete.execute(params![tenant.0, address.channel().as_str(), address.as_str()]);
        deleted.map(|count| count > 0).stored()
    };
    addresses.iter().map(&mut remove).collect()
}

/// Whether nothing at all is suppressed: then nobody has to be looked up.
pub(crate) fn is_empty(connection: &Connection) -> Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM suppressions)";
    connection.prepare_cached(sql).stored()?.query_row([], |row| row.get(0)).stored()
}

/// Whether an address is on a tenant's list.
pub(crate) fn holds(connection: &Connection, tenant: TenantId, address: &Address) -> Result<bool> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM suppressions WHERE tenant = ?1 AND channel = ?2 AND address = ?3)";
    let mut statement = connection.prepare_cached(sql).stored()?;
    let key = params![tenant.0, address.channel().as_str(), address.as_str()];
    statement.query_row(key, |row| row.get(0)).stored()
}

fn find(
    connection: &Connection,
    tenant: TenantId,
    address: &Address,
) -> Result<Option<(ListPlace, Suppression)>> {
    let sql =
        format!("SELECT {SUPPRESSION} FROM suppressions WHERE tenant = ?1 AND channel = ?2 AND address = ?3");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let key = params![tenant.0, address.channel().as_str(), address.as_str()];
    statement.query_row(key, suppression).optional().stored()
}

pub(crate) fn suppressions(
    connection: &Connection,
    tenant: TenantId,
    addresses: &[Address],
) -> Result<Vec<Option<Suppression>>> {
    let found = |address| Ok(find(connection, tenant, address)?.map(|(_, suppression)| suppression));
    addresses.iter().map(found).collect()
}

pub(crate) fn page(
    connection: &Connection,
    tenant: TenantId,
    filter: &SuppressionFilter,
    page: &PageRequest<ListPlace>,
) -> Result<Vec<(ListPlace, Suppression)>> {
    let after = page.after.unwrap_or(ListPlace(i64::MAX));
    if let Some(addresses) = &filter.addresses {
        // There are no more of them than channels.
        let mut found = Vec::new();
        for address in addresses {
            found.extend(find(connection, tenant, address)?);
        }
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
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let (channel, reason) = (filter.channel.map(|c| c.as_str()), filter.reason.map(|r| r.as_str()));
    let mut values: Vec<&dyn ToSql> = vec![&tenant.0, &after.0];
    values.extend(channel.as_ref().map(|channel| channel as &dyn ToSql));
    values.extend(reason.as_ref().map(|reason| reason as &dyn ToSql));
    values.push(&limit);
    let mut statement = connection.prepare_cached(&page_sql(filter)).stored()?;
    let rows = statement.query_map(params_from_iter(values), suppression).stored()?;
    rows.collect::<rusqlite::Result<_>>().stored()
}

/// A page by channel and reason, through the index of the condition that leaves the least.
fn page_sql(filter: &SuppressionFilter) -> String {
    let (channel, reason) = (filter.channel.is_some(), filter.reason.is_some());
    let index = match (channel, reason) {
        (_, true) => "suppressions_reason",
        (true, false) => "suppressions_channel",
        (false, false) => "suppressions_newest",
    };
    let channel = if channel { " AND channel = ?" } else { "" };
    let reason = if reason { " AND reason = ?" } else { "" };
    format!(
        "SELECT {SUPPRESSION} FROM suppressions INDEXED BY {index}
         WHERE tenant = ? AND number < ?{channel}{reason} ORDER BY number DESC LIMIT ?"
    )
}

#[cfg(test)]
mod tests {
    use angaros_domain::Channel;

    use super::*;
    use crate::{connection, migrate};

    /// The steps of a statement with so many parameters.
    fn plan(connection: &Connection, sql: &str, parameters: usize) -> Vec<String> {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let rows = statement.query_map(params_from_iter(vec![1i64; parameters]), |row| row.get(3)).unwrap();
        rows.map(std::result::Result::unwrap).collect()
    }

    /// Every list walks one index in its order, and an address is found through one: no scan, no sorting.
    #[test]
    fn lists_and_look_ups_are_served_by_one_index_each() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        for (channel, reason, index) in [
            (None, None, "suppressions_newest (tenant=? AND rowid<?)"),
            (Some(Channel::Sms), None, "suppressions_channel (tenant=? AND channel=? AND rowid<?)"),
            (
                None,
                Some(SuppressionReason::Manual),
                "suppressions_reason (tenant=? AND reason=? AND rowid<?)",
            ),
            (
                Some(Channel::Sms),
                Some(SuppressionReason::Manual),
                "suppressions_reason (tenant=? AND reason=? AND rowid<?)",
            ),
        ] {
            let filter = SuppressionFilter { channel, reason, addresses: None };
            let parameters = 3 + usize::from(channel.is_some()) + usize::from(reason.is_some());
            let steps = plan(&writer, &page_sql(&filter), parameters);
            assert_eq!(steps, [format!("SEARCH suppressions USING INDEX {index}")], "{filter:?}");
        }
        let sql = "SELECT reason FROM suppressions WHERE tenant = ?1 AND channel = ?2 AND address = ?3";
        let steps = plan(&writer, sql, 3);
        assert!(
            steps.len() == 1 && steps[0].ends_with("(tenant=? AND channel=? AND address=?)"),
            "{steps:?}"
        );
    }

    /// Whoever an event names is found through one index, however many messages share a provider's id.
    #[test]
    fn a_providers_id_is_looked_up_in_one_index() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        for (status, range) in [
            (None, "(tenant=? AND provider_message_id=?)"),
            (Some(angaros_domain::Status::Sent), "(tenant=? AND provider_message_id=? AND status=?)"),
        ] {
            let steps = plan(&writer, &receipts::named_sql(status), 2);
            let expected = format!("SEARCH notifications USING INDEX notifications_receipt {range}");
            assert_eq!(steps, [expected], "{status:?}");
        }
    }
}
