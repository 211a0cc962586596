//! The model passes the suite that it is the measure of.

use angaros_store_test::{MemoryStore, exercise, random_operations};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_model_passes_the_suite() {
    exercise(|| async { MemoryStore::new() }).await;
}

#[test]
fn the_model_agrees_with_itself_whatever_happens() {
    random_operations(|| async { MemoryStore::new() }, 64);
}
