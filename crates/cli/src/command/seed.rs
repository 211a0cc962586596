//! `angaros seed`: believable notifications to addresses that nobody has.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use fake::Fake as _;
use fake::faker::company::en::{CatchPhrase, CompanyName};
use fake::faker::name::en::{FirstName, LastName};
use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::client::{Client, ClientArgs};

/// Notifications of one request; also what one batch may hold.
const BATCH: u64 = 500;

/// Fill a running service with believable notifications.
///
/// Numbers are from the range reserved for fiction (+1 555-0100 to 0199), e-mail addresses end in example.com: nobody
/// is reached even if a channel really sends.
#[derive(Args)]
pub(crate) struct Seed {
    /// How many
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// The same number makes the same notifications
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print a summary as JSON instead of a progress bar
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    client: ClientArgs,
}

impl Seed {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(self.client.clone())?;
        let mut random = rand::rngs::StdRng::seed_from_u64(self.seed);
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::new(self.count) };
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta} left")?);
        let mut left = self.count;
        let mut batches = 0_u64;
        while left > 0 {
            let size = left.min(BATCH);
            let members: Vec<Value> = (0..size).map(|_| notification(&mut random)).collect();
            let stored = client.post("/notifications/batch", &json!({ "notifications": members })).await?;
            ensure!(stored["size"] == size, "the service stored {} of {size}", stored["size"]);
            left -= size;
            batches += 1;
            bar.inc(size);
        }
        bar.finish_and_clear();
        if self.json {
            println!("{}", json!({ "count": self.count, "batches": batches }));
        } else {
            println!("{} notifications are queued", self.count);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A message as some shop might send it: mostly campaigns, some receipts, a few one-time codes.
fn notification(random: &mut impl rand::Rng) -> Value {
    let first: String = FirstName().fake_with_rng(random);
    let last: String = LastName().fake_with_rng(random);
    let company: String = CompanyName().fake_with_rng(random);
    let user = random.random_range(1..=50_000);
    let email = format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase().replace('\'', ""));
    let phone = format!("+1{}55501{:02}", random.random_range(201..=989), random.random_range(0..=99));
    let campaign = *["spring-sale", "newsletter-42", "winback"].choose(random).unwrap_or(&"spring-sale");
    match random.random_range(0..10) {
        0 => json!({
            "channel": "sms", "recipient": phone, "recipient_id": format!("user-{user}"), "priority": "high",
            "content": format!("Your {company} code is {:06}", random.random_range(0..1_000_000)),
            "tags": ["otp"],
        }),
        1..=3 => json!({
            "channel": "email", "recipient": email, "recipient_id": format!("user-{user}"),
            "subject": format!("Your order at {company}"),
            "content": format!("Hello {first},\n\nyour order #{} is on its way.", random.random_range(10_000..100_000)),
            "tags": ["receipt"], "metadata": { "order_total": random.random_range(5..500) },
        }),
        4..=6 => json!({
            "channel": "push", "recipient": format!("device-{:08x}", random.next_u32()),
            "recipient_id": format!("user-{user}"), "subject": company, "priority": "low",
            "content": CatchPhrase().fake_with_rng::<String, _>(random), "campaign_id": campaign,
        }),
        _ => json!({
            "channel": "email", "recipient": email, "recipient_id": format!("user-{user}"), "priority": "low",
            "subject": CatchPhrase().fake_with_rng::<String, _>(random),
            "content": format!("Hello {first},\n\nthis week at {company}: 20 % off everything."),
            "campaign_id": campaign,
        }),
    }
}
