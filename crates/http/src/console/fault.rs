//! What went wrong, as a page: the same that the API says in a problem document.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

use super::page::HEADERS;
use super::shell::Shell;
use crate::dto::problem::ProblemBody;

#[derive(Template)]
#[template(path = "console/fault.html")]
struct FaultPage<'a> {
    shell: Shell,
    problem: &'a ProblemBody<'a>,
    /// The path of the page that explains the kind of problem.
    kind: &'a str,
    /// What may help.
    ways: Vec<Way>,
}

/// A way out.
struct Way {
    path: &'static str,
    text: &'static str,
}

/// The page of a problem.
pub(crate) fn render(status: StatusCode, problem: &ProblemBody<'_>) -> Response {
    let ways = match status {
        StatusCode::UNAUTHORIZED => vec![Way { path: "/console/sign-in", text: "Sign in" }],
        StatusCode::FORBIDDEN => vec![
            Way { path: "/console/sign-in", text: "Sign in with another key" },
            Way { path: "/console", text: "Go to the overview" },
        ],
        _ => vec![Way { path: "/console", text: "Go to the overview" }],
    };
    let page = FaultPage { shell: Shell::bare(), problem, kind: &problem.r#type, ways };
    // Writing to memory does not fail; what is left then says the same, plainly.
    let html = page.render().unwrap_or_else(|_| problem.title.to_owned());
    (status, HEADERS, Html(html)).into_response()
}
