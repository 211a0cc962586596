//! Calls to a running service, for the commands that need one.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

mod patience;

pub(crate) use patience::Patience;

/// Which service to call, and with which key.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    /// The service's address
    #[arg(
        long,
        global = true,
        env = "ANGAROS_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        value_parser = service_url
    )]
    url: String,
    /// An API key, if the service asks for one
    #[arg(
        long,
        global = true,
        env = "ANGAROS_API_KEY",
        hide_env_values = true,
        value_name = "KEY",
        value_parser = secret
    )]
    key: Option<SecretString>,
}

/// The address that the API's paths are appended to. One that names the API's own root means the same.
fn service_url(text: &str) -> Result<String, String> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err("must begin with http:// or https://".into());
    }
    Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    let base = text.trim_end_matches('/');
    Ok(base.strip_suffix("/api/v1").unwrap_or(base).trim_end_matches('/').to_owned())
}

/// A secret as it is, never refused: a refusal would show it.
#[allow(clippy::unnecessary_wraps, reason = "the form that clap wants")]
fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a stream may be open.
const STREAM_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// What came of asking once.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    /// The answer.
    Answered(T),
    /// None now, but asking again may help.
    Later {
        /// How long the service wants to be left alone.
        after: Option<Duration>,
        /// What went wrong.
        why: String,
    },
}

/// A client of the service's API.
pub(crate) struct Client {
    args: ClientArgs,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(args: ClientArgs) -> Result<Client> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Client { args, http })
    }

    /// Posts JSON to a path below `/api/v1`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.post_with_key(path, body, None).await
    }

    /// The same with an `Idempotency-Key`, if there is one.
    pub(crate) async fn post_with_key(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Value> {
        let request = self.request(Method::POST, path).json(body);
        let request = match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        self.call(request).await
    }

    /// Gets JSON from a path below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.call(self.request(Method::GET, path)).await
    }

    /// Deletes what is at a path below `/api/v1`.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.answered(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// Gets JSON once, and says whether asking again may help.
    pub(crate) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<Attempt<T>> {
        self.attempt(self.request(Method::GET, path)).await
    }

    /// Posts the text of a JSON document once, and says whether asking again may help.
    pub(crate) async fn try_post<T: DeserializeOwned>(&self, path: &str, json: String) -> Result<Attempt<T>> {
        self.attempt(self.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(json))
            .await
    }

    /// Opens a stream of server-sent events once, behind the event with an id, and says whether asking again may help.
    pub(crate) async fn try_stream(&self, path: &str, last: Option<&str>) -> Result<Attempt<Response>> {
        let request = self.request(Method::GET, path).header(ACCEPT, "text/event-stream");
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        self.respond(request.timeout(STREAM_TIMEOUT)).await
    }

    async fn attempt<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<Attempt<T>> {
        let response = match self.respond(request).await? {
            Attempt::Answered(response) => response,
            Attempt::Later { after, why } => return Ok(Attempt::Later { after, why }),
        };
        match response.bytes().await {
            Ok(body) => serde_json::from_slice(&body)
                .map(Attempt::Answered)
                .context("the service's answer is not what was expected"),
            Err(error) => Ok(self.lost(error)),
        }
    }

    async fn respond(&self, request: reqwest::RequestBuilder) -> Result<Attempt<Response>> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(self.lost(error)),
        };
        let (status, after) = (response.status(), retry_after(response.headers()));
        if status.is_success() {
            return Ok(Attempt::Answered(response));
        }
        let why = refusal(response).await;
        if is_passing(status) { Ok(Attempt::Later { after, why }) } else { bail!("{why}") }
    }

    fn lost<T>(&self, error: reqwest::Error) -> Attempt<T> {
        let why = format!("{} does not answer: {:#}", self.args.url, anyhow::Error::from(error));
        Attempt::Later { after: None, why }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}/api/v1{path}", self.args.url));
        match &self.args.key {
            Some(key) => request.bearer_auth(key.expose_secret()),
            None => request,
        }
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        self.answered(request).await?.json().await.context("the service's answer is no JSON")
    }

    /// The answer, if it is no refusal.
    async fn answered(&self, request: reqwest::RequestBuilder) -> Result<Response> {
        let unreachable = || format!("{} does not answer: is `angaros serve` running?", self.args.url);
        let response = request.send().await.with_context(unreachable)?;
        if !response.status().is_success() {
            bail!("{}", refusal(response).await);
        }
        Ok(response)
    }
}

/// Whether a refusal is about the moment and not about the request.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) || status.is_server_error()
}

/// How long the service wants to be left alone. It says so in whole seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What a problem document says, in a few lines.
async fn refusal(response: Response) -> String {
    let status = response.status();
    explain(status, &response.json().await.unwrap_or_default())
}

fn explain(status: StatusCode, problem: &Value) -> String {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let faults = problem.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // Where the faults are listed, the detail only says them a second time.
    let summary = text(problem, if faults.is_empty() { "detail" } else { "title" });
    let mut lines =
        vec![if summary.is_empty() { status.to_string() } else { format!("{status}: {summary}") }];
    lines.extend(faults.iter().map(|fault| {
        let place = text(fault, if fault.get("pointer").is_some() { "pointer" } else { "parameter" });
        format!("  {place} {}", text(fault, "detail"))
    }));
    if status == StatusCode::UNAUTHORIZED {
        lines.push("  give a valid API key with --key or ANGAROS_API_KEY".into());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_is_http_and_may_name_the_api() {
        for url in ["http://h:1", "http://h:1/", "http://h:1/api/v1", "http://h:1/api/v1/"] {
            assert_eq!(service_url(url).as_deref(), Ok("http://h:1"));
        }
        assert_eq!(service_url("HTTPS://h/below/api/v1").as_deref(), Ok("HTTPS://h/below"));
        for url in ["localhost:8080", "ftp://h", "h", "", "127.0.0.1:8080"] {
            assert_eq!(service_url(url), Err("must begin with http:// or https://".into()), "{url}");
        }
        assert!(service_url("http://").unwrap_err().starts_with("is no URL"));
    }

    #[test]
    fn the_key_does_not_show_in_debug() {
        let args = ClientArgs { url: "http://h".into(), key: Some("hunter2".into()) };
        assert!(!format!("{args:?}").contains("hunter2"));
    }

    #[test]
    fn a_refusal_says_each_fault_once_and_where_a_key_goes() {
        let fault = json!({ "pointer": "#/recipient", "detail": "must be a number" });
        let problem =
            json!({ "title": "Broken", "detail": "#/recipient must be a number.", "errors": [fault] });
        assert_eq!(
            explain(StatusCode::BAD_REQUEST, &problem),
            "400 Bad Request: Broken\n  #/recipient must be a number"
        );
        assert_eq!(explain(StatusCode::BAD_GATEWAY, &Value::Null), "502 Bad Gateway");
        let denied = explain(StatusCode::UNAUTHORIZED, &json!({ "detail": "No." }));
        assert!(denied.starts_with("401 Unauthorized: No.\n") && denied.contains("--key or ANGAROS_API_KEY"));
    }
}
