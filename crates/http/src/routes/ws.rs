//! `GET /ws/notifications`.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State};
use axum::response::Response;
use http::HeaderValue;
use http::header::UPGRADE;
use tracing::{Instrument, Span};

use crate::auth::{CanRead, Staying};
use crate::error::Problem;
use crate::live::{MESSAGE_BYTES_MAX, Session, serve};
use crate::openapi::{Socket, tag};
use crate::origin::{Sender, sender};
use crate::server::Slot;
use crate::{AppState, problems};

/// The protocol that is spoken, for clients that offer some.
const PROTOCOL: &str = "angaros";
/// What is read from a connection at once, in bytes: requests are short, and there are many connections.
const READ_BUFFER_BYTES: usize = 1024;
/// What is gathered before it is written, in bytes; it is flushed before that where nothing follows.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// What may wait to be written, in bytes.
const WRITE_BUFFER_BYTES_MAX: usize = 64 * 1024;

#[utoipa::path(
    get,
    path = "/ws/notifications",
    operation_id = "live_socket",
    tag = tag::LIVE,
    summary = "Live status over a WebSocket",
    description = "Send JSON texts (`LiveRequest`): `{\"action\":\"subscribe\",\"notification_id\":\"...\"}`, or with \
                   `batch_id`, `campaign_id`, `recipient_id` or `\"all\":true`, and `unsubscribe` likewise. Each status \
                   comes as `LiveUpdate`: `{\"notification_id\",\"status\",\"attempt\",\"at\",\"cursor\"}`. A \
                   subscription begins with the current status of what it names (of a batch, campaign or recipient that \
                   of the 1000 newest notifications, newest first; of `all` nothing), so nothing is missed between \
                   sending and subscribing. With `\"since\": cursor` it begins with what happened behind that cursor \
                   instead: after a broken connection send the last cursor that came, for every topic. Repeats are \
                   possible, gaps are not. What is wrong gets `{\"error\": problem}` (`LiveError`) and changes nothing. \
                   With `\"ack\": true` the end of a request gets a `LiveAcknowledgement`, and so does every stretch of \
                   the past in which there was nothing to tell.\n\nThe service pings. It \
                   closes with 1001 when it stops, 1013 if the client is too slow, 1008 if its key was revoked or it \
                   gave no sign of life, and 1009 after a message of more than 16 KiB. Connect again after 1001 and \
                   1013, and resume.\n\nBrowsers, which can not set headers here, offer the protocols `angaros` and \
                   `angaros.key.` followed by the key. A service without keys answers only pages of its own origin. \
                   Needs the scope `read`.",
    responses(
        (status = 101, description = "The connection speaks WebSocket from here on."),
        Socket
    )
)]
pub(crate) async fn connect(
    State(app): State<AppState>,
    caller: Staying<CanRead>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    if caller.key().is_none() && sender(&parts) == Sender::Foreign {
        let detail = "The page that asks is not of this service, and no key was given.";
        return Err(Problem::new(problems::FOREIGN_ORIGIN, detail));
    }
    let upgrade = upgrade.map_err(|_| {
        Problem::new(problems::UPGRADE_REQUIRED, "Only WebSockets can be opened here.")
            .with_header(UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    let place = app.places.take(caller.caller.tenant, caller.key(), "websocket")?;
    let slot = Slot::of(&parts.extensions);
    let watch = app.service.watch(caller.caller.tenant, app.api.live.resume_events_max);
    let session = Session { app, caller, watch, place, slot };
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        // Beyond this the protocol is broken off; up to this the client is told what was wrong.
        .max_message_size(4 * MESSAGE_BYTES_MAX)
        .max_frame_size(4 * MESSAGE_BYTES_MAX);
    let span = Span::current();
    Ok(upgrade.on_upgrade(move |socket| Box::pin(serve(socket, session).instrument(span))))
}
