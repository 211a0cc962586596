//! An answer, and what is promised of every one.

use axum::body::{Body, Bytes};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

/// An answer that has been read.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Answer {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Holds the status.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Answer {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Holds the status and the kind of problem.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, slug: &str) -> Answer {
        let answer = self.is(status);
        assert_eq!(answer.text("/type"), format!("/problems/{slug}"));
        answer
    }

    /// Holds that the body was refused with exactly one fault, at this pointer; its words.
    #[track_caller]
    pub(crate) fn points_at(&self, pointer: &str) -> String {
        let errors = self.json()["errors"].as_array().unwrap().clone();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0]["pointer"], pointer, "{errors:?}");
        errors[0]["detail"].as_str().unwrap().to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Each line, read.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The text at a JSON pointer.
    #[track_caller]
    pub(crate) fn text(&self, pointer: &str) -> String {
        let json = self.json();
        let found = json.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} of {json}")).to_owned()
    }

    /// A header that must be there once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name} in {:?}", self.headers));
        assert!(values.next().is_none(), "{name} is there twice");
        value.to_str().unwrap()
    }

    /// What is promised of every answer.
    #[track_caller]
    pub(crate) fn check(&self, method: &Method, path: &str) {
        let correlation_id = self.header("x-correlation-id");
        assert!(!correlation_id.is_empty());
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        assert!(self.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(!self.header("cache-control").is_empty());
        if (self.status.is_client_error() || self.status.is_server_error()) && method != Method::HEAD {
            self.check_problem(path, correlation_id);
        }
    }

    #[track_caller]
    fn check_problem(&self, path: &str, correlation_id: &str) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["instance"], path);
        assert_eq!(problem["correlation_id"], correlation_id);
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{problem}");
        for member in ["title", "detail"] {
            assert!(!problem[member].as_str().unwrap().is_empty(), "{problem}");
        }
        for fault in problem["errors"].as_array().into_iter().flatten() {
            assert!(fault["pointer"].is_string() != fault["parameter"].is_string(), "{fault}");
            assert!(fault["detail"].is_string(), "{fault}");
        }
        assert_eq!([429, 503].contains(&self.status.as_u16()), self.headers.contains_key("retry-after"));
        assert_eq!(self.status.as_u16() == 405, self.headers.contains_key("allow"));
    }
}
