//! Problem documents.

use std::borrow::Cow;

use angaros_domain::{EventId, Status, Violation};
use serde::Serialize;
use utoipa::ToSchema;

use super::health::Dependency;
use super::schema::StatusName;

/// An error, as RFC 9457 writes it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Which kind of error: the path of a page that explains it.
    #[schema(format = "uri-reference", example = "/problems/invalid-request")]
    pub(crate) r#type: String,
    /// The kind in a few words, the same for every error of the kind.
    #[schema(example = "The request breaks a rule")]
    pub(crate) title: &'a str,
    /// The HTTP status.
    #[schema(example = 400)]
    pub(crate) status: u16,
    /// What went wrong this time.
    #[schema(value_type = String, example = "#/recipient must be an E.164 number such as +4915112345678.")]
    pub(crate) detail: Cow<'static, str>,
    /// The path of the request.
    #[schema(example = "/api/v1/notifications")]
    pub(crate) instance: &'a str,
    /// The correlation id of the request, under which the log tells more.
    pub(crate) correlation_id: &'a str,
    /// Each fault of the request, where there are any to point at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<Fault>,
    /// Where the notification stands, if that is what forbids the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<StatusName>, nullable = false)]
    pub(crate) current_status: Option<Status>,
    /// The event that was stored first, if this one conflicts with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid", nullable = false)]
    pub(crate) stored_id: Option<EventId>,
    /// The fields in which the event differs from the one that was stored first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    pub(crate) fields: Vec<&'static str>,
    /// How many events of a stream were queued before it ended early. They stay, and sending all of them again is safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) accepted_count: Option<usize>,
    /// What the service needs and whether it has it, if it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) dependencies: Option<Vec<Dependency>>,
}

/// One fault of a request: in its body (`pointer`) or in its query string (`parameter`).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// JSON pointer as a URI fragment (RFC 6901 section 6).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "#/notifications/3/recipient")]
    pointer: Option<String>,
    /// The name of a query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "limit")]
    parameter: Option<String>,
    /// What is expected there.
    #[schema(example = "must be an E.164 number such as +4915112345678")]
    pub(crate) detail: String,
}

impl Fault {
    /// A fault of the body.
    pub(crate) fn in_body(violation: Violation) -> Fault {
        Fault { pointer: Some(violation.pointer), parameter: None, detail: violation.detail }
    }

    /// Where it is, for people: the pointer or the parameter.
    pub(crate) fn place(&self) -> &str {
        self.pointer.as_deref().or(self.parameter.as_deref()).unwrap_or_default()
    }

    /// A fault of the query string.
    pub(crate) fn in_query(name: &str, detail: &str) -> Fault {
        Fault { pointer: None, parameter: Some(name.to_owned()), detail: detail.to_owned() }
    }
}
