//! Several real processes on one PostgreSQL and one Redis behave as one service, whatever becomes of any of them, of the
//! database, of Redis, or of the way in between.
//!
//! `ANGAROS_TEST_LONG=1` takes the default lease, `ANGAROS_TEST_ROUNDS` makes it longer; a release build is put to the test
//! with `ANGAROS_TEST_BINARY=target/release/angaros`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

#[path = "../support/balance.rs"]
mod balance;
#[path = "../support/chance.rs"]
mod chance;
mod follower;
#[path = "../support/keyed_sink.rs"]
mod keyed_sink;
#[path = "../support/loader.rs"]
mod loader;
mod partition;
mod pooler;
mod postgres;
mod processes;
mod redis;
mod workers;
