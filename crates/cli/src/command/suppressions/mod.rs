//! `angaros suppressions`: the addresses that nothing is sent to.

mod file;

use std::path::PathBuf;
use std::time::Duration;

use angaros_clock::Clock;
use angaros_domain::{Channel, SuppressionReason};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::choice::one_of;
use super::{Globals, interrupt};
use crate::client::{Client, ClientArgs, Patience};
use crate::exit::Exit;
use crate::progress::{Progress, Unit};
use file::{Defaults, Rows};

/// Addresses in one request.
const PAGE: usize = 200;
/// How long to keep asking a service that does not answer.
const PATIENCE: Duration = Duration::from_secs(60);

const LIST_EXAMPLES: &str = "\
Examples:
  angaros suppressions list
  angaros suppressions list --channel email --reason complained --json";
const ADD_EXAMPLES: &str = "\
Examples:
  angaros suppressions add --channel sms --address +15550100123 --reason opted_out";
const REMOVE_EXAMPLES: &str = "\
Examples:
  angaros suppressions remove --channel email --address ada@example.com";
const IMPORT_EXAMPLES: &str = "\
Examples:
  angaros suppressions import bounced.csv --channel email --reason bounced";
const EXAMPLES: &str = "\
Examples:
  angaros suppressions list --reason complained
  angaros suppressions add --channel email --address ada@example.com --reason unsubscribed
  angaros suppressions import bounced.csv --channel email --reason bounced";

/// Show and change the suppression list: addresses that nothing is sent to.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Suppressions {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand)]
enum Action {
    /// Show the list, the latest first; as JSON one object a line
    #[command(after_long_help = LIST_EXAMPLES)]
    List {
        /// Only addresses of this channel
        #[arg(long, value_name = "CHANNEL", value_parser = channel())]
        channel: Option<Channel>,
        /// Only those that are suppressed for this reason
        #[arg(long, value_name = "REASON", value_parser = reason())]
        reason: Option<SuppressionReason>,
        /// Only this one
        #[arg(long, value_name = "ADDRESS")]
        address: Option<String>,
    },
    /// Put an address on the list
    #[command(after_long_help = ADD_EXAMPLES)]
    Add {
        /// Of which channel it is an address
        #[arg(long, value_name = "CHANNEL", value_parser = channel())]
        channel: Channel,
        /// E.164 number, e-mail address, token or URL
        #[arg(long, value_name = "ADDRESS")]
        address: String,
        /// Why
        #[arg(long, value_name = "REASON", default_value = "manual", value_parser = reason())]
        reason: SuppressionReason,
    },
    /// Take an address off the list
    #[command(after_long_help = REMOVE_EXAMPLES)]
    Remove {
        /// Of which channel it is an address
        #[arg(long, value_name = "CHANNEL", value_parser = channel())]
        channel: Channel,
        /// The address
        #[arg(long, value_name = "ADDRESS")]
        address: String,
    },
    /// Put the addresses of a CSV file on the list
    ///
    /// The first row names the columns: `address`, and `channel` and `reason` where they differ from row to row. What is
    /// on the list already stays as it is, so the same import can be run again.
    #[command(after_long_help = IMPORT_EXAMPLES)]
    Import {
        /// The file
        file: PathBuf,
        /// The channel of rows that name none
        #[arg(long, value_name = "CHANNEL", value_parser = channel())]
        channel: Option<Channel>,
        /// The reason of rows that name none
        #[arg(long, value_name = "REASON", default_value = "manual", value_parser = reason())]
        reason: SuppressionReason,
    },
}

fn channel() -> impl clap::builder::TypedValueParser<Value = Channel> {
    one_of::<Channel>(Channel::ALL.map(Channel::as_str))
}

fn reason() -> impl clap::builder::TypedValueParser<Value = SuppressionReason> {
    one_of::<SuppressionReason>(SuppressionReason::ALL.map(SuppressionReason::as_str))
}

impl Suppressions {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let client = Client::new(self.client.clone())?;
        match self.action {
            Action::List { channel, reason, address } => {
                let filters = [
                    ("channel", channel.map(|channel| channel.as_str().to_owned())),
                    ("reason", reason.map(|reason| reason.as_str().to_owned())),
                    ("address", address),
                ];
                list(&client, filters, globals.json).await?;
            }
            Action::Add { channel, address, reason } => {
                let body = json!({ "channel": channel, "address": address, "reason": reason });
                show(&client.post("/suppressions", &body).await?, globals.json);
            }
            Action::Remove { channel, address } => {
                client.delete(&format!("/suppressions/{channel}/{}", encoded(&address))).await?;
                if globals.json {
                    println!("{}", json!({ "channel": channel, "address": address, "removed": true }));
                } else {
                    println!("removed");
                }
            }
            Action::Import { file, channel, reason } => {
                return import(&client, &file, Defaults { channel, reason }, globals.json).await;
            }
        }
        Ok(Exit::Done)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

async fn list(client: &Client, filters: [(&str, Option<String>); 3], as_json: bool) -> Result<()> {
    let mut query = format!("limit={PAGE}");
    for (name, value) in filters {
        if let Some(value) = value {
            query.push_str(&format!("&{name}={}", encoded(&value)));
        }
    }
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/suppressions?{query}{cursor}")).await?;
        for item in page["items"].as_array().into_iter().flatten() {
            show(item, as_json);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

fn show(item: &Value, as_json: bool) {
    if as_json {
        println!("{item}");
    } else {
        // Tokens are any text: none may steer the terminal.
        let text = |key: &str| item[key].as_str().unwrap_or("-").replace(char::is_control, "\u{fffd}");
        println!(
            "{}  {:<7}  {:<15}  {}",
            text("created_at"),
            text("channel"),
            text("reason"),
            text("address")
        );
    }
}

/// What the service says of one request.
#[derive(Deserialize)]
struct Receipt {
    created: u64,
    duplicates: u64,
}

async fn import(client: &Client, file: &std::path::Path, defaults: Defaults, as_json: bool) -> Result<Exit> {
    let mut rows = Rows::open(file, defaults)?;
    let progress = if as_json { Progress::hidden() } else { Progress::of(rows.size_bytes(), Unit::Bytes) };
    let above = progress.clone();
    let tell = move |text: String| above.tell_above(&text);
    let stop = interrupt::token(|| ())?;
    let patience = Patience::new(Clock::system(), PATIENCE, stop.clone(), tell);
    let (mut created, mut duplicates) = (0, 0);
    while let Some(batch) = rows.next_batch()? {
        let body = json!({ "suppressions": batch.suppressions }).to_string();
        let asked = patience.ask(async || client.try_post("/suppressions/bulk", body.clone()).await).await;
        let receipt: Receipt = match asked {
            Ok(Some(receipt)) if !stop.is_cancelled() => receipt,
            Ok(_) => return Ok(Exit::Interrupted),
            Err(error) => bail!("rows from line {} on are not on the list: {error:#}", batch.first_line),
        };
        created += receipt.created;
        duplicates += receipt.duplicates;
        progress.reach(rows.read_bytes());
    }
    progress.finish();
    if as_json {
        println!("{}", json!({ "created": created, "duplicates": duplicates }));
    } else {
        println!("{created} addresses are new on the list, {duplicates} were there before");
    }
    Ok(Exit::Done)
}
