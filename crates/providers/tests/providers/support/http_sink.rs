//! An HTTP server that records what it gets and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use tokio::net::TcpListener;

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Recorded {
    /// A header's text; empty without it.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = Arc<dyn Fn() -> Response<Body> + Send + Sync>;

/// The server. It stops with the test's runtime.
pub(crate) struct HttpSink {
    address: SocketAddr,
    recorded: Arc<Mutex<Vec<Recorded>>>,
}

impl HttpSink {
    /// A server that always gives this answer.
    pub(crate) async fn answering(answer: impl Fn() -> Response<Body> + Send + Sync + 'static) -> HttpSink {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let state = (Arc::clone(&recorded), Arc::new(answer) as Answer);
        let router = Router::new().fallback(record).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        HttpSink { address, recorded }
    }

    /// A server that answers with this status and body.
    pub(crate) async fn with(status: u16, body: &'static str) -> HttpSink {
        HttpSink::answering(move || Response::builder().status(status).body(Body::from(body)).unwrap()).await
    }

    /// A URL on it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it got so far.
    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        self.recorded.lock().unwrap().clone()
    }
}

async fn record(
    State((recorded, answer)): State<(Arc<Mutex<Vec<Recorded>>>, Answer)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    recorded.lock().unwrap().push(Recorded { method, path: uri.to_string(), headers, body });
    answer()
}
