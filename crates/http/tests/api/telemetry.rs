//! What requests leave behind in the log and in the metrics.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::broken::{Broken, SECRET};
use crate::support::{App, api, sms};

/// What the whole test process logs, as JSON lines, from `INFO` on; spans when they end. There is one log for all
/// tests, because what a call site remembers of its subscribers is shared by all threads.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let json = tracing_subscriber::fmt().json().with_span_events(FmtSpan::CLOSE).with_writer(log.clone());
    tracing::subscriber::set_global_default(json.finish()).unwrap();
    log
});

impl Log {
    /// The lines of one request.
    fn lines(&self, correlation_id: &str) -> Vec<String> {
        let bytes = self.0.lock().unwrap().clone();
        let mark = format!("\"correlation_id\":\"{correlation_id}\"");
        let lines = String::from_utf8(bytes).unwrap();
        lines.lines().filter(|line| line.contains(&mark)).map(str::to_owned).collect()
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
    let log = &*LOG;
    let app = App::with(Broken::Internal, api());
    let given = [("x-correlation-id", "failing-4711")];
    app.post_text("/api/v1/notifications", &sms().to_string(), &given).await.problem(500, "internal");
    let lines = log.lines("failing-4711");
    let (errors, others): (Vec<&String>, _) = lines.iter().partition(|line| line.contains("\"ERROR\""));
    assert_eq!((errors.len(), others.len()), (1, 1), "the failure, and the end of the request: {lines:?}");
    for expected in [SECRET, "\"route\":\"/api/v1/notifications\"", "\"method\":\"POST\""] {
        assert!(errors[0].contains(expected), "{expected} is not in {}", errors[0]);
    }
    for line in &lines {
        assert!(!line.contains("+4915112345678") && !line.contains("123456"), "no address and no content");
    }
}

#[tokio::test]
async fn the_span_of_a_request_tells_how_it_ended() {
    let log = &*LOG;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let path = "/api/v1/notifications/019c1c3a-5407-7abc-8def-0123456789ab";
    let given = [("traceparent", trace), ("x-correlation-id", "missing-4711")];
    App::new().get_with(path, &given).await.is(404);
    let line = log.lines("missing-4711").concat();
    for expected in [
        "\"INFO\"",
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
