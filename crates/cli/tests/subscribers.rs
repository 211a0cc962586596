//! Many WebSocket clients, each of which follows one notification of its own: every one sees its own final status, and
//! no other's. Prints what a connection costs; `ANGAROS_TEST_LONG=1` makes it ten thousand clients.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::launch::Launch;
use angaros_testkit::scale::scaled;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How many clients there are.
const CLIENTS: (usize, usize) = (300, 10_000);
/// How many of them do the same thing at once: a kernel's queue of new connections is short.
const AT_ONCE: usize = 64;
/// Generous: a debug build, and other builds beside it.
const LONG: Duration = Duration::from_secs(120);

struct Client {
    id: String,
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    /// Connects and follows a notification, which waits to be sent.
    async fn follow(url: String, id: String) -> Client {
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
        let path = format!("{}/api/v1/ws/notifications", url.replace("http://", "ws://"));
        let (socket, _) = tokio_tungstenite::client_async(path, stream).await.unwrap();
        let mut client = Client { id, socket };
        let subscribe = json!({"action": "subscribe", "notification_id": client.id, "ack": true});
        client.socket.send(Message::text(subscribe.to_string())).await.unwrap();
        assert_eq!(client.next().await["status"], "queued");
        assert!(client.next().await.get("subscribed").is_some(), "then it is live");
        client
    }

    async fn next(&mut self) -> Value {
        loop {
            match timeout(LONG, self.socket.next()).await.expect("in time").expect("it stays open").unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Follows it to its end: every status that comes is of its own notification, in order.
    async fn watch_to_the_end(mut self) {
        let mut statuses = Vec::new();
        while statuses.last().is_none_or(|status| status != "delivered") {
            let frame = self.next().await;
            assert_eq!(frame["notification_id"], self.id, "a status of somebody else's notification");
            statuses.push(frame["status"].as_str().unwrap().to_owned());
        }
        assert_eq!(statuses, ["processing", "sent", "delivered"]);
    }
}

/// Sends a notification to each client; their ids.
async fn send(api: &Api, count: usize) -> Vec<String> {
    let sms = json!({"channel": "sms", "recipient": "+15550100123", "content": "Your code is 123456"});
    let (api, sms) = (&api, &sms);
    stream::iter(0..count).map(|_| api.notify(sms)).buffer_unordered(AT_ONCE).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_subscriber_sees_its_own_final_status() {
    let count = scaled(CLIENTS.0, CLIENTS.1);
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited().start().await;
    let api = service.api();
    api.post_nothing("/api/v1/worker/stop").await.expect(200);
    let ids = send(&api, count).await;

    let before = service.resident_kib();
    let started = Instant::now();
    let connecting = stream::iter(ids).map(|id| tokio::spawn(Client::follow(service.url.clone(), id)));
    let clients: Vec<Client> = connecting.buffer_unordered(AT_ONCE).try_collect().await.unwrap();
    let (connected, resident) = (started.elapsed(), service.resident_kib());

    let started = Instant::now();
    api.post_nothing("/api/v1/worker/start").await.expect(200);
    let watching: JoinSet<()> = clients.into_iter().map(Client::watch_to_the_end).collect();
    watching.join_all().await;
    println!(
        "{count} subscribers connected in {connected:.1?}, {:.1} KiB each; all saw their final status {:.1?} after the start",
        resident.saturating_sub(before) as f64 / count as f64,
        started.elapsed()
    );
}
