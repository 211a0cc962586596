//! Pages: a list of items and the cursor that leads on.

use angaros_domain::cursor::{self, InvalidCursor};
use angaros_domain::{EventId, NotificationId, TemplateId, Timestamp, WebhookEndpointId};
use angaros_store::{ListPlace, PageRequest, Position};
use uuid::Uuid;

use crate::Result;

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Leads to the next page; `None` at the end.
    pub next_cursor: Option<String>,
}

/// What a caller says about the page it wants.
#[derive(Debug, Clone, Copy)]
pub struct PageOf<'a> {
    /// At most this many items.
    pub limit: usize,
    /// The cursor of the page before.
    pub cursor: Option<&'a str>,
}

/// What a cursor holds: the key of an item, as bytes.
pub(crate) trait CursorKey: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl CursorKey for Position {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Position> {
        Some(Position(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl CursorKey for ListPlace {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
    fn from_bytes(bytes: &[u8]) -> Option<ListPlace> {
        Some(ListPlace(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl CursorKey for (Timestamp, String) {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.0.as_millis().to_be_bytes()[..], self.1.as_bytes()].concat()
    }
    fn from_bytes(bytes: &[u8]) -> Option<(Timestamp, String)> {
        let (at, text) = bytes.split_at_checked(8)?;
        let millis = i64::from_be_bytes(at.try_into().ok()?);
        Some((Timestamp::from_millis(millis), String::from_utf8(text.to_vec()).ok()?))
    }
}

macro_rules! id_keys {
    ($($id:ident),*) => {$(
        impl CursorKey for $id {
            fn to_bytes(&self) -> Vec<u8> {
                self.0.as_bytes().to_vec()
            }
            fn from_bytes(bytes: &[u8]) -> Option<$id> {
                Uuid::from_slice(bytes).ok().map($id)
            }
        }
        impl CursorKey for (Timestamp, $id) {
            fn to_bytes(&self) -> Vec<u8> {
                [&self.0.as_millis().to_be_bytes()[..], self.1.0.as_bytes()].concat()
            }
            fn from_bytes(bytes: &[u8]) -> Option<(Timestamp, $id)> {
                let (at, id) = bytes.split_at_checked(8)?;
                let millis = i64::from_be_bytes(at.try_into().ok()?);
                Some((Timestamp::from_millis(millis), $id::from_bytes(id)?))
            }
        }
    )*};
}

id_keys!(NotificationId, EventId, TemplateId, WebhookEndpointId);

impl PageOf<'_> {
    /// What the store is asked for: one item more than the page holds, to know whether there is a next one.
    pub(crate) fn request<K: CursorKey>(&self, scope: &str) -> Result<PageRequest<K>> {
        let after = match self.cursor {
            None => None,
            Some(text) => {
                let bytes = cursor::decode(scope, text)?;
                Some(K::from_bytes(&bytes).ok_or(InvalidCursor)?)
            }
        };
        Ok(PageRequest { limit: self.limit + 1, after })
    }

    /// Cuts what the store answered to the page, and writes the cursor if there was more.
    pub(crate) fn page<T, K: CursorKey>(
        &self,
        scope: &str,
        mut items: Vec<T>,
        key: impl Fn(&T) -> K,
    ) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|item| cursor::encode(scope, &key(item).to_bytes()));
        Page { items, next_cursor }
    }
}
