//! Live status: who may listen, how many, and for how long.

use std::time::Duration;

use angaros_domain::api_key::Scope;
use angaros_http::{Api, LiveSettings};
use http::StatusCode;
use serde_json::json;

use crate::support::live::{Served, soon};
use crate::support::{api, sms};

const PATH: &str = "/api/v1/ws/notifications";

async fn limited(change: impl FnOnce(&mut LiveSettings)) -> Served {
    let mut live = LiveSettings::default();
    change(&mut live);
    Served::with(Api { live, ..api() }).await
}

#[tokio::test]
async fn a_key_comes_in_a_header_or_among_the_protocols() {
    let served = Served::new().await;
    let key = served.app.key("default", &[Scope::Read]).await;
    let sender = served.app.key("default", &[Scope::Send]).await;
    let bearer = format!("Bearer {key}");
    let offered = format!("angaros, angaros.key.{key}");
    for headers in [
        [("x-api-key", key.as_str())],
        [("authorization", bearer.as_str())],
        [("sec-websocket-protocol", offered.as_str())],
    ] {
        let mut client = served.connect(&headers).await.expect("it is let in");
        assert!(client.follow(&json!({"all": true})).await.is_empty());
    }
    assert_eq!(served.connect(&[]).await.err(), Some(StatusCode::UNAUTHORIZED));
    for wrong in ["angaros", "angaros, angaros.key.x"] {
        let refused = served.connect(&[("sec-websocket-protocol", wrong)]).await;
        assert_eq!(refused.err(), Some(StatusCode::UNAUTHORIZED), "{wrong}");
    }
    assert_eq!(served.connect(&[("x-api-key", &sender)]).await.err(), Some(StatusCode::FORBIDDEN));
    let in_url = served.app.get_with(&format!("{PATH}?key={key}"), &[("x-api-key", &key)]).await;
    in_url.problem(400, "invalid-parameter");
}

#[tokio::test]
async fn an_open_service_talks_to_pages_of_its_own_only() {
    let served = Served::new().await;
    let own = format!("http://{}", served.address);
    assert!(served.connect(&[("origin", &own)]).await.is_ok());
    let foreign = [("origin", "http://elsewhere.example")];
    assert_eq!(served.connect(&foreign).await.err(), Some(StatusCode::FORBIDDEN));
    let key = served.app.key("default", &[Scope::Read]).await;
    let with_key = [("origin", "http://elsewhere.example"), ("x-api-key", key.as_str())];
    assert!(served.connect(&with_key).await.is_ok(), "a page that has a key was given it");
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let served = Served::new().await;
    let (ours, theirs) =
        (served.app.key("ours", &[Scope::Admin]).await, served.app.key("theirs", &[Scope::Read]).await);
    let mut stranger = served.connect(&[("x-api-key", &theirs)]).await.unwrap();
    stranger.follow(&json!({"all": true})).await;
    stranger.follow(&json!({"recipient_id": "+4915112345678"})).await;
    let mut owner = served.connect(&[("x-api-key", &ours)]).await.unwrap();
    owner.follow(&json!({"all": true})).await;
    let header = [("x-api-key", ours.as_str())];
    let sent = served.app.post_text("/api/v1/notifications", &sms().to_string(), &header).await.is(202);
    let frame = owner.next().await;
    assert_eq!(frame["notification_id"], sent.json()["id"]);
    stranger.say(&json!({"action": "subscribe", "notification_id": sent.json()["id"]})).await;
    assert_eq!(stranger.next().await["error"]["type"], "/problems/not-found", "and no frame before it");
    stranger.say(&json!({"action": "subscribe", "all": true, "since": frame["cursor"]})).await;
    assert_eq!(stranger.next().await["error"]["type"], "/problems/invalid-cursor");
}

#[tokio::test]
async fn places_are_limited_in_all_and_for_each_key_and_come_back() {
    let served = limited(|live| {
        live.connections_max = 2;
        live.connections_per_key_max = 1;
    })
    .await;
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(served.app.key("default", &[Scope::Read]).await);
    }
    let connect = |n: usize| {
        let (served, key) = (&served, keys[n].clone());
        async move { served.connect(&[("x-api-key", &key)]).await }
    };
    let first = connect(0).await.unwrap();
    assert_eq!(connect(0).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE), "one for each key");
    let _second = connect(1).await.unwrap();
    assert_eq!(connect(2).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE), "two in all");
    drop(first);
    let again = async { while connect(2).await.is_err() {} };
    soon(again).await;
}

#[tokio::test]
async fn a_tenant_has_its_own_limit_whatever_number_of_keys_it_has() {
    let served = limited(|live| live.connections_per_tenant_max = 2).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let key = served.app.key("ours", &[Scope::Read]).await;
        held.push(served.connect(&[("x-api-key", &key)]).await.unwrap());
    }
    let (ours, theirs) =
        (served.app.key("ours", &[Scope::Read]).await, served.app.key("theirs", &[Scope::Read]).await);
    let refused = served.app.get_with("/api/v1/stream/notifications?all=true", &[("x-api-key", &ours)]).await;
    assert!(refused.problem(503, "live-limit").json()["detail"].as_str().unwrap().contains("tenant"));
    assert!(served.connect(&[("x-api-key", &theirs)]).await.is_ok(), "others still find a place");
    held.pop();
    soon(async { while served.connect(&[("x-api-key", &ours)]).await.is_err() {} }).await;
}

#[tokio::test]
async fn topics_and_messages_are_limited() {
    let served = limited(|live| live.topics_max = 2).await;
    let mut client = served.client().await;
    client.follow(&json!({"campaign_id": "a"})).await;
    client.follow(&json!({"campaign_id": "b"})).await;
    client.say(&json!({"action": "subscribe", "campaign_id": "c"})).await;
    assert_eq!(client.next().await["error"]["type"], "/problems/live-limit");
    client.say(&json!({"action": "unsubscribe", "campaign_id": "a", "ack": true})).await;
    assert_eq!(client.next().await["unsubscribed"]["campaign_id"], "a");
    client.follow(&json!({"campaign_id": "c"})).await;
    client.say(&json!({"action": "subscribe", "campaign_id": "x".repeat(20_000)})).await;
    assert_eq!(client.closed().await, 1009);
}

#[tokio::test]
async fn a_client_whose_key_is_revoked_is_let_go() {
    let served = limited(|live| live.heartbeat = Duration::from_millis(30)).await;
    let key = served.app.key("default", &[Scope::Read]).await;
    let mut client = served.connect(&[("x-api-key", &key)]).await.unwrap();
    client.follow(&json!({"all": true})).await;
    let prefix = key.split('_').nth(1).unwrap();
    assert!(served.app.service.key_revoke(prefix).await.unwrap());
    assert_eq!(client.closed().await, 1008);
}

#[tokio::test]
async fn a_client_without_a_sign_of_life_is_let_go() {
    let served = limited(|live| {
        live.heartbeat = Duration::from_millis(30);
        live.connections_max = 1;
    })
    .await;
    // It does not read, so it does not answer pings either.
    let silent = served.client().await;
    soon(async { while served.connect(&[]).await.is_err() {} }).await;
    drop(silent);
}

#[tokio::test]
async fn what_is_no_websocket_is_told_so() {
    let served = Served::new().await;
    let answer = served.app.get(PATH).await.problem(426, "upgrade-required");
    assert_eq!(answer.header("upgrade"), "websocket");
}
