//! What requests leave behind in the log and in the metrics.

use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::broken::{Broken, SECRET};
use crate::support::{App, api, sms};

/// A log that the test can read.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

#[tokio::test]
async fn a_failure_is_logged_once_with_its_cause_and_correlation_id() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = App::with(Broken::Internal, api());
    let given = [("x-correlation-id", "order-4711")];
    app.post_text("/api/v1/notifications", &sms().to_string(), &given).await.problem(500, "internal");
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for expected in [
        SECRET,
        "ERROR",
        "\"correlation_id\":\"order-4711\"",
        "\"route\":\"/api/v1/notifications\"",
        "\"method\":\"POST\"",
    ] {
        assert!(lines[0].contains(expected), "{expected} is not in {}", lines[0]);
    }
    assert!(
        !lines[0].contains("+4915112345678") && !lines[0].contains("123456"),
        "no address and no content"
    );
}

#[tokio::test]
async fn the_span_of_a_request_tells_how_it_ended() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let path = "/api/v1/notifications/019c1c3a-5407-7abc-8def-0123456789ab";
    App::new().get_with(path, &[("traceparent", trace)]).await.is(404);
    let line = log.lines().concat();
    for expected in [
        "INFO",
        "\"route\":\"/api/v1/notifications/{id}\"",
        "\"status\":404",
        "\"duration_ms\":",
        "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"",
    ] {
        assert!(line.contains(expected), "{expected} is not in {line}");
    }
}

#[tokio::test]
async fn labels_are_bounded_whatever_is_asked_for() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = App::new();
    for n in 0..20 {
        app.get(&format!("/wild/{n}")).await.is(404);
        app.get(&format!("/api/v1/notifications/{n}")).await.is(404);
        app.call(format!("WILD{n}").parse().unwrap(), "/healthz").await.is(405);
    }
    let text = recorder.handle().render();
    let counted: Vec<&str> =
        text.lines().filter(|line| line.starts_with("angaros_http_requests_total{")).collect();
    assert_eq!(counted.len(), 3, "{counted:?}");
    for expected in [
        r#"method="GET",route="unmatched",status="404"} 20"#,
        r#"method="GET",route="/api/v1/notifications/{id}",status="404"} 20"#,
        r#"method="other",route="/healthz",status="405"} 20"#,
    ] {
        assert!(counted.iter().any(|line| line.ends_with(expected)), "{expected} is not in {counted:?}");
    }
    assert!(text.contains("angaros_http_request_duration_seconds"));
}
