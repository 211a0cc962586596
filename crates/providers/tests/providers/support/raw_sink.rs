//! A TCP server that reads one HTTP request and then breaks the protocol.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What happens once the request has been read and the beginning of an answer written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The connection stays open and silent.
    Hang,
    /// The connection is reset (RST).
    Reset,
    /// The connection is closed (FIN).
    Close,
}

/// The server. It serves every connection in the same way.
pub(crate) struct RawSink {
    address: SocketAddr,
    /// Told once for each request that has been read and answered as far as it will be.
    pub(crate) holds: Arc<Notify>,
}

impl RawSink {
    /// Writes `start` after each request, then misbehaves.
    pub(crate) async fn start(start: &'static [u8], then: Then) -> RawSink {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let holds = Arc::new(Notify::new());
        let told = Arc::clone(&holds);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, start, then, Arc::clone(&told)));
            }
        });
        RawSink { address, holds }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }
}

async fn serve(mut stream: TcpStream, start: &'static [u8], then: Then, holds: Arc<Notify>) {
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    stream.write_all(start).await.unwrap();
    holds.notify_one();
    match then {
        Then::Hang => std::future::pending().await,
        Then::Reset => stream.set_zero_linger().unwrap(),
        Then::Close => {}
    }
}

fn is_complete(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
    request.len() >= end + 4 + length
}
