//! The console: pages for people, at `/console`.
//!
//! Every page is rendered here, from what the service answers to the API too, and works without a script. The one script
//! there is keeps pages up to date, and writes times in the viewer's zone. A page is a file in `pages/` and a template of
//! the same name in `templates/console/`; what pages share is beside this file: who looks (`viewer`, `session`), what surrounds a
//! page (`shell`), what it is made of (`show`, `field`, `pager`), what it is asked (`query`, `form`), what is said after an
//! action (`notice`), and what is said instead of a page (`fault`).

mod assets;
mod chart;
mod confirm;
mod fault;
mod field;
mod filters;
mod form;
mod link;
mod metrics;
mod notice;
mod page;
mod pager;
mod pages;
mod query;
mod session;
mod shell;
mod show;
mod stream;
mod template_form;
mod viewer;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use crate::AppState;

pub(crate) use fault::render as render_fault;
pub(crate) use page::Shown;
pub(crate) use session::Renewal;
pub(crate) use shell::Shell;

/// Where the console is.
pub(crate) const BASE: &str = "/console";

/// Whether a path is one of the console's, so that what goes wrong there is told in a page.
pub(crate) fn is_console(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Everything below `/console`.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/console/", get(|| async { Redirect::permanent(BASE) }))
        .route("/console/assets/{file}", get(assets::get))
        .route("/console/stream", get(stream::open))
        .merge(pages::routes())
}
