//! Suppressed addresses through the engine, over the embedded store: nothing is sent there. Real time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use angaros_clock::Clock;
use angaros_domain::attempt::{Class, Outcome};
use angaros_domain::request::Draft;
use angaros_domain::{Address, Channel, FailureReason, Notification, Status, SuppressionReason, TenantId};
use angaros_service::SuppressionDraft;
use angaros_store_sqlite::{Options, SqliteStore};
use metrics_exporter_prometheus::PrometheusBuilder;
use support::{START, Script, World};
use tempfile::TempDir;

const TENANT: TenantId = TenantId::DEFAULT;

/// A world on disk, in a folder that lives as long as it is held.
fn on_disk(script: Vec<Script>) -> (World<SqliteStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::tokio(START);
    let store = SqliteStore::open(&folder.path().join("angaros.db"), &clock, Options::default()).unwrap();
    (World::over(store, clock, script, true), folder)
}

fn email(recipient: &'static str) -> impl FnOnce(&mut Draft) {
    move |draft| {
        draft.channel = Channel::Email;
        draft.recipient = recipient.into();
    }
}

#[track_caller]
fn was_withheld(n: &Notification) {
    let seen = (n.status, n.failure_reason, n.attempts, n.provider.as_deref());
    assert_eq!(seen, (Status::Failed, Some(FailureReason::Suppressed), 0, None));
}

#[tokio::test]
async fn nothing_reaches_a_suppressed_address_until_it_is_taken_off_the_list() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (_recording, metrics) = (metrics::set_default_local_recorder(&recorder), recorder.handle());
    let (world, _folder) = on_disk(vec![]);
    let draft = SuppressionDraft {
        channel: Channel::Email,
        address: "Ada@example.org".into(),
        reason: SuppressionReason::Unsubscribed,
    };
    world.service.suppress(TENANT, draft).await.unwrap();
    let engine = world.engine().await;
    let withheld = world.send(email("ada@Example.org")).await;
    let other = world.send(email("bob@example.org")).await;
    was_withheld(&world.until_final(withheld).await);
    assert_eq!(world.trace(withheld).await, ["created", "queued", "failed"]);
    assert_eq!(world.until_final(other).await.status, Status::Delivered);

    world.service.retry(TENANT, withheld).await.unwrap();
    was_withheld(&world.until_final(withheld).await);
    assert_eq!(world.sends_of(withheld), [], "its provider never heard of it");
    let counted = "angaros_suppressed_total{channel=\"email\"} 2";
    assert!(metrics.render().contains(counted), "{}", metrics.render());

    world.service.unsuppress(TENANT, Address::new(Channel::Email, "ada@example.org")).await.unwrap();
    world.service.retry(TENANT, withheld).await.unwrap();
    let done = world.until_final(withheld).await;
    assert_eq!((done.status, done.attempts, done.failure_reason), (Status::Delivered, 1, None));
    assert_eq!(world.sends_of(withheld).len(), 1);
    engine.shutdown().await;
}

#[tokio::test]
async fn an_address_that_its_provider_calls_dead_is_tried_once() {
    let dead =
        Outcome::new(Class::Permanent, "no such user").with_suppression(SuppressionReason::InvalidAddress);
    let (world, _folder) = on_disk(vec![Script::Answer(dead)]);
    let engine = world.engine().await;
    let first = world.send(email("ada@example.org")).await;
    assert_eq!(world.until_final(first).await.failure_reason, Some(FailureReason::Permanent));
    assert_eq!(world.trace(first).await, ["created", "queued", "processing", "failed", "suppressed"]);
    let second = world.send(email("ADA@example.org")).await;
    was_withheld(&world.until_final(second).await);
    assert_eq!((world.sends_of(first).len(), world.sends_of(second).len()), (1, 0));
    engine.shutdown().await;
}
