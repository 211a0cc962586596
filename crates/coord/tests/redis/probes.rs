//! Of all processes one at a time probes an account, and all hear what came of it.

use angaros_coord::{Breaker, Coord as _};
use angaros_domain::Timestamp;
use angaros_domain::breaker::Cause;
use angaros_testkit::eventually::eventually;

use crate::support::{Cluster, LIMIT, soon};

const OPEN: Breaker = Breaker::Open { since: Timestamp::from_millis(5_000), cause: Cause::Failures };

/// Waits until one of two may probe: which.
async fn first_of(both: [&dyn angaros_coord::Coord<u32>; 2]) -> usize {
    eventually("one may probe", LIMIT, async || {
        both.iter().position(|coord| coord.may_probe("mail")).ok_or_else(|| "nobody".to_owned())
    })
    .await
}

#[tokio::test]
async fn one_at_a_time_probes() {
    let cluster = Cluster::on_any().await;
    let (one, other) = (cluster.process(), cluster.process());
    let both: [&dyn angaros_coord::Coord<u32>; 2] = [&*one, &*other];
    let prober = first_of(both).await;
    let waits = both[1 - prober];
    both[prober].probe_begun("mail");
    for _ in 0..20 {
        assert!(!waits.may_probe("mail"), "one probes already");
        soon(waits.work()).await;
    }
    assert!(both[prober].may_probe("mail"));
    both[prober].probe_ended("mail");
    assert_eq!(first_of([waits, waits]).await, 0, "then the next one may");
}

#[tokio::test]
async fn whoever_has_nothing_to_send_keeps_nobody_from_probing() {
    let cluster = Cluster::on_any().await;
    let (one, other) = (cluster.process(), cluster.process());
    assert_eq!(first_of([&*one, &*one]).await, 0);
    assert_eq!(first_of([&*other, &*other]).await, 0, "the first one did not use it");
}

#[tokio::test]
async fn without_a_server_everybody_probes_alone() {
    let mut cluster = Cluster::of_its_own().await;
    cluster.redis().kill().await;
    let (one, other) = (cluster.process(), cluster.process());
    for coord in [one, other] {
        eventually(
            "it may",
            LIMIT,
            async || if coord.may_probe("mail") { Ok(()) } else { Err(String::new()) },
        )
        .await;
    }
}

#[tokio::test]
async fn a_breaker_is_heard_of_at_once_and_by_those_who_come_later() {
    let cluster = Cluster::on_any().await;
    let (one, other) = (cluster.process(), cluster.process());
    // Told again until it is heard: the subscription may not stand yet.
    let heard = soon(async {
        loop {
            one.breaker_stands("mail", OPEN);
            let said = angaros_testkit::eventually::pass(std::time::Duration::from_millis(50));
            tokio::select! {
                heard = other.breaker_told() => return heard,
                () = said => {}
            }
        }
    })
    .await;
    assert_eq!(heard, ("mail".to_owned(), OPEN));
    let late = cluster.process();
    assert_eq!(soon(late.breaker_told()).await, ("mail".to_owned(), OPEN));
    one.breaker_stands("mail", Breaker::Closed);
    while soon(other.breaker_told()).await.1 != Breaker::Closed {}
    eventually("it is forgotten", LIMIT, async || {
        let fields: i64 = cluster.ask(redis::cmd("HLEN").arg(cluster.key("breakers"))).await;
        if fields == 0 { Ok(()) } else { Err(format!("{fields}")) }
    })
    .await;
}
