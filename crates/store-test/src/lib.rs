//! One conformance suite that every store passes.
//!
//! [`exercise`] runs every check of the suite on a fresh store; [`MemoryStore`] is the model that they were written
//! against. [`fixture`] and [`steps`] are what the checks are written with; other crates' tests use them too.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a check fails")]

pub mod fixture;
mod model;
pub mod steps;
mod suite;

pub use model::MemoryStore;
pub use suite::{exercise, failures};
