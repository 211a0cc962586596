//! The name of a setting: the way to it through the tables.

use std::fmt;

/// A dotted key, such as `server.listen`, as its parts.
///
/// Parts are kept apart because a name in quotes may hold a dot itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(Vec<String>);

impl Key {
    /// The key with these parts.
    pub(crate) fn new<P: Into<String>>(parts: impl IntoIterator<Item = P>) -> Key {
        Key(parts.into_iter().map(Into::into).collect())
    }

    /// Reads `a.b.c`; for keys written in this program.
    pub(crate) fn dotted(text: &str) -> Key {
        Key::new(text.split('.'))
    }

    /// The parts, outermost table first.
    pub(crate) fn parts(&self) -> &[String] {
        &self.0
    }

    /// The last part.
    pub(crate) fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The table that it lies in.
    pub(crate) fn table(&self) -> Key {
        Key(self.0.iter().take(self.0.len().saturating_sub(1)).cloned().collect())
    }

    /// The key of `name` within this table.
    pub(crate) fn child(&self, name: &str) -> Key {
        Key(self.0.iter().cloned().chain([name.to_owned()]).collect())
    }

    /// The name of the provider, if this is a key within a provider's table.
    pub(crate) fn provider(&self) -> Option<&str> {
        match self.0.as_slice() {
            [first, name, _, ..] if first == "providers" => Some(name),
            _ => None,
        }
    }

    /// The name of the environment variable: `ANGAROS_SERVER__LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("ANGAROS_{}", self.0.join("__").replace('-', "_").to_uppercase())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_name_in_files_and_one_in_the_environment() {
        let key = Key::dotted("channels.sms").child("rate_per_second");
        assert_eq!(key.to_string(), "channels.sms.rate_per_second");
        assert_eq!(key.variable(), "ANGAROS_CHANNELS__SMS__RATE_PER_SECOND");
        assert_eq!((key.name(), key.table()), ("rate_per_second", Key::dotted("channels.sms")));
        assert_eq!(key.provider(), None);
        assert_eq!(Key::dotted("providers.mail-eu.url").provider(), Some("mail-eu"));
        assert_eq!(Key::dotted("providers.mail-eu.url").variable(), "ANGAROS_PROVIDERS__MAIL_EU__URL");
    }
}
