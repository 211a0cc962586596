//! A client of live status that stays, as a browser does: cut off, it comes back and goes on behind the last thing it saw.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::{eventually, pass};
use reqwest::Response;
use serde_json::Value;
use tokio::task::JoinHandle;

/// The pause before it comes back.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the last of what it waits for may take.
const COMPLETE_MAX: Duration = Duration::from_secs(60);

/// What it saw: the statuses of each notification.
type Seen = HashMap<String, BTreeSet<String>>;

/// The client.
pub(crate) struct Follower {
    seen: Arc<Mutex<Seen>>,
    following: JoinHandle<()>,
}

impl Follower {
    /// Follows everything from now on.
    pub(crate) async fn start(api: &Api) -> Follower {
        let end = api.get("/api/v1/events?after=end").await.expect(200);
        let cursor = end["next_cursor"].as_str().unwrap().to_owned();
        let seen = Arc::new(Mutex::default());
        let following = tokio::spawn(follow(api.url.clone(), cursor, Arc::clone(&seen)));
        Follower { seen, following }
    }

    /// Waits until it has seen every one of these notifications as it came and as it ended.
    ///
    /// # Panics
    /// If it misses any.
    pub(crate) async fn saw(self, ids: &[String]) {
        eventually("the follower has seen everything", COMPLETE_MAX, async || {
            assert!(!self.following.is_finished(), "it follows for ever");
            let seen = self.seen.lock().unwrap();
            let is_complete = |id: &&String| {
                seen.get(*id).is_some_and(|statuses| {
                    statuses.contains("delivered")
                        && statuses.contains("processing")
                        && statuses.contains("queued")
                })
            };
            let missing = ids.iter().filter(|id| !is_complete(id)).count();
            let example = ids.iter().find(|id| !is_complete(id)).map(|id| (id, seen.get(id)));
            if missing == 0 {
                Ok(())
            } else {
                Err(format!("{missing} of {} are missing, as {example:?}", ids.len()))
            }
        })
        .await;
        self.following.abort();
    }
}

/// Follows for ever.
async fn follow(url: String, mut cursor: String, seen: Arc<Mutex<Seen>>) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let path = format!("{url}/api/v1/stream/notifications?all=true");
    loop {
        let opened = http.get(&path).header("Last-Event-ID", &cursor).send().await;
        // A service that cannot read its store at the moment refuses the client, which comes back.
        if let Ok(mut stream) = opened.and_then(Response::error_for_status) {
            read(&mut stream, &mut cursor, &seen).await;
        }
        pass(PAUSE).await;
    }
}

/// Reads until the stream ends.
async fn read(stream: &mut Response, cursor: &mut String, seen: &Mutex<Seen>) {
    let mut text = Vec::new();
    while let Ok(Some(piece)) = stream.chunk().await {
        text.extend_from_slice(&piece);
        // What is not a whole line yet stays.
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            let line = std::str::from_utf8(&line).unwrap().trim_end();
            if let Some(id) = line.strip_prefix("id:") {
                *cursor = id.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data:") {
                let frame: Value = serde_json::from_str(data).unwrap();
                let text = |key: &str| frame[key].as_str().unwrap().to_owned();
                seen.lock().unwrap().entry(text("notification_id")).or_default().insert(text("status"));
            }
        }
    }
}
