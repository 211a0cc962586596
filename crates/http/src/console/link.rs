//! Links: paths of the console with what is asked there, written so that any text fits in.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded::byte_serialize;

use super::BASE;

/// What stands for itself in a segment of a path (RFC 3986 section 3.3, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A link to a page of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    path: String,
    query: String,
}

impl Link {
    /// The page at a path below `/console`, such as `notifications`; the overview for an empty one.
    pub(crate) fn to(page: &str) -> Link {
        let path = if page.is_empty() { BASE.to_owned() } else { format!("{BASE}/{page}") };
        Link { path, query: String::new() }
    }

    /// One segment deeper: the page of the thing with this id, whatever characters it has.
    #[must_use]
    pub(crate) fn at(mut self, id: impl fmt::Display) -> Link {
        self.path.push('/');
        self.path.extend(utf8_percent_encode(&id.to_string(), SEGMENT));
        self
    }

    /// With a parameter.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Link {
        let value = value.to_string();
        self.query.push(if self.query.is_empty() { '?' } else { '&' });
        self.query.extend(byte_serialize(name.as_bytes()));
        self.query.push('=');
        self.query.extend(byte_serialize(value.as_bytes()));
        self
    }

    /// The parameters alone, as they stand behind the question mark.
    pub(crate) fn query(&self) -> &str {
        self.query.trim_start_matches('?')
    }

    /// With a parameter, if there is a value for it.
    #[must_use]
    pub(crate) fn with_some(self, name: &str, value: Option<impl fmt::Display>) -> Link {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_fits_in() {
        let link = Link::to("recipients").at("a/b?c#d é").with("q", "x&y=z").with_some("none", None::<&str>);
        assert_eq!(link.to_string(), "/console/recipients/a%2Fb%3Fc%23d%20%C3%A9?q=x%26y%3Dz");
        assert_eq!(Link::to("").with("done", "sent").to_string(), "/console?done=sent");
    }
}
