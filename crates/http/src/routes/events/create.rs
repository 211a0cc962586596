//! `POST /events`.

use angaros_domain::event::Event;
use angaros_domain::ingest::EventDraft;
use angaros_service::Ingested;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::intake::Form;
use super::{queue, stream};
use crate::auth::{Authorized, CanIngest};
use crate::dto::cloud_event::CloudEvent;
use crate::dto::event::EventBody;
use crate::dto::queued::EventOrEventsQueued;
use crate::dto::report::{EventRequest, LineResult};
use crate::error::Problem;
use crate::extract::{Acknowledge, Media, PreferHeader, body, unsupported};
use crate::idempotency::located;
use crate::openapi::{Guarded, OtherEvent, WithBody, tag};
use crate::routes::BASE;
use crate::{App, AppState};

#[utoipa::path(
    post,
    path = "/events",
    operation_id = "event_create",
    tag = tag::EVENTS,
    summary = "Record an event",
    description = "Records something that happened. An event is known by `provider` and `event_id`; without an \
                   `event_id` by `provider`, `event_name`, `recipient_id` and `occurred_at`. Sending the same again \
                   answers 200 with what was stored the first time, and sending something else under the same key \
                   answers 409 with the fields that differ, however much later. Once this is answered with 201 or \
                   200 the event is on disk. Lines are read, stored and answered while more come, without a limit \
                   to their number: read the answer while you write. With `Prefer: respond-async` the answer is 202 as \
                   soon as the event is checked and waits to be stored, or all lines are. That is the one \
                   acknowledgement which is not durable yet: a crash within the next moments loses the event, and a \
                   conflict is only counted. An orderly stop stores everything first. Needs the scope `ingest`.",
    params(PreferHeader),
    request_body(
        description = "The event; as `application/x-ndjson` any number of events, one a line.",
        content((EventRequest = "application/json", examples(
            ("provider" = (summary = "What a provider saw", value = json!({
                "provider": "mailer",
                "event_id": "evt-90210",
                "event_name": "opened",
                "recipient_id": "user-1815",
                "message_id": "019c1c3a-5407-7abc-8def-0123456789ab",
                "campaign_id": "spring-sale",
                "channel": "email",
                "occurred_at": "2026-02-02T08:15:30Z",
                "metadata": {"client": "phone"}
            }))),
            ("product" = (summary = "What a user did, under the other names", value = json!({
                "type": "signup",
                "user_id": "user-1815",
                "timestamp": 1_770_000_000,
                "tags": ["web"]
            })))
        )), (CloudEvent = "application/cloudevents+json", examples(
            ("cloud_event" = (summary = "A CloudEvent", value = json!({
                "specversion": "1.0",
                "source": "/shop/checkout",
                "id": "4711",
                "type": "org.example.purchase",
                "time": "2026-02-02T08:15:30Z",
                "subject": "user-1815",
                "data": {"campaign_id": "spring-sale", "total": 19.9}
            })))
        )), (String = "application/x-ndjson", examples(
            ("lines" = (summary = "Two events, one a line", value = json!(
                "{\"type\":\"signup\",\"user_id\":\"u-1\",\"timestamp\":1770000000}\n\
                 {\"type\":\"signup\",\"user_id\":\"u-2\",\"timestamp\":1770000001}\n"
            )))
        )))
    ),
    responses(
        (status = 201, description = "It is new, and stored.", body = EventBody, headers(
            ("Location" = String, description = "Its path.")
        )),
        (status = 200, description = "The same was stored before: this, with `Location` and \
            `Idempotency-Replayed: true`. To lines: the result of each line, in order, one a line.", content(
            (EventBody = "application/json"),
            (LineResult = "application/x-ndjson")
        )),
        (status = 202, description = "With `Prefer: respond-async`: it is valid and waits to be stored, or the valid \
            lines do. It is not on disk yet.", body = EventOrEventsQueued, headers(
            ("Preference-Applied" = String, description = "`respond-async`.")
        )),
        Guarded, WithBody, OtherEvent
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanIngest>,
    acknowledge: Acknowledge,
    request: Request,
) -> Result<Response, Problem> {
    let media = Media::of(request.headers())?;
    match (media, acknowledge) {
        (Media::Lines, Acknowledge::Queued) => return queue::lines(&app, &auth.caller, request).await,
        (Media::Lines, Acknowledge::Stored) => return Ok(stream::answer(app, auth.caller, request)),
        _ => {}
    }
    let draft = take(&app, media, request).await?;
    if acknowledge == Acknowledge::Queued {
        return queue::one(&app.service, &auth.caller, draft);
    }
    let (ingested, event) = app.service.record(&auth.caller, draft).await?;
    answer(ingested, event)
}

/// The event of a request, if it can be stored.
pub(crate) async fn take(app: &App, media: Media, request: Request) -> Result<EventDraft, Problem> {
    let form = match media {
        Media::Json => Form::Plain,
        Media::CloudEvent => Form::Cloud,
        Media::Lines | Media::CloudEvents => {
            return Err(unsupported(
                "application/json, application/cloudevents+json or application/x-ndjson",
            ));
        }
    };
    let bytes = body::read(request, app.api.body_bytes_max).await?;
    Ok(form.take(&app.service, &bytes)?)
}

/// What became of an event, with the one that is stored under its key.
pub(crate) fn answer(ingested: Ingested, event: Event) -> Result<Response, Problem> {
    let (status, replayed) = match ingested {
        Ingested::Created(_) => (StatusCode::CREATED, false),
        Ingested::Duplicate(_) => (StatusCode::OK, true),
        Ingested::Conflict { id, fields } => return Err(Problem::event_conflict(id, fields)),
    };
    let location = format!("{BASE}/events/{}", event.id);
    Ok(located(status, replayed, location, EventBody::from(event)))
}
