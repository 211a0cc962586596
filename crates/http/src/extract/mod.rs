//! Taking requests apart: bodies, query strings and path segments, each refused with a problem that says where.
//!
//! axum's own extractors answer in plain text and let through what serde lets through: unknown parameters, repeated
//! keys, arrays in place of objects. These do not.

pub(crate) mod body;
mod fault;
mod json;
mod lines;
mod media;
mod members;
mod name;
mod path;
mod prefer;
mod query;
mod strict;
mod whole;

pub(crate) use fault::place;
pub(crate) use json::{Json, NoJson, OptionalJson, Unreadable, read};
pub(crate) use lines::{Line, Lines};
pub(crate) use media::{Media, NDJSON, unsupported};
pub(crate) use members::Members;
pub(crate) use name::Name;
pub(crate) use path::{Id, Ids, Reached};
pub(crate) use prefer::{Acknowledge, PREFERENCE_APPLIED, PreferHeader, RESPOND_ASYNC};
pub(crate) use query::{Query, Text, Time, ZoneName, no_parameters};
pub(crate) use strict::{Object, StrictMap};
pub(crate) use whole::Whole;
