//! A connection that does as little as it can.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::target::Target;
use crate::{BenchError, Result};

/// So much of an answer is kept, in bytes: it says what was counted, or what went wrong.
const HEAD_BYTES: usize = 512;

/// One kept-alive connection.
pub(crate) struct Connection<B> {
    target: Target,
    sender: SendRequest<B>,
}

impl<B> Connection<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) async fn open(target: &Target) -> Result<Connection<B>> {
        let unreachable = |cause| BenchError::Unreachable { address: target.address.clone(), cause };
        let stream = TcpStream::connect(&target.address).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender, and what breaks it is told to whoever waits for an answer.
        tokio::spawn(connection);
        Ok(Connection { target: target.clone(), sender })
    }

    /// Another one to the same place.
    pub(crate) async fn again(&self) -> Result<Connection<B>> {
        Connection::open(&self.target).await
    }

    /// Sends a request. Answers with the status, and the body that is still to be read.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        uri: &Uri,
        media: &'static str,
        body: B,
    ) -> hyper::Result<(StatusCode, Incoming)> {
        let mut request = Request::new(body);
        *request.uri_mut() = self.target.uri(uri);
        request.headers_mut().clone_from(&self.target.headers);
        if method == Method::POST {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
        }
        *request.method_mut() = method;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        Ok((response.status(), response.into_body()))
    }
}

/// Reads an answer to its end and keeps its beginning.
pub(crate) async fn finish(status: StatusCode, mut body: Incoming) -> hyper::Result<Answer> {
    let mut head: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let data = frame.data_ref().map_or(&[][..], Bytes::as_ref);
        let room = HEAD_BYTES - head.len();
        head.extend_from_slice(&data[..data.len().min(room)]);
    }
    Ok(Answer { status, head })
}
