//! A service that has nothing to do: next to no CPU time and little memory.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use angaros_testkit::api::Api;
use angaros_testkit::eventually::{eventually, pass};
use angaros_testkit::launch::{BINARY_VARIABLE, Launch};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long it is watched. Its slowest loops come round every five seconds.
const WATCHED: Duration = Duration::from_secs(6);
/// Most of one CPU's time that it may take.
const CPU_SHARE_MAX: f64 = 0.01;
/// Most memory that a release build may hold, in KiB.
const RESIDENT_KIB_MAX: u64 = 60 * 1024;
/// Linux counts CPU time in these for programs, on every architecture: USER_HZ.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds that a process has taken, in user and kernel mode: fields 14 and 15 of proc_pid_stat(5).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field is the name in parentheses, which may hold anything.
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    let ticks = after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    ticks.sum::<u64>() as f64 / TICKS_PER_SECOND
}

fn sms() -> Value {
    json!({ "channel": "sms", "recipient": "+15550100123", "content": "Your code is 123456" })
}

/// Waits until nothing is left to do but what is due in years.
async fn idle(api: &Api) {
    eventually("it has nothing to do", Duration::from_secs(60), async || {
        let metrics = api.get("/api/v1/metrics").await.expect(200);
        let open = [&metrics["queue_depth"]["total"], &metrics["in_flight"]];
        if open.iter().all(|count| **count == 0) { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
}

#[tokio::test]
async fn an_idle_service_takes_no_cpu_and_little_memory() {
    let service = Launch::new(env!("CARGO_BIN_EXE_angaros")).unlimited().start().await;
    let (api, pid) = (service.api(), service.pid());
    let later = json!({ "channel": "push", "recipient": "token", "content": "later", "scheduled_at": "2099-01-01T00:00:00Z" });
    api.notify(&later).await;
    let id = api.notify(&sms()).await;
    api.until(&id, "delivered", Duration::from_secs(60)).await;
    let resident = service.resident_kib();

    // It has worked, so that whatever work leaves running is running.
    for _ in 0..10 {
        let batch = json!({ "notifications": vec![sms(); 500] });
        api.post("/api/v1/notifications/batch", &batch).await.expect(202);
    }
    idle(&api).await;
    let (before, started) = (cpu_seconds(pid), Instant::now());
    pass(WATCHED).await;
    let share = (cpu_seconds(pid) - before) / started.elapsed().as_secs_f64();
    println!(
        "idle: {:.2} % of a CPU; {resident} KiB resident, {} KiB after 5000 notifications",
        share * 100.0,
        service.resident_kib()
    );
    assert!(share < CPU_SHARE_MAX, "{:.2} % of a CPU", share * 100.0);
    let is_release = std::env::var_os(BINARY_VARIABLE).is_some() || !cfg!(debug_assertions);
    if is_release {
        assert!(resident < RESIDENT_KIB_MAX, "{resident} KiB");
    } else {
        println!("a debug build is not held to the limit of {RESIDENT_KIB_MAX} KiB");
    }
}
