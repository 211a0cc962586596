//! One conformance suite that every store passes.
//!
//! [`exercise`] runs every check of the suite on a fresh store; [`random_operations`] runs random sequences of verbs
//! against a store and against [`MemoryStore`], the model, and compares what both answer. A new store is right when
//! both pass. [`fixture`] and [`steps`] are what the checks are written with; other crates' tests use them too.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a check fails")]

#[cfg(test)]
mod broken;
pub mod fixture;
mod model;
mod random;
pub mod steps;
mod suite;
mod unreliable;

pub use model::MemoryStore;
pub use random::random_operations;
pub use suite::{exercise, failures};
pub use unreliable::{Luck, UnreliableStore, Verb};
