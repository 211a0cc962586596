//! A very long request: hundreds of megabytes of events, line by line, while the service stays small.
//!
//! Only a release build is held to it (`ANGAROS_TEST_BINARY=target/release/angaros`); `angaros bench --only memory`
//! measures longer ones.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::time::Duration;

use angaros_bench::{Footprint, Length, Load, Measurement, Profile, Target, stream};
use angaros_clock::Clock;
use angaros_testkit::launch::{BINARY_VARIABLE, Launch};

/// How much is sent.
const STREAM_BYTES: u64 = 256 * 1024 * 1024;
/// An event as a line has at least so many bytes.
const LINE_BYTES_MIN: u64 = 250;
/// The most memory that the service may have resident at any moment.
const MEMORY_BYTES_MAX: u64 = 300 * 1024 * 1024;
/// How long the stream may take; generous, because other builds may share the machine.
const LIMIT: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_any_length_takes_little_memory() {
    if std::env::var_os(BINARY_VARIABLE).is_none() && cfg!(debug_assertions) {
        println!("a debug build is not held to the limit of {MEMORY_BYTES_MAX} bytes");
        return;
    }
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).start().await;
    let clock = Clock::system();
    let total = STREAM_BYTES / LINE_BYTES_MIN + 1;
    let to = clock.now().plus_seconds(-60);
    let profile = Profile {
        seed: 1,
        duplicates: 0.05,
        recipients: 100_000,
        campaigns: 50,
        from: to.plus_seconds(-90 * 86_400),
        to,
        total,
    };
    let load = Load { target: Target::new(&service.url, None).unwrap(), connections: 1, limit: LIMIT, clock };
    let outcome = stream(&load, profile.events(0..total), Length::Bytes(STREAM_BYTES)).await.unwrap();
    let measured = Measurement::new("stream", &outcome).counted(&outcome);
    let memory = Footprint::of(service.pid()).unwrap().memory_peak_bytes;
    println!(
        "{STREAM_BYTES} bytes in {:.1} s: {} events, at most {:.0} MB resident",
        measured.seconds,
        measured.events,
        memory as f64 / 1e6
    );
    assert_eq!(measured.errors, 0, "{:?}", measured.problem);
    assert!(measured.events > STREAM_BYTES / 1000, "{} events", measured.events);
    assert!(memory < MEMORY_BYTES_MAX, "{memory} bytes");
}
