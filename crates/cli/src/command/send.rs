//! `angaros send`: one notification from the command line.

use std::time::Duration;

use angaros_client::{Channel, IdempotencyKey, NewNotification, Notification, Priority, Status};
use anyhow::Result;
use clap::Args;

use super::Globals;
use super::choice::one_of;
use crate::client::{Client, ClientArgs, explained};
use crate::exit::Exit;

/// How often `--wait` asks.
const ASK: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  angaros send --channel sms --to +15550100123 --text 'Your code is 123456' --wait
  angaros send --channel email --to ada@example.com --subject Hello --text 'Hello Ada'
  angaros send --channel sms --to +15550100123 --text Hi --idempotency-key order-17 --json";

/// Send one notification through a running service.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Send {
    /// What it is sent by
    #[arg(long, value_name = "CHANNEL", value_parser = one_of::<Channel>(Channel::ALL.map(Channel::as_str)))]
    channel: Channel,
    /// The address: E.164 number, e-mail address, token or URL
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The text
    #[arg(long, value_name = "TEXT")]
    text: String,
    /// E-mail or push title
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// What goes first when much waits
    #[arg(long, value_name = "PRIORITY", default_value = "normal", value_parser = one_of::<Priority>(Priority::ALL.map(Priority::as_str)))]
    priority: Priority,
    /// Sending with the same key again sends nothing
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until it is final, at most this many seconds; ends with 3 unless it is delivered
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "30")]
    wait: Option<u64>,
    #[command(flatten)]
    client: ClientArgs,
}

impl Send {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let client = Client::new(self.client.clone())?;
        let key = self.idempotency_key.clone().map(IdempotencyKey::new);
        let mut sent = client.api().send(&self.notification(), key.as_ref()).await.map_err(explained)?;
        let mut exit = Exit::Done;
        if let Some(seconds) = self.wait {
            sent = wait(&client, sent, Duration::from_secs(seconds)).await?;
            if !matches!(sent.status, Status::Sent | Status::Delivered) {
                exit = Exit::Found;
            }
        }
        if globals.json {
            println!("{}", serde_json::to_string_pretty(&sent)?);
        } else {
            println!("{} {}", sent.id, sent.status);
        }
        Ok(exit)
    }

    fn notification(&self) -> NewNotification {
        NewNotification {
            subject: self.subject.clone(),
            priority: self.priority,
            ..NewNotification::new(self.channel, &self.to).content(&self.text)
        }
    }
}

/// Asks until the notification is final or the time is up.
async fn wait(client: &Client, mut sent: Notification, limit: Duration) -> Result<Notification> {
    let asking = async {
        while !sent.status.is_final() {
            tokio::time::sleep(ASK).await;
            sent = client.api().notification(sent.id).await.map_err(explained)?;
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(asked) => asked?,
        Err(_) => eprintln!("still {} after {} s", sent.status, limit.as_secs()),
    }
    Ok(sent)
}
