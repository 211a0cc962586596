//! `/console/templates`: stored sources that notifications are rendered from.

use angaros_domain::TemplateId;
use angaros_domain::template::Template as Stored;
use angaros_service::ServiceError;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;

use crate::AppState;
use crate::auth::{CanFollow, CanSend};
use crate::console::confirm::Confirm;
use crate::console::filters;
use crate::console::form::{Faults, Form};
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page};
use crate::console::pager::Pager;
use crate::console::query::Asked;
use crate::console::shell::{Area, Shell};
use crate::console::template_form::{TemplatePage, draft_of};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::extract::Id;
use crate::pagination::Limit;

/// Which page of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplatesQuery {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/templates.html")]
struct TemplatesPage {
    shell: Shell,
    templates: Vec<Stored>,
    pager: Pager,
}

/// `GET /console/templates`
pub(crate) async fn list(
    State(app): State<AppState>,
    viewer: Viewer<CanFollow>,
    Asked(query): Asked<TemplatesQuery>,
) -> Result<Response, Problem> {
    let cursor = query.cursor.as_deref();
    let found = app.service.templates(viewer.tenant(), Limit::default().page(cursor)).await?;
    page(&TemplatesPage {
        shell: viewer.shell(Area::Templates),
        pager: Pager::newest_first(&Link::to("templates"), cursor, found.next_cursor.as_deref()),
        templates: found.items,
    })
}

/// `GET /console/templates/new`
pub(crate) async fn new(viewer: Viewer<CanSend>) -> Result<Response, Problem> {
    TemplatePage::blank(viewer.shell(Area::Templates)).answer(StatusCode::OK)
}

/// `GET /console/templates/{id}`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanFollow>,
    Id(id): Id<TemplateId>,
) -> Result<Response, Problem> {
    let template = app.service.template(viewer.tenant(), id).await?;
    let shell = viewer.shell(Area::Templates);
    TemplatePage::of(shell, &app.service, template).answer(StatusCode::OK)
}

/// `POST /console/templates`
pub(crate) async fn create(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    form: Form,
) -> Result<Response, Problem> {
    let stored = app.service.template_create(viewer.tenant(), draft_of(&form)).await;
    answer(&app, &viewer, stored.map_err(|error| (error, None)), &form)
}

/// `POST /console/templates/{id}`
pub(crate) async fn update(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(id): Id<TemplateId>,
    form: Form,
) -> Result<Response, Problem> {
    let stored = app.service.template_update(viewer.tenant(), id, draft_of(&form)).await;
    answer(&app, &viewer, stored.map_err(|error| (error, Some(id))), &form)
}

/// To the stored template; or the form again, with what is wrong with it.
fn answer(
    app: &AppState,
    viewer: &Viewer<CanSend>,
    stored: Result<Stored, (ServiceError, Option<TemplateId>)>,
    form: &Form,
) -> Result<Response, Problem> {
    let (faults, id) = match stored {
        Ok(template) => return Ok(done(Link::to("templates").at(template.id), Notice::TemplateSaved)),
        Err((ServiceError::Invalid(found), id)) => (Faults::new(found), id),
        Err((ServiceError::NameTaken, id)) => {
            let mut faults = Faults::default();
            faults.push("name", "is the name of another template");
            (faults, id)
        }
        Err((error, _)) => return Err(error.into()),
    };
    let again = TemplatePage::sent(viewer.shell(Area::Templates), &app.service, id, form, &faults);
    again.answer(StatusCode::UNPROCESSABLE_ENTITY)
}

/// `GET /console/templates/{id}/delete`
pub(crate) async fn ask_delete(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(id): Id<TemplateId>,
) -> Result<Response, Problem> {
    let template = app.service.template(viewer.tenant(), id).await?;
    page(&Confirm {
        shell: viewer.shell(Area::Templates),
        title: format!("Delete the template {}?", template.name),
        text: vec![
            "It can not be used any more from then on. This can not be undone.".into(),
            "Notifications that were made from it stay as they are and are sent: they hold their own text."
                .into(),
        ],
        action: Link::to("templates").at(id).at("delete"),
        fields: Vec::new(),
        button: "Delete it".into(),
        is_danger: true,
        back: Link::to("templates").at(id),
    })
}

/// `POST /console/templates/{id}/delete`
pub(crate) async fn delete(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Id(id): Id<TemplateId>,
) -> Result<Response, Problem> {
    app.service.template_delete(viewer.tenant(), id).await?;
    Ok(done(Link::to("templates"), Notice::TemplateDeleted))
}
