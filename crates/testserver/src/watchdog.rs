//! What stops a server when the process that started it is gone.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that waits for the end of this one and then stops a server and removes its folder.
///
/// It reads from a pipe that only this process writes to, which nothing can keep open once this process has ended: not a
/// panic, not an abort, not a signal.
#[derive(Debug)]
pub(crate) struct Watchdog(Child);

impl Watchdog {
    /// Lets a shell command be run, and then a folder be removed.
    pub(crate) fn start(stop: &str, folder: &Path) -> io::Result<Watchdog> {
        let script = format!("read end; {stop} >/dev/null 2>&1; rm -rf \"$1\"");
        let child = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: what interrupts this process must not end it too early.
            .process_group(0)
            .spawn()?;
        Ok(Watchdog(child))
    }
}

impl Drop for Watchdog {
    /// Stops the server now, and waits until it has stopped.
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Whether it could be waited for or not, the pipe is closed.
        let _ = self.0.wait();
    }
}
