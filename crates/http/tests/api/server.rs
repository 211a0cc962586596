//! Real connections.

use std::net::SocketAddr;
use std::time::Duration;

use angaros_http::{Api, Server, serve};
use angaros_store_test::MemoryStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{App, BODY_BYTES_MAX, api, sms};

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<usize>,
}

pub(crate) async fn start(app: &App, server: Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, app.router.clone(), server, stop.clone()));
    Running { address, stop, served }
}

/// Sends some bytes and reads until the server closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(body: &str) -> Vec<u8> {
    format!(
        "POST /api/v1/notifications HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn a_request_over_a_socket_is_answered() {
    let app = App::new();
    let running = start(&app, Server::default()).await;
    let answer = exchange(running.address, &post(&sms().to_string())).await;
    assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n"), "{answer}");
    assert!(answer.contains("\r\nlocation: /api/v1/notifications/"));
    running.stop.cancel();
    assert_eq!(running.served.await.unwrap(), 0);
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge() {
    let app = App::new();
    let running = start(&app, Server::default()).await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("http://x/healthz").body(String::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), http::Version::HTTP_2);
    assert!(response.headers().contains_key("x-correlation-id"));
}

#[tokio::test]
async fn a_client_that_sends_too_much_still_hears_it() {
    let app = App::new();
    let running = start(&app, Server::default()).await;
    let announced = exchange(running.address, &post(&"x".repeat(BODY_BYTES_MAX * 2))).await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let mut chunked = b"POST /api/v1/notifications HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..3 {
        chunked.extend(format!("{BODY_BYTES_MAX:x}\r\n{}\r\n", "x".repeat(BODY_BYTES_MAX)).bytes());
    }
    chunked.extend(b"0\r\n\r\n");
    let streamed = exchange(running.address, &chunked).await;
    assert!(streamed.starts_with("HTTP/1.1 413 "), "{streamed}");
    assert!(streamed.contains("/problems/body-too-large"));
    app.holds_nothing().await;
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let app = App::with(MemoryStore::new(), Api { request_timeout: Duration::from_millis(50), ..api() });
    let running = start(&app, Server::default()).await;
    let head = b"POST /api/v1/notifications HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        content-length: 100\r\n\r\n{\"channel\"";
    let answer = exchange(running.address, head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("/problems/request-timeout"));
    app.holds_nothing().await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let app = App::new();
    let server = Server { header_timeout: Duration::from_millis(50), ..Server::default() };
    let running = start(&app, server).await;
    for silence in [&b""[..], b"P", b"PRI * HT", b"GET / HTTP/1.1\r\nhost:"] {
        let answer = exchange(running.address, silence).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
}

#[tokio::test]
async fn connections_are_bounded() {
    let app = App::new();
    let running = start(&app, Server { connections_max: 1, ..Server::default() }).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // The second waits in the kernel's queue until the first is gone.
    let second = tokio::spawn(exchange(
        running.address,
        b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ));
    tokio::task::yield_now().await;
    assert!(!second.is_finished());
    drop(first);
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
}

/// Sends the head of a request that waits to be asked for its body, and waits until the handler asks.
async fn under_way(address: SocketAddr, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/notifications HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_finished() {
    let app = App::new();
    let running = start(&app, Server::default()).await;
    let body = sms().to_string();
    let mut stream = under_way(running.address, body.len()).await;
    running.stop.cancel();
    tokio::task::yield_now().await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 202 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(running.served.await.unwrap(), 0);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut() {
    let app = App::new();
    let server = Server { shutdown_timeout: Duration::from_millis(50), ..Server::default() };
    let running = start(&app, server).await;
    let mut stream = under_way(running.address, 100).await;
    running.stop.cancel();
    assert_eq!(running.served.await.unwrap(), 1);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    app.holds_nothing().await;
}
