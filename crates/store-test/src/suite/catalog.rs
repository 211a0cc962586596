//! The catalogue: templates, keys, switches.

use std::collections::BTreeMap;

use angaros_domain::api_key::{ApiKey, Scope};
use angaros_domain::template::{Source, Template};
use angaros_domain::{Channel, Notification, TemplateId, TenantId};
use angaros_store::{PageRequest, Pauses, Store, TemplateStored};

use super::checks;
use crate::fixture::{NOW, api_key, notification, template};
use crate::steps::{claim_at_most, get, put};

checks!(catalog:
    a_template_is_read_as_it_was_stored,
    a_name_is_taken_once,
    an_update_keeps_id_and_creation,
    a_deleted_template_is_gone_and_its_name_free,
    templates_come_newest_first_page_by_page,
    a_key_is_read_as_it_was_stored,
    keys_come_oldest_first,
    a_tenant_is_found_by_its_name,
    a_key_is_revoked_once,
    channels_pause_and_resume,
    a_pause_keeps_its_beginning,
);

const TENANT: TenantId = TenantId::DEFAULT;

async fn insert(store: &dyn Store, template: &Template) -> TemplateStored {
    store.template_insert(template.clone()).await.unwrap()
}

async fn read(store: &dyn Store, id: TemplateId) -> Option<Template> {
    store.templates(TENANT, &[id]).await.unwrap().remove(0)
}

async fn a_template_is_read_as_it_was_stored(store: &dyn Store) {
    let full = template("welcome \u{1f600}", NOW);
    let bare = Template {
        source: Source { subject: None, body: "x".repeat(100_000), html: None },
        ..template("bare", NOW)
    };
    assert_eq!(insert(store, &full).await, TemplateStored::Done);
    assert_eq!(insert(store, &bare).await, TemplateStored::Done);
    let unknown = template("unknown", NOW).id;
    let found = store.templates(TENANT, &[bare.id, unknown, full.id]).await.unwrap();
    assert_eq!(found, [Some(bare), None, Some(full)]);
}

async fn a_name_is_taken_once(store: &dyn Store) {
    let first = template("welcome", NOW);
    insert(store, &first).await;
    let second = template("welcome", NOW);
    assert_eq!(insert(store, &second).await, TemplateStored::NameTaken);
    assert_eq!(read(store, second.id).await, None);
    assert_eq!(read(store, first.id).await, Some(first));

    let other = template("Welcome", NOW);
    assert_eq!(insert(store, &other).await, TemplateStored::Done, "names are compared to the letter");
    let renamed = Template { name: "welcome".into(), ..other.clone() };
    assert_eq!(store.template_update(renamed).await.unwrap(), TemplateStored::NameTaken);
    assert_eq!(read(store, other.id).await, Some(other));
}

async fn an_update_keeps_id_and_creation(store: &dyn Store) {
    let first = template("welcome", NOW);
    insert(store, &first).await;
    let later = NOW.plus_seconds(60);
    let source = Source { subject: None, body: "Bye".into(), html: None };
    let changed =
        Template { name: "bye".into(), source, created_at: later, updated_at: later, ..first.clone() };
    assert_eq!(store.template_update(changed.clone()).await.unwrap(), TemplateStored::Done);
    let expected = Template { created_at: NOW, ..changed };
    assert_eq!(read(store, first.id).await, Some(expected.clone()));
    assert_eq!(
        store.template_update(expected.clone()).await.unwrap(),
        TemplateStored::Done,
        "its own name is free"
    );
    assert_eq!(insert(store, &template("welcome", NOW)).await, TemplateStored::Done, "its old name too");

    let unknown = template("unknown", NOW);
    assert_eq!(store.template_update(unknown.clone()).await.unwrap(), TemplateStored::Unknown);
    assert_eq!(read(store, unknown.id).await, None);
}

async fn a_deleted_template_is_gone_and_its_name_free(store: &dyn Store) {
    let first = template("welcome", NOW);
    insert(store, &first).await;
    let n = Notification { template_id: Some(first.id), ..notification(NOW) };
    put(store, std::slice::from_ref(&n)).await;
    assert!(store.template_delete(TENANT, first.id).await.unwrap());
    assert!(!store.template_delete(TENANT, first.id).await.unwrap(), "there is none any more");
    assert_eq!(read(store, first.id).await, None);
    assert_eq!(get(store, n.id).await, n, "what was rendered from it is not touched");
    assert_eq!(claim_at_most(store, 1, NOW).await.unwrap().claims[0].notification, n);
    assert_eq!(insert(store, &template("welcome", NOW)).await, TemplateStored::Done);
}

async fn templates_come_newest_first_page_by_page(store: &dyn Store) {
    let page = async |limit, after| store.template_page(TENANT, PageRequest { limit, after }).await.unwrap();
    assert_eq!(page(10, None).await, []);
    let mut all: Vec<Template> =
        (0..5).map(|i| template(&format!("{}", 9 - i), NOW.plus_seconds(i / 2))).collect();
    for template in &all {
        insert(store, template).await;
    }
    all.reverse();
    for limit in [1, 2, 5, 10] {
        let mut seen: Vec<Template> = Vec::new();
        for _ in 0..=all.len() {
            let more = page(limit, seen.last().map(|t| t.id)).await;
            assert!(more.len() <= limit);
            seen.extend(more);
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
}

async fn a_key_is_read_as_it_was_stored(store: &dyn Store) {
    let key = ApiKey { scopes: Scope::ALL.to_vec(), name: "ci \u{1f600}".into(), ..api_key("acme", 7, NOW) };
    let tenant = store.key_insert(key.clone()).await.unwrap();
    assert_eq!(store.key(&key.prefix).await.unwrap(), Some(ApiKey { tenant, ..key }));
    assert_eq!(store.key("ffffffffffff").await.unwrap(), None);
}

async fn keys_come_oldest_first(store: &dyn Store) {
    assert_eq!(store.keys().await.unwrap(), []);
    // The prefixes are in another order than the times.
    for (number, seconds) in [(5, 2), (9, 0), (1, 1)] {
        store.key_insert(api_key("acme", number, NOW.plus_seconds(seconds))).await.unwrap();
    }
    store.key_revoke(&api_key("acme", 9, NOW).prefix, NOW).await.unwrap();
    let names: Vec<String> = store.keys().await.unwrap().into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["key 9", "key 1", "key 5"], "revoked ones too");
}

async fn a_tenant_is_found_by_its_name(store: &dyn Store) {
    let insert = async |name: &str, number| store.key_insert(api_key(name, number, NOW)).await.unwrap();
    assert_eq!(insert(TenantId::DEFAULT_NAME, 1).await, TenantId::DEFAULT);
    let acme = insert("acme", 2).await;
    let other = insert("Acme", 3).await;
    assert_eq!(insert("acme", 4).await, acme);
    assert!(acme != TenantId::DEFAULT && other != TenantId::DEFAULT && acme != other);
    let owners: BTreeMap<String, (TenantId, String)> = store
        .keys()
        .await
        .unwrap()
        .into_iter()
        .map(|key| (key.name, (key.tenant, key.tenant_name)))
        .collect();
    assert_eq!(owners["key 1"], (TenantId::DEFAULT, TenantId::DEFAULT_NAME.to_owned()));
    assert_eq!(owners["key 3"], (other, "Acme".to_owned()));
    assert_eq!(owners["key 4"], (acme, "acme".to_owned()));
}

async fn a_key_is_revoked_once(store: &dyn Store) {
    let (key, kept) = (api_key("acme", 1, NOW), api_key("acme", 2, NOW));
    let tenant = store.key_insert(key.clone()).await.unwrap();
    store.key_insert(kept.clone()).await.unwrap();
    let later = NOW.plus_seconds(1);
    assert!(store.key_revoke(&key.prefix, later).await.unwrap());
    assert!(!store.key_revoke(&key.prefix, later.plus_seconds(1)).await.unwrap(), "it is not valid any more");
    assert!(!store.key_revoke("ffffffffffff", later).await.unwrap(), "there is none");
    let expected = ApiKey { tenant, revoked_at: Some(later), ..key.clone() };
    assert_eq!(store.key(&key.prefix).await.unwrap(), Some(expected), "revoked when it was first revoked");
    assert_eq!(store.key(&kept.prefix).await.unwrap().unwrap().revoked_at, None);
}

fn paused(channels: &[(Channel, i64)]) -> Pauses {
    Pauses {
        channels: channels.iter().map(|(channel, seconds)| (*channel, NOW.plus_seconds(*seconds))).collect(),
    }
}

async fn channels_pause_and_resume(store: &dyn Store) {
    assert_eq!(store.pauses().await.unwrap(), Pauses::default(), "everything sends at first");
    let both = paused(&[(Channel::Sms, 0), (Channel::Push, 0)]);
    let set = store.pauses_set(&[Channel::Push, Channel::Sms], true, NOW).await.unwrap();
    assert_eq!((&set, &store.pauses().await.unwrap()), (&both, &both));
    let one = paused(&[(Channel::Sms, 0)]);
    for _ in 0..2 {
        let set =
            store.pauses_set(&[Channel::Push, Channel::Email], false, NOW.plus_seconds(5)).await.unwrap();
        assert_eq!(set, one, "resuming what runs changes nothing");
    }
    assert_eq!(store.pauses_set(&Channel::ALL, false, NOW).await.unwrap(), Pauses::default());
    assert_eq!(store.pauses().await.unwrap(), Pauses::default());
}

async fn a_pause_keeps_its_beginning(store: &dyn Store) {
    let set = async |channels: &[Channel], is_paused, seconds| {
        store.pauses_set(channels, is_paused, NOW.plus_seconds(seconds)).await.unwrap()
    };
    set(&[Channel::Sms], true, 0).await;
    let expected = paused(&[(Channel::Sms, 0), (Channel::Email, 5)]);
    assert_eq!(set(&[Channel::Sms, Channel::Email], true, 5).await, expected);
    set(&[Channel::Sms], false, 6).await;
    assert_eq!(set(&[Channel::Sms], true, 7).await, paused(&[(Channel::Sms, 7), (Channel::Email, 5)]));
}
