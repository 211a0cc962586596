//! One call, before it is made.

use std::fmt::Display;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::idempotency::IdempotencyKey;

/// A call of a path below `/api/v1`. The typed methods of [`Client`](crate::Client) make them; what has no method yet
/// can be called with one of your own.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Body>,
    pub(crate) key: Option<IdempotencyKey>,
    pub(crate) is_repeatable: bool,
}

/// What is sent, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) text: String,
    pub(crate) content_type: &'static str,
}

impl Request {
    fn new(method: Method, path: impl Into<String>, is_repeatable: bool) -> Request {
        Request { method, path: path.into(), body: None, key: None, is_repeatable }
    }

    /// Reads. Safe to repeat.
    pub fn get(path: impl Into<String>) -> Request {
        Request::new(Method::GET, path, true)
    }

    /// Makes something new. It is not repeated unless it has a key, or is said to be [repeatable](Request::repeatable).
    pub fn post(path: impl Into<String>) -> Request {
        Request::new(Method::POST, path, false)
    }

    /// Replaces. Safe to repeat.
    pub fn put(path: impl Into<String>) -> Request {
        Request::new(Method::PUT, path, true)
    }

    /// Changes something to a given state. Safe to repeat only if you say so.
    pub fn patch(path: impl Into<String>) -> Request {
        Request::new(Method::PATCH, path, false)
    }

    /// Removes. It is not repeated: the second time there would be nothing.
    pub fn delete(path: impl Into<String>) -> Request {
        Request::new(Method::DELETE, path, false)
    }

    /// With a parameter in the query, in any text.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Request {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(&format!("{name}={}", encoded(value)));
        self
    }

    /// The same, if there is a value.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Request {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// With a JSON body.
    ///
    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json(self, body: &impl Serialize) -> Result<Request> {
        let text = serde_json::to_string(body).map_err(Error::Unexpected)?;
        Ok(self.text(text, "application/json"))
    }

    /// With a body that is written already.
    #[must_use]
    pub fn text(mut self, text: String, content_type: &'static str) -> Request {
        self.body = Some(Body { text, content_type });
        self
    }

    /// With an idempotency key, which makes it safe to repeat.
    #[must_use]
    pub fn key(mut self, key: Option<&IdempotencyKey>) -> Request {
        self.is_repeatable |= key.is_some();
        self.key = key.cloned();
        self
    }

    /// Says that doing it twice is the same as doing it once.
    #[must_use]
    pub fn repeatable(mut self) -> Request {
        self.is_repeatable = true;
        self
    }
}

/// A text as one segment of a path, or as a value in a query.
pub(crate) fn encoded(text: impl Display) -> String {
    utf8_percent_encode(&text.to_string(), NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_put_together_and_encoded() {
        let request = Request::get("/x").query("a", "b c&d").maybe("e", None::<u8>).maybe("f", Some(1));
        assert_eq!(request.path, "/x?a=b%20c%26d&f=1");
    }

    #[test]
    fn only_what_is_safe_is_repeated() {
        let key = IdempotencyKey::new("k");
        for (request, is_safe) in [
            (Request::get("/"), true),
            (Request::put("/"), true),
            (Request::post("/"), false),
            (Request::patch("/"), false),
            (Request::delete("/"), false),
            (Request::post("/").key(Some(&key)), true),
            (Request::post("/").key(None), false),
            (Request::post("/").repeatable(), true),
        ] {
            assert_eq!(request.is_repeatable, is_safe, "{request:?}");
        }
    }
}
