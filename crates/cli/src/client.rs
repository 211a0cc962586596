//! Calls to a running service, for the commands that need one.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use reqwest::{Method, Response};
use serde_json::Value;

/// Which service to call, and with which key.
#[derive(Debug, Clone, Args)]
pub(crate) struct ClientArgs {
    /// The service's address
    #[arg(long, env = "ANGAROS_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// An API key, if the service asks for one
    #[arg(long, env = "ANGAROS_API_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(60);

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

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request =
            self.http.request(method, format!("{}/api/v1{path}", self.args.url.trim_end_matches('/')));
        match &self.args.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let unreachable = || format!("{} does not answer: is `angaros serve` running?", self.args.url);
        let response = request.send().await.with_context(unreachable)?;
        if !response.status().is_success() {
            bail!("{}", refusal(response).await);
        }
        response.json().await.context("the service's answer is no JSON")
    }
}

/// What a problem document says, in a few lines.
async fn refusal(response: Response) -> String {
    let status = response.status();
    let problem: Value = response.json().await.unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut lines = vec![format!("{status}: {}", text("detail"))];
    for fault in problem.get("errors").and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| fault.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        lines.push(format!("  {} {}", part("pointer"), part("detail")));
    }
    lines.join("\n")
}
