//! The demo's templates.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::client::Client;

/// The most templates of one page.
const PAGE_MAX: usize = 200;

/// Their ids.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    pub(super) code: String,
    pub(super) order: String,
    pub(super) newsletter: String,
}

impl Templates {
    /// Stores them, or finds those of a demo before this one.
    pub(super) async fn store(client: &Client) -> Result<Templates> {
        let found = client.get(&format!("/templates?limit={PAGE_MAX}")).await?;
        let code = json!({
            "name": "one-time-code",
            "body": "{{ code }} is your code at {{ shop }}. It holds for five minutes.",
        });
        let order = json!({
            "name": "order-on-its-way",
            "subject": "Your order {{ order }} is on its way",
            "body": "Hello {{ name }},\n\nyour order {{ order }} has left our house.\n\nThank you!",
        });
        let newsletter = json!({
            "name": "newsletter",
            "subject": "{{ name }}, this is new",
            "body": "Hello {{ name }},\n\nthis week: {{ headline }}.\n",
            "html": "<h1>Hello {{ name }},</h1><p>this week: <strong>{{ headline }}</strong>.</p>",
        });
        Ok(Templates {
            code: store(client, &found, &code).await?,
            order: store(client, &found, &order).await?,
            newsletter: store(client, &found, &newsletter).await?,
        })
    }
}

async fn store(client: &Client, found: &Value, template: &Value) -> Result<String> {
    let items = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stored = match items.iter().find(|item| item["name"] == template["name"]) {
        Some(item) => item.clone(),
        None => client.post("/templates", template).await?,
    };
    stored["id"].as_str().map(str::to_owned).context("the service answered a template without an id")
}
