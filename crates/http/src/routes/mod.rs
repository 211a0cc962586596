//! The routes, in files that mirror the URL tree.

pub(crate) mod campaigns;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod metrics;
pub(crate) mod notifications;
pub(crate) mod prometheus;
pub(crate) mod recipients;
pub(crate) mod stream;
pub(crate) mod suppressions;
pub(crate) mod templates;
pub(crate) mod webhook_endpoints;
pub(crate) mod worker;
pub(crate) mod ws;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use crate::error::Problem;
use crate::problems;

/// Where the API's resources live.
pub(crate) const BASE: &str = "/api/v1";

/// No route has this path.
pub(crate) async fn unknown() -> Problem {
    Problem::not_found()
}

/// A route has this path, but not with this method. axum adds `Allow`, which is also all that OPTIONS asks for.
pub(crate) async fn wrong_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = "The path exists, but not with this method; Allow lists those that it knows.";
    Problem::new(problems::METHOD_NOT_ALLOWED, detail).into_response()
}
