//! The life of a WebSocket: requests in, statuses out, until one side ends it.
//!
//! One task serves a connection. It never waits for a slow client for longer than the write time-out, and what comes
//! meanwhile waits in the bounded queue of its watch.

use std::collections::HashSet;
use std::time::Duration;

use angaros_domain::metric;
use angaros_service::{News, Topic, Watch};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::{FutureExt, SinkExt};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::MESSAGE_BYTES_MAX;
use super::place::Place;
use crate::AppState;
use crate::auth::{CanRead, Staying};
use crate::dto::live::{Acknowledgement, Action, ErrorFrame, LiveRequest, LiveUpdate};
use crate::error::Problem;
use crate::extract::{Object, Unreadable, read};
use crate::server::Slot;
use crate::{openapi, problems};

/// Statuses that are written before they are flushed together.
const FLUSH_MAX: u64 = 64;
/// Heartbeats without a sign of life after which a client counts as gone.
const SILENT_BEATS_MAX: u32 = 2;
/// How long the client may take to answer the close.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// Why a connection ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// The client closed it, or broke the protocol.
    Gone,
    Stopping,
    Behind,
    Stuck,
    Silent,
    TooLarge,
    Revoked,
}

impl End {
    /// The close code and its reason; `None` if nobody would read it.
    fn frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            End::Gone | End::Stuck => return None,
            End::Stopping => (close_code::AWAY, "the service stops: connect again and resume"),
            End::Behind => (close_code::AGAIN, "too slow: connect again and resume with the last cursor"),
            End::Silent => (close_code::POLICY, "no sign of life"),
            End::TooLarge => (close_code::SIZE, "a message is too large"),
            End::Revoked => (close_code::POLICY, "the key does not hold any more"),
        };
        Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
    }
}

/// What a connection has besides its socket.
pub(crate) struct Session {
    pub(crate) app: AppState,
    pub(crate) caller: Staying<CanRead>,
    pub(crate) watch: Watch,
    /// Held as long as the connection lives.
    pub(crate) place: Place,
    /// The same, of the server's connections.
    pub(crate) slot: Option<Slot>,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(mut socket: WebSocket, session: Session) {
    let Session { app, caller, watch, place, slot } = session;
    let mut connection = Connection { app, caller, watch, acknowledge: HashSet::new() };
    let end = connection.run(&mut socket).await;
    tracing::debug!(?end, "a WebSocket ends");
    let Connection { watch, .. } = connection;
    drop(watch);
    let closing = async {
        if let Some(frame) = end.frame() {
            drop(socket.send(Message::Close(Some(frame))).await);
        }
        // Until the client has answered: what it sent before would reset the connection, and the close be lost.
        while let Some(Ok(_)) = socket.recv().await {}
    };
    if !matches!(end, End::Stuck) {
        drop(timeout(CLOSE_PATIENCE, closing).await);
    }
    drop((place, slot));
}

struct Connection {
    app: AppState,
    caller: Staying<CanRead>,
    watch: Watch,
    /// Topics whose beginning or end the client wants to be told.
    acknowledge: HashSet<Topic>,
}

impl Connection {
    async fn run(&mut self, socket: &mut WebSocket) -> End {
        let settings = self.app.api.live.clone();
        let stopping = self.app.api.stopping.clone();
        let mut beats = interval_at(Instant::now() + settings.heartbeat, settings.heartbeat);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_beats = 0;
        loop {
            let sent = tokio::select! {
                () = stopping.cancelled() => return End::Stopping,
                news = self.watch.next() => {
                    let sending = self.tell(socket, news);
                    timeout(settings.write_timeout, sending).await.unwrap_or(Err(End::Stuck))
                }
                message = socket.recv(), if self.watch.has_room() => {
                    silent_beats = 0;
                    let Some(Ok(message)) = message else { return End::Gone };
                    match self.take(message) {
                        Ok(None) => Ok(()),
                        Ok(Some(problem)) => self.refuse(socket, problem).await,
                        Err(end) => Err(end),
                    }
                }
                _ = beats.tick() => {
                    if silent_beats >= SILENT_BEATS_MAX {
                        return End::Silent;
                    }
                    silent_beats += 1;
                    if !self.caller.may_stay(&self.app).await {
                        return End::Revoked;
                    }
                    self.send(socket, Message::Ping(Bytes::new())).await
                }
            };
            if let Err(end) = sent {
                return end;
            }
        }
    }

    /// Tells news, and with them what else there is by now.
    async fn tell(&mut self, socket: &mut WebSocket, first: News) -> Result<(), End> {
        let mut next = Some(first);
        let mut frames = 0;
        let mut end = Ok(());
        while let Some(news) = next.take() {
            let text = match news {
                News::Update(update, cursor) => {
                    frames += 1;
                    Some(json(&LiveUpdate::new(&update, &cursor)))
                }
                News::Begun => None,
                News::Reached(topic, cursor) => {
                    let asks = self.acknowledge.contains(&topic);
                    asks.then(|| json(&Acknowledgement::reached(&topic, &cursor)))
                }
                News::Subscribed(topic, cursor) => self
                    .acknowledge
                    .remove(&topic)
                    .then(|| json(&Acknowledgement::subscribed(&topic, &cursor))),
                News::Unsubscribed(topic) => {
                    self.acknowledge.remove(&topic).then(|| json(&Acknowledgement::unsubscribed(&topic)))
                }
                News::Refused(topic, error) => {
                    self.acknowledge.remove(&topic);
                    Some(self.error(error.into()))
                }
                News::Ended => {
                    end = Err(End::Behind);
                    break;
                }
            };
            if let Some(text) = text {
                socket.feed(Message::Text(text.into())).await.map_err(|_| End::Gone)?;
            }
            if frames < FLUSH_MAX {
                next = self.watch.next().now_or_never();
            }
        }
        socket.flush().await.map_err(|_| End::Gone)?;
        metrics::counter!(metric::LIVE_FRAMES, "transport" => "websocket").increment(frames);
        end
    }

    /// Takes a message of the client; answers what is wrong with it.
    fn take(&mut self, message: Message) -> Result<Option<Problem>, End> {
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                let detail = "Messages are JSON texts; this one is binary.";
                return Ok(Some(Problem::new(problems::MALFORMED_JSON, detail)));
            }
            Message::Ping(_) | Message::Pong(_) => return Ok(None),
            Message::Close(_) => return Err(End::Gone),
        };
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(End::TooLarge);
        }
        Ok(self.obey(text.as_bytes()).err())
    }

    fn obey(&mut self, text: &[u8]) -> Result<(), Problem> {
        let Object(request) = read::<Object<LiveRequest>>(text).map_err(|reason| match reason {
            Unreadable::Malformed(why) => {
                Problem::new(problems::MALFORMED_JSON, format!("The message {why}."))
            }
            Unreadable::Faulty(found) => Problem::faults(problems::INVALID_REQUEST, found),
        })?;
        let (action, topic, since, ack) = request.check()?;
        match action {
            Action::Subscribe => {
                if self.watch.topics() >= self.app.api.live.topics_max {
                    let detail = "The connection follows as many topics as one may.";
                    return Err(Problem::new(problems::LIVE_LIMIT, detail));
                }
                self.watch.subscribe(topic.clone(), since.as_deref())?;
            }
            Action::Unsubscribe => self.watch.unsubscribe(topic.clone()),
        }
        if ack {
            self.acknowledge.insert(topic);
        }
        Ok(())
    }

    async fn refuse(&mut self, socket: &mut WebSocket, problem: Problem) -> Result<(), End> {
        self.send(socket, Message::Text(self.error(problem).into())).await
    }

    fn error(&self, problem: Problem) -> String {
        let path = openapi::SOCKET_PATH;
        json(&ErrorFrame { error: problem.document(path, self.caller.caller.correlation.id.as_str()) })
    }

    async fn send(&mut self, socket: &mut WebSocket, message: Message) -> Result<(), End> {
        match timeout(self.app.api.live.write_timeout, socket.send(message)).await {
            Ok(sent) => sent.map_err(|_| End::Gone),
            Err(_) => Err(End::Stuck),
        }
    }
}

/// Frames are structs with string keys, which always serialise.
fn json(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).unwrap_or_default()
}
