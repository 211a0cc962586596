//! `angaros seed`: believable notifications to addresses that nobody has.

use anyhow::{Result, ensure};
use clap::Args;
use fake::Fake as _;
use fake::faker::company::en::{CatchPhrase, CompanyName};
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::Globals;
use super::fiction::Person;
use crate::client::{Client, ClientArgs};
use crate::exit::Exit;
use crate::progress::{Progress, Unit};

/// Notifications of one request; also what one batch may hold.
const BATCH: u64 = 500;

const EXAMPLES: &str = "\
Examples:
  angaros seed
  angaros seed --count 100000 --seed 7";

/// Fill a running service with believable notifications.
///
/// Numbers are from the range reserved for fiction (+1 555-0100 to 0199), e-mail addresses end in example.com: nobody
/// is reached even if a channel really sends.
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Seed {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    count: u64,
    /// The same number makes the same notifications
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    client: ClientArgs,
}

impl Seed {
    pub(crate) async fn run(self, globals: &Globals) -> Result<Exit> {
        let client = Client::new(self.client.clone())?;
        let mut random = rand::rngs::StdRng::seed_from_u64(self.seed);
        let unit = Unit::Things("notifications");
        let progress = if globals.json { Progress::hidden() } else { Progress::of(self.count, unit) };
        let mut left = self.count;
        let mut batches = 0_u64;
        while left > 0 {
            let size = left.min(BATCH);
            let members: Vec<Value> = (0..size).map(|_| notification(&mut random)).collect();
            let stored = client.post("/notifications/batch", &json!({ "notifications": members })).await?;
            ensure!(stored["size"] == size, "the service stored {} of {size}", stored["size"]);
            left -= size;
            batches += 1;
            progress.add(size);
        }
        progress.finish();
        if globals.json {
            println!("{}", json!({ "count": self.count, "batches": batches }));
        } else {
            println!("{} notifications are queued", self.count);
        }
        Ok(Exit::Done)
    }
}

/// A message as some shop might send it: mostly campaigns, some receipts, a few one-time codes.
fn notification(random: &mut impl rand::Rng) -> Value {
    let company: String = CompanyName().fake_with_rng(random);
    let number = random.random_range(1..=50_000);
    let Person { recipient_id, first_name, email, phone, device } = Person::draw(number, random);
    let campaign = *["spring-sale", "newsletter-42", "winback"].choose(random).unwrap_or(&"spring-sale");
    match random.random_range(0..10) {
        0 => json!({
            "channel": "sms", "recipient": phone, "recipient_id": recipient_id, "priority": "high",
            "content": format!("Your {company} code is {:06}", random.random_range(0..1_000_000)),
            "tags": ["otp"],
        }),
        1..=3 => json!({
            "channel": "email", "recipient": email, "recipient_id": recipient_id,
            "subject": format!("Your order at {company}"),
            "content": format!("Hello {first_name},\n\nyour order #{} is on its way.", random.random_range(10_000..100_000)),
            "tags": ["receipt"], "metadata": { "order_total": random.random_range(5..500) },
        }),
        4..=6 => json!({
            "channel": "push", "recipient": device, "recipient_id": recipient_id, "subject": company,
            "priority": "low", "content": CatchPhrase().fake_with_rng::<String, _>(random), "campaign_id": campaign,
        }),
        _ => json!({
            "channel": "email", "recipient": email, "recipient_id": recipient_id, "priority": "low",
            "subject": CatchPhrase().fake_with_rng::<String, _>(random),
            "content": format!("Hello {first_name},\n\nthis week at {company}: 20 % off everything."),
            "campaign_id": campaign,
        }),
    }
}
