//! Pages of lists: `limit` and `cursor` in, `items` and `next_cursor` out.

use std::fmt;

use angaros_service::{Page, PageOf};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

/// The most items that one page holds.
pub(crate) const LIMIT_MAX: usize = 200;
/// How many it holds unless the caller says otherwise.
pub(crate) const LIMIT_DEFAULT: usize = 50;

/// How many items a page may hold: 1 to [`LIMIT_MAX`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(usize);

impl Default for Limit {
    fn default() -> Limit {
        Limit(LIMIT_DEFAULT)
    }
}

impl Limit {
    /// What the service is asked for.
    pub(crate) fn page(self, cursor: Option<&str>) -> PageOf<'_> {
        PageOf { limit: self.0, cursor }
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Limit, D::Error> {
        struct LimitVisitor;

        impl de::Visitor<'_> for LimitVisitor {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from 1 to {LIMIT_MAX}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                limit.map(Limit).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_str(LimitVisitor)
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listing<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Leads to the next page when sent as `cursor` with the same filters; null at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// A page of the service, each item written by `T`.
    pub(crate) fn of<U: Into<T>>(page: Page<U>) -> Listing<T> {
        Listing { items: page.items.into_iter().map(Into::into).collect(), next_cursor: page.next_cursor }
    }
}
