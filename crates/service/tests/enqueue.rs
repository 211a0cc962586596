//! Recording without waiting: what is acknowledged before it is stored is stored all the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::correlation::{Correlation, CorrelationId};
use angaros_domain::event::Event;
use angaros_domain::ingest::EventDraft;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::Rules;
use angaros_domain::{TenantId, Timestamp};
use angaros_service::{Caller, PageOf, Service, ServiceError, Settings};
use angaros_store_test::MemoryStore;
use serde_json::Map;

const START: Timestamp = Timestamp::from_millis(1_780_000_000_000);
const TENANT: TenantId = TenantId::DEFAULT;
const LIMIT: Duration = Duration::from_secs(5);

fn service(queue_max: usize) -> Arc<Service> {
    let settings = Settings {
        rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
        max_attempts: [5; 4],
        queue_max,
    };
    Service::start(Arc::new(MemoryStore::new()), Arc::new(LocalCoord::new()), Clock::tokio(START), settings)
}

fn caller() -> Caller {
    let id = CorrelationId::parse("test").unwrap();
    Caller { tenant: TENANT, correlation: Correlation { id, trace_parent: None } }
}

fn drafts(ids: std::ops::Range<usize>) -> Vec<EventDraft> {
    let draft = |id: usize| EventDraft {
        provider: "app".into(),
        event_id: Some(id.to_string()),
        name: "signup".into(),
        recipient_id: Some("user-1".into()),
        message_id: None,
        campaign_id: None,
        channel: None,
        occurred_at: START,
        tags: vec![],
        metadata: Map::new(),
    };
    ids.map(draft).collect()
}

async fn stored(service: &Service) -> Vec<Event> {
    service.feed(TENANT, PageOf { limit: 200, cursor: None }).await.unwrap().items
}

#[tokio::test(start_paused = true)]
async fn all_of_them_are_stored_before_the_end_and_each_once() {
    let service = service(100);
    for ids in [0..1, 1..50, 0..40] {
        drop(service.enqueue(&caller(), drafts(ids)).unwrap());
    }
    assert_eq!(service.drain(LIMIT).await, 0);
    let events = stored(&service).await;
    assert_eq!(events.len(), 50);
    for event in events {
        assert_eq!((event.received_at, event.correlation_id), (START, Some(caller().correlation.id)));
    }
}

#[tokio::test(start_paused = true)]
async fn all_of_them_have_room_or_none() {
    let service = service(100);
    let first = service.enqueue(&caller(), drafts(0..60)).unwrap();
    assert!(matches!(service.enqueue(&caller(), drafts(60..101)), Err(ServiceError::Busy)));
    assert!(
        matches!(service.ingest(&caller(), drafts(60..101)).await, Err(ServiceError::Busy)),
        "one queue for all"
    );
    // The wait ends when the first ones have left.
    let patient = service.enqueue_patiently(&caller(), drafts(200..300)).await.unwrap();
    first.left().await;
    patient.left().await;
    let ids: Vec<usize> = stored(&service)
        .await
        .iter()
        .map(|event| event.event_id.as_ref().unwrap().parse().unwrap())
        .collect();
    assert_eq!(ids, (0..60).chain(200..300).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn after_the_end_nothing_is_taken() {
    let service = service(100);
    assert_eq!(service.drain(LIMIT).await, 0);
    assert!(matches!(service.enqueue(&caller(), drafts(0..1)), Err(ServiceError::Busy)));
    assert!(matches!(service.enqueue_patiently(&caller(), drafts(0..1)).await, Err(ServiceError::Busy)));
    assert!(matches!(service.ingest(&caller(), drafts(0..1)).await, Err(ServiceError::Busy)));
    assert!(stored(&service).await.is_empty());
}
