//! The lists that live in Redis: workers and sent messages, and that nothing there lives for ever.

use angaros_coord::{Coord as _, SentEntry};
use angaros_domain::{Timestamp, WorkerId};
use angaros_testkit::eventually::eventually;
use serde_json::{Value, json};

use crate::support::{Cluster, LIMIT};

fn entry(n: i64) -> SentEntry {
    SentEntry { message_id: format!("m{n}"), sent_at: Timestamp::from_millis(1_780_000_000_000 + n) }
}

#[tokio::test]
async fn workers_are_known_while_they_live() {
    let cluster = Cluster::on_any().await;
    let (one, other) = (cluster.process(), cluster.process());
    let known = async |names: &[&str]| {
        eventually("the list is right", LIMIT, async || {
            let known: Vec<String> = other.workers().into_iter().map(|worker| worker.0).collect();
            if known == names { Ok(()) } else { Err(format!("{known:?}")) }
        })
        .await;
    };
    one.join(&WorkerId("b".into()));
    known(&["b"]).await;
    other.join(&WorkerId("a".into()));
    known(&["a", "b"]).await;
    // One that was killed: nobody took it off the list.
    let dead = [cluster.key("workers"), "99999999999999".into(), "dead".into()];
    let _: i64 = cluster.ask(redis::cmd("ZADD").arg(&dead)).await;
    known(&["a", "b", "dead"]).await;
    let _: i64 = cluster.ask(redis::cmd("ZADD").arg(&dead[0]).arg(1).arg("dead")).await;
    known(&["a", "b"]).await;
    one.leave().await;
    let left: Vec<String> =
        cluster.ask(redis::cmd("ZRANGE").arg(cluster.key("workers")).arg(0).arg(-1)).await;
    assert_eq!(left, ["a"], "at once");
    known(&["a"]).await;
}

#[tokio::test]
async fn sent_messages_are_listed_newest_first_and_only_so_many() {
    let cluster = Cluster::on_any().await;
    let coord = cluster.process();
    coord.sent(vec![entry(1), entry(2)]);
    for first in (3..1_103).step_by(100) {
        coord.sent((first..first + 100).map(entry).collect());
    }
    let list = eventually("all are there", LIMIT, async || {
        let list: Vec<String> =
            cluster.ask(redis::cmd("LRANGE").arg(cluster.key("sent")).arg(0).arg(-1)).await;
        let is_last = list.first().is_some_and(|text| text.contains("m1102"));
        if is_last { Ok(list) } else { Err(format!("{:?}", list.first())) }
    })
    .await;
    assert_eq!(list.len(), 1000);
    let first: Value = serde_json::from_str(&list[0]).unwrap();
    assert_eq!(first, json!({"message_id": "m1102", "sent_at": entry(1102).sent_at}), "and nothing else");
    let last: Value = serde_json::from_str(&list[999]).unwrap();
    assert_eq!(last["message_id"], "m103");
}

#[tokio::test]
async fn every_key_has_an_end() {
    let cluster = Cluster::on_any().await;
    let coord = cluster.process();
    coord.join(&WorkerId("w".into()));
    coord.sent(vec![entry(1)]);
    coord.breaker_stands(
        "mail",
        angaros_coord::Breaker::Open {
            since: Timestamp::from_millis(1),
            cause: angaros_domain::breaker::Cause::Failures,
        },
    );
    let limit = coord.limit("channel:sms", std::num::NonZeroU32::MIN);
    let names =
        ["breakers", "limit:channel:sms", "probe:mail", "sent", "workers"].map(|name| cluster.key(name));
    let keys = eventually("every kind of key is there", LIMIT, async || {
        limit.available(angaros_clock::Clock::system().now());
        coord.may_probe("mail");
        let mut keys: Vec<String> = cluster.ask(redis::cmd("KEYS").arg(cluster.key("*"))).await;
        keys.sort();
        if keys == names { Ok(keys) } else { Err(format!("{keys:?}")) }
    })
    .await;
    for key in keys {
        let millis: i64 = cluster.ask(redis::cmd("PTTL").arg(&key)).await;
        assert!(millis > 0, "{key} lives for ever: {millis}");
    }
}
