//! The outermost layer: what ties a request to its log lines, metrics and answer.
//!
//! The correlation id comes from the caller or is made here, and leaves with every answer, errors included. Since this
//! layer alone sees both the request and the finished answer, problems are written here too, and the headers that
//! every answer carries are set here.

use angaros_clock::Clock;
use angaros_domain::correlation::{Correlation, CorrelationId, TraceParent};
use angaros_domain::metric;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use tracing::Instrument;
use tracing::field::Empty;

use crate::limits::Standing;
use crate::{AppState, console, deadline, error};

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The label of requests that no route takes, so that wild paths do not become wild labels.
const UNMATCHED: &str = "unmatched";

/// Answers of the API load nothing and are framed nowhere, should a browser ever show one.
const API_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Set unless the route said otherwise.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, API_POLICY),
];

/// Gives a request its correlation, and sees to its answer.
pub(crate) async fn observe(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let watch = app.service.clock().stopwatch();
    let correlation = correlation(request.headers(), app.service.clock());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or(UNMATCHED, MatchedPath::as_str);
    let method = method_label(request.method());
    let uri = request.uri().clone();
    let span = tracing::info_span!(
        "request",
        method,
        route,
        correlation_id = correlation.id.as_str(),
        trace_id = correlation.trace_parent.as_ref().map(TraceParent::trace_id),
        status = Empty,
        duration_ms = Empty,
    );
    request.extensions_mut().insert(correlation.clone());
    let standing = app.limiter.as_ref().map(|_| Standing::default());
    if let Some(standing) = &standing {
        request.extensions_mut().insert(standing.clone());
    }

    let renewal = console::is_console(uri.path()).then(console::Renewal::default);
    if let Some(renewal) = &renewal {
        request.extensions_mut().insert(renewal.clone());
    }

    let answer = deadline::run(app.api.request_timeout, request, next).instrument(span.clone()).await;
    let mut answer = span.in_scope(|| error::render(answer, uri.path(), correlation.id.as_str()));

    let elapsed = watch.elapsed();
    span.record("status", answer.status().as_u16());
    span.record("duration_ms", elapsed.as_millis() as u64);
    span.in_scope(|| tracing::debug!("answered"));
    let labels = [
        ("method", method.to_owned()),
        ("route", route.to_owned()),
        ("status", answer.status().as_str().to_owned()),
    ];
    metrics::counter!(metric::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(metric::HTTP_SECONDS, "route" => route.to_owned()).record(elapsed.as_secs_f64());

    for (name, value) in HEADERS {
        answer.headers_mut().entry(name).or_insert(value);
    }
    if let Some(standing) = standing {
        standing.tell(answer.headers_mut());
    }
    if let Some(renewal) = renewal {
        renewal.tell(answer.headers_mut());
    }
    // Visible ASCII always is a header value.
    if let Ok(id) = HeaderValue::from_str(correlation.id.as_str()) {
        answer.headers_mut().insert(CORRELATION_ID, id);
    }
    answer
}

fn correlation(headers: &HeaderMap, clock: &Clock) -> Correlation {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let id = text(CORRELATION_ID).and_then(CorrelationId::parse);
    Correlation {
        id: id.unwrap_or_else(|| clock.new_uuid().into()),
        trace_parent: text(TRACE_PARENT).and_then(TraceParent::parse),
    }
}

/// Methods are free text on the wire, and labels must not be.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
