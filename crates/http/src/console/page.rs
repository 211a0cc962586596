//! Pages as answers: HTML under a policy that lets nothing in from elsewhere.

use askama::Template;
use axum::Extension;
use axum::response::{Html, IntoResponse, Redirect, Response};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderName, HeaderValue, StatusCode};

use super::link::Link;
use super::notice::Notice;
use crate::error::Problem;

/// Everything comes from here and goes here. Nothing is inline: neither scripts nor styles.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The same, and frames that show what comes from here.
const FRAMING_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Our own pages are told where a request comes from, since forms are held against that; others are not.
const REFERRER: HeaderValue = HeaderValue::from_static("same-origin");

/// What every page says besides its content. That nothing keeps it, `correlation` says of every answer.
pub(super) const HEADERS: [(HeaderName, HeaderValue); 2] =
    [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, REFERRER)];

/// Marks an answer that is a page although its status says that something was wrong: nothing else is to be shown for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown;

/// A page.
pub(crate) fn page(template: &impl Template) -> Result<Response, Problem> {
    page_with(StatusCode::OK, template)
}

/// A page with a status of choice: a form that is shown again says 422.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| Problem::internal(error.to_string()))?;
    Ok((status, HEADERS, Extension(Shown), Html(html)).into_response())
}

/// A page that has a frame.
pub(crate) fn page_with_frame(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    let mut response = page_with(status, template)?;
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, FRAMING_POLICY);
    Ok(response)
}

/// Where an action leads that is done: to a page, which says so. Reloading that does nothing again.
pub(crate) fn done(link: Link, notice: Notice) -> Response {
    Redirect::to(&link.with("done", notice.code()).to_string()).into_response()
}
