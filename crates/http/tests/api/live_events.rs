//! Live status as server-sent events.

use angaros_store_test::fixture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::live::{Served, soon};

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
        let stream = TcpStream::connect(served.address).await.unwrap();
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
