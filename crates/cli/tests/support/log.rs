//! The whole log of events, as a reader of the API gets it.

use angaros_testkit::api::Api;
use serde_json::Value;

/// All events, in the order in which they were stored.
pub(crate) async fn whole_log(api: &Api) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let after = if cursor.is_empty() { String::new() } else { format!("&after={cursor}") };
        let mut page = api.get(&format!("/api/v1/events?limit=200{after}")).await.expect(200);
        events.append(page["items"].as_array_mut().unwrap());
        let next = page["next_cursor"].as_str().unwrap().to_owned();
        if next == cursor {
            return events;
        }
        cursor = next;
    }
}
