//! Tenants: what one stores, no other sees or touches.

use angaros_domain::template::Template;
use angaros_domain::{Notification, Status, TenantId};
use angaros_store::{
    Cancelled, Idempotent, NotificationFilter, PageRequest, RedriveFilter, RedriveParams, Store, Submitted,
    TemplateStored, TimelineFilter,
};

use super::checks;
use crate::fixture::{NOW, batch, deliver, fail, idempotency_key, keyed, notification, submission, template};
use crate::steps::{
    cancel, claim, claim_of, get, item, list, put, settle_item, status, submit, tenant, told,
};

checks!(tenants:
    one_does_not_see_what_another_stored,
    one_does_not_see_another_at_work,
    keys_are_per_tenant,
    one_does_not_cancel_for_another,
    one_does_not_redrive_for_another,
    template_names_are_per_tenant,
    one_does_not_touch_anothers_templates,
    events_belong_to_their_tenant,
);

const OWNER: TenantId = TenantId::DEFAULT;

async fn one_does_not_see_what_another_stored(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let stored = keyed("k", "r", batch(NOW, vec![notification(NOW)]));
    let (n, batch) = (stored.notifications[0].clone(), stored.batch.clone().unwrap());
    submit(store, stored).await;
    for (reader, is_owner) in [(OWNER, true), (stranger, false)] {
        let known = |what: &str, is_there: bool| assert_eq!(is_there, is_owner, "{what} for {reader:?}");
        let found = store.notifications(reader, &[n.id]).await.unwrap();
        known("the notification", found[0].is_some());
        known("the batch", store.batch(reader, batch.id).await.unwrap().is_some());
        known("the key", store.idempotent(reader, &idempotency_key("k")).await.unwrap().is_some());
        for filter in [
            NotificationFilter::default(),
            NotificationFilter { batch_id: Some(batch.id), ..NotificationFilter::default() },
            NotificationFilter {
                recipient_id: Some(n.recipient_id.clone()),
                ..NotificationFilter::default()
            },
            NotificationFilter { status: Some(Status::Queued), ..NotificationFilter::default() },
        ] {
            known("the list", !list(store, reader, &filter, 10).await.is_empty());
        }
        let page = PageRequest { limit: 10, after: None };
        let filter = TimelineFilter::default();
        let events = store.message_timeline(reader, &n.id.to_string(), &filter, page).await.unwrap();
        known("the timeline", !events.is_empty());
    }
}

async fn one_does_not_see_another_at_work(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let n = notification(NOW);
    put(store, std::slice::from_ref(&n)).await;
    let lease = claim(store, NOW).await;
    assert_eq!(store.claimed_at(OWNER, &[n.id]).await.unwrap(), [Some(NOW)]);
    assert_eq!(store.claimed_at(stranger, &[n.id]).await.unwrap(), [None]);
    let processing = NotificationFilter { status: Some(Status::Processing), ..NotificationFilter::default() };
    assert_eq!(list(store, stranger, &processing, 10).await, []);
    settle_item(store, lease.id, item(claim_of(&lease, n.id), deliver(NOW), NOW)).await;
    let page = || PageRequest { limit: 10, after: None };
    assert_eq!(store.sent_messages(OWNER, page()).await.unwrap().len(), 1);
    assert_eq!(store.sent_messages(stranger, page()).await.unwrap(), []);
}

async fn keys_are_per_tenant(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let mut ids = Vec::new();
    for (tenant, request) in [(OWNER, "one"), (stranger, "other")] {
        let made = keyed("k", request, submission(vec![Notification { tenant, ..notification(NOW) }]));
        ids.push((tenant, Idempotent::Notification(made.notifications[0].id)));
        assert!(matches!(submit(store, made).await, Submitted::Stored(_)), "nobody else's key conflicts");
    }
    for (tenant, expected) in ids {
        let known = store.idempotent(tenant, &idempotency_key("k")).await.unwrap();
        assert_eq!(known.map(|(first, _)| first), Some(expected));
    }
}

async fn one_does_not_cancel_for_another(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let n = notification(NOW);
    put(store, std::slice::from_ref(&n)).await;
    assert_eq!(store.cancel(vec![(stranger, n.id)], NOW).await.unwrap(), [Cancelled::Unknown]);
    assert_eq!(get(store, n.id).await, n);
    assert!(matches!(cancel(store, n.id, NOW).await, Cancelled::Done(..)));
}

async fn one_does_not_redrive_for_another(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let own = notification(NOW);
    let theirs = Notification { tenant: stranger, ..notification(NOW) };
    put(store, std::slice::from_ref(&own)).await;
    put(store, std::slice::from_ref(&theirs)).await;
    let lease = claim(store, NOW).await;
    for id in [own.id, theirs.id] {
        settle_item(store, lease.id, item(claim_of(&lease, id), fail(NOW), NOW)).await;
    }
    let redrive = async |filter| {
        let params = RedriveParams {
            tenant: stranger,
            filter,
            failed_until: NOW.plus_seconds(1),
            now: NOW.plus_seconds(1),
            limit: 10,
        };
        store.redrive(params).await.unwrap()
    };
    let redriven = redrive(RedriveFilter { ids: Some(vec![own.id]), ..RedriveFilter::default() }).await;
    assert_eq!((redriven.done.len(), redriven.refused.len(), redriven.unknown), (0, 0, vec![own.id]));
    let redriven = redrive(RedriveFilter::default()).await;
    assert_eq!(redriven.done.iter().map(|(n, _)| n.id).collect::<Vec<_>>(), [theirs.id]);
    assert_eq!(status(store, own.id).await, Status::Failed);
}

async fn template_names_are_per_tenant(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let own = template("welcome", NOW);
    let theirs = Template { tenant: stranger, ..template("welcome", NOW) };
    for template in [&own, &theirs] {
        assert_eq!(store.template_insert(template.clone()).await.unwrap(), TemplateStored::Done);
    }
    for (tenant, expected) in [(OWNER, own), (stranger, theirs)] {
        let page = PageRequest { limit: 10, after: None };
        assert_eq!(store.template_page(tenant, page).await.unwrap(), [expected]);
    }
}

async fn one_does_not_touch_anothers_templates(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let own = template("welcome", NOW);
    store.template_insert(own.clone()).await.unwrap();
    assert_eq!(store.templates(stranger, &[own.id]).await.unwrap(), [None]);
    assert!(!store.template_delete(stranger, own.id).await.unwrap());
    let changed = Template { tenant: stranger, name: "mine now".into(), ..own.clone() };
    assert_eq!(store.template_update(changed).await.unwrap(), TemplateStored::Unknown);
    assert_eq!(store.templates(OWNER, &[own.id]).await.unwrap(), [Some(own)]);
}

async fn events_belong_to_their_tenant(store: &dyn Store) {
    let stranger = tenant(store, "stranger", NOW).await;
    let theirs = Notification { tenant: stranger, ..notification(NOW) };
    put(store, std::slice::from_ref(&theirs)).await;
    let page = || PageRequest { limit: 10, after: None };
    let read = async |tenant| {
        let id = theirs.id.to_string();
        store.message_timeline(tenant, &id, &TimelineFilter::default(), page()).await.unwrap()
    };
    assert_eq!(read(OWNER).await, []);
    assert_eq!(told(read(stranger).await), told(vec![theirs.created_event()]));
}
