//! The store on PostgreSQL: several processes share one database, alone or behind a pooler in transaction mode.
//!
//! Every verb is one transaction (`session.rs`) of statements over whole slices: lists are parameters, and rows are locked
//! in the order of their keys. Nothing outlives a transaction on its connection: no prepared statement, no setting, no lock.
//! What rivals did in the meantime shows in the fences of each verb; a deadlock or a lost connection is tried again. The SQL
//! of each verb stands in the file named for it.

mod append;
pub mod audit;
mod bulk;
mod campaigns;
mod cancel;
mod catalog;
mod claim;
mod compact;
mod connection;
mod counts;
mod dead_letters;
mod enqueue;
mod error;
mod expire;
mod feed;
mod hints;
mod keys;
mod latest;
mod lease;
pub mod limit;
mod list;
mod locks;
mod log;
mod maintain;
mod metrics;
pub mod migrate;
mod outcomes;
#[cfg(test)]
mod plans;
mod promote;
mod read;
mod receipts;
mod redrive;
mod row;
pub mod scratch;
mod series;
mod session;
mod settle;
mod shards;
mod stats;
mod store;
mod suppressions;
mod target;
mod text;
mod timeline;
pub mod transfer;
mod values;
mod verbs;
mod webhooks;

pub use store::{Options, PostgresStore, Target};
