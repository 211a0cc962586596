//! Errors: the one place where a failure becomes an answer.
//!
//! A [`Problem`] is what handlers and extractors return. It travels as an extension of an empty response to the
//! outermost layer, which knows the request, and is written there by [`render`] as a problem document (RFC 9457).
//! Faults of the request say what to mend. Faults of ours say nothing but their kind: the cause goes to the log, once,
//! with the correlation id that the answer shows.

use std::any::Any;
use std::borrow::Cow;

use angaros_domain::{EventId, Status, Violation};
use angaros_service::{Missing, ServiceError, StoreError};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName};
use http::{HeaderValue, StatusCode};

use crate::console;
use crate::dto::health::Dependency;
use crate::dto::problem::{Fault, ProblemBody};
use crate::problems::{self, Kind};

/// Seconds after which a full queue is worth another try.
const RETRY_SOON: u16 = 1;
/// Seconds after which a store that was unavailable is worth another try.
const RETRY_LATER: u16 = 5;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refused or failed request.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: &'static Kind,
    detail: Cow<'static, str>,
    errors: Vec<Fault>,
    current_status: Option<Status>,
    conflict: Option<(EventId, Vec<&'static str>)>,
    accepted_count: Option<usize>,
    dependencies: Option<Vec<Dependency>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    /// A problem with words for the caller about this occurrence.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem(Box::new(Parts {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            current_status: None,
            conflict: None,
            accepted_count: None,
            dependencies: None,
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// Whether it is of a kind.
    pub(crate) fn is(&self, kind: &Kind) -> bool {
        self.0.kind == kind
    }

    /// Nothing is at this path.
    pub(crate) fn not_found() -> Problem {
        Problem::new(problems::NOT_FOUND, "Nothing is here.")
    }

    /// Faults of the body.
    pub(crate) fn faults(kind: &'static Kind, found: Vec<Violation>) -> Problem {
        let detail = match found.as_slice() {
            [only] => format!("{} {}.", only.pointer, only.detail),
            many => format!("{} faults were found.", many.len()),
        };
        let mut problem = Problem::new(kind, detail);
        problem.0.errors = found.into_iter().map(Fault::in_body).collect();
        problem
    }

    /// A fault of a query parameter.
    pub(crate) fn parameter(kind: &'static Kind, name: &str, detail: &str) -> Problem {
        let mut problem = Problem::new(kind, format!("The parameter {name} {detail}."));
        problem.0.errors = vec![Fault::in_query(name, detail)];
        problem
    }

    /// A cursor that the list did not give for these filters.
    pub(crate) fn foreign_cursor(parameter: &str) -> Problem {
        Problem::parameter(problems::INVALID_CURSOR, parameter, "does not belong to this list")
    }

    /// The key of an event stands for another one, which differs in these fields.
    pub(crate) fn event_conflict(stored: EventId, fields: Vec<&'static str>) -> Problem {
        let detail = format!("The event that was stored under this key differs in {}.", fields.join(", "));
        let mut problem = Problem::new(problems::EVENT_CONFLICT, detail);
        problem.0.conflict = Some((stored, fields));
        problem
    }

    /// A failure of ours, with its cause for the log.
    pub(crate) fn internal(cause: impl Into<String>) -> Problem {
        let detail = "The request could not be carried out. The log has the cause.";
        Problem::new(problems::INTERNAL, detail).because(cause)
    }

    /// The same with a cause for the log.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Problem {
        self.0.cause = Some(cause.into());
        self
    }

    /// The same with a header of its answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Problem {
        self.0.headers.push((name, value));
        self
    }

    /// The same with the time after which it is worth another try.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u16) -> Problem {
        self.with_header(header::RETRY_AFTER, seconds.into())
    }

    /// The same with the state of everything that readiness depends on.
    #[must_use]
    pub(crate) fn with_dependencies(mut self, dependencies: Vec<Dependency>) -> Problem {
        self.0.dependencies = Some(dependencies);
        self
    }

    /// The same with how many events of a stream were queued before it.
    #[must_use]
    pub(crate) fn after_queueing(mut self, accepted_count: usize) -> Problem {
        self.0.accepted_count = Some(accepted_count);
        self
    }

    /// An answer in time was not possible.
    pub(crate) fn timeout() -> Problem {
        Problem::new(problems::TIMEOUT, "The request was given up. It may still be carried out.")
            .retry_after(RETRY_SOON)
    }

    /// The problem document, for one request. It is logged here, because this is how every problem ends.
    pub(crate) fn document<'a>(self, path: &'a str, correlation_id: &'a str) -> ProblemBody<'a> {
        let Parts {
            kind, detail, errors, current_status, conflict, accepted_count, dependencies, cause, ..
        } = *self.0;
        log(kind, cause.as_deref());
        let (stored_id, fields) = conflict.map(|(id, fields)| (Some(id), fields)).unwrap_or_default();
        ProblemBody {
            r#type: format!("/problems/{}", kind.slug),
            title: kind.title,
            status: kind.status.as_u16(),
            detail,
            instance: path,
            correlation_id,
            errors,
            current_status,
            stored_id,
            fields,
            accepted_count,
            dependencies,
        }
    }

    /// An error that something below us answered without a problem document.
    fn of_status(status: StatusCode) -> Problem {
        let kind = problems::ALL.iter().find(|kind| kind.status == status).copied();
        match kind.unwrap_or(problems::INTERNAL) {
            kind if kind == problems::INTERNAL => Problem::internal(format!("a handler answered {status}")),
            kind => Problem::new(kind, kind.advice),
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Problem {
        match error {
            ServiceError::Invalid(found) => Problem::faults(problems::INVALID_REQUEST, found),
            ServiceError::Unprocessable(found) => Problem::faults(problems::UNPROCESSABLE, found),
            ServiceError::NotFound(missing) => Problem::new(problems::NOT_FOUND, not_found(missing)),
            ServiceError::WrongStatus(status) => {
                let detail = format!("The notification is {status}, which does not allow this.");
                let mut problem = Problem::new(problems::INVALID_TRANSITION, detail);
                problem.0.current_status = Some(status);
                problem
            }
            ServiceError::KeyReused => {
                Problem::new(problems::IDEMPOTENCY_CONFLICT, "This Idempotency-Key stands for other content.")
            }
            ServiceError::NameTaken => Problem::faults(
                problems::NAME_TAKEN,
                vec![Violation::new("#/name", "is the name of another template")],
            ),
            ServiceError::TooManyEndpoints => {
                Problem::new(problems::TOO_MANY_ENDPOINTS, "There are as many endpoints as there may be.")
            }
            ServiceError::EndpointDisabled => {
                Problem::new(problems::ENDPOINT_DISABLED, "The endpoint is disabled.")
            }
            ServiceError::InvalidCursor(fault) => {
                Problem::foreign_cursor("cursor").because(fault.to_string())
            }
            ServiceError::TooFarBehind => Problem::new(
                problems::TOO_FAR_BEHIND,
                "More happened since this cursor than is told again here.",
            ),
            ServiceError::InvalidRange(fault) => {
                Problem::parameter(problems::INVALID_PARAMETER, "from", &fault.to_string())
            }
            ServiceError::Busy => {
                Problem::new(problems::BUSY, "Too many requests wait to be stored.").retry_after(RETRY_SOON)
            }
            ServiceError::Store(error) => match &*error {
                StoreError::Unavailable(_) | StoreError::TooSlow | StoreError::Busy => {
                    Problem::new(problems::UNAVAILABLE, "The store does not answer at the moment.")
                        .retry_after(RETRY_LATER)
                        .because(error.to_string())
                }
                StoreError::Corrupt(_) | StoreError::Schema { .. } | StoreError::Internal(_) => {
                    Problem::internal(error.to_string())
                }
            },
        }
    }
}

fn not_found(missing: Missing) -> &'static str {
    match missing {
        Missing::Notification => "There is no notification with this id.",
        Missing::Batch => "There is no batch with this id.",
        Missing::Template => "There is no template with this id.",
        Missing::Event => "There is no event with this id.",
        Missing::WebhookEndpoint => "There is no webhook endpoint with this id.",
        Missing::WebhookDelivery => "There is no delivery to this endpoint with this id.",
        Missing::Suppression => "The address is not on the suppression list.",
        Missing::ApiKey => "There is no valid key with this prefix.",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.kind.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer to a request whose handler panicked. The panic itself was reported by the process's hook.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("of an unknown kind");
    Problem::internal(format!("a handler panicked: {text}")).into_response()
}

/// Writes the problem document of an answer that is an error, for people where the console is asked, and leaves every other
/// answer as it is.
pub(crate) fn render(mut response: Response, path: &str, correlation_id: &str) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if response.extensions().get::<console::Shown>().is_some() => return response,
        None if status.is_client_error() || status.is_server_error() => Problem::of_status(status),
        None => return response,
    };
    let shell = response.extensions_mut().remove::<console::Shell>();
    let (kind, headers) = (problem.0.kind, problem.0.headers.clone());
    let document = problem.document(path, correlation_id);
    let mut answer = if console::is_console(path) {
        console::render_fault(kind.status, &document, shell)
    } else {
        (kind.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], axum::Json(document)).into_response()
    };
    // What axum found out stays: it is where `Allow` comes from.
    if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer.headers_mut().extend(headers);
    answer
}

/// The span of the request carries the correlation id.
fn log(kind: &Kind, cause: Option<&str>) {
    let (problem, cause) = (kind.slug, cause.unwrap_or(kind.title));
    match kind.status {
        StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(problem, cause, "a request failed"),
        StatusCode::SERVICE_UNAVAILABLE => tracing::warn!(problem, cause, "a request was put off"),
        _ => tracing::debug!(problem, cause, "a request was refused"),
    }
}
