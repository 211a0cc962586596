//! The log of events: in the order of storing, without a gap, for consumers that come back.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{App, event_with};

const EVENTS: &str = "/api/v1/events";

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// Stores events that happened at these times; their ids in the order of storing.
async fn stored(app: &App, times: &[i64]) -> Vec<String> {
    let mut ids = Vec::new();
    for (n, at) in times.iter().enumerate() {
        let event = event_with(json!({"event_id": format!("evt-{n}"), "occurred_at": at}));
        ids.push(app.post(EVENTS, &event).await.is(201).text("/id"));
    }
    ids
}

#[tokio::test]
async fn a_consumer_follows_the_log() {
    let app = App::new();
    let empty = app.get(EVENTS).await.is(200);
    assert_eq!(empty.json()["items"], json!([]));
    let mut cursor = empty.text("/next_cursor");
    let expected = stored(&app, &[30, 10, 20, 40, 5]).await;
    let mut seen = Vec::new();
    loop {
        let page = app.get(&format!("{EVENTS}?limit=2&after={cursor}")).await.is(200);
        seen.extend(ids(&page.json()));
        let next = page.text("/next_cursor");
        if next == cursor {
            break;
        }
        cursor = next;
    }
    assert_eq!(seen, expected, "in the order of storing, whenever they happened");
    app.notify().await;
    let page = app.get(&format!("{EVENTS}?after={cursor}")).await.is(200).json();
    assert_eq!(page["items"][0]["provider"], "angaros", "the engine's own events are in the log");
}

#[tokio::test]
async fn a_consumer_may_begin_at_the_end() {
    let app = App::new();
    let end = format!("{EVENTS}?after=end");
    let empty = app.get(&end).await.is(200).text("/next_cursor");
    for count in [1, 2, 6] {
        let before = app.get(&end).await.is(200);
        assert_eq!(before.json()["items"], json!([]));
        let mut expected = Vec::new();
        for _ in 0..count {
            let event = event_with(json!({"event_id": format!("evt-{count}-{}", expected.len())}));
            expected.push(app.post(EVENTS, &event).await.is(201).text("/id"));
        }
        let cursor = before.text("/next_cursor");
        let page = app.get(&format!("{EVENTS}?after={cursor}")).await.is(200);
        assert_eq!(ids(&page.json()), expected);
        let end = app.get(&end).await.text("/next_cursor");
        assert_eq!(page.text("/next_cursor"), end, "it is the cursor that a reader has at the end");
    }
    let all = app.get(&format!("{EVENTS}?after={empty}")).await.is(200);
    assert_eq!(ids(&all.json()).len(), 9, "an empty log has an end too");
}

#[tokio::test]
async fn foreign_cursors_and_parameters() {
    let app = App::new();
    stored(&app, &[1, 2, 3]).await;
    let feed = app.get(&format!("{EVENTS}?limit=1")).await.text("/next_cursor");
    let activity = "/api/v1/recipients/user-1/activity?limit=1";
    let other = app.get(activity).await.text("/next_cursor");
    for after in ["", "AAAA", &feed[1..], &other] {
        let answer = app.get(&format!("{EVENTS}?after={after}")).await.problem(400, "invalid-cursor");
        assert_eq!(answer.text("/errors/0/parameter"), "after");
    }
    app.get(&format!("{activity}&cursor={feed}")).await.problem(400, "invalid-cursor");
    for (query, name) in [("limit=0", "limit"), ("limit=201", "limit"), ("cursor=x", "cursor"), ("a=b", "a")]
    {
        let answer = app.get(&format!("{EVENTS}?{query}")).await.problem(400, "invalid-parameter");
        assert_eq!(answer.text("/errors/0/parameter"), name);
    }
}

/// All pages of a list, with pages of these sizes in turn.
async fn walk(app: &App, list: &str, parameter: &str, sizes: &[usize]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    for size in sizes.iter().cycle() {
        let mut path = format!("{list}&limit={size}");
        if let Some(cursor) = &cursor {
            path.push_str(&format!("&{parameter}={cursor}"));
        }
        let page = app.get(&path).await.is(200).json();
        assert!(ids(&page).len() <= *size);
        seen.extend(ids(&page));
        let next = page["next_cursor"].as_str().map(str::to_owned);
        if next.is_none() || next == cursor {
            break;
        }
        cursor = next;
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_page_sizes_give_the_same_sequence(
        times in proptest::collection::vec(0i64..6, 0..24),
        sizes in proptest::collection::vec(1usize..9, 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let app = App::new();
            let in_store_order = stored(&app, &times).await;
            assert_eq!(walk(&app, &format!("{EVENTS}?"), "after", &sizes).await, in_store_order);
            let mut in_time_order: Vec<_> = times.iter().zip(&in_store_order).collect();
            in_time_order.sort();
            let mut expected: Vec<String> = in_time_order.into_iter().map(|(_, id)| id.clone()).collect();
            let list = "/api/v1/recipients/user-1/activity";
            assert_eq!(walk(&app, &format!("{list}?order=asc"), "cursor", &sizes).await, expected);
            expected.reverse();
            assert_eq!(walk(&app, &format!("{list}?order=desc"), "cursor", &sizes).await, expected);
        });
    }
}
