//! The page at `/docs`: Swagger UI, from files inside this program, so that it works without a network.
//!
//! The page, the script that starts it and the policy are ours; the rest are the vendored files of Swagger UI.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use utoipa_swagger_ui::Config;

use crate::AppState;
use crate::error::Problem;
use crate::extract::Id;
use crate::openapi::tag;

const PAGE: &str = include_str!("docs/page.html");
const START: &str = include_str!("docs/start.js");

/// Everything comes from here and talks to here. Swagger UI writes style attributes and draws its icons from `data:`
/// URLs, so both are allowed; scripts are files only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The files change with the program only.
const CACHE: &str = "public, max-age=3600";

/// The vendored files that the page uses.
const FILES: [&str; 3] = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// What the vendored files would be configured with; ours is in `docs/start.js`.
static UNUSED: LazyLock<Arc<Config<'static>>> = LazyLock::new(Arc::default);

#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = tag::SERVICE,
    summary = "This document as a page",
    description = "Swagger UI. It needs no network.",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
    security(())
)]
pub(crate) async fn page() -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")], Html(PAGE)).into_response()
}

/// What the page loads.
pub(crate) fn files() -> Router<AppState> {
    Router::new().route("/docs/", get(page)).route("/docs/{file}", get(file))
}

async fn file(Id(name): Id<String>) -> Result<Response, Problem> {
    let answer =
        |content_type: String, bytes| ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, CACHE.into())], bytes);
    if name == "start.js" {
        return Ok(answer("text/javascript; charset=utf-8".into(), START.as_bytes().into()).into_response());
    }
    if !FILES.contains(&name.as_str()) {
        return Err(Problem::not_found());
    }
    let found = utoipa_swagger_ui::serve(&name, Arc::clone(&UNUSED))
        .map_err(|error| Problem::internal(error.to_string()))?;
    let file = found.ok_or_else(Problem::not_found)?;
    Ok(answer(file.content_type, file.bytes).into_response())
}
