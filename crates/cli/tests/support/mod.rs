//! What only some of the tests need.

pub(crate) mod aiosmtpd;
