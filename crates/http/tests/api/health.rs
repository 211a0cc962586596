//! Health: the process, and everything that it needs.

use serde_json::json;

use crate::support::broken::{Broken, SECRET};
use crate::support::{App, api};

#[tokio::test]
async fn a_healthy_service_is_live_and_ready() {
    let app = App::new();
    for path in ["/healthz", "/healthz/live"] {
        assert_eq!(app.get(path).await.is(200).json(), json!({"status": "live"}));
    }
    let ready = json!({"status": "ready", "dependencies": [{"name": "store", "status": "up"}]});
    for path in ["/readyz", "/healthz/ready"] {
        assert_eq!(app.get(path).await.is(200).json(), ready);
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_is_named() {
    for broken in [Broken::Unavailable, Broken::Silent] {
        let app = App::with(broken, api());
        for path in ["/readyz", "/healthz/ready"] {
            let answer = app.get(path).await.problem(503, "not-ready");
            assert_eq!(answer.json()["dependencies"], json!([{"name": "store", "status": "down"}]));
            assert!(!answer.json().to_string().contains(SECRET));
        }
        app.get("/healthz").await.is(200);
    }
}

#[tokio::test]
async fn a_process_that_shuts_down_is_live_but_not_ready() {
    let app = App::new();
    app.stopping.cancel();
    app.get("/healthz").await.is(200);
    let answer = app.get("/readyz").await.problem(503, "not-ready");
    assert_eq!(answer.json()["dependencies"], json!([{"name": "store", "status": "up"}]));
}
