//! A proxy in front of the service, for what happens between it and a client that loses it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::http_sink::{Answer, Recorded, read};

/// How long a test waits for a request to be held.
const HELD_MAX: Duration = Duration::from_secs(60);

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Pass {
    /// The service answers it.
    Through,
    /// The service gets it, but its answer is lost.
    Lost,
    /// The gateway answers it itself.
    Answered(Answer),
    /// It waits until it is released, and then goes through.
    Held,
}

/// The proxy. It stops with the test's runtime.
pub struct Gateway {
    /// Where it answers.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: watch::Sender<String>,
    seen: watch::Sender<usize>,
    held: watch::Sender<usize>,
    released: watch::Sender<bool>,
    decide: Box<dyn Fn(usize) -> Pass + Send + Sync>,
    http: reqwest::Client,
}

impl Gateway {
    /// In front of the service at `upstream`; `decide` is asked about each request by its number, from 1.
    pub async fn start(upstream: &str, decide: impl Fn(usize) -> Pass + Send + Sync + 'static) -> Gateway {
        // Only fails if another test of this process was first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            upstream: watch::Sender::new(upstream.into()),
            seen: watch::Sender::new(0),
            held: watch::Sender::new(0),
            released: watch::Sender::new(false),
            decide: Box::new(decide),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Gateway { url, shared }
    }

    /// The service was started again and answers here now.
    pub fn service_moved(&self, upstream: &str) {
        self.shared.upstream.send_replace(upstream.into());
    }

    /// How many requests it got.
    pub fn count(&self) -> usize {
        *self.shared.seen.borrow()
    }

    /// Waits until this many requests are held.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn holds(&self, count: usize) {
        let mut held = self.shared.held.subscribe();
        let found = timeout(HELD_MAX, held.wait_for(|held| *held >= count)).await;
        assert!(found.is_ok(), "{count} requests are held");
    }

    /// Lets every request go on that is held, or will be.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }
}

impl Shared {
    /// Serves one connection until either side has enough of it.
    async fn serve(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await {
            let mut number = 0;
            self.seen.send_modify(|seen| {
                *seen += 1;
                number = *seen;
            });
            let pass = (self.decide)(number);
            if matches!(pass, Pass::Held) {
                self.held.send_modify(|held| *held += 1);
                drop(self.released.subscribe().wait_for(|released| *released).await);
            }
            let answer = match &pass {
                Pass::Answered(answer) => Some(answer.clone()),
                Pass::Through | Pass::Held | Pass::Lost => self.forward(&request).await,
            };
            // A service that does not answer shows as a connection that is closed.
            let Some(answer) = answer.filter(|_| !matches!(pass, Pass::Lost)) else { return };
            if stream.get_mut().write_all(&answer.bytes).await.is_err() {
                return;
            }
        }
    }

    async fn forward(&self, request: &Recorded) -> Option<Answer> {
        let url = format!("{}{}", *self.upstream.borrow(), request.path);
        let mut sent = self.http.request(request.method.parse().unwrap(), url).body(request.body.clone());
        for name in ["content-type", "idempotency-key"] {
            let value = request.header(name);
            if !value.is_empty() {
                sent = sent.header(name, value);
            }
        }
        let response = sent.send().await.ok()?;
        let status = response.status().as_u16();
        Some(Answer::new(status, response.bytes().await.ok()?))
    }
}
