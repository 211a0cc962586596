//! Many notifications through the engine: capacity, rate limits, shutdown, lost workers. Virtual time.

mod support;

use std::time::Duration;

use angaros_domain::{Channel, NotificationId, Priority, Status};
use support::{START, Script, World, accepted};

async fn send_many(world: &World, count: usize) -> Vec<NotificationId> {
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        ids.push(world.send(|_| ()).await);
    }
    ids
}

#[tokio::test(start_paused = true)]
async fn everything_is_sent_exactly_once() {
    let world = World::new(vec![]);
    let engine = world.engine().await;
    let ids = send_many(&world, 1_000).await;
    for id in &ids {
        assert_eq!(world.until_final(*id).await.status, Status::Delivered);
    }
    engine.shutdown().await;
    let sends = world.sends();
    assert_eq!(sends.len(), 1_000);
    assert!(sends.values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_is_in_flight_than_allowed() {
    let slow = Script::After(Duration::from_millis(100), accepted());
    let world = World::new(vec![slow; 200]);
    world.service.worker_stop(&Channel::ALL).await.unwrap();
    let ids = send_many(&world, 200).await;
    let engine = world.engine_with(|settings| settings.concurrency = 20).await;
    world.service.worker_start(&Channel::ALL).await.unwrap();
    for id in &ids {
        world.until_final(*id).await;
    }
    assert_eq!(world.provider.in_flight_max(), 20, "the capacity is used, and never exceeded");
    engine.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_hangs_leaves_places_to_the_others() {
    let world = World::new(vec![Script::Hang; 60]);
    let engine = world.engine_with(|settings| settings.concurrency = 32).await;
    send_many(&world, 60).await;
    world.pass_millis(500).await;
    assert_eq!(world.provider.in_flight_max(), 32 - 4, "one is kept for each other outlet");
    let push = world.send(|draft| draft.channel = Channel::Push).await;
    world.pass_millis(500).await;
    assert_eq!(world.sends_of(push).len(), 1, "it did not wait for the others' time-out");
    drop(engine);
}

/// One-time codes during a flash sale: thousands of low ones wait, and high ones hardly.
#[tokio::test(start_paused = true)]
async fn the_urgent_waits_less_than_a_second_and_the_rest_still_moves() {
    let world = World::new(vec![]);
    for _ in 0..3_000 {
        world.send(|draft| draft.priority = Priority::Low).await;
    }
    let engine = world.engine_with(|settings| settings.channels[0].rate_per_second = 100).await;
    let (start, mut urgent) = (world.clock.now(), Vec::new());
    for _ in 0..400 {
        // Half of what the channel can send.
        world.pass_millis(20).await;
        urgent.push((world.clock.now(), world.send(|draft| draft.priority = Priority::High).await));
    }
    world.pass_millis(1_000).await;
    for (at, id) in &urgent {
        let waited = world.sends_of(*id)[0].millis_since(*at);
        assert!(waited < 1_000, "{waited} ms");
    }
    let seconds = world.clock.now().millis_since(start) / 1000;
    let low = world.provider.seen().len() - urgent.len();
    assert!(low as i64 >= 45 * seconds, "{low} low ones in {seconds} s: what is left over is theirs");
    let all = world.provider.seen().len() as i64;
    assert!((98 * seconds..=101 * seconds + 10).contains(&all), "{all} in {seconds} s");
    engine.shutdown().await;
}

/// However small the capacity: nothing starves, on any channel, at any priority.
#[tokio::test(start_paused = true)]
async fn every_lane_is_served_whatever_the_capacity() {
    for concurrency in [1, 2, 3, 8, 20] {
        let world = World::new(vec![]);
        let mut ids = Vec::new();
        for channel in [Channel::Sms, Channel::Push] {
            for priority in Priority::ALL {
                let id = world.send(|draft| {
                    (draft.channel, draft.priority) = (channel, priority);
                });
                ids.push(id.await);
            }
        }
        let engine = world.engine_with(|settings| settings.concurrency = concurrency).await;
        for id in ids {
            world.until_final(id).await;
        }
        let took = world.clock.now().millis_since(START);
        assert!(took < 1_000, "{took} ms with a concurrency of {concurrency}");
        engine.shutdown().await;
    }
}

/// However low the rate: high goes first, and low still moves.
#[tokio::test(start_paused = true)]
async fn a_low_rate_serves_the_urgent_first() {
    let world = World::new(vec![]);
    let mut low = Vec::new();
    for _ in 0..40 {
        low.push(world.send(|draft| draft.priority = Priority::Low).await);
    }
    let high = world.send(|draft| draft.priority = Priority::High).await;
    let engine = world.engine_with(|settings| settings.channels[0].rate_per_second = 1).await;
    world.until_final(high).await;
    let waited = world.clock.now().millis_since(START);
    assert!(waited < 4_000, "{waited} ms");
    world.until_final(low[0]).await;
    engine.shutdown().await;
}

/// A backlog in one lane alone gets every place, and no time passes in which places are free and work waits.
#[tokio::test(start_paused = true)]
async fn a_single_lane_uses_the_whole_capacity() {
    for concurrency in [10, 64, 256] {
        let rounds = 20;
        let slow = Script::After(Duration::from_millis(200), accepted());
        let world = World::new(vec![slow; concurrency * rounds]);
        let ids = send_many(&world, concurrency * rounds).await;
        let engine = world.engine_with(|settings| settings.concurrency = concurrency).await;
        for id in &ids {
            world.until_final(*id).await;
        }
        let (took, ideal) = (world.clock.now().millis_since(START), 200 * rounds as i64);
        assert!(took < ideal * 5 / 4, "{took} ms instead of {ideal} with a concurrency of {concurrency}");
        engine.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_kept_in_every_window() {
    let world = World::new(vec![]);
    let ids = send_many(&world, 1_000).await;
    let limit = |settings: &mut angaros_engine::Settings| settings.channels[0].rate_per_second = 100;
    let engine = world.engine_with(limit).await;
    for id in &ids {
        world.until_final(*id).await;
    }
    engine.shutdown().await;
    let times: Vec<i64> = world.provider.seen().iter().map(|seen| seen.at.millis_since(START)).collect();
    for (index, start) in times.iter().enumerate() {
        let within = times[index..].iter().take_while(|at| *at - start < 1_000).count();
        assert!(within <= 100 + 10, "{within} sends within a second of {start} ms");
    }
    let span = times.last().unwrap() - times[0];
    assert!((9_700..10_300).contains(&span), "1000 sends at 100 a second took {span} ms");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_what_is_in_flight() {
    let world = World::new(vec![Script::After(Duration::from_secs(10), accepted())]);
    let engine = world.engine().await;
    let id = world.send(|_| ()).await;
    while world.sends_of(id).is_empty() {
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    engine.shutdown().await;
    assert_eq!(world.get(id).await.status, Status::Delivered);
}

#[tokio::test(start_paused = true)]
async fn what_a_shutdown_interrupts_is_sent_by_the_next_engine() {
    let world = World::new(vec![Script::Hang]);
    let engine = world.engine_with(|settings| settings.shutdown = Duration::from_secs(2)).await;
    let first = world.send(|_| ()).await;
    while world.sends_of(first).is_empty() {
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    let stopped = tokio::time::Instant::now();
    engine.shutdown().await;
    assert!(stopped.elapsed() < Duration::from_secs(3), "the deadline holds");
    let interrupted = world.get(first).await;
    assert_eq!(
        (interrupted.status, interrupted.attempts),
        (Status::Retrying, 0),
        "a shutdown costs no attempt"
    );
    let later = world.send(|_| ()).await;
    let engine = world.engine().await;
    for id in [first, later] {
        assert_eq!(world.until_final(id).await.status, Status::Delivered);
    }
    engine.shutdown().await;
}

/// An engine that vanishes without a word: its claims move on once its lease has run out, well within 40 seconds.
#[tokio::test(start_paused = true)]
async fn what_a_lost_worker_held_moves_on() {
    let world = World::new(vec![Script::Hang; 50]);
    let lost = world.engine_with(|settings| settings.exclusive = false).await;
    let ids = send_many(&world, 50).await;
    while world.provider.seen().len() < 50 {
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    // Dropped without a shutdown, it neither settles nor renews any more.
    drop(lost);
    let at = tokio::time::Instant::now();
    let engine = world.engine_with(|settings| settings.exclusive = false).await;
    for id in &ids {
        let done = world.until_final(*id).await;
        assert_eq!((done.status, done.attempts), (Status::Delivered, 2));
    }
    assert!(at.elapsed() < Duration::from_secs(40), "{:?}", at.elapsed());
    engine.shutdown().await;
}

/// An embedded process owns its file: at its start it takes its former self's claims back at once.
#[tokio::test(start_paused = true)]
async fn a_restarted_process_goes_on_at_once() {
    let world = World::new(vec![Script::Hang; 50]);
    let lost = world.engine().await;
    let ids = send_many(&world, 50).await;
    while world.provider.seen().len() < 50 {
        tokio::time::advance(Duration::from_millis(5)).await;
    }
    drop(lost);
    let at = tokio::time::Instant::now();
    let engine = world.engine().await;
    for id in &ids {
        assert_eq!(world.until_final(*id).await.status, Status::Delivered);
    }
    assert!(at.elapsed() < Duration::from_secs(2), "{:?}", at.elapsed());
    engine.shutdown().await;
}
