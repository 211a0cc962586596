//! Serving connections: HTTP/1.1 and HTTP/2 (prior knowledge), bounded in number and in patience, with a graceful end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The pause after a failed accept: the process is out of file descriptors, and trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often an HTTP/2 connection is asked whether it still lives.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Requests that one HTTP/2 connection may have open at once.
const STREAMS_MAX: u32 = 256;
/// The largest head of an HTTP/2 request, in bytes.
const HEADER_BYTES_MAX: u32 = 32 * 1024;

/// How connections are treated.
#[derive(Debug, Clone)]
pub struct Server {
    /// Connections that may be open at once, those that follow live status included; more wait in the kernel's queue.
    pub connections_max: usize,
    /// How long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// How long a client may accept nothing of what is written to it. Then its connection is cut.
    pub write_timeout: Duration,
    /// How long requests under way may take to finish once the end has begun.
    pub shutdown_timeout: Duration,
}

impl Default for Server {
    fn default() -> Server {
        Server {
            connections_max: 20_000,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(20),
        }
    }
}

/// Serves until `stop` is cancelled, then lets requests under way finish. Answers how many connections had to be cut
/// because they did not finish in time.
pub async fn serve(listener: TcpListener, router: Router, server: Server, stop: CancellationToken) -> usize {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(server.connections_max));
    let cut = CancellationToken::new();
    let builder = Arc::new(builder(&server));
    while let Some((stream, peer, slot)) = next_connection(&listener, &slots, &stop).await {
        let connection = Connection {
            builder: Arc::clone(&builder),
            router: router.clone(),
            peer,
            patience: server.header_timeout,
            write_timeout: server.write_timeout,
            watcher: graceful.watcher(),
            slot: Slot { _held: Arc::new(slot) },
        };
        let cut = cut.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = connection.run(stream) => {}
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    let open = Arc::clone(&slots);
    let all = u32::try_from(server.connections_max).unwrap_or(u32::MAX);
    let finished = async {
        graceful.shutdown().await;
        // Those that were taken over are not hyper's any more.
        drop(slots.acquire_many(all).await);
    };
    tokio::select! {
        () = finished => 0,
        () = tokio::time::sleep(server.shutdown_timeout) => {
            let left = server.connections_max - open.available_permits();
            cut.cancel();
            left
        }
    }
}

fn builder(server: &Server) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(server.header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX);
    builder
}

/// Waits for a free place and then for someone who takes it; `None` once `stop` is cancelled.
async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let accept = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, slot)),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "connections can not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        connection = accept => connection,
    }
}

/// The client went away between its knock and our answer.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A connection's place among those that may be open at once. Whoever takes a connection over, as WebSockets do, keeps
/// the place until it ends, so that it is counted and waited for.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    _held: Arc<OwnedSemaphorePermit>,
}

impl Slot {
    /// That of the connection on which a request came; none if it came without one.
    pub(crate) fn of(extensions: &http::Extensions) -> Option<Slot> {
        extensions.get::<Slot>().cloned()
    }
}

struct Connection {
    builder: Arc<Builder<TokioExecutor>>,
    router: Router,
    peer: SocketAddr,
    patience: Duration,
    write_timeout: Duration,
    watcher: Watcher,
    slot: Slot,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let Connection { builder, router, peer, patience, write_timeout, watcher, slot } = self;
        // Without it small answers wait for the client's acknowledgement of the one before.
        drop(stream.set_nodelay(true));
        let begun = Arc::new(AtomicBool::new(false));
        let service = {
            let (begun, slot) = (Arc::clone(&begun), slot.clone());
            service_fn(move |mut request: hyper::Request<Incoming>| {
                begun.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(ConnectInfo(peer));
                request.extensions_mut().insert(slot.clone());
                router.clone().oneshot(request)
            })
        };
        let mut stream = TimeoutStream::new(stream);
        // Whoever accepts nothing would keep its place for ever: hyper waits until it may write.
        stream.set_write_timeout(Some(write_timeout));
        let stream = Box::pin(stream);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let mut connection = pin!(watcher.watch(connection));
        // The read time-out of hyper begins once it knows the version of the protocol; until then this one holds.
        let finished = tokio::select! {
            finished = &mut connection => finished,
            () = tokio::time::sleep(patience) => {
                if !begun.load(Ordering::Relaxed) {
                    return;
                }
                connection.await
            }
        };
        if let Err(error) = finished {
            tracing::debug!(error, "a connection ended early");
        }
        drop(slot);
    }
}
