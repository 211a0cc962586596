//! An HTTP server that records what it gets, answers as it is told, and can break the protocol.
//!
//! It is written down to the bytes on purpose: what it does is then independent of the HTTP library that the product
//! uses, and it can answer what no library would.

mod answer;
mod request;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

pub use answer::{Answer, Then};
pub use request::Recorded;
pub(crate) use request::read;

type Decide = Box<dyn Fn(&Recorded) -> Answer + Send + Sync>;

struct Shared {
    recorded: Mutex<Vec<Recorded>>,
    count: watch::Sender<usize>,
    script: Mutex<VecDeque<Answer>>,
    decide: Decide,
    holds: Arc<Notify>,
}

/// The server. It stops with the test's runtime.
pub struct HttpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Told once for each request after whose answer the connection is not simply kept.
    pub holds: Arc<Notify>,
}

impl HttpSink {
    /// A server that decides about each request.
    pub async fn deciding(decide: impl Fn(&Recorded) -> Answer + Send + Sync + 'static) -> HttpSink {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let holds = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            recorded: Mutex::default(),
            count: watch::Sender::new(0),
            script: Mutex::default(),
            decide: Box::new(decide),
            holds: Arc::clone(&holds),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        HttpSink { address, shared, holds }
    }

    /// A server that always gives this answer.
    pub async fn always(answer: Answer) -> HttpSink {
        HttpSink::deciding(move |_| answer.clone()).await
    }

    /// A server that answers with this status and body.
    pub async fn with(status: u16, body: &str) -> HttpSink {
        HttpSink::always(Answer::new(status, body)).await
    }

    /// The next requests get these answers, in this order; whatever comes after them is answered as before.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.script.lock().unwrap().extend(answers);
    }

    /// A URL on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many requests it got so far.
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// What it got so far.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.shared.recorded.lock().unwrap().clone()
    }

    /// Waits until it has got this many requests and gives them, and whatever came on top.
    ///
    /// # Panics
    /// If they do not come within `limit`.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Recorded> {
        let mut seen = self.shared.count.subscribe();
        if timeout(limit, seen.wait_for(|seen| *seen >= count)).await.is_err() {
            panic!("the sink got {} of {count} requests within {limit:?}", self.recorded().len());
        }
        self.recorded()
    }

    /// How often it was asked with this `Idempotency-Key`.
    pub fn seen(&self, key: &str) -> usize {
        let recorded = self.shared.recorded.lock().unwrap();
        recorded.iter().filter(|request| request.header("idempotency-key") == key).count()
    }
}

/// Serves one connection until either side has enough of it.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let scripted = shared.script.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| (shared.decide)(&request));
        // Before the answer, so that whoever has the answer finds the request.
        let count = {
            let mut recorded = shared.recorded.lock().unwrap();
            recorded.push(request);
            recorded.len()
        };
        shared.count.send_modify(|seen| *seen = (*seen).max(count));
        if !answer.delay.is_zero() {
            sleep(answer.delay).await;
        }
        // A client that was killed meanwhile is part of the game.
        if stream.get_mut().write_all(&answer.bytes).await.is_err() {
            return;
        }
        if answer.then != Then::Keep {
            shared.holds.notify_one();
        }
        match answer.then {
            Then::Keep => {}
            Then::Close => return,
            Then::Reset => return stream.get_mut().set_zero_linger().unwrap(),
            Then::Hang => std::future::pending().await,
        }
    }
}
