//! Four channels, each with a limit, and a receiver that takes the time of every request: each channel is as fast as its
//! limit and never faster; `high` does not wait behind a large backlog of `low`, and `low` still moves meanwhile.
//!
//! `ANGAROS_TEST_LONG=1` makes it 100,000 notifications; a release build is measured with
//! `ANGAROS_TEST_BINARY=target/release/angaros`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::collections::HashMap;
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::pass;
use angaros_testkit::http_sink::{HttpSink, Recorded};
use angaros_testkit::launch::Launch;
use angaros_testkit::measured::measured;
use angaros_testkit::scale::{is_long, scaled};
use serde_json::{Value, json};
use tokio::time::Instant;

const CHANNELS: [(&str, &str); 4] = [
    ("sms", "+15550100123"),
    ("email", "a@example.org"),
    ("push", "token"),
    ("webhook", "https://example.org/in"),
];
/// The limit of each channel, a second.
const RATE: usize = 100;
/// What may come at once on top of it: a tenth of a second's, as `docs/operations.md` says.
const BURST: usize = RATE / 10;
/// Notifications of each channel with low priority.
const LOW: (usize, usize) = (600, 25_000);
/// How far the measured rate may lie from the limit.
const TOLERANCE: f64 = 0.02;
/// How long one of high priority may wait.
const HIGH_MAX: Duration = Duration::from_secs(1);
/// How often one of high priority is sent through every channel.
const HIGH_EVERY: Duration = Duration::from_millis(150);
/// The windows in which requests are counted. Even at the shortest the way to the receiver, which is not the same for
/// all, is short against it.
const WINDOWS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(4)];
/// How much later than another a request may reach the receiver that was let through at the same time.
const WAY: Duration = Duration::from_millis(50);

fn notification((channel, recipient): (&str, &str), priority: &str) -> Value {
    json!({"channel": channel, "recipient": recipient, "content": "Hello", "priority": priority})
}

/// Sends one of high priority through every channel now and then, until the receiver has got so many. Each one's id, and
/// when it was acknowledged.
async fn high(api: &Api, sink: &HttpSink, until: usize) -> HashMap<String, Instant> {
    let mut sent = HashMap::new();
    while sink.count() < until {
        for channel in CHANNELS {
            let id = api.notify(&notification(channel, "high")).await;
            sent.insert(id, Instant::now());
        }
        pass(HIGH_EVERY).await;
    }
    sent
}

/// How many arrived within `window` from each arrival on.
fn counts(arrivals: &[Instant], window: Duration) -> Vec<usize> {
    let ends = |from: &Instant| arrivals.partition_point(|at| *at <= *from + window);
    arrivals.iter().enumerate().map(|(first, from)| ends(from) - first).collect()
}

/// Holds that a channel was as fast as its limit and never faster; what was measured.
fn check_rate(channel: &str, arrivals: &[Instant]) -> String {
    for window in WINDOWS {
        let most = counts(arrivals, window).into_iter().max().unwrap();
        let bound = (RATE as f64 * (window + WAY).as_secs_f64()).ceil() as usize + BURST;
        assert!(most <= bound, "{channel}: {most} within {window:?}, at most {bound} may come");
    }
    let second = Duration::from_secs(1);
    let last = *arrivals.last().unwrap();
    let whole = arrivals.partition_point(|at| *at + second <= last);
    let mut a_second = counts(arrivals, second);
    a_second.truncate(whole);
    a_second.sort_unstable();
    // Counted from one arrival to another there is one more than intervals. The middle one: a machine that stands still
    // for a moment, for whatever reason, says nothing about the limit.
    let middle = (a_second[whole / 2] - 1) as f64;
    let mean = (arrivals.len() - BURST) as f64 / (last - arrivals[0]).as_secs_f64();
    let measured = if is_long() { mean } else { middle };
    let off = measured / RATE as f64 - 1.0;
    assert!(off.abs() <= TOLERANCE, "{channel}: {middle}/s in the middle, {mean:.2}/s on average");
    format!("{channel} {mean:.2}/s, at most {} in a second", a_second[whole - 1])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_channel_keeps_its_limit_and_high_goes_before_low() {
    measured(four_channels).await;
}

async fn four_channels() {
    let sink = HttpSink::with(200, "{}").await;
    let launch = Launch::new(env!("CARGO_BIN_EXE_angaros"))
        .set("providers.hook.kind", "webhook")
        .set("providers.hook.url", sink.url("/"))
        .set("limits.metrics_per_minute", "0");
    let launch = CHANNELS.iter().fold(launch, |launch, (channel, _)| {
        launch
            .set(&format!("channels.{channel}.providers"), "hook")
            .set(&format!("channels.{channel}.rate_per_second"), RATE.to_string())
    });
    let service = launch.start().await;
    let api = service.api();
    // The connections to the receiver are opened before anything is measured.
    for channel in CHANNELS {
        api.notify(&notification(channel, "normal")).await;
    }
    let opened = sink.wait_for(CHANNELS.len(), Duration::from_secs(30)).await.len();

    api.post_nothing("/api/v1/worker/stop").await.expect(200);
    let low = scaled(LOW.0, LOW.1);
    for channel in CHANNELS {
        for size in (0..low).step_by(500).map(|from| (low - from).min(500)) {
            let batch = json!({"notifications": vec![notification(channel, "low"); size]});
            api.post("/api/v1/notifications/batch", &batch).await.expect(202);
        }
    }
    api.post_nothing("/api/v1/worker/start").await.expect(200);
    // While more than enough of low priority waits.
    let all = opened + CHANNELS.len() * low;
    let sent = high(&api, &sink, all - CHANNELS.len() * RATE).await;
    let limit = Duration::from_secs(60 + (all / CHANNELS.len() / RATE) as u64);
    let recorded = sink.wait_for(all + sent.len(), limit).await;
    let arrived: Vec<(Value, Instant)> =
        recorded[opened..].iter().map(|request: &Recorded| (request.json(), request.at)).collect();
    assert_eq!(arrived.len(), CHANNELS.len() * low + sent.len(), "each once");

    let of = |key: &str, value: &str| -> Vec<Instant> {
        arrived.iter().filter(|(body, _)| body[key] == value).map(|(_, at)| *at).collect()
    };
    for (channel, _) in CHANNELS {
        println!("{}", check_rate(channel, &of("channel", channel)));
    }
    let waited = arrived.iter().filter_map(|(body, at)| {
        let acknowledged = sent.get(body["id"].as_str().unwrap())?;
        Some(at.saturating_duration_since(*acknowledged))
    });
    let longest = waited.max().unwrap();
    println!("{} of high priority waited {longest:.1?} at most", sent.len());
    assert!(longest < HIGH_MAX, "high waited {longest:?} behind low");
    let moved = of("priority", "low").windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    println!("{} of low priority, never {moved:.1?} without one", CHANNELS.len() * low);
    assert!(moved < HIGH_MAX, "low stood still for {moved:?} while high was sent");
}
