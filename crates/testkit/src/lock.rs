//! Whether another process holds a lock on a file.

use std::fs::OpenOptions;
use std::path::Path;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

/// Whether another process holds a POSIX lock (fcntl(2), as SQLite takes them) on any part of a file.
///
/// # Panics
/// If the file cannot be opened or asked about.
pub fn is_locked_elsewhere(path: &Path) -> bool {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("the file is there");
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Closing the file lets go of it again.
        Ok(()) => false,
        Err(Errno::AGAIN | Errno::ACCESS) => true,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
