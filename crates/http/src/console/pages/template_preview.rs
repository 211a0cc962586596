//! What a template would send, while it is written.
//!
//! The form itself is sent, and comes back with its preview: so it works without a script, and the script takes only the
//! preview from the answer. An HTML part is shown as text there, and as a mail program would in a frame: that is an answer
//! of its own, which may bring its own styles, but no script, and nothing from elsewhere. It is cut off from the console
//! by the sandbox that its policy asks for.

use angaros_domain::TemplateId;
use angaros_service::TemplateDraft;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};

use crate::AppState;
use crate::auth::{CanFollow, CanSend};
use crate::console::form::{Faults, Form};
use crate::console::shell::Area;
use crate::console::template_form::{TemplatePage, draft_of, sample, variables_of};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::extract::Id;

/// For what strangers wrote: it is shown, and can do nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'self'",
);

/// `POST /console/templates/preview`
pub(crate) async fn preview(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    form: Form,
) -> Result<Response, Problem> {
    let id: Option<TemplateId> = form.get("id").and_then(|id| id.parse().ok());
    let shell = viewer.shell(Area::Templates);
    let tried = TemplatePage::sent(shell, &app.service, id, &form, &Faults::default());
    tried.answer(StatusCode::OK)
}

/// `POST /console/templates/preview.html`
pub(crate) async fn frame(
    State(app): State<AppState>,
    _viewer: Viewer<CanSend>,
    form: Form,
) -> Result<Response, Problem> {
    let variables = variables_of(&form).unwrap_or_default();
    let draft = TemplateDraft { name: "preview".into(), ..draft_of(&form) };
    // What is wrong the preview beside it says.
    let html = app.service.template_try(&draft, &variables).ok().and_then(|content| content.html);
    Ok(framed(html))
}

/// `GET /console/templates/{id}/html`
pub(crate) async fn stored(
    State(app): State<AppState>,
    viewer: Viewer<CanFollow>,
    Id(id): Id<TemplateId>,
) -> Result<Response, Problem> {
    let template = app.service.template(viewer.tenant(), id).await?;
    let html = template.source.render(&sample(&template.source)).ok().and_then(|content| content.html);
    Ok(framed(html))
}

fn framed(html: Option<String>) -> Response {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(html.unwrap_or_default())).into_response()
}
