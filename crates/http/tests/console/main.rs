//! The console as a browser sees it: the real router over a real service, without a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is how a test fails")]

#[allow(dead_code, reason = "the tests of the API use the rest of it")]
#[path = "../api/support/mod.rs"]
mod support;

mod browser;
mod html;

mod campaigns;
mod dead_letters;
mod escaping;
mod events;
mod every_page;
mod faults;
mod forms;
mod keys;
mod notification;
mod notifications;
mod overview;
mod recipient;
mod send;
mod sign_in;
mod stream;
mod templates;
mod webhooks;
