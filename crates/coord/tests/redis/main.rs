//! Several processes coordinated by a real Redis server, which may vanish at any time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

mod bus;
mod limits;
mod lists;
mod probes;
mod support;
