//! A client of the service's HTTP interface, for tests: it keeps whole answers and hides nothing.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::eventually::eventually;

/// How long one call may take.
const CALL_MAX: Duration = Duration::from_secs(60);

/// A service's address, and with what one calls it.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where it answers, without a path.
    pub url: String,
    key: Option<String>,
    http: reqwest::Client,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if it is no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Reply {
    /// A header's text; empty without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, if the status is this one.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }
}

impl Api {
    /// A client without a key.
    pub fn new(url: &str) -> Api {
        // Only fails if another test of this process was first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().timeout(CALL_MAX).no_proxy().build().unwrap();
        Api { url: url.into(), key: None, http }
    }

    /// The same client with an API key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Api {
        Api { key: Some(key.into()), ..self.clone() }
    }

    /// The same client of another address; connections are shared.
    #[must_use]
    pub fn at(&self, url: &str) -> Api {
        Api { url: url.into(), ..self.clone() }
    }

    /// Calls a path. A path that begins with `/api/` or a health path is taken as it is.
    ///
    /// # Errors
    /// If there is no whole answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Reply, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("X-API-Key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Reply { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, &[], None).await.unwrap()
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::POST, path, &[], Some(body)).await.unwrap()
    }

    /// POST without a body.
    pub async fn post_nothing(&self, path: &str) -> Reply {
        self.call(Method::POST, path, &[], None).await.unwrap()
    }

    /// PATCH without a body.
    pub async fn patch(&self, path: &str) -> Reply {
        self.call(Method::PATCH, path, &[], None).await.unwrap()
    }

    /// Posts a notification that is accepted, and gives its id.
    pub async fn notify(&self, notification: &Value) -> String {
        id(&self.post("/api/v1/notifications", notification).await.expect(202))
    }

    /// A notification as it stands.
    pub async fn notification(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/notifications/{id}")).await.expect(200)
    }

    /// Its trace's entries.
    pub async fn trace(&self, id: &str) -> Vec<Value> {
        let trace = self.get(&format!("/api/v1/notifications/{id}/trace")).await.expect(200);
        trace["entries"].as_array().unwrap().clone()
    }

    /// Waits until a notification has this status.
    pub async fn until(&self, id: &str, status: &str, limit: Duration) -> Value {
        eventually(&format!("{id} is {status}"), limit, async || {
            let found = self.notification(id).await;
            if found["status"] == status { Ok(found) } else { Err(format!("it is {found:#}")) }
        })
        .await
    }

    /// Waits until nothing waits and nothing is being sent.
    pub async fn idle(&self, limit: Duration) {
        eventually("everything is final", limit, async || {
            let metrics = self.get("/api/v1/metrics").await.expect(200);
            let open = [&metrics["queue_depth"]["total"], &metrics["deferred"], &metrics["in_flight"]];
            if open.iter().all(|count| **count == 0) { Ok(()) } else { Err(format!("{open:?}")) }
        })
        .await;
    }

    /// The Prometheus text.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.text
    }
}

/// The id in an answer.
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn id(body: &Value) -> String {
    body["id"].as_str().expect("an id").to_owned()
}
