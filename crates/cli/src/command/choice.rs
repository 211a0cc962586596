//! Values of flags that are one of a few names, or have to keep to a form.

use std::str::FromStr;

use angaros_domain::Timestamp;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads one of `names`. Whatever else is given, the error and the help list them.
pub(super) fn one_of<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// A point in time, as the API takes it.
pub(super) fn point_in_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "must be RFC 3339, such as 2026-01-31T08:00:00Z, or epoch seconds".into())
}

/// What people call a key.
pub(super) fn key_name(text: &str) -> Result<String, String> {
    let fits = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.into()) } else { Err("must be 1 to 128 characters without control characters".into()) }
}

/// What a tenant is called.
pub(super) fn tenant_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    if fits { Ok(text.into()) } else { Err("must be 1 to 64 of A-Z, a-z, 0-9, ., _ and -".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_printable() {
        let long = "ä".repeat(128);
        assert!(key_name("Ada's backend").is_ok() && key_name(&long).is_ok());
        for bad in ["", "a\nb", "\u{1b}[2J", &format!("{long}x")] {
            assert!(key_name(bad).is_err(), "{bad:?}");
        }
        assert!(tenant_name("shop-1.EU_2").is_ok() && tenant_name(&"a".repeat(64)).is_ok());
        for bad in ["", "a b", "ä", "a/b", &"a".repeat(65)] {
            assert!(tenant_name(bad).is_err(), "{bad:?}");
        }
    }
}
