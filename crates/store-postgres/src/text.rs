//! Texts on their way into columns and back.
//!
//! PostgreSQL's `text` cannot hold the character U+0000, which callers and providers may send. It is written as U+0001 and
//! `0`, and U+0001 itself as U+0001 and `1`: equal texts stay equal, different ones different, and their order is kept.

use std::borrow::Cow;
use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

const ESCAPE: u8 = 1;

/// A text as a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl ToSql for Text<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        for byte in self.0.bytes() {
            match byte {
                0 | ESCAPE => out.put_slice(&[ESCAPE, b'0' + byte]),
                plain => out.put_u8(plain),
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT
    }

    to_sql_checked!();
}

/// A text from a column.
pub(crate) struct Told(pub(crate) String);

impl<'a> FromSql<'a> for Told {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Told, Box<dyn Error + Sync + Send>> {
        let text = std::str::from_utf8(raw)?;
        Ok(Told(unescape(text).into_owned()))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::TEXT
    }
}

/// The text that was escaped.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    let escape = char::from(ESCAPE);
    let Some(first) = text.find(escape) else { return Cow::Borrowed(text) };
    let (plain, rest) = text.split_at(first);
    let mut told = plain.to_owned();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        told.push(match character {
            c if c != escape => c,
            _ if characters.next() == Some('0') => '\0',
            _ => escape,
        });
    }
    Cow::Owned(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = BytesMut::new();
        Text(text).to_sql(&Type::TEXT, &mut out).unwrap();
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn every_text_comes_back_and_none_holds_a_zero() {
        let texts = ["", "a", "\0", "\u{1}", "\u{1}0", "a\0b\u{1}", "\u{1f600}\0", "\u{2}"];
        for text in texts {
            let stored = escaped(text);
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(unescape(&stored), text);
        }
        let mut sorted = texts;
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| escaped(pair[0]) < escaped(pair[1])), "the order is kept");
    }
}
