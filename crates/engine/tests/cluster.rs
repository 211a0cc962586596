//! Several processes on one store, coordinated by a real Redis server: they share limits and breakers, one at a time
//! probes, and a client of one of them sees what another does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

#[path = "support/mod.rs"]
mod support;

use std::num::NonZeroU32;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::{RedisCoord, RedisSettings};
use angaros_domain::breaker::{BreakerPolicy, BreakerState};
use angaros_domain::retry::RetryPolicy;
use angaros_domain::{Channel, NotificationId, TenantId};
use angaros_engine::{Engine, Settings};
use angaros_service::{News, Topic, Watch};
use angaros_store_test::MemoryStore;
use angaros_testkit::eventually::eventually;
use angaros_testkit::measured::measured;
use angaros_testkit::redis::Redis;
use support::{Script, World, accepted, transient};
use tokio::time::timeout;

const PROCESSES: usize = 3;
/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Processes on one store, and the server between them.
struct Cluster {
    redis: Redis,
    processes: Vec<World>,
}

impl Cluster {
    async fn start(script: Vec<Script>) -> Cluster {
        let (redis, clock) = (Redis::start().await, Clock::system());
        let world = World::over(MemoryStore::new(), clock.clone(), script, true);
        let settings = RedisSettings {
            url: redis.url(),
            prefix: "test".into(),
            workers_min: NonZeroU32::new(3).unwrap(),
        };
        let process = |_| world.beside(RedisCoord::start(settings.clone(), clock.clone()).unwrap());
        Cluster { redis, processes: (0..PROCESSES).map(process).collect() }
    }

    /// Starts the engines of some processes.
    async fn engines(&self, of: std::ops::Range<usize>, edit: impl Fn(&mut Settings)) -> Vec<Engine> {
        let mut engines = Vec::new();
        for process in &self.processes[of] {
            let edit = |settings: &mut Settings| {
                settings.exclusive = false;
                edit(settings);
            };
            engines.push(process.engine_with(edit).await);
        }
        engines
    }

    async fn all_stand(&self, state: BreakerState) {
        eventually("all breakers agree", LIMIT, async || {
            let states: Vec<_> = self
                .processes
                .iter()
                .flat_map(|process| process.service.accounts())
                .map(|account| account.state)
                .collect();
            if states == [state; PROCESSES] { Ok(()) } else { Err(format!("{states:?}")) }
        })
        .await;
    }

    async fn send(&self, count: usize) -> Vec<NotificationId> {
        let mut ids = Vec::new();
        for n in 0..count {
            ids.push(self.processes[n % PROCESSES].send(|_| ()).await);
        }
        ids
    }

    /// Waits until all are final.
    async fn final_all(&self, ids: &[NotificationId]) {
        eventually("all are final", LIMIT, async || {
            for id in ids {
                let found = self.processes[0].get(*id).await;
                if !found.status.is_final() {
                    return Err(format!("{id} is {}", found.status));
                }
            }
            Ok(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_engines_share_one_limit_with_and_without_the_server() {
    measured(a_limit_of_three).await;
}

async fn a_limit_of_three() {
    const RATE: u32 = 100;
    let mut cluster = Cluster::start(Vec::new()).await;
    let ids = cluster.send(600).await;
    let _engines = cluster
        .engines(0..PROCESSES, |settings| settings.channels[Channel::Sms.index()].rate_per_second = RATE)
        .await;
    let provider = cluster.processes[0].provider.clone();
    eventually("half is sent", LIMIT, async || {
        if provider.seen().len() >= 300 { Ok(()) } else { Err(provider.seen().len().to_string()) }
    })
    .await;
    cluster.redis.kill().await;
    cluster.final_all(&ids).await;
    let mut sent: Vec<i64> = provider.seen().iter().map(|seen| seen.at.as_millis()).collect();
    sent.sort_unstable();
    assert_eq!(sent.len(), 600, "each once");
    let rate = |of: &[i64]| (of.len() - 1) as f64 / (of[of.len() - 1] - of[0]) as f64 * 1000.0;
    println!("{:.1}/s with the server, {:.1}/s without", rate(&sent[50..300]), rate(&sent[350..]));
    assert!((rate(&sent[50..300]) / f64::from(RATE) - 1.0).abs() < 0.05, "{}", rate(&sent[50..300]));
    assert!(rate(&sent[350..]) < f64::from(RATE) * 1.05, "never faster: {}", rate(&sent[350..]));
    for (first, from) in sent.iter().enumerate() {
        let within = sent[first..].partition_point(|at| *at <= from + 1000);
        // A burst on top of the rate, and what a claim takes to become a send.
        assert!(within <= (RATE + RATE / 10 + RATE / 20) as usize, "{within} within a second");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_one_breaker_opens_all_do_and_one_process_probes() {
    const OPEN_MILLIS: i64 = 300;
    const PROBES: usize = 8;
    let mut script = vec![Script::Answer(transient())];
    script.extend(vec![Script::After(Duration::from_millis(100), transient()); PROBES]);
    script.push(Script::Answer(accepted()));
    let cluster = Cluster::start(script).await;
    let _engines = cluster
        .engines(0..PROCESSES, |settings| {
            settings.breaker =
                BreakerPolicy { failures: 1, open_millis: OPEN_MILLIS, ..BreakerPolicy::default() };
            // Longer than the others take to hear that a breaker opened.
            let retry = RetryPolicy { base_seconds: 0.2, cap_seconds: 0.2, ..RetryPolicy::default() };
            settings.channels[Channel::Sms.index()].retry = retry;
        })
        .await;
    let provider = cluster.processes[0].provider.clone();
    cluster.send(1).await;
    cluster.all_stand(BreakerState::Open).await;
    let ids = cluster.send(60).await;
    cluster.all_stand(BreakerState::Closed).await;
    cluster.final_all(&ids).await;
    let sends: Vec<i64> = provider.seen().iter().map(|seen| seen.at.as_millis()).collect();
    // The first one opened all breakers, the last one of these closed them.
    for pair in sends[..PROBES + 2].windows(2) {
        assert!(pair[1] - pair[0] >= OPEN_MILLIS - 20, "two at once: {sends:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_without_an_engine_shows_the_breakers_of_the_others() {
    let cluster = Cluster::start(vec![Script::Answer(transient())]).await;
    let service = cluster.processes[0].service.clone();
    let _following = tokio::spawn({
        let service = service.clone();
        async move { service.follow_accounts(vec!["scripted".into()]).await }
    });
    let _engines = cluster
        .engines(1..2, |settings| {
            settings.breaker = BreakerPolicy { failures: 1, open_millis: 2_000, ..BreakerPolicy::default() };
            let retry = RetryPolicy { base_seconds: 0.2, cap_seconds: 0.2, ..RetryPolicy::default() };
            settings.channels[Channel::Sms.index()].retry = retry;
        })
        .await;
    let stands = async |state| {
        eventually("it is shown", LIMIT, async || match &service.accounts()[..] {
            [account] if account.state == state => Ok(account.since),
            accounts => Err(format!("{accounts:?}")),
        })
        .await
    };
    assert_eq!(stands(BreakerState::Closed).await, None);
    let id = cluster.processes[1].send(|_| ()).await;
    assert!(stands(BreakerState::Open).await.is_some());
    assert_eq!(stands(BreakerState::Closed).await, None);
    cluster.final_all(&[id]).await;
}

/// The statuses of a watch until one of them has come, and the last cursor.
async fn statuses(watch: &mut Watch, until: &str) -> (Vec<String>, String) {
    let mut statuses = Vec::new();
    loop {
        match timeout(LIMIT, watch.next()).await.expect("in time") {
            News::Update(update, cursor) => {
                statuses.push(update.status.to_string());
                if statuses.last().is_some_and(|status| status == until) {
                    return (statuses, cursor);
                }
            }
            News::Begun | News::Reached(..) | News::Subscribed(..) => {}
            news => panic!("{news:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_one_process_sees_what_another_does_and_resumes_when_the_server_was_gone() {
    let mut cluster = Cluster::start(Vec::new()).await;
    let service = cluster.processes[0].service.clone();
    // Heard of each other: until then watches are told that they missed something.
    eventually("the bus carries changes", LIMIT, async || {
        let mut watch = service.watch(TenantId::DEFAULT, 1_000);
        watch.subscribe(Topic::All, None).unwrap();
        while !matches!(watch.next().await, News::Subscribed(..) | News::Ended) {}
        cluster.processes[1]
            .send(|draft| draft.scheduled_at = Some(Clock::system().now().plus_seconds(3600)))
            .await;
        match timeout(Duration::from_millis(300), watch.next()).await {
            Ok(News::Update(..)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let mut watch = service.watch(TenantId::DEFAULT, 1_000);
    watch.subscribe(Topic::All, None).unwrap();
    while !matches!(timeout(LIMIT, watch.next()).await.unwrap(), News::Subscribed(..)) {}
    let _engines = cluster.engines(1..2, |_| ()).await;
    cluster.processes[2].send(|_| ()).await;
    let (seen, cursor) = statuses(&mut watch, "delivered").await;
    assert_eq!(seen, ["queued", "processing", "sent", "delivered"], "API and worker are other processes");

    cluster.redis.kill().await;
    let id = cluster.processes[1].send(|_| ()).await;
    while !matches!(timeout(LIMIT, watch.next()).await.expect("in time"), News::Ended) {}
    cluster.final_all(&[id]).await;
    let mut again = service.watch(TenantId::DEFAULT, 1_000);
    again.subscribe(Topic::Notification(id), Some(&cursor)).unwrap();
    assert_eq!(statuses(&mut again, "delivered").await.0, ["queued", "processing", "sent", "delivered"]);
}
