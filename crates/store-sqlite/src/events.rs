//! The event log: appending, and reading a message's timeline.

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
                 VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
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

pub(crate) fn message_timeline(
    connection: &Connection,
    tenant: TenantId,
    message_id: &str,
    filter: &TimelineFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> Result<Vec<Event>> {
    let (after, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
    let columns = row::EVENT;
    // Optional conditions are left out of the text, so that what remains is served by the index alone.
    let mut sql =
        format!("SELECT {columns} FROM events WHERE message_key = ? AND message_id = ? AND tenant = ?");
    let mut values: Vec<Box<dyn rusqlite::ToSql>> =
        vec![Box::new(timeline_key(tenant, message_id)), Box::new(message_id.to_owned()), Box::new(tenant.0)];
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
    let mut statement = connection.prepare_cached(&sql).stored()?;
    let rows = statement.query_map(params_from_iter(values), row::event).stored()?;
    rows.collect::<rusqlite::Result<Vec<Event>>>().stored()
}
