//! The client: where it calls, with what, and how often.

use std::fmt;
use std::time::Duration;

use angaros_clock::Clock;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use crate::error::{Error, Problem, Result};
use crate::request::Request;
use crate::retry::Retries;

/// How long one call may take, unless somebody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is repeated, unless somebody says otherwise.
const RETRIES: u32 = 3;
/// How long a stream may be open.
const STREAM_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// A client of one service. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    /// Without a slash at its end.
    base: String,
    http: reqwest::Client,
    retries: Retries,
    clock: Clock,
}

/// What a [`Client`] is like.
#[derive(Debug)]
pub struct Builder {
    url: String,
    key: Option<SecretString>,
    timeout: Duration,
    retries: u32,
}

impl Builder {
    /// With an API key, if the service asks for one.
    #[must_use]
    pub fn key(mut self, key: impl Into<SecretString>) -> Builder {
        self.key = Some(key.into());
        self
    }

    /// How long one call may take, without repetitions. Default: 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Builder {
        self.timeout = timeout;
        self
    }

    /// How often a call is repeated that is safe to repeat and failed for now. Default: 3 times.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Builder {
        self.retries = retries;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// If the address is none of `http://` or `https://`, or the key is no text that a header can hold.
    pub fn build(self) -> Result<Client> {
        // Only if the process has chosen none: without one there is no TLS.
        drop(rustls::crypto::ring::default_provider().install_default());
        let base = base(&self.url)?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()));
            let mut value = value.map_err(|_| Error::Setup("the API key is no visible ASCII text".into()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let http =
            reqwest::Client::builder().timeout(self.timeout).default_headers(headers).no_proxy().build();
        let http = http.map_err(|source| Error::Unreachable { url: base.clone(), source })?;
        Ok(Client { base, http, retries: Retries { max: self.retries }, clock: Clock::system() })
    }
}

/// The address that paths are appended to. One that names the API's own root means the same.
fn base(url: &str) -> Result<String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err(Error::Setup("the address must begin with http:// or https://".into()));
    }
    Url::parse(url).map_err(|error| Error::Setup(format!("the address is no URL: {error}")))?;
    let base = url.trim_end_matches('/');
    Ok(base.strip_suffix("/api/v1").unwrap_or(base).trim_end_matches('/').to_owned())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.base)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client without a key and with every default.
    ///
    /// # Errors
    /// If the address is none of `http://` or `https://`.
    pub fn new(url: &str) -> Result<Client> {
        Client::builder(url).build()
    }

    /// A client of the service at an address, such as `https://angaros.example.com`.
    pub fn builder(url: &str) -> Builder {
        Builder { url: url.into(), key: None, timeout: TIMEOUT, retries: RETRIES }
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Makes a call and reads its answer as JSON.
    ///
    /// # Errors
    /// See [`Error`]; those that pass only after all repetitions.
    pub async fn call<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        let body = self.body_of(&request).await?;
        serde_json::from_slice(&body).map_err(Error::Unexpected)
    }

    /// Makes a call whose answer says nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn call_silent(&self, request: Request) -> Result<()> {
        self.body_of(&request).await.map(drop)
    }

    /// The text of an answer.
    pub(crate) async fn body_of(&self, request: &Request) -> Result<Vec<u8>> {
        let mut number = 0;
        loop {
            let error = match self.once(request).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            if !request.is_repeatable || !error.is_passing() {
                return Err(error);
            }
            let Some(pause) = self.retries.wait(number, error.retry_after(), &self.clock) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
            number += 1;
        }
    }

    async fn once(&self, request: &Request) -> Result<Vec<u8>> {
        let response = self.respond(self.prepare(request)).await?;
        let body = response.bytes().await.map_err(|source| self.unreachable(source))?;
        Ok(body.to_vec())
    }

    /// Opens a stream of server-sent events, behind the event with an id. It is not repeated.
    pub(crate) async fn open_stream(&self, request: &Request, last: Option<&str>) -> Result<Response> {
        let prepared = self.prepare(request).header(ACCEPT, "text/event-stream").timeout(STREAM_TIMEOUT);
        let prepared = match last {
            Some(last) => prepared.header("Last-Event-ID", last),
            None => prepared,
        };
        self.respond(prepared).await
    }

    fn prepare(&self, request: &Request) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v1{}", self.base, request.path);
        let mut prepared = self.http.request(request.method.clone(), url);
        if let Some(key) = &request.key {
            prepared = prepared.header("Idempotency-Key", key.header());
        }
        match &request.body {
            Some(body) => prepared.header(CONTENT_TYPE, body.content_type).body(body.text.clone()),
            None => prepared,
        }
    }

    async fn respond(&self, prepared: reqwest::RequestBuilder) -> Result<Response> {
        let response = prepared.send().await.map_err(|source| self.unreachable(source))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Error::Refused(Box::new(problem(response).await)))
    }

    fn unreachable(&self, source: reqwest::Error) -> Error {
        Error::Unreachable { url: self.base.clone(), source: source.without_url() }
    }

    /// Whether the service can work now; why not, if it cannot.
    ///
    /// # Errors
    /// [`Error::Unreachable`], or [`Error::Refused`] with what is not ready.
    pub async fn ready(&self) -> Result<()> {
        self.respond(self.http.get(format!("{}/readyz", self.base))).await.map(drop)
    }
}

/// The problem that an answer tells of. Whatever stands between may answer something else: then its status is all.
async fn problem(response: Response) -> Problem {
    let status = response.status();
    // The service says so in whole seconds.
    let seconds =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body = response.bytes().await.unwrap_or_default();
    Problem {
        status: status.as_u16(),
        phrase: status.canonical_reason().unwrap_or_default(),
        retry_after: seconds.map(Duration::from_secs),
        ..serde_json::from_slice(&body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_and_may_name_the_api() {
        for url in ["http://h:1", "http://h:1/", "http://h:1/api/v1", "http://h:1/api/v1/"] {
            assert_eq!(Client::new(url).unwrap().url(), "http://h:1");
        }
        assert_eq!(Client::new("HTTPS://h/below/api/v1").unwrap().url(), "HTTPS://h/below");
        for url in ["localhost:8080", "ftp://h", "h", "", "127.0.0.1:8080"] {
            let error = Client::new(url).unwrap_err().to_string();
            assert_eq!(error, "the address must begin with http:// or https://", "{url}");
        }
        assert!(Client::new("http://").unwrap_err().to_string().starts_with("the address is no URL"));
    }

    #[test]
    fn the_key_does_not_show_in_debug() {
        let builder = Client::builder("http://h").key("hunter2");
        assert!(!format!("{builder:?}").contains("hunter2"));
        let client = builder.build().unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
        assert!(matches!(Client::builder("http://h").key("a\nb").build(), Err(Error::Setup(_))));
    }
}
