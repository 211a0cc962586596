//! Timelines: what happened to a recipient, and to a message.

use angaros_domain::event::{Event, message_key, recipient_key};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{PageRequest, Result, TimelineFilter};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params_from_iter};

use crate::error::SqliteResult;
use crate::row;
use crate::tail::{Entry, Session};

/// Whose timeline is read.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Message(String),
    Recipient(String),
}

impl Subject {
    /// What an entry of the tail says of such a subject.
    fn of(&self, entry: &Entry) -> Option<i64> {
        match self {
            Subject::Message(_) => entry.message,
            Subject::Recipient(_) => entry.recipient,
        }
    }

    /// Whether an event is of this subject: the text decides.
    fn is_of(&self, event: &Event) -> bool {
        match self {
            Subject::Message(id) => event.message_id.as_ref() == Some(id),
            Subject::Recipient(id) => event.recipient_id.as_ref() == Some(id),
        }
    }

    /// The table, its key's column, the key, and the column and the text that decide.
    fn parts(&self, tenant: TenantId) -> (&'static str, &'static str, i64, &'static str, &str) {
        match self {
            Subject::Message(id) => ("message_events", "message", message_key(tenant, id), "message_id", id),
            Subject::Recipient(id) => {
                ("recipient_events", "recipient", recipient_key(tenant, id), "recipient_id", id)
            }
        }
    }
}

pub(crate) fn timeline(
    session: &Session<'_>,
    tenant: TenantId,
    subject: &Subject,
    filter: &TimelineFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> Result<Vec<Event>> {
    let key = subject.parts(tenant).2;
    let (folded, tail) = session.tail(|entry| subject.of(entry) == Some(key))?;
    let mut events = folded_page(session, tenant, subject, filter, (page, folded))?;
    events.extend(tail_page(session, tenant, subject, filter, (page, tail))?);
    events.sort_by_key(|event| (event.occurred_at, event.id));
    if filter.descending {
        events.reverse();
    }
    events.truncate(page.limit);
    Ok(events)
}

/// The page as it would be without the tail of the log.
fn folded_page(
    connection: &Connection,
    tenant: TenantId,
    subject: &Subject,
    filter: &TimelineFilter,
    (page, folded): (&PageRequest<(Timestamp, EventId)>, i64),
) -> Result<Vec<Event>> {
    let (sql, values) = timeline_query(tenant, subject, filter, (page, folded));
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map(params_from_iter(values), row::event).stored()?;
    rows.collect::<rusqlite::Result<Vec<Event>>>().stored()
}

/// The page as it would be of the tail of the log alone.
fn tail_page(
    connection: &Connection,
    tenant: TenantId,
    subject: &Subject,
    filter: &TimelineFilter,
    (page, mut tail): (&PageRequest<(Timestamp, EventId)>, Vec<Entry>),
) -> Result<Vec<Event>> {
    let place = |entry: &Entry| (entry.occurred_at, entry.position);
    let after = page.after.map(|(at, id)| (at, id.place()));
    tail.retain(|entry| {
        filter.from.is_none_or(|from| entry.occurred_at >= from)
            && filter.to.is_none_or(|to| entry.occurred_at <= to)
            && after.is_none_or(
                |after| if filter.descending { place(entry) < after } else { place(entry) > after },
            )
    });
    tail.sort_unstable_by_key(place);
    if filter.descending {
        tail.reverse();
    }
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    let sql = format!("SELECT {columns} FROM {tables} WHERE e.position = ?1 AND e.tenant = ?2");
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let mut events = Vec::new();
    for entry in tail {
        if events.len() == page.limit {
            break;
        }
        let found = statement.query_row([entry.position, tenant.0], row::event).optional().stored()?;
        events.extend(found.filter(|event| subject.is_of(event) && is_told(filter, event)));
    }
    Ok(events)
}

fn is_told(filter: &TimelineFilter, event: &Event) -> bool {
    filter.event_name.as_ref().is_none_or(|name| event.name == *name)
        && filter.channel.as_ref().is_none_or(|channel| event.channel.as_ref() == Some(channel))
}

fn timeline_query(
    tenant: TenantId,
    subject: &Subject,
    filter: &TimelineFilter,
    (page, folded): (&PageRequest<(Timestamp, EventId)>, i64),
) -> (String, Vec<Box<dyn ToSql>>) {
    let (after, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
    let (table, key_column, key, column, text) = subject.parts(tenant);
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    // Optional conditions are left out of the text, so that what remains is served by the table's own order.
    let mut sql = format!(
        "SELECT {columns} FROM {table} AS t CROSS JOIN {tables}
         WHERE t.{key_column} = ? AND t.position <= ? AND e.position = t.position AND e.{column} = ? AND e.tenant = ?"
    );
    let mut values: Vec<Box<dyn ToSql>> =
        vec![Box::new(key), Box::new(folded), Box::new(text.to_owned()), Box::new(tenant.0)];
    let mut condition = |text: &str, value: Box<dyn ToSql>| {
        sql.push_str(text);
        values.push(value);
    };
    if let Some(name) = &filter.event_name {
        condition(" AND s.name = ?", Box::new(name.clone()));
    }
    if let Some(channel) = &filter.channel {
        condition(" AND s.channel = ?", Box::new(channel.clone()));
    }
    if let Some(from) = filter.from {
        condition(" AND t.occurred_at >= ?", Box::new(from.as_millis()));
    }
    if let Some(to) = filter.to {
        condition(" AND t.occurred_at <= ?", Box::new(to.as_millis()));
    }
    if let Some((at, id)) = page.after {
        // The order of ids is that of positions.
        condition(&format!(" AND (t.occurred_at, t.position) {after} (?"), Box::new(at.as_millis()));
        condition(", ?)", Box::new(id.place()));
    }
    condition(
        &format!(" ORDER BY t.occurred_at {order}, t.position {order} LIMIT ?"),
        Box::new(i64::try_from(page.limit).unwrap_or(i64::MAX)),
    );
    (sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, migrate};

    /// A page of a timeline is one walk along its table: no scan, no sorting, whatever the filter.
    #[test]
    fn timelines_are_served_in_their_own_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = connection::open_writer(&folder.path().join("a.db")).unwrap();
        migrate::up(&mut writer).unwrap();
        let page = PageRequest { limit: 50, after: Some((Timestamp::MIN, EventId(uuid::Uuid::nil()))) };
        for descending in [false, true] {
            let filter = TimelineFilter {
                event_name: Some("opened".into()),
                channel: Some("email".into()),
                from: Some(Timestamp::MIN),
                to: Some(Timestamp::MAX),
                descending,
            };
            for subject in [Subject::Message("m".into()), Subject::Recipient("r".into())] {
                let (sql, values) = timeline_query(TenantId::DEFAULT, &subject, &filter, (&page, 1));
                let mut statement = writer.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let plan: Vec<String> = statement
                    .query_map(params_from_iter(values), |row| row.get(3))
                    .unwrap()
                    .map(std::result::Result::unwrap)
                    .collect();
                assert_eq!(plan.len(), 3, "{subject:?}: {plan:?}");
                assert!(plan[0].starts_with("SEARCH t USING PRIMARY KEY"), "{subject:?}: {plan:?}");
                assert!(plan[1].starts_with("SEARCH e USING INTEGER PRIMARY KEY"), "{subject:?}: {plan:?}");
                assert!(plan[2].starts_with("SEARCH s USING INTEGER PRIMARY KEY"), "{subject:?}: {plan:?}");
            }
        }
    }
}
