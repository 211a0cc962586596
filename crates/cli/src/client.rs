//! Calls to a running service: the typed client, with what the command line adds: addresses and keys from flags, and how
//! an error is said.

use std::convert::Infallible;
use std::time::Duration;

use angaros_client::{Client as Api, Error, Request};
use anyhow::{Result, anyhow};
use clap::Args;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;

mod patience;

pub(crate) use patience::Patience;

/// Which service to call, and with which key.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Service")]
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

impl ClientArgs {
    /// A service without keys.
    pub(crate) fn to(url: &str) -> ClientArgs {
        ClientArgs { url: url.to_owned(), key: None }
    }
}

/// The address that the API's paths are appended to.
fn service_url(text: &str) -> Result<String, String> {
    Api::new(text).map(|api| api.url().to_owned()).map_err(|error| error.to_string())
}

/// A secret as it is, never refused: a refusal would show it.
#[allow(clippy::unnecessary_wraps, reason = "the form that clap wants")]
pub(crate) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(text.into())
}

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// What a refused key is told.
const UNAUTHORIZED: u16 = 401;

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

/// A client of the service's API. It asks once: who asks again is [`Patience`], which tells people of it.
pub(crate) struct Client {
    api: Api,
}

impl Client {
    pub(crate) fn new(args: ClientArgs) -> Result<Client> {
        let mut builder = Api::builder(&args.url).timeout(TIMEOUT).retries(0);
        if let Some(key) = args.key {
            builder = builder.key(key);
        }
        Ok(Client { api: builder.build()? })
    }

    /// The typed calls. What they refuse is said by [`explained`].
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    /// Posts JSON to a path below `/api/v1`.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Request::post(path).json(body)).await
    }

    /// Gets JSON from a path below `/api/v1`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        self.call(Ok(Request::get(path))).await
    }

    /// Changes what is at a path below `/api/v1`.
    pub(crate) async fn patch(&self, path: &str, change: &Value) -> Result<Value> {
        self.call(Request::patch(path).json(change)).await
    }

    /// Deletes what is at a path below `/api/v1`.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        self.api.call_silent(Request::delete(path)).await.map_err(explained)
    }

    /// Gets JSON once, and says whether asking again may help.
    pub(crate) async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<Attempt<T>> {
        attempt(self.api.call(Request::get(path)).await)
    }

    /// Posts the text of a JSON document once, and says whether asking again may help.
    pub(crate) async fn try_post<T: DeserializeOwned>(&self, path: &str, json: String) -> Result<Attempt<T>> {
        attempt(self.api.call(Request::post(path).text(json, "application/json")).await)
    }

    async fn call(&self, request: Result<Request, Error>) -> Result<Value> {
        let called = async { self.api.call(request?).await };
        called.await.map_err(explained)
    }
}

/// What came of a call: an answer, or whether asking again may help.
pub(crate) fn attempt<T>(called: Result<T, Error>) -> Result<Attempt<T>> {
    match called {
        Ok(answer) => Ok(Attempt::Answered(answer)),
        Err(error) if error.is_passing() => {
            let after = error.retry_after();
            Ok(Attempt::Later { after, why: format!("{:#}", anyhow::Error::from(error)) })
        }
        Err(error) => Err(explained(error)),
    }
}

/// An error with what to do about it.
pub(crate) fn explained(error: Error) -> anyhow::Error {
    match &error {
        Error::Unreachable { .. } => {
            let advice = format!("{error}: is `angaros serve` running?");
            anyhow::Error::from(error).context(advice)
        }
        Error::Refused(problem) if problem.status == UNAUTHORIZED => {
            anyhow!("{problem}\n  give a valid API key with --key or ANGAROS_API_KEY")
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_with_the_flag() {
        assert_eq!(service_url("http://h:1/api/v1/").as_deref(), Ok("http://h:1"));
        let refused = "the address must begin with http:// or https://";
        assert_eq!(service_url("localhost:8080"), Err(refused.into()));
    }

    #[test]
    fn the_key_does_not_show_in_debug() {
        let args = ClientArgs { url: "http://h".into(), key: Some("hunter2".into()) };
        assert!(!format!("{args:?}").contains("hunter2"));
    }
}
