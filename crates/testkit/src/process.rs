//! The service as a process.

use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::api::Api;
use crate::launch::Launch;

/// How long a start may take; generous, because other builds may share the machine.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a stop may take: longer than the service gives sends in flight by default.
const STOP_MAX: Duration = Duration::from_secs(60);

/// A running service. Dropped, it is killed; dropped by a failing test, it shows what it printed.
pub struct Angaros {
    launch: Launch,
    child: Child,
    stdout: Captured,
    stderr: Captured,
    /// Where it answers: `http://127.0.0.1:PORT`.
    pub url: String,
    /// How long it took from the start to the line that says it is ready.
    pub ready_after: Duration,
}

impl Angaros {
    pub(crate) async fn start(launch: Launch) -> Angaros {
        let started = Instant::now();
        let mut child = launch.command(launch.serve()).spawn().unwrap();
        let mut stdout = Captured::of(child.stdout.take().unwrap());
        let stderr = Captured::of(child.stderr.take().unwrap());
        let ready = timeout(START_MAX, stdout.until(address)).await;
        let ready_after = started.elapsed();
        let Ok(Some(url)) = ready else {
            drop(child.kill().await);
            let (out, err) = (stdout.text(), stderr.text());
            panic!("the service did not come up in {ready_after:?}\n--- stdout\n{out}\n--- stderr\n{err}");
        };
        Angaros { launch, child, stdout, stderr, url, ready_after }
    }

    /// A client of it.
    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it has ended.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the process runs")
    }

    /// Its resident memory in KiB: `VmRSS` of proc_pid_status(5). Linux only.
    ///
    /// # Panics
    /// If it has ended.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// What it printed on standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for more standard output until `wanted` finds what it looks for.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn prints<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        timeout(START_MAX, self.stdout.until(wanted)).await.ok().flatten().expect("the output comes")
    }

    /// Waits for more log lines until `wanted` finds what it looks for.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn logs<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        timeout(START_MAX, self.stderr.until(wanted)).await.ok().flatten().expect("the log line comes")
    }

    /// Asks it to stop, as `kill` does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Makes it stand still: SIGSTOP.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on where it stood.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end. Answers how it ended, and with what was printed.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(STOP_MAX, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("the service did not end within {STOP_MAX:?}")).unwrap();
        self.stdout.finish().await;
        self.stderr.finish().await;
        status
    }

    /// Stops it gracefully. Answers how it ended and how long that took.
    pub async fn stop(&mut self) -> (ExitStatus, Duration) {
        let started = Instant::now();
        self.terminate();
        let status = self.ended().await;
        (status, started.elapsed())
    }

    /// Kills it without warning: SIGKILL.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
        self.ended().await;
    }

    /// Starts it again on the same data; it must have ended.
    pub async fn start_again(&mut self) {
        assert!(self.child.try_wait().unwrap().is_some(), "it still runs");
        *self = Angaros::start(self.launch.clone()).await;
    }
}

impl Drop for Angaros {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- stdout of the service\n{}", self.stdout.text());
            eprintln!("--- stderr of the service\n{}", self.stderr.text());
        }
    }
}

/// The address in what the service prints once it answers, whatever its role.
fn address(stdout: &str) -> Option<String> {
    let whole = stdout.lines().zip(stdout.split_inclusive('\n')).filter(|(_, line)| line.ends_with('\n'));
    whole
        .filter_map(|(line, _)| line.trim().strip_prefix("Health "))
        .find_map(|url| url.trim().strip_suffix("/readyz").map(str::to_owned))
}

/// What a process writes, as far as it has come.
pub(crate) struct Captured {
    text: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
    reading: JoinHandle<()>,
}

impl Captured {
    pub(crate) fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Captured {
        let text = Arc::new(Mutex::new(String::new()));
        let (told, lines) = watch::channel(0);
        let writing = Arc::clone(&text);
        let reading = tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
                writing.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
                told.send_modify(|lines| *lines += 1);
            }
        });
        Captured { text, lines, reading }
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// Waits until `wanted` finds what it looks for; `None` if the stream ends without it.
    pub(crate) async fn until<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        loop {
            self.lines.mark_unchanged();
            if let Some(found) = wanted(&self.text()) {
                return Some(found);
            }
            if self.lines.changed().await.is_err() {
                return wanted(&self.text());
            }
        }
    }

    pub(crate) async fn finish(&mut self) {
        drop((&mut self.reading).await);
    }
}
