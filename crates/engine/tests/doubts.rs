//! What a process claimed without learning of it goes back as it was, whichever answers are lost on the way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use angaros_clock::Clock;
use angaros_store_test::{Luck, UnreliableStore, Verb};
use support::{START, World};

/// A world in which the next answers to these verbs are lost, one each, and in which order.
fn world() -> (World<UnreliableStore>, Arc<Mutex<Vec<Verb>>>) {
    let losses: Arc<Mutex<Vec<Verb>>> = Arc::default();
    let to_come = Arc::clone(&losses);
    let store = UnreliableStore::new(move |verb| {
        let mut to_come = to_come.lock().unwrap();
        if to_come.first() != Some(&verb) {
            return Luck::Good;
        }
        to_come.remove(0);
        Luck::Unknown
    });
    (World::over(store, Clock::tokio(START), vec![], true), losses)
}

#[tokio::test(start_paused = true)]
async fn nothing_counts_as_attempted_that_nobody_sent() {
    for lost in
        [vec![Verb::Claim], vec![Verb::Claim, Verb::Rescue], vec![Verb::Claim, Verb::Rescue, Verb::Rescue]]
    {
        let (world, losses) = world();
        let engine = world.engine().await;
        // Its first look finds nothing: that answer is not the one to lose.
        world.pass_millis(100).await;
        losses.lock().unwrap().clone_from(&lost);
        let id = world.send(|_| ()).await;
        let sent = world.until_final(id).await;
        assert_eq!(*losses.lock().unwrap(), [], "all were lost");
        assert_eq!((sent.attempts, world.sends_of(id).len()), (1, 1), "{lost:?}");
        engine.shutdown().await;
    }
}
