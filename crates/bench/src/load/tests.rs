//! Load on a fake service that answers when it is told to.

use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::*;

/// Answers every request once the gate is open, with what `status` says of the body.
async fn service(gate: watch::Receiver<bool>, status: fn(&Bytes) -> u16) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::new(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
    let answer = move |request: Request<Incoming>| {
        let mut gate = gate.clone();
        async move {
            use http_body_util::BodyExt as _;
            let body = request.into_body().collect().await.unwrap().to_bytes();
            gate.wait_for(|open| *open).await.unwrap();
            let response = Response::builder().status(status(&body)).body(Full::new(Bytes::from("{}")));
            Ok::<_, Infallible>(response.unwrap())
        }
    };
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    target
}

fn load(target: Target, connections: usize) -> Load {
    Load { target, connections, limit: Duration::from_secs(60), clock: Clock::system() }
}

/// So many events, of which every tenth repeats the one before.
fn events(count: u64) -> Arc<Workload> {
    let call = |index: u64| Call {
        uri: "/api/v1/events".parse().unwrap(),
        body: Bytes::from(index.to_string()),
        items: 1,
        fresh: u64::from(index % 10 != 9),
    };
    Arc::new(Workload { kind: Kind::Event, calls: (0..count).map(call).collect() })
}

fn is_new(body: &Bytes) -> u16 {
    if body.ends_with(b"9") { 200 } else { 201 }
}

#[tokio::test]
async fn a_closed_loop_sends_everything_once_and_counts_it() {
    let (_gate, open) = watch::channel(true);
    let load = load(service(open, is_new).await, 8);
    let Outcome { tally, .. } = load.closed(&events(200)).await.unwrap();
    assert_eq!((tally.requests, tally.errors, tally.latency.len()), (200, 0, 200));
    assert_eq!((tally.fresh, tally.taken.created, tally.taken.duplicates), (180, 180, 20));
}

#[tokio::test]
async fn errors_are_counted_and_the_first_is_told() {
    let (_gate, open) = watch::channel(true);
    let load = load(service(open, |_| 503).await, 2);
    let Outcome { tally, .. } = load.closed(&events(10)).await.unwrap();
    assert_eq!((tally.requests, tally.errors, tally.taken.created), (10, 10, 0));
    assert!(tally.error.unwrap().starts_with("POST /api/v1/events answers 503"));
}

#[tokio::test]
async fn nothing_is_sent_after_the_limit() {
    let (_gate, open) = watch::channel(true);
    let load = Load { limit: Duration::ZERO, ..load(service(open, is_new).await, 2) };
    assert_eq!(load.closed(&events(10)).await.unwrap().tally.requests, 0);
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let load = load(Target::new(&format!("http://{free}"), None).unwrap(), 1);
    assert!(load.closed(&events(1)).await.is_err());
}

/// The service stalls until every request is due, and answers at once from then on. Each request has waited since it
/// fell due; a loop that times only what it sends would see one slow answer.
#[tokio::test]
async fn in_an_open_loop_latency_counts_from_the_schedule() {
    let (gate, open) = watch::channel(false);
    let load = load(service(open, is_new).await, 1);
    let (workload, rate) = (events(50), 500.0);
    let connections = load.connect(&workload).await.unwrap();
    let watch = load.clock.stopwatch();
    let (pace, ticking) = Pace::start(watch, rate, 50, 1);
    tokio::spawn(async move {
        ticking.await.unwrap();
        gate.send(true).unwrap();
        gate.closed().await;
    });
    let outcome = drive(connections, &workload, &Arc::new(Feed::Open(pace)), watch).await.unwrap();
    let latency = &outcome.tally.latency;
    assert_eq!((outcome.tally.requests, outcome.tally.errors), (50, 0));
    // The last fell due 98 ms after the first, and half of them had waited 48 ms by then. Histograms round.
    assert!(latency.max() >= 97_000, "{} µs", latency.max());
    assert!(latency.value_at_quantile(0.5) >= 47_000, "{} µs", latency.value_at_quantile(0.5));
    assert!(outcome.elapsed >= Duration::from_millis(98));
}

#[tokio::test]
async fn an_open_loop_keeps_its_rate_and_its_limit() {
    let (_gate, open) = watch::channel(true);
    let load = Load { limit: Duration::from_millis(100), ..load(service(open, is_new).await, 4) };
    let outcome = load.open(&events(1_000), 500.0).await.unwrap();
    assert_eq!(outcome.tally.requests, 50);
    assert!(outcome.elapsed >= Duration::from_millis(98), "{:?}", outcome.elapsed);
}
