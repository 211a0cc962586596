//! Parameters with their types.
//!
//! Statements are sent unnamed, with the types of their parameters: one round trip, no prepared statement that would have
//! to be there on the next connection, so that a pooler may hand each transaction another one. The server plans each for
//! its values.

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::compact::Compact;
use crate::text::Text;

/// A parameter and its type.
pub(crate) type Value<'v> = (Box<dyn ToSql + Sync + Send + 'v>, Type);

/// What can be a parameter: its type, and that of a list of it.
pub(crate) trait Typed: ToSql + Sync + Send {
    const TYPE: Type;
    const LIST: Type;
}

macro_rules! typed {
    ($($rust:ty => $one:ident, $list:ident;)+) => {
        $(impl Typed for $rust {
            const TYPE: Type = Type::$one;
            const LIST: Type = Type::$list;
        })+
    };
}

typed! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    Uuid => UUID, UUID_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    Text<'_> => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    Compact<'_> => BYTEA, BYTEA_ARRAY;
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = T::TYPE;
    const LIST: Type = T::LIST;
}

impl<T: Typed> Typed for &T {
    const TYPE: Type = T::TYPE;
    const LIST: Type = T::LIST;
}

impl<T: Typed> Typed for Vec<T> {
    const TYPE: Type = T::LIST;
    /// There are no lists of lists here: a list of it is not asked for.
    const LIST: Type = T::LIST;
}

/// A parameter.
pub(crate) fn value<'v, T: Typed + 'v>(value: T) -> Value<'v> {
    (Box::new(value), T::TYPE)
}

/// Parameters, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::values::value($value)),*] };
}
pub(crate) use values;
