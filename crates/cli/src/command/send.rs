//! `angaros send`: one notification from the command line.

use std::process::ExitCode;
use std::time::Duration;

use angaros_domain::{Channel, Priority};
use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use super::choice::one_of;
use crate::client::{Client, ClientArgs};

/// How often `--wait` asks.
const ASK: Duration = Duration::from_millis(200);

/// Send one notification through a running service.
///
/// Example: angaros send --channel sms --to +15550100123 --text "Your code is 123456" --wait
#[derive(Args)]
pub(crate) struct Send {
    /// What it is sent by
    #[arg(long, value_parser = one_of::<Channel>(Channel::ALL.map(Channel::as_str)))]
    channel: Channel,
    /// The address: E.164 number, e-mail address, token or URL
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The text
    #[arg(long)]
    text: String,
    /// E-mail or push title
    #[arg(long)]
    subject: Option<String>,
    /// What goes first when much waits
    #[arg(long, default_value = "normal", value_parser = one_of::<Priority>(Priority::ALL.map(Priority::as_str)))]
    priority: Priority,
    /// Sending with the same key again sends nothing
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until it is final, at most this many seconds; fails unless it is delivered
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
    wait: Option<u64>,
    /// Print the notification as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl Send {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(self.client.clone())?;
        let mut sent =
            client.post_with_key("/notifications", &self.body(), self.idempotency_key.as_deref()).await?;
        let mut code = ExitCode::SUCCESS;
        if let Some(seconds) = self.wait {
            sent = wait(&client, sent, Duration::from_secs(seconds)).await?;
            if !matches!(status(&sent), "sent" | "delivered") {
                code = ExitCode::FAILURE;
            }
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&sent)?);
        } else {
            println!("{} {}", text(&sent, "id"), status(&sent));
        }
        Ok(code)
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        body.insert("channel".into(), json!(self.channel));
        body.insert("recipient".into(), json!(self.to));
        body.insert("content".into(), json!(self.text));
        body.insert("priority".into(), json!(self.priority));
        if let Some(subject) = &self.subject {
            body.insert("subject".into(), json!(subject));
        }
        Value::Object(body)
    }
}

/// Asks until the notification is final or the time is up.
async fn wait(client: &Client, mut sent: Value, limit: Duration) -> Result<Value> {
    let path = format!("/notifications/{}", text(&sent, "id"));
    let asking = async {
        while !matches!(status(&sent), "delivered" | "failed" | "cancelled") {
            tokio::time::sleep(ASK).await;
            sent = client.get(&path).await?;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(asked) => asked?,
        Err(_) => eprintln!("still {} after {} s", status(&sent), limit.as_secs()),
    }
    Ok(sent)
}

fn text<'a>(notification: &'a Value, key: &str) -> &'a str {
    notification.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn status(notification: &Value) -> &str {
    text(notification, "status")
}
