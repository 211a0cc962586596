//! The event log: appending events, and timelines of messages and recipients.

use std::collections::HashMap;

use angaros_domain::event::{Event, PROVIDER_ANGAROS, timeline_key};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{PageRequest, Position, Result, TimelineFilter};
use rusqlite::{Connection, params, params_from_iter};

use crate::error::SqliteResult;
use crate::{row, stats};

/// Appends the events of one job, and counts what happened once for all of them.
pub(crate) struct Log<'c> {
    connection: &'c Connection,
    activity: HashMap<(i64, i64, &'static str), i64>,
}

impl<'c> Log<'c> {
    /// A log for one job. [`Log::finish`] must follow.
    pub(crate) fn new(connection: &'c Connection) -> Log<'c> {
        Log { connection, activity: HashMap::new() }
    }

    /// Appends one event and answers its place.
    pub(crate) fn append(&mut self, event: &Event) -> Result<Position> {
        let mut statement = self
            .connection
            .prepare_cached(
                "INSERT INTO events
                 VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )
            .stored()?;
        let position = statement
            .insert(params![
                event.tenant.0,
                event.id.0.as_bytes(),
                event.provider,
                event.event_id,
                event.name,
                event.recipient_id,
                event.recipient_id.as_ref().map(|id| timeline_key(event.tenant, id)),
                event.message_id,
                event.message_id.as_ref().map(|id| timeline_key(event.tenant, id)),
                event.campaign_id,
                event.channel,
                event.occurred_at.as_millis(),
                event.received_at.as_millis(),
                event.correlation_id.as_ref().map(|id| id.as_str()),
                row::list_text(&event.tags),
                row::object_text(&event.metadata),
            ])
            .stored()?;
        if event.provider == PROVIDER_ANGAROS
            && let Ok(status) = event.name.parse::<angaros_domain::Status>()
        {
            let key = (stats::slot_of(event.received_at), event.tenant.0, status.as_str());
            *self.activity.entry(key).or_default() += 1;
        }
        Ok(Position(position))
    }

    /// Appends several events and answers the place of the last.
    pub(crate) fn append_all(&mut self, events: &[Event]) -> Result<Position> {
        let mut position = Position::default();
        for event in events {
            position = self.append(event)?;
        }
        Ok(position)
    }

    /// Stores the counts.
    pub(crate) fn finish(self) -> Result<()> {
        stats::count(self.connection, self.activity)
    }
}

/// Whose timeline is read.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Message(String),
    Recipient(String),
}

impl Subject {
    /// The columns of the index key and of the text, and the text.
    fn parts(&self) -> (&'static str, &'static str, &str) {
        match self {
            Subject::Message(id) => ("message_key", "message_id", id),
            Subject::Recipient(id) => ("recipient_key", "recipient_id", id),
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
) -> (String, Vec<Box<dyn rusqlite::ToSql>>) {
    let (after, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
    let (columns, (key, column, text)) = (row::EVENT, subject.parts());
    // Optional conditions are left out of the text, so that what remains is served by the index alone.
    let mut sql = format!("SELECT {columns} FROM events WHERE {key} = ? AND {column} = ? AND tenant = ?");
    let mut values: Vec<Box<dyn rusqlite::ToSql>> =
        vec![Box::new(timeline_key(tenant, text)), Box::new(text.to_owned()), Box::new(tenant.0)];
    let mut condition = |text: &str, value: Box<dyn rusqlite::ToSql>| {
        sql.push_str(text);
        values.push(value);
    };
    if let Some(name) = &filter.event_name {
        condition(" AND name = ?", Box::new(name.clone()));
    }
    if let Some(channel) = &filter.channel {
        condition(" AND channel = ?", Box::new(channel.clone()));
    }
    if let Some(from) = filter.from {
        condition(" AND occurred_at >= ?", Box::new(from.as_millis()));
    }
    if let Some(to) = filter.to {
        condition(" AND occurred_at <= ?", Box::new(to.as_millis()));
    }
    if let Some((at, id)) = page.after {
        condition(&format!(" AND (occurred_at, id) {after} (?"), Box::new(at.as_millis()));
        condition(", ?)", Box::new(*id.0.as_bytes()));
    }
    condition(
        &format!(" ORDER BY occurred_at {order}, id {order} LIMIT ?"),
        Box::new(i64::try_from(page.limit).unwrap_or(i64::MAX)),
    );
    (sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, migrate};

    /// A page of a timeline is one walk along its index: no scan, no sorting, whatever the filter.
    #[test]
    fn timelines_are_served_by_their_index() {
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
                assert_eq!(plan.len(), 1, "{subject:?}: {plan:?}");
                assert!(plan[0].starts_with("SEARCH events USING INDEX events_"), "{subject:?}: {plan:?}");
            }
        }
    }
}
