//! The members of a large array, each left unread, so that a fault in one says nothing about the others.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Members as they are written, at most [`Members::MAX`] of them; what follows is counted and thrown away.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    /// The members.
    pub(crate) texts: Vec<&'a RawValue>,
    /// How many there were.
    pub(crate) count: usize,
}

impl Members<'_> {
    /// The most members that one request may have.
    pub(crate) const MAX: usize = 1000;
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<'a>, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
                let mut texts: Vec<&'de RawValue> = Vec::new();
                while texts.len() < Members::MAX
                    && let Some(text) = access.next_element()?
                {
                    texts.push(text);
                }
                let mut count = texts.len();
                while count >= Members::MAX && access.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Members { texts, count })
            }
        }

        deserializer.deserialize_seq(MembersVisitor)
    }
}
