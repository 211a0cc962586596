//! `/console/send`: a form that sends one notification, by the rules of the API.

use angaros_domain::idempotency::IdempotencyKey;
use angaros_domain::request::Draft;
use angaros_domain::template::Template as MessageTemplate;
use angaros_domain::{Channel, Priority, TemplateId, TenantId};
use angaros_service::{PageOf, Receipt, ServiceError};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::AppState;
use crate::auth::CanSend;
use crate::console::field::Field;
use crate::console::form::{Faults, Form};
use crate::console::link::Link;
use crate::console::notice::Notice;
use crate::console::page::{done, page, page_with};
use crate::console::query::{Asked, When};
use crate::console::shell::{Area, Shell};
use crate::console::viewer::Viewer;
use crate::error::Problem;
use crate::extract::StrictMap;
use crate::pagination::LIMIT_MAX;

/// What the form is for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SendQuery {
    channel: Option<Channel>,
    recipient: Option<String>,
    template_id: Option<String>,
}

#[derive(Template)]
#[template(path = "console/send.html")]
struct SendPage {
    shell: Shell,
    channel: Channel,
    channels: [Channel; 4],
    /// The channel only pretends to send.
    pretends: bool,
    fields: Vec<Field>,
    more: Vec<Field>,
    /// Some of the fields that are folded away hold something.
    more_open: bool,
    faults: Vec<String>,
    is_faulty: bool,
    key: String,
}

impl SendPage {
    /// The form with what was entered and what is wrong with it.
    async fn filled(
        app: &AppState,
        viewer: &Viewer<CanSend>,
        channel: Channel,
        form: &Form,
        faults: &Faults,
    ) -> Result<SendPage, Problem> {
        let templates = templates(app, viewer.tenant(), form).await?;
        let sent = |field: Field| field.sent(form, faults);
        let fields: Vec<Field> = fields(channel).into_iter().map(sent).collect();
        let more: Vec<Field> = more_fields(&templates).into_iter().map(sent).collect();
        let names: Vec<&str> = fields.iter().chain(&more).map(Field::name).collect();
        Ok(SendPage {
            shell: viewer.shell(Area::Send),
            channel,
            channels: Channel::ALL,
            pretends: app.api.pretending.contains(&channel),
            more_open: more.iter().any(Field::is_touched),
            faults: faults.elsewhere(&names),
            is_faulty: !faults.is_empty(),
            fields,
            more,
            key: app.service.clock().new_uuid().to_string(),
        })
    }
}

/// The templates to choose from: the newest, and the one that is chosen, however old it is.
async fn templates(app: &AppState, tenant: TenantId, form: &Form) -> Result<Vec<MessageTemplate>, Problem> {
    let newest = app.service.templates(tenant, PageOf { limit: LIMIT_MAX, cursor: None }).await?;
    let mut templates = newest.items;
    let chosen: Option<TemplateId> = form.get("template_id").and_then(|id| id.parse().ok());
    if let Some(id) = chosen.filter(|id| templates.iter().all(|template| template.id != *id)) {
        match app.service.template(tenant, id).await {
            Ok(template) => templates.push(template),
            Err(ServiceError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(templates)
}

/// `GET /console/send`
pub(crate) async fn show(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    Asked(query): Asked<SendQuery>,
) -> Result<Response, Problem> {
    let channel = query.channel.unwrap_or(Channel::Sms);
    let given = [("recipient", query.recipient), ("template_id", query.template_id)];
    let form = Form::of(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    page(&SendPage::filled(&app, &viewer, channel, &form, &Faults::default()).await?)
}

/// `POST /console/send/form`: the same form for another channel, with what was entered.
pub(crate) async fn other_channel(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    form: Form,
) -> Result<Response, Problem> {
    let channel = form.get("other_channel").and_then(|name| name.parse().ok());
    let channel = channel.ok_or_else(Problem::not_found)?;
    page(&SendPage::filled(&app, &viewer, channel, &form, &Faults::default()).await?)
}

/// `POST /console/send`
pub(crate) async fn send(
    State(app): State<AppState>,
    viewer: Viewer<CanSend>,
    form: Form,
) -> Result<Response, Problem> {
    let mut faults = Faults::default();
    let channel = form.get("channel").and_then(|name| name.parse().ok()).unwrap_or_else(|| {
        faults.push("channel", "must be sms, email, push or webhook");
        Channel::Sms
    });
    let draft = draft(&form, channel, &mut faults);
    // Sending the same form twice, by a second click or by reloading, sends one notification.
    let key = form.get("idempotency_key").and_then(IdempotencyKey::parse);
    if faults.is_empty() {
        match app.service.notify(&viewer.caller, draft, key.clone()).await {
            Ok(Receipt::New(notification) | Receipt::Replayed(notification)) => {
                return Ok(done(Link::to("notifications").at(notification.id), Notice::Sent));
            }
            Err(ServiceError::Invalid(found) | ServiceError::Unprocessable(found)) => {
                faults = Faults::new(found);
            }
            Err(ServiceError::KeyReused) => {
                faults.push("form", "was sent before with other content; send it again to send this too");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let again = SendPage::filled(&app, &viewer, channel, &form, &faults).await?;
    page_with(StatusCode::UNPROCESSABLE_ENTITY, &again)
}

/// What the form says, as a request. What can not be read is noted among the faults.
fn draft(form: &Form, channel: Channel, faults: &mut Faults) -> Draft {
    Draft {
        channel,
        recipient: form.text("recipient").unwrap_or_default(),
        recipient_id: form.text("recipient_id"),
        subject: form.text("subject"),
        content: form.verbatim("content"),
        html: form.verbatim("html"),
        template_id: read(form, "template_id", "must be the id of a template", faults, |text| {
            text.parse().ok()
        }),
        template_variables: variables(form, faults),
        campaign_id: form.text("campaign_id"),
        priority: read(form, "priority", "must be high, normal or low", faults, |text| text.parse().ok())
            .unwrap_or_default(),
        scheduled_at: read(form, "scheduled_at", "must be a date and time", faults, When::parse)
            .map(|When(at)| at),
        expires_at: None,
        max_attempts: read(form, "max_attempts", "must be a whole number", faults, |text| text.parse().ok()),
        metadata: Map::new(),
        tags: Vec::new(),
    }
}

fn variables(form: &Form, faults: &mut Faults) -> Map<String, Value> {
    let expected = "must be a JSON object such as {\"name\": \"Ada\"}";
    let parse = |text: &str| serde_json::from_str::<StrictMap>(text).ok();
    read(form, "template_variables", expected, faults, parse).unwrap_or_default().0
}

/// A field that is no text. One that can not be read says what was expected.
fn read<T>(
    form: &Form,
    name: &'static str,
    expected: &str,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = form.get(name)?;
    let parsed = parse(text);
    if parsed.is_none() {
        faults.push(name, expected);
    }
    parsed
}

/// What every notification of a channel needs.
fn fields(channel: Channel) -> Vec<Field> {
    let recipient = Field::line("recipient", "Recipient").required();
    let content = Field::lines("content", "Text", 5);
    let subject = Field::line("subject", "Subject");
    match channel {
        Channel::Sms => vec![
            recipient.hint("A number in international form, such as +4915112345678."),
            content.hint(
                "At most 1600 characters; 160 of them, or 70 with other alphabets, fit into one segment.",
            ),
        ],
        Channel::Email => vec![
            recipient.hint("An e-mail address, such as ada@example.org."),
            subject,
            content,
            Field::lines("html", "HTML part", 5).hint("For readers that show HTML; the others get the text."),
        ],
        Channel::Push => {
            vec![recipient.hint("The device's token."), subject, content.hint("At most 4096 bytes.")]
        }
        Channel::Webhook => vec![
            recipient.hint("The URL that is called, such as https://hooks.example.org/orders."),
            content.hint("The body that is posted."),
        ],
    }
}

/// What a notification may have besides.
fn more_fields(templates: &[MessageTemplate]) -> Vec<Field> {
    let chosen = templates.iter().map(|template| (template.id.to_string(), template.name.clone()));
    let none = [(String::new(), "none".to_owned())];
    let priorities = [("", "normal"), (Priority::High.as_str(), "high"), (Priority::Low.as_str(), "low")];
    vec![
        Field::choice("template_id", "Template", none.into_iter().chain(chosen))
            .hint("Its text takes the place of the one above."),
        Field::lines("template_variables", "Variables of the template", 3)
            .hint("JSON, such as {\"name\": \"Ada\"}."),
        Field::line("recipient_id", "Recipient id")
            .hint("Who the recipient is to you; without one it is the address."),
        Field::line("campaign_id", "Campaign"),
        Field::choice("priority", "Priority", priorities),
        Field::time("scheduled_at", "Not before (UTC)"),
        Field::line("max_attempts", "Attempts")
            .hint("1 to 10; without a number it is what the channel is set to."),
    ]
}
