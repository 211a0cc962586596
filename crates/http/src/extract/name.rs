//! Names out of a fixed set.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IntoDeserializer, Visitor};

/// A unit variant of `T`, written as its name. Of anything but a text, derived code makes serde_json report broken
/// syntax, without the place; here it is a value of the wrong type like any other.
#[derive(Debug)]
pub(crate) struct Name<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name<T>, D::Error> {
        struct NameVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for NameVisitor<T> {
            type Value = Name<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<T>, E> {
                T::deserialize(name.into_deserializer()).map(Name)
            }
        }

        deserializer.deserialize_str(NameVisitor(PhantomData))
    }
}
