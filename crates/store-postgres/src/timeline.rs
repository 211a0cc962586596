//! Timelines: what happened to a recipient, and to a message.

use angaros_domain::event::{Event, message_key, recipient_key};
use angaros_domain::{EventId, TenantId, Timestamp};
use angaros_store::{PageRequest, TimelineFilter};

use crate::compact::Compact;
use crate::error::Run;
use crate::row;
use crate::session::Session;
use crate::text::Text;
use crate::values::{Value, value};

/// Whose timeline is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'s> {
    Message(&'s str),
    Recipient(&'s str),
}

impl<'s> Subject<'s> {
    /// The column of the key, the key, and the column and the text that decide.
    fn parts(self, tenant: TenantId) -> (&'static str, i64, &'static str, Value<'s>) {
        match self {
            Subject::Message(id) => {
                ("message_key", message_key(tenant, id), "message_id", value(Compact(id)))
            }
            Subject::Recipient(id) => {
                ("recipient_key", recipient_key(tenant, id), "recipient_id", value(Text(id)))
            }
        }
    }
}

pub(crate) async fn timeline(
    session: &Session<'_>,
    tenant: TenantId,
    subject: Subject<'_>,
    filter: &TimelineFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> Run<Vec<Event>> {
    let (sql, values) = timeline_query(tenant, subject, filter, page);
    row::all(&session.rows(&sql, values).await?, row::event)
}

fn timeline_query<'q>(
    tenant: TenantId,
    subject: Subject<'q>,
    filter: &'q TimelineFilter,
    page: &PageRequest<(Timestamp, EventId)>,
) -> (String, Vec<Value<'q>>) {
    let (key_column, key, column, text) = subject.parts(tenant);
    let (after, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
    let (columns, tables) = (row::EVENT, row::EVENT_TABLES);
    // Optional conditions are left out of the text, so that what remains is served by the index's own order.
    let mut sql = format!(
        "SELECT {columns} FROM {tables} WHERE e.{key_column} = $1 AND e.{column} = $2 AND e.tenant = $3"
    );
    let limit = row::limit(page.limit);
    let (name, channel) = (filter.event_name.as_deref().map(Text), filter.channel.as_deref().map(Text));
    let (from, to) = (row::millis(filter.from), row::millis(filter.to));
    // The order of ids is that of positions.
    let (after_at, after_place) = page.after.map(|(at, id)| (at.as_millis(), id.place())).unzip();
    let mut values: Vec<Value<'_>> = vec![value(key), text, value(tenant.0)];
    let optional = [
        (" AND s.name = ", "", name.map(value)),
        (" AND s.channel = ", "", channel.map(value)),
        (" AND e.occurred_at >= ", "", from.map(value)),
        (" AND e.occurred_at <= ", "", to.map(value)),
        (&format!(" AND (e.occurred_at, e.position) {after} ("), "", after_at.map(value)),
        (", ", ")", after_place.map(value)),
    ];
    for (before, behind, asked) in optional {
        let Some(asked) = asked else { continue };
        values.push(asked);
        sql.push_str(&format!("{before}${}{behind}", values.len()));
    }
    values.push(value(limit));
    sql.push_str(&format!(" ORDER BY e.occurred_at {order}, e.position {order} LIMIT ${}", values.len()));
    (sql, values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::Bench;

    /// A page of a timeline is one walk along an index of each partition, whatever the filter.
    #[tokio::test]
    async fn timelines_are_served_in_their_own_order() {
        let bench = Bench::new().await;
        let page = PageRequest { limit: 50, after: Some((Timestamp::MIN, EventId(uuid::Uuid::nil()))) };
        for descending in [false, true] {
            let filter = TimelineFilter {
                event_name: Some("opened".into()),
                channel: Some("email".into()),
                from: Some(Timestamp::MIN),
                to: Some(Timestamp::MAX),
                descending,
            };
            for (subject, key) in
                [(Subject::Message("m"), "message_key"), (Subject::Recipient("r"), "recipient_key")]
            {
                let (sql, values) = timeline_query(TenantId::DEFAULT, subject, &filter, &page);
                let index = format!("events_default_{key}_occurred_at_position_idx");
                bench.walks(&index, &sql, values).await;
            }
        }
    }
}
