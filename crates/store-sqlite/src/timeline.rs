//! Timelines: what happened to a recipient, and to a message.

use angaros_domain::event::{Event, message_key, recipient_key};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{PageRequest, Result, TimelineFilter};
use rusqlite::{Connection, ToSql, params_from_iter};

use crate::error::SqliteResult;
use crate::row;

/// Whose timeline is read.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Message(String),
    Recipient(String),
}

impl Subject {
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
    connection: &Connection,
    tenant: TenantId,
    subject: &Subject,
    filter: &TimelineFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> Result<Vec<Event>> {
    let (sql, values) = timeline_query(tenant, subject, filter, page);
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map(params_from_iter(values), row::event).stored()?;
    rows.collect::<rusqlite::Result<Vec<Event>>>().stored()
}

fn timeline_query(
    tenant: TenantId,
    subject: &Subject,
    filter: &TimelineFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> (String, Vec<Box<dyn ToSql>>) {
    let (after, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
    let (table, key_column, key, column, text) = subject.parts(tenant);
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    // Optional conditions are left out of the text, so that what remains is served by the table's own order.
    let mut sql = format!(
        "SELECT {columns} FROM {table} AS t CROSS JOIN {tables}
         WHERE t.{key_column} = ? AND e.position = t.position AND e.{column} = ? AND e.tenant = ?"
    );
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(key), Box::new(text.to_owned()), Box::new(tenant.0)];
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
                let (sql, values) = timeline_query(TenantId::DEFAULT, &subject, &filter, &page);
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
