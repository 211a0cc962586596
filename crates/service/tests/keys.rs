//! Keys that a tenant makes and revokes for itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use angaros_clock::Clock;
use angaros_coord::LocalCoord;
use angaros_domain::api_key::Scope;
use angaros_domain::outbound::OutboundPolicy;
use angaros_domain::request::Rules;
use angaros_domain::{TenantId, Timestamp};
use angaros_service::{
    Access, KEY_NAME_CHARACTERS_MAX, KeyDraft, Missing, NewKey, Service, ServiceError, Settings,
};
use angaros_store_test::MemoryStore;

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

fn draft(name: &str, scopes: &[Scope]) -> KeyDraft {
    KeyDraft { name: name.into(), scopes: scopes.to_vec() }
}

/// The fields that a draft is refused for.
async fn refused(service: &Service, draft: KeyDraft) -> Vec<String> {
    match service.tenant_key_create(TENANT, draft).await {
        Err(ServiceError::Invalid(found)) => found.into_iter().map(|fault| fault.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_key_can_make_others() {
    let service = service();
    assert_eq!(refused(&service, draft("first", &[Scope::Send])).await, ["#/scopes"]);
    let (first, token) = service.tenant_key_create(TENANT, draft("first", &[Scope::Admin])).await.unwrap();
    assert_eq!((first.tenant, first.tenant_name.as_str()), (TENANT, TenantId::DEFAULT_NAME));
    assert_eq!(service.access(Some(&token)).await.unwrap(), Access::Key(first));
    service.tenant_key_create(TENANT, draft("second", &[Scope::Send])).await.unwrap();
}

#[tokio::test]
async fn a_key_has_a_name_and_a_scope() {
    let service = service();
    let long = "k".repeat(KEY_NAME_CHARACTERS_MAX + 1);
    for (draft, pointers) in [
        (draft(" ", &[Scope::Admin]), vec!["#/name"]),
        (draft(&long, &[Scope::Admin]), vec!["#/name"]),
        (draft("a\nb", &[Scope::Admin]), vec!["#/name"]),
        (draft("", &[]), vec!["#/name", "#/scopes"]),
    ] {
        assert_eq!(refused(&service, draft.clone()).await, pointers, "{draft:?}");
    }
    assert_eq!(service.tenant_keys(TENANT).await.unwrap(), []);
}

#[tokio::test]
async fn tenants_make_see_and_revoke_their_own() {
    let service = service();
    let shop = NewKey { name: "shop".into(), tenant_name: "shop".into(), scopes: vec![Scope::Admin] };
    let (theirs, _) = service.key_create(shop).await.unwrap();
    let (own, _) = service.tenant_key_create(TENANT, draft("own", &[Scope::Read])).await.unwrap();
    let (second, _) =
        service.tenant_key_create(theirs.tenant, draft("second", &[Scope::Read])).await.unwrap();
    assert_eq!(second.tenant_name, "shop", "for the tenant that asks");
    let names = |keys: Vec<angaros_domain::api_key::ApiKey>| -> Vec<String> {
        keys.into_iter().map(|key| key.name).collect()
    };
    assert_eq!(names(service.tenant_keys(TENANT).await.unwrap()), ["own"]);
    assert_eq!(names(service.tenant_keys(theirs.tenant).await.unwrap()), ["shop", "second"]);

    let missing = |outcome| matches!(outcome, Err(ServiceError::NotFound(Missing::ApiKey)));
    assert!(missing(service.tenant_key_revoke(TENANT, &theirs.prefix).await), "it is not theirs to revoke");
    assert!(missing(service.tenant_key_revoke(TENANT, "000000000000").await));
    assert_eq!(service.tenant_key_revoke(TENANT, &own.prefix).await.unwrap().prefix, own.prefix);
    assert!(missing(service.tenant_key_revoke(TENANT, &own.prefix).await), "it is revoked already");
    assert!(service.tenant_keys(TENANT).await.unwrap()[0].revoked_at.is_some());
}
