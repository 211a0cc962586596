//! `/notifications`.

pub(crate) mod batch;
pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod retry;
pub(crate) mod trace;
