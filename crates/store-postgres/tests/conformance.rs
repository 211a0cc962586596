//! The suite that every store passes, on a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::Stores;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_every_promise_of_the_store() {
    let stores = Stores::default();
    angaros_store_test::exercise(|| stores.next()).await;
}

/// Random sequences of verbs, compared with the model after every step.
#[test]
fn postgres_does_what_the_model_does() {
    let stores = Stores::default();
    angaros_store_test::random_operations(|| stores.next(), 64);
}
