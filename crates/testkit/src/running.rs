//! A command that runs until it is told to stop.

use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::time::timeout;

use crate::launch::Launch;
use crate::process::Captured;

/// How long its output, or its end, may take; generous, because other builds may share the machine.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A process of the binary. Dropped, it is killed.
pub struct Running {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

/// How a process ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
}

impl Running {
    pub(crate) fn start(launch: &Launch, arguments: &[&str]) -> Running {
        let mut child = launch.command(arguments).spawn().unwrap();
        let stdout = Captured::of(child.stdout.take().unwrap());
        let stderr = Captured::of(child.stderr.take().unwrap());
        Running { child, stdout, stderr }
    }

    /// Waits for more standard output until `wanted` finds what it looks for.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn prints<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let found = timeout(WAIT_MAX, self.stdout.until(wanted)).await.ok().flatten();
        found.unwrap_or_else(|| panic!("the output comes: {}{}", self.stdout.text(), self.stderr.text()))
    }

    /// Waits until this stands on standard error.
    ///
    /// # Panics
    /// If that does not come.
    pub async fn says(&mut self, text: &str) {
        let wanted = |said: &str| said.contains(text).then_some(());
        let found = timeout(WAIT_MAX, self.stderr.until(wanted)).await.ok().flatten();
        found.unwrap_or_else(|| panic!("it says `{text}`: {}", self.stderr.text()));
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Asks it to stop, as `kill` does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("it runs");
        kill_process(pid, signal).unwrap();
    }

    /// Kills it without warning: SIGKILL.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn ended(mut self) -> Ended {
        let ended = timeout(WAIT_MAX, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("it did not end: {}", self.stderr.text())).unwrap();
        self.stdout.finish().await;
        self.stderr.finish().await;
        Ended { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}
