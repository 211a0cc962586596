//! `POST /events/bulk`.

use angaros_domain::Violation;
use angaros_domain::violation::VIOLATIONS_MAX;
use angaros_service::{Caller, Service, ServiceError};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::intake::{Form, Taken};
use super::{queue, stream};
use crate::auth::{Authorized, CanIngest};
use crate::dto::cloud_event::CloudEventList;
use crate::dto::queued::EventsQueued;
use crate::dto::report::{EventsInput, EventsReceipt, EventsRequest, LineResult, Verdict};
use crate::error::Problem;
use crate::extract::{
    Acknowledge, Media, Members, Object, PreferHeader, Query, Unreadable, body, read, unsupported,
};
use crate::openapi::{Guarded, WithBodyAndQuery, tag};
use crate::{App, AppState, problems};

/// What becomes of events that can be stored, if others can not.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct BulkQuery {
    /// `true`: store the valid events and report the others, each by itself.
    #[serde(default)]
    #[param(value_type = bool, default = false)]
    partial: Partial,
}

/// Whether a part may be stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Partial {
    /// All or nothing.
    #[default]
    False,
    /// What is valid.
    True,
}

#[utoipa::path(
    post,
    path = "/events/bulk",
    operation_id = "event_create_many",
    tag = tag::EVENTS,
    summary = "Record many events",
    description = "Records 1 to 1000 events in one transaction. Each is decided by itself: it is new, or the same was \
                   stored before, or something else was stored under its key. If any event is invalid nothing is \
                   stored, and the faults point at the events, such as `#/events/3/occurred_at`, or \
                   `#/3/occurred_at` in a bare array; with `partial=true` the valid ones are stored and the others \
                   are reported in their places. Lines are read, stored and answered while more come, without a \
                   limit to their number, each by itself: read the answer while you write. With `Prefer: respond-async` \
                   the answer is 202 as soon as all of them are checked and wait to be stored. That is the one \
                   acknowledgement which is not durable yet: a crash within the next moments loses the events, and \
                   conflicts are only counted. An orderly stop stores everything first. Needs the scope `ingest`.",
    params(BulkQuery, PreferHeader),
    request_body(
        description = "The events; as `application/x-ndjson` any number of them, one a line.",
        content((EventsInput = "application/json", examples(
            ("object" = (summary = "In an object", value = json!({"events": [
                {"provider": "mailer", "event_id": "evt-1", "event_name": "delivered", "recipient_id": "user-1815",
                    "channel": "email", "occurred_at": "2026-02-02T08:15:30Z"},
                {"provider": "mailer", "event_id": "evt-2", "event_name": "opened", "recipient_id": "user-1815",
                    "channel": "email", "occurred_at": "2026-02-02T08:16:02Z"}
            ]}))),
            ("array" = (summary = "As an array, under the other names", value = json!([
                {"type": "purchase", "user_id": "user-1815", "timestamp": 1_770_000_000, "metadata": {"order": 4711}}
            ])))
        )), (CloudEventList = "application/cloudevents-batch+json", examples(
            ("cloud_events" = (summary = "CloudEvents", value = json!([
                {"specversion": "1.0", "source": "/shop/checkout", "id": "4711", "type": "org.example.purchase",
                    "time": "2026-02-02T08:15:30Z", "subject": "user-1815"}
            ])))
        )), (String = "application/x-ndjson", examples(
            ("lines" = (summary = "Two events, one a line", value = json!(
                "{\"type\":\"signup\",\"user_id\":\"u-1\",\"timestamp\":1770000000}\n\
                 {\"type\":\"signup\",\"user_id\":\"u-2\",\"timestamp\":1770000001}\n"
            )))
        )))
    ),
    responses(
        (status = 200, description = "Each event is decided; those that are accepted are stored. To lines: the \
            result of each line, in order, one a line.", content(
            (EventsReceipt = "application/json"),
            (LineResult = "application/x-ndjson")
        )),
        (status = 202, description = "With `Prefer: respond-async`: the valid events, as many as `accepted_count` \
            says, wait to be stored. They are not on disk yet.", body = EventsQueued, headers(
            ("Preference-Applied" = String, description = "`respond-async`.")
        )),
        Guarded, WithBodyAndQuery
    )
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    auth: Authorized<CanIngest>,
    Query(query): Query<BulkQuery>,
    acknowledge: Acknowledge,
    request: Request,
) -> Result<Response, Problem> {
    let media = Media::of(request.headers())?;
    match (media, acknowledge) {
        (Media::Lines, Acknowledge::Queued) => return queue::lines(&app, &auth.caller, request).await,
        (Media::Lines, Acknowledge::Stored) => return Ok(stream::answer(app, auth.caller, request)),
        _ => {}
    }
    let taken = take(&app, &query, media, request).await?;
    if acknowledge == Acknowledge::Queued {
        return queue::many(&app.service, &auth.caller, taken, query.partial == Partial::True);
    }
    Ok(answer(&query, store(&app.service, &auth.caller, taken).await?))
}

/// The events of a request. Unless a part may be stored, all of them can be.
pub(crate) async fn take(
    app: &App,
    query: &BulkQuery,
    media: Media,
    request: Request,
) -> Result<Vec<Taken>, Problem> {
    let form = match media {
        Media::Json => Form::Plain,
        Media::CloudEvents => Form::Cloud,
        Media::Lines | Media::CloudEvent => {
            return Err(unsupported(
                "application/json, application/cloudevents-batch+json or application/x-ndjson",
            ));
        }
    };
    let bytes = body::read(request, app.api.body_bytes_max).await?;
    let (place, members) = members(form, &bytes)?;
    if !(1..=Members::MAX).contains(&members.count) {
        let fault = Violation::new(place, format!("must hold 1 to {} events", Members::MAX));
        return Err(Problem::faults(problems::INVALID_REQUEST, vec![fault]));
    }
    let take = |text: &&serde_json::value::RawValue| -> Taken {
        form.take(&app.service, text.get().as_bytes()).map_err(Vec::from)
    };
    let taken: Vec<Taken> = members.texts.iter().map(take).collect();
    if query.partial == Partial::False {
        refuse_faulty(place, &taken)?;
    }
    Ok(taken)
}

/// What became of events, in their order.
pub(crate) fn answer(query: &BulkQuery, verdicts: Vec<Verdict>) -> Response {
    axum::Json(EventsReceipt::new(verdicts, query.partial == Partial::True)).into_response()
}

/// The events of a body, and where in it they stand.
fn members(form: Form, bytes: &[u8]) -> Result<(&'static str, Members<'_>), Unreadable> {
    let bare = form != Form::Plain || bytes.trim_ascii_start().starts_with(b"[");
    if bare {
        return Ok(("#", read(bytes)?));
    }
    let Object(EventsRequest { events }) = read(bytes)?;
    Ok(("#/events", events))
}

fn refuse_faulty(place: &str, taken: &[Taken]) -> Result<(), Problem> {
    let faults = taken.iter().enumerate().filter_map(|(index, one)| Some((index, one.as_ref().err()?)));
    let found: Vec<Violation> = faults
        .flat_map(|(index, found)| {
            found.iter().cloned().map(move |fault| fault.within(&format!("{place}/{index}")))
        })
        .take(VIOLATIONS_MAX)
        .collect();
    if found.is_empty() { Ok(()) } else { Err(Problem::faults(problems::INVALID_REQUEST, found)) }
}

/// Stores the valid ones, and judges all of them in their order.
pub(super) async fn store(
    service: &Service,
    caller: &Caller,
    taken: Vec<Taken>,
) -> Result<Vec<Verdict>, ServiceError> {
    let mut drafts = Vec::with_capacity(taken.len());
    let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(taken.len());
    for one in taken {
        verdicts.push(one.map(|draft| drafts.push(draft)).err().map(Verdict::from));
    }
    let stored = if drafts.is_empty() { Vec::new() } else { service.ingest(caller, drafts).await? };
    // There is one outcome for each that was handed over.
    let mut stored = stored.into_iter().map(Verdict::from);
    Ok(verdicts.into_iter().filter_map(|verdict| verdict.or_else(|| stored.next())).collect())
}
