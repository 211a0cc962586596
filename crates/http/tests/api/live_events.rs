//! Live status as server-sent events.

use std::time::Duration;

use angaros_domain::TenantId;
use angaros_http::{Api, LiveSettings, Server};
use angaros_service::Transition;
use angaros_store_test::fixture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::live::{Served, soon};
use crate::support::{api, event_with};

const PATH: &str = "/api/v1/stream/notifications";

/// A client that reads an event stream.
struct Reader {
    body: Incoming,
    text: String,
}

/// One event: its id and its data, as far as it has them.
#[derive(Debug, Default)]
struct Event {
    id: Option<String>,
    data: Option<Value>,
    comment: bool,
}

impl Reader {
    async fn open(served: &Served, query: &str, last: Option<&str>) -> Result<Reader, StatusCode> {
        Reader::on(TcpStream::connect(served.address).await.unwrap(), query, last).await
    }

    async fn on(stream: TcpStream, query: &str, last: Option<&str>) -> Result<Reader, StatusCode> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::get(format!("{PATH}?{query}")).header("host", "x");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = soon(sender.send_request(request.body(Empty::<Bytes>::new()).unwrap())).await.unwrap();
        if response.status() != StatusCode::OK {
            return Err(response.status());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Ok(Reader { body: response.into_body(), text: String::new() })
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut event = Event::default();
                for line in block.lines() {
                    match line.split_once(':').unwrap() {
                        ("", _) => event.comment = true,
                        ("id", id) => event.id = Some(id.trim().to_owned()),
                        ("data", data) => event.data = Some(serde_json::from_str(data).unwrap()),
                        _ => {}
                    }
                }
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = soon(self.body.frame()).await?.unwrap();
            self.text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// The next status and its id.
    async fn status(&mut self) -> (String, String) {
        loop {
            let event = self.next().await.expect("it goes on");
            if let Some(data) = event.data {
                let id = event.id.unwrap();
                assert_eq!(data["cursor"], id);
                return (data["status"].as_str().unwrap().to_owned(), id);
            }
        }
    }
}

#[tokio::test]
async fn it_tells_where_a_notification_stands_and_what_becomes_of_it() {
    let served = Served::new().await;
    let id = served.app.notify().await["id"].as_str().unwrap().to_owned();
    let query = format!("notification_id={id}");
    let mut reader = Reader::open(&served, &query, None).await.unwrap();
    let (status, cursor) = reader.status().await;
    assert_eq!(status, "queued");
    assert!(reader.next().await.unwrap().comment, "then it is live");
    served.settle(fixture::deliver).await;
    for expected in ["processing", "sent", "delivered"] {
        assert_eq!(reader.status().await.0, expected);
    }
    for (query, last) in [(query.clone(), Some(cursor.as_str())), (format!("{query}&since={cursor}"), None)] {
        let mut reader = Reader::open(&served, &query, last).await.unwrap();
        for expected in ["processing", "sent", "delivered"] {
            assert_eq!(reader.status().await.0, expected);
        }
        assert!(reader.next().await.unwrap().comment);
    }
}

#[tokio::test]
async fn it_ends_when_the_service_stops() {
    let served = Served::new().await;
    let mut reader = Reader::open(&served, "all=true", None).await.unwrap();
    let live = reader.next().await.unwrap();
    assert!(live.comment && live.id.is_some(), "a client that saw nothing can resume too: {live:?}");
    assert_eq!(served.stop().await, 0);
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn what_can_not_be_followed_is_refused_before_the_stream_begins() {
    let served = Served::new().await;
    let unknown = fixture::notification_id(fixture::NOW);
    let app = &served.app;
    for query in ["", "?all=false", "?all=true&campaign_id=c", "?campaign_id=", "?everything=true"] {
        app.get(&format!("{PATH}{query}")).await.problem(400, "invalid-parameter");
    }
    app.get(&format!("{PATH}?notification_id={unknown}")).await.problem(404, "not-found");
    app.get(&format!("{PATH}?all=true&since=x")).await.problem(400, "invalid-cursor");
    app.get_with(&format!("{PATH}?all=true"), &[("last-event-id", "x")]).await.problem(400, "invalid-cursor");
}

#[tokio::test]
async fn an_id_says_how_far_a_long_past_was_read_without_news() {
    let served = Served::new().await;
    let id = served.app.notify().await["id"].as_str().unwrap().to_owned();
    let mut reader = Reader::open(&served, &format!("notification_id={id}"), None).await.unwrap();
    let since = reader.status().await.1;
    // More than two pages of the log, about something else.
    for first in (0..1_600).step_by(100) {
        let event = |n: usize| event_with(json!({"event_id": format!("e{n}"), "campaign_id": "other"}));
        let events: Vec<Value> = (first..first + 100).map(event).collect();
        served.app.post("/api/v1/events/bulk", &json!({"events": events})).await.is(200);
    }
    let query = "campaign_id=spring";
    let mut reader = Reader::open(&served, query, Some(&since)).await.unwrap();
    let mut ids = Vec::new();
    while ids.len() < 3 {
        let event = reader.next().await.unwrap();
        assert!(event.data.is_none() && event.comment, "{event:?}");
        ids.push(event.id.unwrap());
    }
    // Broken off in the middle of it, it goes on from there.
    let mut reader = Reader::open(&served, query, Some(&ids[1])).await.unwrap();
    assert_eq!(reader.next().await.unwrap().id.as_ref(), Some(&ids[2]));
}

#[tokio::test]
async fn a_cursor_too_far_behind_is_a_problem_of_its_own() {
    let live = LiveSettings { resume_events_max: 1, ..LiveSettings::default() };
    let served = Served::with(Api { live, ..api() }).await;
    let id = served.app.notify().await["id"].as_str().unwrap().to_owned();
    let mut reader = Reader::open(&served, &format!("notification_id={id}"), None).await.unwrap();
    let since = reader.status().await.1;
    served.settle(fixture::deliver).await;
    let app = &served.app;
    app.get(&format!("{PATH}?all=true&since={since}")).await.problem(410, "too-far-behind");
    let mut client = served.client().await;
    client.say(&json!({"action": "subscribe", "all": true, "since": since})).await;
    assert_eq!(client.next().await["error"]["type"], "/problems/too-far-behind");
    assert!(client.follow(&json!({"all": true})).await.is_empty(), "without it all is well");
}

/// How long a client may accept nothing, here.
const PATIENCE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_stops_reading_loses_its_place_and_its_connection_and_resumes() {
    let live = LiveSettings { connections_max: 1, write_timeout: PATIENCE, ..LiveSettings::default() };
    let server = Server { write_timeout: PATIENCE, ..Server::default() };
    let served = Served::serving(Api { live, ..api() }, server).await;
    let id = served.app.notify().await["id"].as_str().unwrap().to_owned();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(served.address).await.unwrap();
    let mut stuck = Reader::on(stream, "all=true", None).await.unwrap();
    let cursor = stuck.next().await.unwrap().id.unwrap();

    // Old news, so that they need not be stored, until nothing more goes into the sockets.
    let sent = served.app.service.notification(TenantId::DEFAULT, id.parse().unwrap()).await.unwrap();
    let old = Transition::of(&sent, Default::default());
    let coord = served.app.service.coord();
    let mut reader = soon(async {
        loop {
            coord.publish(vec![old.clone(); 500]);
            if let Ok(reader) = Reader::open(&served, "all=true", Some(&cursor)).await {
                return reader;
            }
        }
    })
    .await;
    assert!(reader.next().await.unwrap().comment, "it is live again");
    served.settle(fixture::deliver).await;
    assert_eq!(reader.status().await.0, "processing");
    drop(reader);
    assert_eq!(served.stop().await, 0, "the connection of the one that does not read is gone too");
    drop(stuck);
}
