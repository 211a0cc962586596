//! A service on a real socket and a real file, and clients that follow it live.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use angaros_domain::lifecycle::Change;
use angaros_domain::{LeaseId, Timestamp, WorkerId};
use angaros_http::{Api, Server, serve};
use angaros_service::{Allowance, ClaimParams, Finished};
use angaros_store_test::fixture;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{App, api};

/// How long anything here may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for what must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("in time")
}

/// A service that listens.
pub(crate) struct Served {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    pub(crate) served: JoinHandle<usize>,
    _folder: TempDir,
}

impl Served {
    pub(crate) async fn new() -> Served {
        Served::with(api()).await
    }

    pub(crate) async fn with(api: Api) -> Served {
        Served::serving(api, Server::default()).await
    }

    pub(crate) async fn serving(api: Api, server: Server) -> Served {
        let (app, folder) = App::on_disk_with(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = app.stopping.clone();
        let served = tokio::spawn(serve(listener, app.router.clone(), server, stop));
        Served { app, address, served, _folder: folder }
    }

    /// A client that is connected.
    pub(crate) async fn client(&self) -> Client {
        self.connect(&[]).await.expect("it is let in")
    }

    /// Connects with some headers; the status of the answer if it is no WebSocket.
    pub(crate) async fn connect(&self, headers: &[(&'static str, &str)]) -> Result<Client, StatusCode> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}/api/v1/ws/notifications", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        match soon(tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Client { socket }),
            Err(Error::Http(answer)) => Err(answer.status()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Claims what is ready, and settles all of it in one way. Answers how much there was.
    pub(crate) async fn settle(&self, change: impl Fn(Timestamp) -> Change) -> usize {
        let now = self.app.clock.now();
        let params = ClaimParams {
            worker: WorkerId("w".into()),
            lease: LeaseId(self.app.clock.new_uuid()),
            lanes: fixture::lanes().into_iter().map(|lane| (lane, 1000)).collect(),
            allowance: Allowance::new(1000),
            now,
            until: now.plus_seconds(30),
        };
        let Some(lease) = self.app.service.claim(params).await.unwrap() else { return 0 };
        let finished = lease.claims.into_iter().map(|claim| Finished {
            lease: lease.id,
            slot: claim.slot,
            notification: claim.notification,
            change: change(now),
        });
        self.app.service.settle(finished.collect()).await.unwrap().len()
    }

    /// Lets the service stop; how many connections had to be cut.
    pub(crate) async fn stop(self) -> usize {
        self.app.stopping.cancel();
        soon(self.served).await.unwrap()
    }
}

/// A client on a WebSocket.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub(crate) async fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Follows a topic, and waits until it is live: what came before that.
    pub(crate) async fn follow(&mut self, topic: &Value) -> Vec<Value> {
        let mut message = json!({"action": "subscribe", "ack": true});
        message.as_object_mut().unwrap().extend(topic.as_object().unwrap().clone());
        self.say(&message).await;
        let mut told = Vec::new();
        loop {
            let frame = self.next().await;
            if frame.get("subscribed").is_some() {
                return told;
            }
            assert!(frame.get("error").is_none(), "{frame}");
            told.push(frame);
        }
    }

    /// The next frame of the service.
    pub(crate) async fn next(&mut self) -> Value {
        self.next_or_close().await.unwrap_or_else(|closed| panic!("it is closed: {closed:?}"))
    }

    /// The next frame, or the code and reason with which the service closes.
    pub(crate) async fn next_or_close(&mut self) -> Result<Value, (u16, Utf8Bytes)> {
        loop {
            match soon(self.socket.next()).await.expect("a close comes first").unwrap() {
                Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
                Message::Close(Some(frame)) => return Err((frame.code.into(), frame.reason)),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code with which the service closes; whatever comes before does not matter.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err((code, _)) = self.next_or_close().await {
                return code;
            }
        }
    }

    /// The statuses of the next frames, which are all of one notification.
    pub(crate) async fn statuses(&mut self, count: usize) -> Vec<String> {
        let mut statuses = Vec::new();
        let mut ids = std::collections::BTreeSet::new();
        for _ in 0..count {
            let frame = self.next().await;
            ids.insert(frame["notification_id"].as_str().unwrap_or_else(|| panic!("{frame}")).to_owned());
            statuses.push(frame["status"].as_str().unwrap().to_owned());
        }
        assert!(ids.len() <= 1, "{ids:?}");
        statuses
    }
}

/// What a client has seen of each notification.
#[derive(Debug, Default)]
pub(crate) struct Seen(pub(crate) BTreeMap<String, Vec<String>>);

impl Seen {
    /// Takes note of a frame; its cursor.
    pub(crate) fn note(&mut self, frame: &Value) -> String {
        let text = |key: &str| frame[key].as_str().unwrap_or_else(|| panic!("{frame}")).to_owned();
        let statuses = self.0.entry(text("notification_id")).or_default();
        // A repeat says nothing new.
        if !statuses.contains(&text("status")) {
            statuses.push(text("status"));
        }
        text("cursor")
    }

    /// How many are final.
    pub(crate) fn delivered(&self) -> usize {
        self.0.values().filter(|statuses| statuses.iter().any(|status| status == "delivered")).count()
    }
}
