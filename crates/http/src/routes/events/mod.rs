//! `/events`: recording what happened, and reading it.

pub(crate) mod bulk;
pub(crate) mod create;
pub(crate) mod get;
mod intake;
pub(crate) mod list;
pub(crate) mod metrics;
mod queue;
mod rows;
mod stream;
