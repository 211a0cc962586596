//! A load generator that speaks HTTP and knows the service only from outside.
//!
//! What is sent is made and serialised before the clock starts, so that the generator, which often shares the machine
//! with what it measures, costs as little as possible. Load is either *closed* (so many connections, each sending as
//! fast as it is answered: the highest rate) or *open* (requests fall due at a fixed rate whether or not earlier ones
//! were answered: the latency that callers see).

mod answer;
mod body;
mod connection;
mod event;
mod load;
mod measurement;
mod notification;
mod pace;
mod process;
mod random;
mod read;
mod rows;
mod stream;
mod table;
mod tally;
mod target;
mod workload;

use std::io;

pub use event::{Event, Events, Metadata, Profile};
pub use load::{Load, Outcome};
pub use measurement::{Limit, Measurement, Percentiles};
pub use process::Footprint;
pub use stream::{Length, stream};
pub use table::table;
pub use target::Target;
pub use workload::Workload;

/// Why a measurement could not be made at all. What single requests got wrong is counted instead.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The address is none that the generator can call.
    #[error("{0} is no address that can be measured: it must be http://HOST:PORT")]
    Address(String),
    /// The key cannot stand in a header.
    #[error("the API key has characters that no key has")]
    Key,
    /// Nobody answers.
    #[error("{address} cannot be reached: {cause}")]
    Unreachable {
        /// Who was called.
        address: String,
        /// Why there was no connection.
        cause: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Latencies cannot be recorded.
    #[error("latencies cannot be recorded: {0}")]
    Histogram(#[from] hdrhistogram::errors::CreationError),
    /// A part of the generator failed.
    #[error("the load generator failed: {0}")]
    Generator(#[from] tokio::task::JoinError),
}

/// The answer of everything that measures.
pub type Result<T> = std::result::Result<T, BenchError>;
