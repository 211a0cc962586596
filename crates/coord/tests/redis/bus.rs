//! Changes and wake-ups from one process to another, and the knowledge of what was missed.

use std::sync::Arc;

use angaros_coord::{Coord, Heard, RedisCoord};
use angaros_domain::Timestamp;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::task::yield_now;

use crate::support::{Cluster, soon};

/// Two processes that hear each other.
async fn two(cluster: &Cluster) -> [Arc<RedisCoord<u32>>; 2] {
    let both = [cluster.process(), cluster.process()];
    hear_each_other(&both).await;
    both
}

/// Waits until what either publishes reaches the other.
async fn hear_each_other(both: &[Arc<RedisCoord<u32>>; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut watcher = both[to].watch();
        soon(async {
            loop {
                both[from].publish(vec![0]);
                both[from].log_grew();
                // Woken by either: nothing is heard before the subscription stands.
                tokio::select! {
                    heard = watcher.recv() => if let Ok(Heard::Others(_)) = heard { return },
                    () = both[to].log_growth() => {}
                    () = angaros_testkit::eventually::pass(std::time::Duration::from_millis(20)) => {}
                }
            }
        })
        .await;
    }
}

/// What is heard next, but for the sounds of getting to know each other.
async fn next(watcher: &mut Receiver<Heard<u32>>) -> Heard<u32> {
    loop {
        let heard = soon(watcher.recv()).await.unwrap();
        if heard.changes() != [0] {
            return heard;
        }
    }
}

#[tokio::test]
async fn what_one_stores_the_other_hears_once_and_in_order() {
    let cluster = Cluster::on_any().await;
    let [one, other] = two(&cluster).await;
    assert!(one.is_shared() && one.is_watched(), "somebody else may watch");
    let (mut own, mut others) = (one.watch(), other.watch());
    for n in 1..=500 {
        one.publish(vec![n, n]);
        if n % 50 == 0 {
            yield_now().await;
        }
    }
    for n in 1..=500 {
        assert_eq!(next(&mut own).await, Heard::Own(Arc::new(vec![n, n])));
        assert_eq!(next(&mut others).await, Heard::Others(Arc::new(vec![n, n])));
    }
}

#[tokio::test]
async fn a_great_many_changes_come_in_parts() {
    let cluster = Cluster::on_any().await;
    let [one, other] = two(&cluster).await;
    let mut watcher = other.watch();
    let all: Vec<u32> = (1..=1_234).collect();
    one.publish(all.clone());
    let mut heard = Vec::new();
    while heard.len() < all.len() {
        heard.extend_from_slice(next(&mut watcher).await.changes());
    }
    assert_eq!(heard, all);
    soon(one.leave()).await;
}

#[tokio::test]
async fn whoever_sleeps_is_woken_by_the_other_process() {
    let cluster = Cluster::on_any().await;
    let [one, other] = two(&cluster).await;
    one.work_ready();
    soon(other.work()).await;
    soon(one.work()).await;
    one.log_grew();
    soon(other.log_growth()).await;
    for millis in [9_000, 5_000, 7_000] {
        one.due_at(Timestamp::from_millis(millis));
    }
    assert_eq!(soon(other.earlier_due()).await, Timestamp::from_millis(5_000));
}

#[tokio::test]
async fn a_server_that_was_gone_is_a_gap_and_then_all_goes_on() {
    let mut cluster = Cluster::of_its_own().await;
    let both = two(&cluster).await;
    for restart in [true, false] {
        let mut watcher = both[1].watch();
        if restart {
            cluster.redis().kill().await;
            both[0].publish(vec![7]);
            assert_eq!(next(&mut watcher).await, Heard::Missed);
            cluster.redis().start_again().await;
        } else {
            cluster.redis().cut().await;
        }
        while next(&mut watcher).await != Heard::Missed {}
        hear_each_other(&both).await;
        let mut watcher = both[1].watch();
        both[0].publish(vec![8]);
        while next(&mut watcher).await != Heard::Others(Arc::new(vec![8])) {}
    }
}

#[tokio::test]
async fn a_missing_number_is_a_gap() {
    let cluster = Cluster::on_any().await;
    let [_one, other] = two(&cluster).await;
    let mut watcher = other.watch();
    let bus = cluster.key("bus");
    for (number, heard) in [
        (1, vec![Heard::Others(Arc::new(vec![11]))]),
        (2, vec![Heard::Others(Arc::new(vec![11]))]),
        (4, vec![Heard::Missed, Heard::Others(Arc::new(vec![11]))]),
    ] {
        let message = json!({"origin": "x", "number": number, "says": {"changes": [11]}}).to_string();
        let _: i64 = cluster.ask(redis::cmd("PUBLISH").arg(&bus).arg(message)).await;
        for expected in heard {
            assert_eq!(next(&mut watcher).await, expected, "{number}");
        }
    }
    // Nonsense may hide something, but does not send everybody to the log again and again.
    for _ in 0..3 {
        let _: i64 = cluster.ask(redis::cmd("PUBLISH").arg(&bus).arg("nonsense")).await;
    }
    assert_eq!(next(&mut watcher).await, Heard::Missed);
    let message = json!({"origin": "x", "number": 5, "says": {"changes": [11]}}).to_string();
    let _: i64 = cluster.ask(redis::cmd("PUBLISH").arg(&bus).arg(message)).await;
    assert_eq!(next(&mut watcher).await, Heard::Others(Arc::new(vec![11])));
    // It was said that there are six, and the sixth never came.
    let alive = json!({"origin": "x", "number": 6, "says": "alive"}).to_string();
    let _: i64 = cluster.ask(redis::cmd("PUBLISH").arg(&bus).arg(alive)).await;
    assert_eq!(next(&mut watcher).await, Heard::Missed);
    // And now it is silent without having said goodbye.
    assert_eq!(next(&mut watcher).await, Heard::Missed);
}

#[tokio::test]
async fn what_nobody_can_publish_is_missed_by_all() {
    let cluster = Cluster::on_any().await;
    let [one, other] = two(&cluster).await;
    let (mut own, mut others) = (one.watch(), other.watch());
    one.missed();
    one.publish(vec![1]);
    for watcher in [&mut own, &mut others] {
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.push(next(watcher).await.changes().to_vec());
        }
        heard.sort();
        assert_eq!(heard, [vec![], vec![1]], "the others may hear it a moment later");
    }
}

#[tokio::test]
async fn what_is_dropped_at_the_end_is_missed() {
    let cluster = Cluster::on_any().await;
    let [one, other] = two(&cluster).await;
    let mut watcher = other.watch();
    one.missed();
    soon(one.leave()).await;
    assert_eq!(next(&mut watcher).await, Heard::Missed);
    // Nobody can be missed who has said goodbye: that one was told at once.
    assert!(tokio::time::timeout(std::time::Duration::from_secs(5), next(&mut watcher)).await.is_err());
}

#[tokio::test]
async fn whoever_says_goodbye_leaves_no_gap() {
    let cluster = Cluster::on_any().await;
    let [one, other] = two(&cluster).await;
    let mut watcher = other.watch();
    one.publish(vec![1]);
    one.publish(vec![2]);
    drop(one);
    for n in [1, 2] {
        assert_eq!(next(&mut watcher).await, Heard::Others(Arc::new(vec![n])));
    }
    // Longer than anybody may be silent.
    let silence = tokio::time::timeout(std::time::Duration::from_secs(5), next(&mut watcher)).await;
    assert!(silence.is_err(), "{silence:?}");
}
