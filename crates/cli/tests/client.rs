//! The typed client against the shipped binary.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use angaros_client::{
    Channel, Client, Error, EventStatus, IdempotencyKey, ListNotifications, MetricsQuery, NewEvent,
    NewNotification, NewSuppression, NewTemplate, NewWebhookEndpoint, Status, SuppressionReason, Timestamp,
    Topic, WebhookEndpointChange,
};
use angaros_testkit::eventually::eventually;
use angaros_testkit::gateway::{Gateway, Pass};
use angaros_testkit::http_sink::Answer;
use angaros_testkit::launch::Launch;
use angaros_testkit::process::Angaros;
use serde_json::{Map, json};

/// Generous: other builds may share the machine.
const SOON: Duration = Duration::from_secs(30);

async fn started() -> (Angaros, Client) {
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).start().await;
    let client = Client::new(&service.url).unwrap();
    (service, client)
}

fn sms(text: &str) -> NewNotification {
    NewNotification::new(Channel::Sms, "+15550100123").content(text)
}

fn long_ago() -> Timestamp {
    Timestamp::parse("2026-01-31T08:00:00Z").unwrap()
}

#[tokio::test]
async fn a_notification_is_sent_followed_listed_and_explained() {
    let (_service, client) = started().await;
    client.ready().await.unwrap();
    let key = IdempotencyKey::new("order \"17\"");
    let sent = client.send(&sms("hello").campaign("spring sale"), Some(&key)).await.unwrap();
    assert_eq!(client.send(&sms("hello").campaign("spring sale"), Some(&key)).await.unwrap().id, sent.id);
    let other = client.send(&sms("other"), Some(&key)).await.unwrap_err();
    assert_eq!(other.problem().unwrap().status, 409, "{other}");

    let mut live = client.follow(&Topic::Notification(sent.id), None).await.unwrap();
    let mut seen = Vec::new();
    while !seen.contains(&Status::Delivered) {
        let update = tokio::time::timeout(SOON, live.next()).await.unwrap().unwrap().expect("it goes on");
        assert_eq!(update.notification_id, sent.id);
        seen.push(update.status);
    }
    assert!(live.cursor().is_some());
    let delivered = client.notification(sent.id).await.unwrap();
    assert_eq!((delivered.status, delivered.attempts, delivered.segments), (Status::Delivered, 1, Some(1)));
    let list = ListNotifications { campaign_id: Some("spring sale".into()), ..ListNotifications::default() };
    assert_eq!(client.notifications(&list).await.unwrap().items, [delivered]);
    let trace = client.trace(sent.id).await.unwrap();
    assert_eq!(trace.entries.last().unwrap().event, "delivered");
    let refused = client.cancel(sent.id).await.unwrap_err();
    let problem = refused.problem().unwrap();
    assert_eq!((problem.slug(), problem.current_status), ("invalid-transition", Some(Status::Delivered)));
    assert!(client.retry(sent.id).await.unwrap_err().problem().is_some());

    let bad =
        client.send(&NewNotification::new(Channel::Sms, "5550100123").content("x"), None).await.unwrap_err();
    assert_eq!(bad.problem().unwrap().errors[0].pointer.as_deref(), Some("#/recipient"), "{bad}");
    let batch = client.send_batch(&[sms("a"), sms("b")], Some(&IdempotencyKey::fresh())).await.unwrap();
    assert_eq!(batch.size, 2);
    eventually("the batch is delivered", SOON, async || {
        let batch = client.batch(batch.id).await.unwrap();
        if batch.counts[&Status::Delivered] == 2 { Ok(()) } else { Err(format!("{batch:?}")) }
    })
    .await;
}

#[tokio::test]
async fn events_are_recorded_read_and_counted() {
    let (_service, client) = started().await;
    let event = |number: u32| NewEvent {
        event_id: Some(format!("e-{number}")),
        campaign_id: Some("spring".into()),
        ..NewEvent::of_recipient("opened", long_ago(), format!("user/{number}"))
    };
    let first = client.record(&event(1)).await.unwrap();
    assert_eq!(client.record(&event(1)).await.unwrap().id, first.id);
    assert_eq!(client.event(first.id).await.unwrap(), first);
    let changed = NewEvent { event_name: "clicked".into(), ..event(1) };
    let conflict = client.record(&changed).await.unwrap_err();
    let problem = conflict.problem().unwrap();
    assert_eq!(
        (problem.stored_id, problem.fields.as_slice()),
        (Some(first.id), &["event_name".to_owned()][..])
    );

    let invalid = NewEvent { event_name: String::new(), ..event(3) };
    let receipt = client.record_all(&[event(1), event(2), invalid]).await.unwrap();
    let statuses: Vec<EventStatus> = receipt.results.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [EventStatus::Duplicate, EventStatus::Created, EventStatus::Invalid]);
    let lines = client.record_lines(&[event(2), event(4)]).await.unwrap();
    let statuses: Vec<EventStatus> = lines.iter().map(|result| result.status).collect();
    assert_eq!(statuses, [EventStatus::Duplicate, EventStatus::Created]);

    let feed = client.feed(None, 200).await.unwrap();
    assert_eq!(feed.items.len(), 3);
    assert!(client.feed(Some(&feed.next_cursor), 200).await.unwrap().items.is_empty());
    assert_eq!(client.activity("user/1", None).await.unwrap().items, [first]);
    let told = NewEvent::of_message("delivered", long_ago(), "m 1");
    let told = client.record(&told).await.unwrap();
    assert_eq!(client.timeline("m 1", None).await.unwrap().items, [told]);
    let summary = client.campaign("spring").await.unwrap();
    assert_eq!((summary.counts["opened"], summary.unique_recipients["opened"]), (3, 3));
    assert_eq!(client.campaigns(None).await.unwrap().items[0].campaign_id, "spring");
    let query = MetricsQuery {
        event_name: Some("opened".into()),
        from: Some(long_ago()),
        to: Some(long_ago()),
        group_by: Some("day".into()),
        timezone: Some("Europe/Berlin".into()),
        ..MetricsQuery::default()
    };
    let metrics = client.event_metrics(&query).await.unwrap();
    assert_eq!((metrics.totals.count, metrics.buckets.len(), metrics.approximate), (3, 1, false));
}

#[tokio::test]
async fn templates_suppressions_endpoints_and_the_worker_are_kept() {
    let (_service, client) = started().await;
    let new = |body: &str| NewTemplate { name: "hello".into(), subject: None, body: body.into(), html: None };
    let template = client.create_template(&new("Hello {{ name }}")).await.unwrap();
    let name = Map::from_iter([("name".to_owned(), json!("Ada"))]);
    assert_eq!(client.preview_template(template.id, &name).await.unwrap().content, "Hello Ada");
    assert!(
        client.preview_template(template.id, &Map::new()).await.unwrap_err().to_string().contains("name")
    );
    assert_eq!(client.replace_template(template.id, &new("Bye")).await.unwrap().body, "Bye");
    assert_eq!(client.templates(None).await.unwrap().items[0].body, "Bye");
    client.delete_template(template.id).await.unwrap();
    assert_eq!(client.template(template.id).await.unwrap_err().problem().unwrap().status, 404);

    let reason = Some(SuppressionReason::OptedOut);
    let new = NewSuppression { channel: Channel::Email, address: "ada+x@example.com".into(), reason };
    let stored = client.suppress(&new).await.unwrap();
    assert_eq!(client.suppressions(Some(Channel::Email), reason, None).await.unwrap().items, [stored]);
    client.unsuppress(Channel::Email, "ada+x@example.com").await.unwrap();

    let new = NewWebhookEndpoint {
        url: "https://example.com/hook".into(),
        event_types: vec!["opened".into()],
        description: None,
    };
    let endpoint = client.create_webhook_endpoint(&new).await.unwrap();
    assert!(endpoint.enabled && endpoint.secret.is_some());
    let change = WebhookEndpointChange { enabled: Some(false), ..WebhookEndpointChange::default() };
    assert!(!client.change_webhook_endpoint(endpoint.id, &change).await.unwrap().enabled);
    assert_eq!(client.webhook_endpoints(None).await.unwrap().items[0].id, endpoint.id);
    client.delete_webhook_endpoint(endpoint.id).await.unwrap();

    assert!(!client.pause(Some(Channel::Sms)).await.unwrap().channels[&Channel::Sms].running);
    let waiting = client.send(&sms("later"), None).await.unwrap();
    assert_eq!(client.cancel(waiting.id).await.unwrap().status, Status::Cancelled);
    assert!(client.resume(None).await.unwrap().channels[&Channel::Sms].running);
    assert!(client.worker().await.unwrap().running);
    assert_eq!(client.metrics().await.unwrap().in_flight, 0);
}

#[tokio::test]
async fn only_what_is_safe_is_repeated() {
    let (service, _) = started().await;
    let lost_first = |number| if number == 1 { Pass::Lost } else { Pass::Through };
    let gateway = Gateway::start(&service.url, lost_first).await;
    let client = Client::new(&gateway.url).unwrap();
    let key = IdempotencyKey::fresh();
    let sent = client.send(&sms("once"), Some(&key)).await.unwrap();
    let direct = Client::new(&service.url).unwrap();
    assert_eq!(direct.notifications(&ListNotifications::default()).await.unwrap().items.len(), 1);
    assert_eq!(sent.idempotency_key.as_deref(), Some(key.as_str()));

    let gateway = Gateway::start(&service.url, lost_first).await;
    let client = Client::new(&gateway.url).unwrap();
    let lost = client.send(&sms("maybe twice"), None).await.unwrap_err();
    assert!(matches!(lost, Error::Unreachable { .. }) && lost.is_passing(), "{lost:?}");
    assert_eq!(gateway.count(), 1, "it is not repeated");

    let busy = Answer::with_headers(503, &[("retry-after", "1")], "{}");
    let gateway = Gateway::start(&service.url, move |number| match number {
        1 => Pass::Answered(busy.clone()),
        _ => Pass::Through,
    })
    .await;
    let client = Client::builder(&gateway.url).retries(1).build().unwrap();
    client.metrics().await.unwrap();
    let gateway = Gateway::start(&service.url, |_| Pass::Answered(Answer::new(503, "{}"))).await;
    let client = Client::builder(&gateway.url).retries(2).build().unwrap();
    assert_eq!(client.metrics().await.unwrap_err().problem().unwrap().status, 503);
    assert_eq!(gateway.count(), 3);
}
