//! `/webhook-endpoints`.

pub(crate) mod deliveries;
pub(crate) mod endpoint;
pub(crate) mod ping;
pub(crate) mod secret;
