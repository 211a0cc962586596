//! How templates show what they are given: `{{ at|time }}`, `{{ status|badge }}`, `{{ count|number }}`,
//! `{{ text|short }}`.
//!
//! A file that has a template imports this module, since that is where askama looks for filters.

#![allow(unreachable_pub, reason = "the macro writes items of its own, all of them public")]

use angaros_domain::{Status, Timestamp};
use askama::{Result, Values};

use super::show::{Badge, Instant, Number};

/// A point in time.
#[askama::filter_fn]
pub(crate) fn time(at: &Timestamp, _: &dyn Values) -> Result<Instant> {
    Ok(Instant(*at))
}

/// Where a notification stands.
#[askama::filter_fn]
pub(crate) fn badge(status: &Status, _: &dyn Values) -> Result<Badge> {
    Ok(Badge::of(*status))
}

/// A count, with its thousands apart.
#[askama::filter_fn]
pub(crate) fn number(count: &u64, _: &dyn Values) -> Result<Number> {
    Ok(Number(*count))
}

/// So many characters of a text are shown where there is little room.
const SHORT_CHARACTERS: usize = 48;

/// A text where there is little room, such as in a table: its beginning.
#[askama::filter_fn]
pub(crate) fn short(text: impl AsRef<str>, _: &dyn Values) -> Result<String> {
    let text = text.as_ref();
    Ok(match text.char_indices().nth(SHORT_CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    })
}
