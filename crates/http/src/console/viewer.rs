//! Who looks at a page, and whether they may.
//!
//! A page names what it needs by the type of its first argument, as routes of the API do: `Viewer<CanRead>`. Whoever has
//! not signed in is led to the sign-in and back; whoever may not see the page is told so. What changes something is taken
//! only from pages of the console itself: the extractor refuses every other sender, so no page can forget to.

use std::marker::PhantomData;

use angaros_domain::TenantId;
use angaros_service::Caller;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{Method, StatusCode};

use super::link::Link;
use super::notice::Notice;
use super::page::page_with;
use super::session::{renew, shown};
use super::shell::{Area, Shell, Who};
use crate::auth::{Need, Shown, enter};
use crate::error::Problem;
use crate::origin::{Sender, sender};
use crate::{AppState, problems};

/// Somebody who may see what `N` stands for.
pub(crate) struct Viewer<N> {
    /// For whom, and what ties the call together.
    pub(crate) caller: Caller,
    who: Who,
    notice: Option<Notice>,
    need: PhantomData<N>,
}

impl<N> Viewer<N> {
    /// The tenant that is looked at.
    pub(crate) fn tenant(&self) -> TenantId {
        self.caller.tenant
    }

    /// What surrounds the page.
    pub(crate) fn shell(&self, area: impl Into<Option<Area>>) -> Shell {
        Shell { area: area.into(), who: self.who.clone(), notice: self.notice }
    }
}

impl<N: Need> FromRequestParts<AppState> for Viewer<N> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Viewer<N>, Response> {
        require_own_page(parts).map_err(IntoResponse::into_response)?;
        let shown = shown(&parts.headers);
        match enter::<N>(app, parts, &shown).await {
            Ok((access, caller)) => {
                renew(&access, &shown, app, parts);
                let notice = parts.uri.query().and_then(Notice::in_query);
                Ok(Viewer { caller, who: access.into(), notice, need: PhantomData })
            }
            Err(problem) if problem.is(problems::UNAUTHORIZED) => Err(to_sign_in(&shown, parts)),
            Err(problem) => Err(refusal(problem, &shown, app).await),
        }
    }
}

/// Refuses what changes something unless one of our own pages asks for it.
pub(crate) fn require_own_page(parts: &Parts) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) || sender(parts) == Sender::Own {
        return Ok(());
    }
    Err(Problem::new(problems::FOREIGN_ORIGIN, "The form was not sent by a page of this console."))
}

/// What is refused is told within what the viewer may see: whoever has the wrong key can sign out.
async fn refusal(problem: Problem, shown: &Shown, app: &AppState) -> Response {
    let who = shown.access(app).await.map_or(Who::Nobody, Who::from);
    let mut response = problem.into_response();
    response.extensions_mut().insert(Shell::around(who));
    response
}

#[derive(Template)]
#[template(path = "console/session_ended.html")]
struct SessionEndedPage {
    shell: Shell,
}

/// Who has to sign in is led there, and from there back to the page. Whoever sent a form after their session had ended stays
/// on its answer: a browser that loads that again sends the form again, with everything in it.
fn to_sign_in(shown: &Shown, parts: &Parts) -> Response {
    let is_form = parts.method == Method::POST;
    if is_form && !matches!(shown, Shown::Nothing) {
        let page = SessionEndedPage { shell: Shell::bare() };
        return page_with(StatusCode::UNAUTHORIZED, &page).into_response();
    }
    let next = (!is_form).then(|| parts.uri.path_and_query()).flatten();
    Redirect::to(&Link::to("sign-in").with_some("next", next).to_string()).into_response()
}
