//! Audits of rows that stand for something: for an event in timelines and among keys, for a notification in a queue.

use angaros_domain::event::{PROVIDER_ANGAROS, message_key, recipient_key, thinning_level};
use angaros_domain::ingest::{EventDraft, EventKey};
use angaros_domain::{TenantId, Timestamp};
use angaros_store::{Audit, Result};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{compare_queries, number};
use crate::error::SqliteResult;

/// A table with a row for each event that has something.
struct Timeline {
    name: &'static str,
    /// Which events have a row.
    condition: &'static str,
    /// What of a row, and of its event, [`Timeline::stands`] looks at.
    columns: &'static str,
    /// Whether a row says of its event what is so.
    stands: fn(&Row<'_>) -> rusqlite::Result<bool>,
}

const TIMELINES: [Timeline; 3] = [
    Timeline {
        name: "recipient_events",
        condition: "e.recipient_id IS NOT NULL",
        columns: "t.recipient, e.tenant, e.recipient_id",
        stands: |row| {
            Ok(row.get::<_, i64>(0)? == recipient_key(TenantId(row.get(1)?), &row.get::<_, String>(2)?))
        },
    },
    Timeline {
        name: "message_events",
        condition: "e.message_id IS NOT NULL",
        columns: "t.message, e.tenant, e.message_id",
        stands: |row| {
            Ok(row.get::<_, i64>(0)? == message_key(TenantId(row.get(1)?), &row.get::<_, String>(2)?))
        },
    },
    Timeline {
        name: "series_events",
        condition: "TRUE",
        columns: "t.series = e.series, t.level, t.recipient, e.tenant, e.recipient_id",
        stands: |row| {
            let tenant = TenantId(row.get(3)?);
            let recipient = row.get::<_, Option<String>>(4)?.map(|id| recipient_key(tenant, &id));
            let level = recipient.map_or(0, thinning_level);
            Ok(row.get(0)? && (level, recipient) == (row.get(1)?, row.get(2)?))
        },
    },
];

/// That each event has its row in each timeline, and that there are no others. No table has two equal rows, and a row
/// that stands is wholly determined by its event: so numbers tell.
pub(super) fn timelines(connection: &Connection, audit: &mut Audit) -> Result<()> {
    for Timeline { name, condition, columns, stands } in TIMELINES {
        let events = number(connection, &format!("SELECT count(*) FROM events AS e WHERE {condition}"))?;
        let rows = number(connection, &format!("SELECT count(*) FROM {name}"))?;
        let sql = format!(
            "SELECT {columns} FROM {name} AS t JOIN events AS e
             ON e.position = t.position AND e.occurred_at = t.occurred_at WHERE {condition}"
        );
        let standing = count_where(connection, &sql, stands)?;
        audit.compare(|| format!("rows of {name}"), rows, events);
        audit.compare(|| format!("rows of {name} that stand for an event"), standing, events);
    }
    let last = number(connection, "SELECT ifnull(max(position), 0) FROM main.events")?;
    let events = audit.events.cast_signed();
    audit.compare(|| "places of the log".to_owned(), last, events);
    Ok(())
}

/// That each reported event is found by its key, and that there are no other keys.
pub(super) fn keys(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let of_reported = format!("JOIN series AS s ON s.id = e.series WHERE s.provider <> '{PROVIDER_ANGAROS}'");
    let reported = number(connection, &format!("SELECT count(*) FROM events AS e {of_reported}"))?;
    let rows = number(connection, "SELECT count(*) FROM event_keys")?;
    audit.compare(|| "keys of reported events".to_owned(), rows, reported);
    let keyed = format!("FROM event_keys AS k JOIN events AS e ON e.position = k.position {of_reported}");
    let with_key = number(connection, &format!("SELECT count(DISTINCT k.position) {keyed}"))?;
    audit.compare(|| "reported events that have a key".to_owned(), with_key, reported);
    let sql = format!(
        "SELECT k.key, e.tenant, s.provider, s.name, e.event_id, e.recipient_id, e.occurred_at {keyed}"
    );
    let standing =
        count_where(connection, &sql, |row| leads_to(connection, EventKey(row.get(0)?), key_of(row)?))?;
    audit.compare(|| "keys that lead to their event".to_owned(), standing, reported);
    Ok(())
}

/// The key of the event in a row of [`keys`].
fn key_of(row: &Row<'_>) -> rusqlite::Result<EventKey> {
    let draft = EventDraft {
        provider: row.get(2)?,
        event_id: row.get(4)?,
        name: row.get(3)?,
        recipient_id: row.get(5)?,
        occurred_at: Timestamp::from_millis(row.get(6)?),
        // The others are no part of it.
        message_id: None,
        campaign_id: None,
        channel: None,
        tags: Vec::new(),
        metadata: serde_json::Map::new(),
    };
    Ok(draft.key(TenantId(row.get(1)?)))
}

/// Whether a look-up that begins at an event's own key comes to the one that it is stored under: it moves on by one
/// where another event was first.
fn leads_to(connection: &Connection, stored: EventKey, mut own: EventKey) -> rusqlite::Result<bool> {
    let mut taken = connection.prepare_cached("SELECT 1 FROM event_keys WHERE key = ?1")?;
    while own != stored {
        if taken.query_row([own.0], |_| Ok(())).optional()?.is_none() {
            return Ok(false);
        }
        own = own.next();
    }
    Ok(true)
}

/// Notifications by status, the members of batches, and that whatever waits has a place from where it moves on.
pub(super) fn notifications(connection: &Connection, audit: &mut Audit) -> Result<()> {
    let counted = "SELECT CAST(tenant AS TEXT), campaign_id, status, n FROM campaign_statuses WHERE n <> 0";
    let stored = "SELECT CAST(tenant AS TEXT), campaign_id, status, count(*) FROM notifications
                  WHERE campaign_id IS NOT NULL GROUP BY 1, 2, 3";
    compare_queries(connection, audit, "notifications of campaign", counted, stored)?;
    let counted = "SELECT lower(hex(id)), size FROM batches";
    let stored =
        "SELECT lower(hex(batch_id)), count(*) FROM notifications WHERE batch_id IS NOT NULL GROUP BY 1";
    compare_queries(connection, audit, "members of batch", counted, stored)?;

    let places = "SELECT (SELECT count(*) FROM ready) + (SELECT count(*) FROM deferred)
                  + (SELECT ifnull(sum(length(slots)), 0) / 8 FROM leases)";
    let waiting = "SELECT count(*) FROM notifications WHERE status IN ('pending', 'queued', 'retrying')";
    let (places, waiting) = (number(connection, places)?, number(connection, waiting)?);
    audit.compare(|| "places of notifications that wait".to_owned(), places, waiting);
    Ok(())
}

/// How many rows of a query are as they should be.
fn count_where(
    connection: &Connection,
    sql: &str,
    is_right: impl Fn(&Row<'_>) -> rusqlite::Result<bool>,
) -> Result<i64> {
    let mut statement = connection.prepare(sql).stored()?;
    let mut rows = statement.query([]).stored()?;
    let mut count = 0;
    while let Some(row) = rows.next().stored()? {
        count += i64::from(is_right(row).stored()?);
    }
    Ok(count)
}
