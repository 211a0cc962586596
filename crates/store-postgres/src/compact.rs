//! Texts that are nearly always ids, in the least bytes: an id in its usual form as a zero and its 16 bytes, any other text
//! as it is. No other text begins with a zero, see `text.rs`. `compact_text` in the schema is the way back in SQL.

use std::error::Error;

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::text::{Text, unescape};

/// What marks an id.
const ID: u8 = 0;

/// A text as a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compact<'a>(pub(crate) &'a str);

/// The id that a text is, if it is written as ids are: 36 small letters, digits and hyphens.
fn id_of(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (*id.hyphenated().encode_lower(&mut buffer) == *text).then_some(id)
}

impl ToSql for Compact<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match id_of(self.0) {
            Some(id) => {
                out.put_u8(ID);
                out.put_slice(id.as_bytes());
                Ok(IsNull::No)
            }
            None => Text(self.0).to_sql(&Type::TEXT, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::BYTEA
    }

    to_sql_checked!();
}

/// A text from a column.
pub(crate) struct Expanded(pub(crate) String);

impl<'a> FromSql<'a> for Expanded {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Expanded, Box<dyn Error + Sync + Send>> {
        Ok(Expanded(match raw.split_first() {
            Some((&ID, id)) => Uuid::from_slice(id)?.to_string(),
            _ => unescape(std::str::from_utf8(raw)?).into_owned(),
        }))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::BYTEA
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_ids_are_short() {
        let id = "019c1c3a-5407-7abc-8def-0123456789ab";
        let braced = format!("{{{id}}}");
        for (text, length) in [
            (id, 17),
            (&id.to_uppercase() as &str, 36),
            (&id.replace('-', "") as &str, 32),
            (&braced as &str, 38),
            ("", 0),
            ("\0", 2),
            ("0123456789abcdef", 16),
            ("user '1' \u{1f600}", 13),
        ] {
            let mut out = BytesMut::new();
            Compact(text).to_sql(&Type::BYTEA, &mut out).unwrap();
            assert_eq!(out.len(), length, "{text:?}");
            assert_eq!(Expanded::from_sql(&Type::BYTEA, &out).unwrap().0, text);
        }
    }
}
