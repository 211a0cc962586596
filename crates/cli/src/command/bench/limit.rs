//! How fast the rows of events go into the store's engine, with nothing around it: the limit that recording is held
//! against.

use angaros_bench::{Event, Events};
use angaros_clock::Clock;
use angaros_domain::ingest::EventDraft;
use angaros_domain::{EventId, TenantId};
use angaros_store::Reported;
use angaros_store_postgres::limit as postgres;
use angaros_store_sqlite::limit as sqlite;
use anyhow::Result;
use serde_json::Value;

use super::bed::Bed;

/// What the limit is called.
pub(super) const NAME: &str = "insert-only";

/// Inserts events, each of them once, into the database for data of a name, which no service has open. Answers
/// how many went in a second, or nothing if the store is not ours.
pub(super) async fn probe(bed: &Bed, data: &str, events: &Events) -> Result<Option<f64>> {
    if bed.options.url.is_some() {
        return Ok(None);
    }
    bed.say(format!("{data}: {NAME}"));
    let clock = bed.clock.clone();
    let rows: Vec<Reported> = events.distinct().map(|event| reported(event, &clock)).collect();
    let count = rows.len() as f64;
    let took = match &bed.databases {
        Some(databases) => postgres::insert(&databases.target_of(data).await?, &clock, &rows).await?,
        None => {
            let folder = bed.path(data);
            std::fs::create_dir_all(&folder)?;
            let inserting = move || sqlite::insert(&folder.join("angaros.db"), &clock, &rows);
            tokio::task::spawn_blocking(inserting).await??
        }
    };
    Ok(Some(count / took.as_secs_f64()))
}

/// The row of an event, as the service makes it.
fn reported(event: Event, clock: &Clock) -> Reported {
    let metadata = match serde_json::to_value(&event.metadata) {
        Ok(Value::Object(metadata)) => metadata,
        _ => serde_json::Map::new(),
    };
    let draft = EventDraft {
        provider: event.provider.to_owned(),
        event_id: Some(event.event_id),
        name: event.event_name.to_owned(),
        recipient_id: Some(event.recipient_id),
        message_id: Some(event.message_id.to_string()),
        campaign_id: Some(event.campaign_id),
        channel: Some(event.channel.to_owned()),
        occurred_at: event.occurred_at,
        tags: Vec::new(),
        metadata,
    };
    let key = draft.key(TenantId::DEFAULT);
    let id = EventId(clock.new_uuid());
    let event = draft.into_event(TenantId::DEFAULT, id, clock.now(), clock.new_uuid().into());
    Reported { event, key }
}

#[cfg(test)]
mod tests {
    use angaros_bench::Profile;

    use super::*;

    #[test]
    fn a_row_is_what_the_service_would_make_of_the_event() {
        let clock = Clock::system();
        let now = clock.now();
        let profile = Profile {
            seed: 1,
            duplicates: 0.0,
            recipients: 5,
            campaigns: 1,
            from: now.plus_seconds(-10),
            to: now,
            total: 10,
        };
        let events = profile.events(0..10);
        let rows: Vec<Reported> = events.distinct().map(|event| reported(event, &clock)).collect();
        assert!(rows.is_sorted_by(|a, b| a.event.id < b.event.id && a.key != b.key));
        for (row, event) in rows.iter().zip(events.distinct()) {
            let written = serde_json::to_value(&event).unwrap();
            assert_eq!(row.event.event_id.as_deref(), written["event_id"].as_str());
            assert_eq!(row.event.message_id.as_deref(), written["message_id"].as_str());
            assert_eq!(row.event.occurred_at.to_string(), written["occurred_at"].as_str().unwrap());
            assert_eq!(Value::from(row.event.metadata.clone()), written["metadata"]);
        }
    }
}
