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
    text: String,
}

/// The page of a problem, within the shell of the viewer if that is known.
pub(crate) fn render(status: StatusCode, problem: &ProblemBody<'_>, shell: Option<Shell>) -> Response {
    let shell = shell.unwrap_or_else(Shell::bare);
    let sign_in = match status {
        StatusCode::UNAUTHORIZED => Some("Sign in"),
        StatusCode::FORBIDDEN => Some("Sign in with another key"),
        _ => None,
    };
    let sign_in = sign_in.map(|text| Way { path: "/console/sign-in", text: text.to_owned() });
    let home = shell
        .home()
        .map(|area| Way { path: area.path(), text: format!("Go to the {}", area.title().to_lowercase()) });
    let ways = sign_in.into_iter().chain(home).collect();
    let page = FaultPage { shell, problem, kind: &problem.r#type, ways };
    // Writing to memory does not fail; what is left then says the same, plainly.
    let html = page.render().unwrap_or_else(|_| problem.title.to_owned());
    (status, HEADERS, Html(html)).into_response()
}
