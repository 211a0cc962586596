//! Who receives the demo's webhooks: a server on loopback, in this process.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How many connections there are at once; more wait.
const CONNECTIONS_MAX: usize = 64;
/// Each so many requests one is asked to come back later.
const BUSY_EVERY: u64 = 20;
/// A partner who is gone: what is sent there fails for good.
pub(super) const CLOSED: &str = "/partners/closed";

/// The receiver. It ends with the process.
pub(super) struct Sink {
    address: SocketAddr,
}

impl Sink {
    /// Listens on a free port.
    pub(super) async fn start() -> Result<Sink> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("the demo's receiver of webhooks cannot listen")?;
        let address = listener.local_addr()?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let requests = Arc::new(AtomicU64::new(0));
        tokio::spawn(async move {
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                // What goes wrong with one connection is the caller's affair, who tries again.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let requests = Arc::clone(&requests);
                tokio::spawn(async move {
                    serve(stream, requests).await;
                    drop(place);
                });
            }
        });
        Ok(Sink { address })
    }

    /// A URL on it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn serve(stream: TcpStream, requests: Arc<AtomicU64>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let number = requests.fetch_add(1, Ordering::Relaxed);
        async move {
            let status = status(request.uri().path(), number);
            // Read to its end, so that the connection can be used again. The engine bounds what it sends.
            drop(request.into_body().collect().await);
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    // Whoever goes away in the middle is none of the demo's business.
    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await);
}

/// What a request is answered with.
fn status(path: &str, number: u64) -> StatusCode {
    if path == CLOSED {
        StatusCode::NOT_FOUND
    } else if number % BUSY_EVERY == BUSY_EVERY - 1 {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::NO_CONTENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_is_taken_some_is_put_off_and_who_is_gone_is_gone() {
        let busy = (0..100).filter(|n| status("/hooks/shop", *n) == StatusCode::SERVICE_UNAVAILABLE).count();
        assert_eq!(busy, 5);
        assert_eq!(status("/hooks/shop", 0), StatusCode::NO_CONTENT);
        assert_eq!(status(CLOSED, 19), StatusCode::NOT_FOUND);
    }
}
