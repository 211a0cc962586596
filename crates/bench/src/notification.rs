//! Notifications to nobody: numbers and addresses that are kept for examples.

use serde_json::{Value, json};

use crate::random::mix;

/// The notification at a place; the same seed makes the same ones.
pub(crate) fn notification(seed: u64, place: u64) -> Value {
    let random = mix(seed, place);
    let (user, code) = (random % 50_000, (random >> 20) % 1_000_000);
    if place.is_multiple_of(2) {
        return json!({
            "channel": "sms",
            "recipient": format!("+1{}5550{:03}", 201 + random % 700, 100 + random % 100),
            "recipient_id": format!("user-{user}"),
            "content": format!("Your code is {code:06}"),
            "metadata": { "order": place },
        });
    }
    json!({
        "channel": "email",
        "recipient": format!("user-{user}@example.com"),
        "recipient_id": format!("user-{user}"),
        "subject": "Your order",
        "content": format!("Hello,\n\nyour order #{code} is on its way."),
        "campaign_id": "receipts",
        "metadata": { "order": place },
    })
}
