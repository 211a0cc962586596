//! What tests talk to and through: real counterparts on loopback, and the real binary as a process.
//!
//! Only tests depend on this crate. It fails as tests do, by panicking, and it knows nothing of the product but its
//! command line and its HTTP interface.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a failed test shows what its process printed")]

pub mod api;
pub mod eventually;
pub mod gateway;
pub mod held_up;
pub mod http_sink;
pub mod launch;
pub mod lock;
pub mod mail_server;
pub mod measured;
pub mod network;
pub mod pgbouncer;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod redis;
pub mod running;
pub mod scale;
