//! Webhook endpoints: what is kept of them, how they fare, and how events become deliveries, each once.

use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::lifecycle::Change;
use angaros_domain::webhook_endpoint::event_type::DISABLED;
use angaros_domain::webhook_endpoint::{
    Disabled, DisabledReason, Edit, EventFilter, FAILING_SECONDS_MAX, SigningSecret, WebhookEndpoint,
};
use angaros_domain::{FailureReason, Notification, Status, TenantId, Timestamp};
use angaros_store::{FanOut, FannedOut, NotificationFilter, Position, Store};

use super::checks;
use crate::fixture::{NOW, delivery_to, endpoint, notification, report};
use crate::steps::{claim, claim_of, item, list, put, settle_item, tenant};

checks!(webhooks:
    an_endpoint_is_read_as_it_was_stored,
    an_edit_changes_what_it_says,
    a_deleted_one_is_gone,
    a_tenant_has_only_so_many,
    tenants_have_their_own,
    the_first_one_begins_at_the_end_of_the_log,
    another_one_begins_at_the_end_of_the_log,
    one_that_is_enabled_again_goes_on_from_the_end_of_the_log,
    only_enabled_ones_are_followed,
    a_step_queues_its_deliveries_and_moves_on,
    a_step_is_taken_once,
    deliveries_are_in_no_list_and_no_feed,
    failures_begin_and_a_success_ends_them,
    one_that_is_gone_is_disabled_with_the_result,
    one_that_fails_for_long_is_disabled_with_the_result,
    a_stale_result_says_nothing,
);

const TENANT: TenantId = TenantId::DEFAULT;
const MAX: usize = 3;

/// Stores an endpoint; as it is stored.
async fn insert(store: &dyn Store, endpoint: WebhookEndpoint) -> WebhookEndpoint {
    let (tenant, id) = (endpoint.tenant, endpoint.id);
    assert!(store.webhook_endpoint_insert(endpoint, MAX).await.unwrap());
    store.webhook_endpoint(tenant, id).await.unwrap().unwrap()
}

async fn read(store: &dyn Store, endpoint: &WebhookEndpoint) -> WebhookEndpoint {
    store.webhook_endpoint(endpoint.tenant, endpoint.id).await.unwrap().unwrap()
}

async fn edit(store: &dyn Store, endpoint: &WebhookEndpoint, edit: Edit, now: Timestamp) -> WebhookEndpoint {
    store.webhook_endpoint_edit(endpoint.tenant, endpoint.id, edit, now).await.unwrap().unwrap()
}

fn enable(enabled: bool) -> Edit {
    Edit::Change { url: None, event_types: None, description: None, enabled: Some(enabled) }
}

/// A step from where the fan-out is to the end of the log.
async fn step(store: &dyn Store, deliveries: Vec<Notification>) -> FanOut {
    let (tenant, from) = store.fan_outs().await.unwrap()[0];
    FanOut { tenant, from, to: store.end().await.unwrap(), deliveries }
}

/// Queues a delivery, claims it, and settles it with a change at a time.
async fn deliver(store: &dyn Store, endpoint: &WebhookEndpoint, change: Change, at: Timestamp) {
    let delivery = delivery_to(endpoint, at);
    put(store, std::slice::from_ref(&delivery)).await;
    let lease = claim(store, at).await;
    settle_item(store, lease.id, item(claim_of(&lease, delivery.id), change, at)).await;
}

fn failed() -> Change {
    Change::fail(FailureReason::RetriesExhausted, Some(report(Class::Transient, NOW)))
}

async fn an_endpoint_is_read_as_it_was_stored(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    let full = WebhookEndpoint {
        event_types: vec![EventFilter::all(), EventFilter::parse("order \u{1f600}.*").unwrap()],
        description: Some("the shop's".into()),
        former_secret: Some((SigningSecret::new([8; 32]), NOW.plus_seconds(5))),
        failing_since: Some(NOW),
        ..endpoint(TENANT, NOW)
    };
    let bare = endpoint(TENANT, NOW);
    let Position(end) = store.end().await.unwrap();
    for one in [&full, &bare] {
        let stored = insert(store, one.clone()).await;
        assert_eq!(stored, WebhookEndpoint { follows_after: end, ..one.clone() });
    }
    let all: Vec<_> = store.webhook_endpoints(TENANT).await.unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(all, [bare.id, full.id], "newest first");
}

async fn an_edit_changes_what_it_says(store: &dyn Store) {
    let before = insert(store, endpoint(TENANT, NOW)).await;
    let later = NOW.plus_seconds(9);
    let url = Some("https://example.org/new".to_owned());
    let change =
        Edit::Change { url, event_types: None, description: Some(Some("new".into())), enabled: None };
    let changed = edit(store, &before, change, later).await;
    let expected = WebhookEndpoint {
        url: "https://example.org/new".into(),
        description: Some("new".into()),
        updated_at: later,
        ..before.clone()
    };
    assert_eq!((&changed, &read(store, &before).await), (&expected, &expected));

    let rotate = |byte, instead_of| Edit::Rotate { secret: SigningSecret::new([byte; 32]), instead_of };
    let rotated = edit(store, &before, rotate(2, Some(before.secret.fingerprint())), later).await;
    assert_eq!(rotated, read(store, &before).await);
    assert_eq!(rotated.secrets(later), [&SigningSecret::new([2; 32]), &before.secret]);
    let again =
        edit(store, &before, rotate(3, Some(before.secret.fingerprint())), later.plus_seconds(1)).await;
    assert_eq!((&again, &read(store, &before).await), (&rotated, &rotated), "it has another one by now");
    let unknown = endpoint(TENANT, NOW).id;
    assert_eq!(store.webhook_endpoint_edit(TENANT, unknown, enable(true), NOW).await.unwrap(), None);
}

async fn a_deleted_one_is_gone(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    assert!(store.webhook_endpoint_delete(TENANT, one.id).await.unwrap());
    assert!(!store.webhook_endpoint_delete(TENANT, one.id).await.unwrap());
    assert_eq!(store.webhook_endpoint(TENANT, one.id).await.unwrap(), None);
    assert!(store.fan_outs().await.unwrap().is_empty());
    deliver(store, &one, failed(), NOW).await;
}

async fn a_tenant_has_only_so_many(store: &dyn Store) {
    for _ in 0..MAX {
        insert(store, endpoint(TENANT, NOW)).await;
    }
    assert!(!store.webhook_endpoint_insert(endpoint(TENANT, NOW), MAX).await.unwrap());
    assert_eq!(store.webhook_endpoints(TENANT).await.unwrap().len(), MAX);
    let other = tenant(store, "other", NOW).await;
    insert(store, endpoint(other, NOW)).await;
}

async fn tenants_have_their_own(store: &dyn Store) {
    let other = tenant(store, "other", NOW).await;
    let one = insert(store, endpoint(TENANT, NOW)).await;
    assert_eq!(store.webhook_endpoint(other, one.id).await.unwrap(), None);
    assert!(store.webhook_endpoints(other).await.unwrap().is_empty());
    assert_eq!(store.webhook_endpoint_edit(other, one.id, enable(false), NOW).await.unwrap(), None);
    assert!(!store.webhook_endpoint_delete(other, one.id).await.unwrap());
    assert_eq!(read(store, &one).await, one);
}

async fn the_first_one_begins_at_the_end_of_the_log(store: &dyn Store) {
    put(store, &[notification(NOW)]).await;
    assert!(store.fan_outs().await.unwrap().is_empty());
    let end = store.end().await.unwrap();
    let one = insert(store, endpoint(TENANT, NOW)).await;
    assert_eq!(one.follows_after, end.0);
    assert_eq!(store.fan_outs().await.unwrap(), [(TENANT, end)]);
}

async fn another_one_begins_at_the_end_of_the_log(store: &dyn Store) {
    insert(store, endpoint(TENANT, NOW)).await;
    let began = store.end().await.unwrap();
    put(store, &[notification(NOW)]).await;
    let second = insert(store, endpoint(TENANT, NOW)).await;
    assert_eq!(Position(second.follows_after), store.end().await.unwrap());
    assert_eq!(
        store.fan_outs().await.unwrap(),
        [(TENANT, began)],
        "the first one still waits for what is between"
    );
}

async fn one_that_is_enabled_again_goes_on_from_the_end_of_the_log(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    edit(store, &one, enable(false), NOW).await;
    put(store, &[notification(NOW)]).await;
    let end = store.end().await.unwrap();
    edit(store, &one, enable(true), NOW).await;
    assert_eq!(read(store, &one).await.follows_after, end.0);
    assert_eq!(store.fan_outs().await.unwrap(), [(TENANT, end)]);
}

async fn only_enabled_ones_are_followed(store: &dyn Store) {
    let (one, two) = (insert(store, endpoint(TENANT, NOW)).await, insert(store, endpoint(TENANT, NOW)).await);
    let later = NOW.plus_seconds(1);
    let disabled = edit(store, &one, enable(false), later).await;
    assert_eq!(disabled.disabled, Some(Disabled { reason: DisabledReason::Manual, at: later }));
    assert_eq!(read(store, &one).await, disabled);
    assert_eq!(store.fan_outs().await.unwrap().len(), 1);
    edit(store, &two, enable(false), later).await;
    assert!(store.fan_outs().await.unwrap().is_empty());
    let feed = store.feed(TENANT, Position(0), 10).await.unwrap();
    let told: Vec<&str> = feed.events.iter().map(|(_, event)| event.name.as_str()).collect();
    assert_eq!(told, [DISABLED, DISABLED]);
}

async fn a_step_queues_its_deliveries_and_moves_on(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    put(store, &[notification(NOW)]).await;
    let (first, second) = (delivery_to(&one, NOW), delivery_to(&one, NOW));
    let step = step(store, vec![first.clone(), second.clone()]).await;
    let to = step.to;
    assert_eq!(store.fan_out(vec![step]).await.unwrap(), [FannedOut::Done]);
    assert_eq!(store.fan_outs().await.unwrap(), [(TENANT, to)]);
    let lease = claim(store, NOW).await;
    for delivery in [first, second] {
        assert_eq!(claim_of(&lease, delivery.id).notification, delivery);
    }
}

async fn a_step_is_taken_once(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    put(store, &[notification(NOW)]).await;
    let twice = step(store, vec![delivery_to(&one, NOW)]).await;
    let again = FanOut { deliveries: vec![delivery_to(&one, NOW)], ..twice.clone() };
    assert_eq!(
        store.fan_out(vec![twice, again.clone()]).await.unwrap(),
        [FannedOut::Done, FannedOut::Overtaken]
    );
    assert_eq!(store.fan_out(vec![again]).await.unwrap(), [FannedOut::Overtaken]);
    let deliveries = list(store, TENANT.deliveries(), &NotificationFilter::default(), 10).await;
    assert_eq!(deliveries.len(), 1);
    let stranger = FanOut { tenant: TenantId(99), from: Position(0), to: Position(1), deliveries: vec![] };
    assert_eq!(store.fan_out(vec![stranger]).await.unwrap(), [FannedOut::Overtaken]);
}

async fn deliveries_are_in_no_list_and_no_feed(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    let delivery = delivery_to(&one, NOW);
    let step = step(store, vec![delivery.clone()]).await;
    store.fan_out(vec![step]).await.unwrap();
    assert!(list(store, TENANT, &NotificationFilter::default(), 10).await.is_empty());
    assert_eq!(store.notifications(TENANT, &[delivery.id]).await.unwrap(), [None]);
    assert!(store.feed(TENANT, Position(0), 10).await.unwrap().events.is_empty());
    assert_eq!(store.stats(None, NOW).await.unwrap().created_last_minute, 0);

    let recipient_id = Some(one.id.to_string());
    for status in [None, Some(Status::Queued)] {
        let filter = NotificationFilter { recipient_id: recipient_id.clone(), status, ..Default::default() };
        assert_eq!(
            list(store, TENANT.deliveries(), &filter, 10).await,
            std::slice::from_ref(&delivery),
            "{status:?}"
        );
    }
}

async fn failures_begin_and_a_success_ends_them(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    let (first, later) = (NOW.plus_seconds(1), NOW.plus_seconds(9));
    deliver(store, &one, failed(), first).await;
    deliver(store, &one, failed(), later).await;
    assert_eq!(read(store, &one).await, WebhookEndpoint { failing_since: Some(first), ..one.clone() });
    let accepted = Change::Accept { report: report(Class::Accepted, later), receipts: false };
    deliver(store, &one, accepted, later).await;
    assert_eq!(read(store, &one).await, one);
}

async fn one_that_is_gone_is_disabled_with_the_result(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    let mut gone = report(Class::Permanent, NOW);
    gone.outcome = Outcome::new(Class::Permanent, "HTTP 410").with_gone(true);
    deliver(store, &one, Change::fail(FailureReason::Permanent, Some(gone)), NOW).await;
    let expected = Some(Disabled { reason: DisabledReason::Gone, at: NOW });
    assert_eq!(read(store, &one).await.disabled, expected);
    let feed = store.feed(TENANT, Position(0), 10).await.unwrap();
    assert_eq!(feed.events.iter().map(|(_, e)| e.name.as_str()).collect::<Vec<_>>(), [DISABLED]);
}

async fn one_that_fails_for_long_is_disabled_with_the_result(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    deliver(store, &one, failed(), NOW).await;
    let end = NOW.plus_seconds(FAILING_SECONDS_MAX);
    deliver(store, &one, failed(), end).await;
    let disabled = read(store, &one).await;
    assert_eq!(disabled.disabled, Some(Disabled { reason: DisabledReason::Failing, at: end }));
}

async fn a_stale_result_says_nothing(store: &dyn Store) {
    let one = insert(store, endpoint(TENANT, NOW)).await;
    let delivery = delivery_to(&one, NOW);
    put(store, std::slice::from_ref(&delivery)).await;
    let lease = claim(store, NOW).await;
    let accepted = Change::Accept { report: report(Class::Accepted, NOW), receipts: false };
    settle_item(store, lease.id, item(claim_of(&lease, delivery.id), accepted, NOW)).await;
    settle_item(store, lease.id, item(claim_of(&lease, delivery.id), failed(), NOW)).await;
    assert_eq!(read(store, &one).await, one);
}
