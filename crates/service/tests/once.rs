//! The one rule for everything that can be sent twice, when the world has changed in between. Virtual time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::correlation::{Correlation, CorrelationId};
use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::{Draft, Rules};
use angaros_domain::template::Source;
use angaros_domain::{Channel, Priority, Status, TenantId, Timestamp};
use angaros_service::{
    Access, BatchDraft, Caller, NewKey, NotificationFilter, PageOf, Receipt, Service, ServiceError, Settings,
    TemplateDraft,
};
use angaros_store_test::MemoryStore;
use serde_json::{Map, json};

const START: Timestamp = Timestamp::from_millis(1_780_000_000_000);
const TENANT: TenantId = TenantId::DEFAULT;

fn service() -> Arc<Service> {
    let settings = Settings {
        rules: Rules { clock_skew_seconds: 300, outbound: OutboundPolicy::default() },
        max_attempts: [5; 4],
        queue_max: 1000,
    };
    Service::start(Arc::new(MemoryStore::new()), Arc::new(LocalCoord::new()), Clock::tokio(START), settings)
}

fn caller() -> Caller {
    let id = CorrelationId::parse("test").unwrap();
    Caller { tenant: TENANT, correlation: Correlation { id, trace_parent: None } }
}

fn draft() -> Draft {
    Draft {
        channel: Channel::Sms,
        recipient: "+15550100123".into(),
        recipient_id: None,
        subject: None,
        content: Some("hello".into()),
        html: None,
        template_id: None,
        template_variables: Map::new(),
        campaign_id: None,
        priority: Priority::Normal,
        scheduled_at: None,
        expires_at: None,
        max_attempts: None,
        metadata: Map::new(),
        tags: vec![],
    }
}

fn key(text: &str) -> Option<IdempotencyKey> {
    IdempotencyKey::parse(text)
}

async fn count(service: &Service) -> usize {
    let page = PageOf { limit: 200, cursor: None };
    service.notifications(TENANT, &NotificationFilter::default(), page).await.unwrap().items.len()
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_answered_although_its_schedule_has_passed() {
    let service = service();
    let scheduled = Draft { scheduled_at: Some(START.plus_seconds(3600)), ..draft() };
    let Receipt::New(first) = service.notify(&caller(), scheduled.clone(), key("k")).await.unwrap() else {
        panic!("it is new")
    };
    tokio::time::advance(Duration::from_secs(7200)).await;
    let again = service.notify(&caller(), scheduled.clone(), key("k")).await.unwrap();
    assert_eq!(again, Receipt::Replayed(first));
    assert!(matches!(service.notify(&caller(), scheduled, key("new")).await, Err(ServiceError::Invalid(_))));
    assert_eq!(count(&service).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_answered_although_its_template_is_gone() {
    let service = service();
    let source = Source { subject: None, body: "hello {{ name }}".into(), html: None };
    let template = service.template_create(TENANT, TemplateDraft { name: "t".into(), source }).await.unwrap();
    let templated = Draft {
        content: None,
        template_id: Some(template.id),
        template_variables: Map::from_iter([("name".into(), json!("Ada"))]),
        ..draft()
    };
    let Receipt::New(first) = service.notify(&caller(), templated.clone(), key("k")).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(first.content.text, "hello Ada");
    service.template_delete(TENANT, template.id).await.unwrap();
    assert_eq!(
        service.notify(&caller(), templated.clone(), key("k")).await.unwrap(),
        Receipt::Replayed(first)
    );
    let unknown = service.notify(&caller(), templated, None).await;
    assert!(
        matches!(unknown, Err(ServiceError::Unprocessable(faults)) if faults[0].pointer == "#/template_id")
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_stands_for_one_request_only() {
    let service = service();
    service.notify(&caller(), draft(), key("k")).await.unwrap();
    let other = Draft { content: Some("another".into()), ..draft() };
    let invalid = Draft { recipient: "x".into(), ..draft() };
    for different in [other, invalid] {
        let refused = service.notify(&caller(), different, key("k")).await;
        assert!(matches!(refused, Err(ServiceError::KeyReused)), "{refused:?}");
    }
    let batch = BatchDraft { notifications: vec![draft()], campaign_id: None, metadata: Map::new() };
    assert!(matches!(service.notify_batch(&caller(), batch, key("k")).await, Err(ServiceError::KeyReused)));
    assert_eq!(count(&service).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_replayed_as_a_whole() {
    let service = service();
    let batch =
        BatchDraft { notifications: vec![draft(); 3], campaign_id: Some("c".into()), metadata: Map::new() };
    let Receipt::New(first) = service.notify_batch(&caller(), batch.clone(), key("b")).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(
        service.notify_batch(&caller(), batch, key("b")).await.unwrap(),
        Receipt::Replayed(first.clone())
    );
    let view = service.batch(TENANT, first.id).await.unwrap();
    assert_eq!((view.batch.size, view.counts.get(&Status::Queued)), (3, Some(&3)));
    assert_eq!(count(&service).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_faults_stores_nothing_and_names_them_all() {
    let service = service();
    let bad = Draft { recipient: "x".into(), ..draft() };
    let batch = BatchDraft {
        notifications: vec![draft(), bad.clone(), bad],
        campaign_id: None,
        metadata: Map::new(),
    };
    let Err(ServiceError::Invalid(faults)) = service.notify_batch(&caller(), batch, None).await else {
        panic!("it is refused")
    };
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["#/notifications/1/recipient", "#/notifications/2/recipient"]);
    assert_eq!(count(&service).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_published_once_with_its_place() {
    let service = service();
    let mut changes = service.coord().watch();
    let batch = BatchDraft { notifications: vec![draft(); 3], campaign_id: None, metadata: Map::new() };
    service.notify_batch(&caller(), batch, None).await.unwrap();
    let published = changes.recv().await.unwrap();
    let places: Vec<i64> = published.changes().iter().map(|t| t.position.0).collect();
    assert_eq!(places, [1, 2, 3]);
    assert!(published.changes().iter().all(|t| t.status == Status::Queued));
    let cancelled = service.cancel(TENANT, published.changes()[1].id).await.unwrap();
    assert_eq!(changes.recv().await.unwrap().changes()[0].status, cancelled.status);
}

#[tokio::test(start_paused = true)]
async fn the_first_key_closes_the_door_and_revoking_it_does_not_open_it() {
    let service = service();
    assert_eq!(service.access(None).await.unwrap(), Access::Open);
    let new = NewKey { name: "a".into(), tenant_name: "default".into(), scopes: vec![] };
    let (key, token) = service.key_create(new).await.unwrap();
    assert_eq!(service.access(None).await.unwrap(), Access::Denied);
    assert_eq!(service.access(Some(&token)).await.unwrap(), Access::Key(key.clone()));
    assert!(service.key_revoke(&key.prefix).await.unwrap());
    assert_eq!(service.access(Some(&token)).await.unwrap(), Access::Denied);
    assert_eq!(service.access(None).await.unwrap(), Access::Denied);
}
