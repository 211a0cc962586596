//! Lists come in pages.

use serde::Deserialize;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Leads to the next page; none is left if it is `None`.
    pub next_cursor: Option<String>,
}
