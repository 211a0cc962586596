//! One limit for several processes: exact while there is a server, and safe while there is none.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_coord::{Coord as _, RedisCoord};
use angaros_domain::WorkerId;
use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::measured::measured;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Cluster, LIMIT, soon};

const PER_SECOND: u32 = 100;
const BURST: f64 = PER_SECOND as f64 / 10.0;
const PROCESSES: usize = 3;

/// A process that uses every token it can get, from now until `end`: when it used one.
async fn greedy(coord: Arc<RedisCoord<u32>>, per_second: u32, end: Instant) -> Vec<Instant> {
    let clock = Clock::system();
    let mut limit = coord.limit("channel:sms", NonZeroU32::new(per_second).unwrap());
    let mut used = Vec::new();
    loop {
        let tokens = limit.available(clock.now());
        limit.take(tokens, clock.now());
        used.extend(vec![Instant::now(); tokens]);
        let refilled = async {
            match limit.refilled_at(clock.now()) {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = coord.work() => {}
            () = refilled => {}
            () = pass(end.saturating_duration_since(Instant::now())) => return used,
        }
    }
}

/// Several of them: when a token was used by any.
async fn all_greedy(processes: &[Arc<RedisCoord<u32>>], per_second: u32, end: Instant) -> Vec<Instant> {
    let running: JoinSet<Vec<Instant>> =
        processes.iter().map(|coord| greedy(Arc::clone(coord), per_second, end)).collect();
    let mut used: Vec<Instant> = running.join_all().await.into_iter().flatten().collect();
    used.sort();
    used
}

/// Holds that no window of time saw more than the rate and the burst.
fn never_above(used: &[Instant], per_second: u32, burst: f64) {
    for (first, from) in used.iter().enumerate() {
        for (last, to) in used.iter().enumerate().skip(first) {
            let (count, window) = ((last - first + 1) as f64, (*to - *from).as_secs_f64());
            let bound = f64::from(per_second) * window + burst + 1.0;
            assert!(count <= bound, "{count} within {window} s");
        }
    }
}

fn rate(used: &[Instant], from: Instant, to: Instant) -> f64 {
    let count = used.iter().filter(|at| (from..to).contains(at)).count();
    count as f64 / (to - from).as_secs_f64()
}

/// Processes that know of each other as workers.
async fn workers(cluster: &Cluster) -> Vec<Arc<RedisCoord<u32>>> {
    let processes: Vec<_> = (0..PROCESSES).map(|_| cluster.process()).collect();
    for (n, process) in processes.iter().enumerate() {
        process.join(&WorkerId(format!("w{n}")));
    }
    eventually("all know each other", LIMIT, async || {
        let known: Vec<usize> = processes.iter().map(|process| process.workers().len()).collect();
        if known == [PROCESSES; PROCESSES] { Ok(()) } else { Err(format!("{known:?}")) }
    })
    .await;
    processes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_share_a_rate_to_within_three_percent() {
    measured(three_processes).await;
}

async fn three_processes() {
    let cluster = Cluster::on_any().await;
    let processes = workers(&cluster).await;
    let (start, length) = (Instant::now(), Duration::from_secs(6));
    let used = all_greedy(&processes, PER_SECOND, start + length).await;
    never_above(&used, PER_SECOND, BURST);
    let measured = rate(&used, start + Duration::from_secs(1), start + length);
    println!("{measured:.2}/s of {PER_SECOND}/s");
    assert!((measured / f64::from(PER_SECOND) - 1.0).abs() <= 0.03, "{measured}/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_makes_it_slower_never_faster() {
    measured(without_a_server).await;
}

async fn without_a_server() {
    let mut cluster = Cluster::of_its_own().await;
    let processes = workers(&cluster).await;
    let start = Instant::now();
    let gone_at = start + Duration::from_secs(1);
    let running =
        tokio::spawn(async move { all_greedy(&processes, PER_SECOND, start + Duration::from_secs(6)).await });
    pass(gone_at - Instant::now()).await;
    cluster.redis().kill().await;
    pass(Duration::from_secs(3)).await;
    let back_at = Instant::now();
    cluster.redis().start_again().await;
    let used = running.await.unwrap();
    never_above(&used, PER_SECOND, BURST);
    // Once it is noticed, each has its third.
    let alone = rate(&used, gone_at + Duration::from_secs(1), back_at);
    println!("{alone:.2}/s without a server");
    assert!((0.9..=1.03).contains(&(alone / f64::from(PER_SECOND))), "{alone}/s");
}

/// Each sees the server again up to a fifth of a second later than another one: whoever is first must not have the whole
/// rate beside the shares of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_used_by_all_at_the_same_time() {
    let mut cluster = Cluster::of_its_own().await;
    let processes = workers(&cluster).await;
    let end = Instant::now() + Duration::from_secs(8);
    let running = tokio::spawn(async move { all_greedy(&processes, PER_SECOND, end).await });
    for down in [700, 750, 800, 850] {
        cluster.redis().kill().await;
        pass(Duration::from_millis(down)).await;
        cluster.redis().start_again().await;
        pass(Duration::from_millis(900)).await;
    }
    never_above(&running.await.unwrap(), PER_SECOND, BURST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_never_saw_each_other_share_by_what_was_configured() {
    measured(a_fourth).await;
}

async fn a_fourth() {
    let mut cluster = Cluster::of_its_own().await.with_workers_min(4);
    cluster.redis().kill().await;
    let (start, length) = (Instant::now(), Duration::from_secs(3));
    let used = all_greedy(&[cluster.process()], PER_SECOND, start + length).await;
    let measured = rate(&used, start + Duration::from_secs(1), start + length);
    assert!((20.0..=26.0).contains(&measured), "a fourth of it: {measured}/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_server_gives_nothing_twice() {
    let mut cluster = Cluster::of_its_own().await;
    let processes = workers(&cluster).await;
    let start = Instant::now();
    let running =
        tokio::spawn(async move { all_greedy(&processes, PER_SECOND, start + Duration::from_secs(3)).await });
    for _ in 0..20 {
        pass(Duration::from_millis(120)).await;
        cluster.redis().wipe().await;
    }
    never_above(&running.await.unwrap(), PER_SECOND, BURST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_one_does_not_need_the_other_gets() {
    measured(one_that_takes_nothing).await;
}

async fn one_that_takes_nothing() {
    let cluster = Cluster::on_any().await;
    let (idle, busy) = (cluster.process(), cluster.process());
    let clock = Clock::system();
    let unused = idle.limit("channel:sms", NonZeroU32::new(PER_SECOND).unwrap());
    let (start, length) = (Instant::now(), Duration::from_secs(5));
    let running = tokio::spawn(greedy(busy, PER_SECOND, start + length));
    // A token each time: were they lost, the other one would miss five a second.
    for _ in 0..25 {
        soon(async {
            while unused.available(clock.now()) == 0 {
                idle.work().await;
            }
        })
        .await;
        pass(length / 25).await;
    }
    let used = running.await.unwrap();
    let measured = rate(&used, start + Duration::from_secs(1), start + length);
    println!("{measured:.2}/s beside one that asks and takes nothing");
    assert!((measured / f64::from(PER_SECOND) - 1.0).abs() <= 0.03, "{measured}/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_limit_is_reached_too() {
    measured(a_fast_limit).await;
}

async fn a_fast_limit() {
    let cluster = Cluster::on_any().await;
    let processes = workers(&cluster).await;
    let (start, length) = (Instant::now(), Duration::from_secs(4));
    let used = all_greedy(&processes, 5_000, start + length).await;
    let measured = rate(&used, start + Duration::from_secs(1), start + length);
    println!("{measured:.0}/s of 5000/s");
    assert!((measured / 5_000.0 - 1.0).abs() <= 0.03, "{measured}/s");
}
