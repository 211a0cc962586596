//! `GET /stream/notifications`.

use std::convert::Infallible;
use std::time::Duration;

use angaros_domain::{BatchId, NotificationId, metric};
use angaros_service::{News, ServiceError, Watch};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at, timeout};
use tracing::{Instrument as _, Span};
use utoipa::IntoParams;

use crate::auth::{CanRead, Staying};
use crate::dto::live::{LiveEvent, LiveUpdate};
use crate::error::Problem;
use crate::extract::{Query, Text};
use crate::live::{Place, Selectors};
use crate::openapi::{Stream, tag};
use crate::{AppState, problems};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that gather answers are asked not to.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How often a comment shows that the stream still lives.
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);
/// How long a client is asked to wait before it connects again.
const RETRY: Duration = Duration::from_secs(1);

/// Events that wait for the client besides those that the watch holds: enough to be written together.
const EVENTS_WAITING_MAX: usize = 64;

/// What to follow: exactly one of the first five.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// One notification.
    #[param(value_type = Option<String>, format = "uuid", nullable = false)]
    notification_id: Option<NotificationId>,
    /// The members of a batch.
    #[param(value_type = Option<String>, format = "uuid", nullable = false)]
    batch_id: Option<BatchId>,
    /// The notifications of a campaign.
    #[param(value_type = Option<String>, nullable = false, min_length = 1)]
    campaign_id: Option<Text>,
    /// The notifications to a recipient.
    #[param(value_type = Option<String>, nullable = false, min_length = 1)]
    recipient_id: Option<Text>,
    /// `true`: every notification of the tenant.
    #[param(nullable = false)]
    all: Option<bool>,
    /// Go on behind this cursor. The header `Last-Event-ID` says the same, and goes first.
    #[param(nullable = false, min_length = 1)]
    since: Option<String>,
}

#[utoipa::path(
    get,
    path = "/stream/notifications",
    operation_id = "live_stream",
    tag = tag::LIVE,
    summary = "Live status as server-sent events",
    description = "The same as the WebSocket, for one topic: each event's data is a `LiveUpdate` as JSON, its id the \
                   cursor. It begins at once, however long the past is that is to be told; an id of its own says how far that \
                   is where there was nothing to tell. A client that connects again with `Last-Event-ID`, as browsers do by themselves, goes on \
                   behind it without a gap. Comments show that the stream lives. It ends when the service stops, when \
                   the client is too slow, or when its key is revoked. Needs the scope `read`.",
    params(StreamQuery),
    responses(
        (status = 200, description = "Statuses as they change.", body = LiveEvent, content_type = "text/event-stream"),
        Stream
    )
)]
pub(crate) async fn open(
    State(app): State<AppState>,
    caller: Staying<CanRead>,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Response, Problem> {
    follow(app, caller, &headers, query).await
}

/// Tells a caller what it follows, until one side ends it.
pub(crate) async fn follow(
    app: AppState,
    caller: Staying<CanRead>,
    headers: &HeaderMap,
    query: StreamQuery,
) -> Result<Response, Problem> {
    let last = headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
    // A browser that has seen no event yet sends an empty one.
    let since = last.filter(|id| !id.is_empty()).or(query.since.as_deref()).map(str::to_owned);
    let selectors = Selectors {
        notification_id: query.notification_id,
        batch_id: query.batch_id,
        campaign_id: query.campaign_id.map(|Text(id)| id),
        recipient_id: query.recipient_id.map(|Text(id)| id),
        all: query.all,
    };
    let topic = selectors.topic().ok_or_else(|| {
        let detail = "or another topic is needed: exactly one of notification_id, batch_id, campaign_id, \
                      recipient_id and all=true";
        Problem::parameter(problems::INVALID_PARAMETER, "all", detail)
    })?;
    let place = app.places.take(caller.caller.tenant, caller.key(), "events")?;
    let mut watch = app.service.watch(caller.caller.tenant, app.api.live.resume_events_max);
    watch.subscribe(topic, since.as_deref()).map_err(|error| match error {
        ServiceError::InvalidCursor(_) => Problem::foreign_cursor("since"),
        error => error.into(),
    })?;
    // What follows is the past, which may be long: the stream has begun by then.
    if let News::Refused(_, error) = watch.next().await {
        return Err(error.into());
    }
    let beat = app.api.live.heartbeat;
    let beats = interval_at(Instant::now() + beat, beat);
    let following = Following { app, caller, watch, beats, _place: place };
    let (events, mut written) = mpsc::channel(EVENTS_WAITING_MAX);
    tokio::spawn(following.run(events).instrument(Span::current()));
    let events = stream::poll_fn(move |context| written.poll_recv(context)).map(Ok::<_, Infallible>);
    let alive = KeepAlive::new().interval(COMMENT_INTERVAL).text("alive");
    let unbuffered = [(ACCEL_BUFFERING, HeaderValue::from_static("no"))];
    Ok((unbuffered, Sse::new(events).keep_alive(alive)).into_response())
}

struct Following {
    app: AppState,
    caller: Staying<CanRead>,
    watch: Watch,
    beats: Interval,
    _place: Place,
}

impl Following {
    /// Hands events over until one side ends it. A task of its own, because a body is only asked for more while its
    /// client reads: one that has stopped would keep its place for ever.
    async fn run(mut self, events: mpsc::Sender<Event>) {
        let patience = self.app.api.live.write_timeout;
        loop {
            let event = tokio::select! {
                () = events.closed() => return,
                event = self.event() => event,
            };
            let Some(event) = event else { return };
            match timeout(patience, events.send(event)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => {
                    metrics::counter!(metric::LIVE_DROPPED, "reason" => "slow").increment(1);
                    return;
                }
            }
        }
    }

    /// The next event; `None` at the end.
    async fn event(&mut self) -> Option<Event> {
        loop {
            let news = tokio::select! {
                () = self.app.api.stopping.cancelled() => return None,
                news = self.watch.next() => news,
                _ = self.beats.tick() => {
                    if !self.caller.may_stay(&self.app).await {
                        return None;
                    }
                    continue;
                }
            };
            match news {
                News::Update(update, cursor) => {
                    metrics::counter!(metric::LIVE_FRAMES, "transport" => "events").increment(1);
                    // Its keys are strings, so it always serialises.
                    return Event::default().id(&cursor).json_data(LiveUpdate::new(&update, &cursor)).ok();
                }
                // An id without data is no event for browsers, but they remember it.
                News::Reached(_, cursor) => return Some(Event::default().id(cursor).comment("reached")),
                News::Subscribed(_, cursor) => {
                    return Some(Event::default().id(cursor).retry(RETRY).comment("live"));
                }
                News::Begun | News::Unsubscribed(_) => {}
                News::Refused(..) | News::Ended => return None,
            }
        }
    }
}
