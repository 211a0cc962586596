//! Live status after a broken connection: no gap, however it broke.

use std::sync::Arc;

use angaros_domain::TenantId;
use angaros_service::Transition;
use angaros_store_test::fixture;
use serde_json::json;

use crate::support::live::{Seen, Served, soon};
use crate::support::{sms, sms_with};

const ROUNDS: usize = 12;
const BATCH: usize = 25;

/// Sends and delivers batches, while others listen.
async fn load(served: Arc<Served>) {
    for _ in 0..ROUNDS {
        let members = vec![sms_with(json!({"recipient_id": "ada", "campaign_id": "spring"})); BATCH];
        let request = json!({"notifications": members});
        served.app.post("/api/v1/notifications/batch", &request).await.is(202);
        served.settle(fixture::deliver).await;
    }
    while served.settle(fixture::deliver).await > 0 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_drops_again_and_again_misses_nothing() {
    for topic in [json!({"all": true}), json!({"campaign_id": "spring"}), json!({"recipient_id": "ada"})] {
        let served = Arc::new(Served::new().await);
        let mut client = served.client().await;
        client.follow(&topic).await;
        // Two of them, so that commits overlap.
        let loads = [0; 2].map(|_| tokio::spawn(load(Arc::clone(&served))));
        let mut seen = Seen::default();
        let mut frames = 0;
        while seen.delivered() < 2 * ROUNDS * BATCH {
            let cursor = seen.note(&client.next().await);
            frames += 1;
            if frames % 97 == 0 {
                let mut resume = json!({"action": "subscribe", "since": cursor});
                resume.as_object_mut().unwrap().extend(topic.as_object().unwrap().clone());
                client = served.client().await;
                client.say(&resume).await;
            }
        }
        for load in loads {
            soon(load).await.unwrap();
        }
        for (id, statuses) in &seen.0 {
            assert_eq!(statuses, &["queued", "processing", "sent", "delivered"], "{topic} {id}");
        }
        assert!(frames > 97, "it dropped at least once");
    }
}

#[tokio::test]
async fn a_cursor_leads_to_what_came_behind_it_and_to_what_is_tried_now() {
    let served = Served::new().await;
    let app = &served.app;
    let members = json!({"notifications": vec![sms(); 1]});
    let batch = app.post("/api/v1/notifications/batch", &members).await.is(202).text("/id");
    let mut client = served.client().await;
    let told = client.follow(&json!({"batch_id": batch})).await;
    let (id, cursor) = (&told[0]["notification_id"], &told[0]["cursor"]);
    drop(client);
    served.settle(fixture::deliver).await;
    app.notify().await;
    for topic in [json!({"batch_id": batch}), json!({"notification_id": id})] {
        let mut client = served.client().await;
        let mut request = json!({"since": cursor});
        request.as_object_mut().unwrap().extend(topic.as_object().unwrap().clone());
        let told = client.follow(&request).await;
        let statuses: Vec<&str> = told.iter().map(|frame| frame["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["processing", "sent", "delivered"], "{topic}");
        assert!(told.iter().all(|frame| frame["notification_id"] == *id));
    }
    // An attempt under way is in no event, and yet nothing that a client may miss.
    let lease = angaros_store_test::steps::claim(&*app.store, app.clock.now()).await;
    let mut client = served.client().await;
    let told = client.follow(&json!({"all": true, "since": cursor})).await;
    let last = told.last().unwrap();
    assert_eq!((&last["status"], &last["attempt"]), (&json!("processing"), &json!(1)));
    assert_eq!(last["notification_id"], lease.claims[0].notification.id.to_string());
}

#[tokio::test]
async fn cursors_are_those_of_the_log() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.follow(&json!({"all": true})).await;
    served.app.notify().await;
    let frame = client.next().await;
    served.app.post("/api/v1/notifications", &sms_with(json!({"recipient_id": "late"}))).await.is(202);
    let feed = format!("/api/v1/events?after={}", frame["cursor"].as_str().unwrap());
    let events = served.app.get(&feed).await.is(200).json();
    assert_eq!(events["items"].as_array().unwrap().len(), 1);
    assert_eq!(events["items"][0]["recipient_id"], "late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_closed_with_1013_and_resumes() {
    let served = Served::new().await;
    let mut client = served.client().await;
    client.follow(&json!({"all": true})).await;
    let id = served.app.notify().await["id"].clone();
    let first = client.next().await;
    // Far more than its queue and the buffers of the sockets hold. Old news, so that they need not be stored.
    let id = id.as_str().unwrap();
    let sent = served.app.service.notification(TenantId::DEFAULT, id.parse().unwrap()).await.unwrap();
    let old = Transition::of(&sent, Default::default());
    let mut watcher = served.app.service.coord().watch();
    for _ in 0..100 {
        served.app.service.coord().publish(vec![old.clone(); 1000]);
        // Not faster than the router takes them.
        soon(watcher.recv()).await.unwrap();
        tokio::task::yield_now().await;
    }
    let cancel = format!("/api/v1/notifications/{id}/cancel");
    served.app.call(http::Method::PATCH, &cancel).await.is(200);
    assert_eq!(client.closed().await, 1013);

    let mut client = served.client().await;
    client.say(&json!({"action": "subscribe", "all": true, "since": first["cursor"]})).await;
    assert_eq!(client.statuses(1).await, ["cancelled"]);
}
