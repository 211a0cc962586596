//! Private instances of real servers, started from installed binaries: one file a server.
//!
//! The gate starts each once for all tests and says by an environment variable where it is; tests that are run without the
//! gate start their own. Either way a server ends with the process that started it, however that ends.

pub mod pgbouncer;
pub mod postgres;
mod watchdog;
