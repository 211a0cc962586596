//! Connections: how the file is opened, and what is asked of SQLite.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use angaros_store::{Result, StoreError};
use rusqlite::{Connection, OpenFlags};

use crate::error::SqliteResult;
use crate::migrate;

/// The oldest SQLite that is safe: before 3.51.3 a reset of the write-ahead log could corrupt the database.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a writer waits for another process, such as the command line, to finish its transaction.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared: all of ours.
const STATEMENTS: usize = 256;

/// Refuses an SQLite that may lose data. It is bundled, so this only fails if the build was changed.
pub(crate) fn assert_version() -> Result<()> {
    let found = rusqlite::version_number();
    if found < SQLITE_VERSION_MIN {
        let found = rusqlite::version();
        return Err(StoreError::Unavailable(format!(
            "SQLite {found} is older than 3.51.3, which may corrupt data"
        )));
    }
    Ok(())
}

/// Takes the file for this process. The lock lies beside it, since SQLite's own locks are for transactions.
pub(crate) fn own(path: &Path) -> Result<File> {
    let unavailable = |what: &str, error: std::io::Error| {
        StoreError::Unavailable(format!("{what} {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_private_folder(folder).map_err(|error| unavailable("cannot make the folder of", error))?;
    }
    let lock =
        open_private(&path.with_extension("lock")).map_err(|error| unavailable("cannot lock", error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(StoreError::Unavailable(format!("{} is in use by another angaros process", path.display())))
        }
        Err(TryLockError::Error(error)) => Err(unavailable("cannot lock", error)),
    }
}

/// Makes a folder that only its owner may enter: messages and addresses lie in it.
fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens a file that only its owner may read, and makes it if it is missing.
fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes the database file if it is missing, so that it, and the log that SQLite makes in its likeness, are the owner's
/// alone.
///
/// A file that is there is not even opened: closing it again would drop every lock that this process holds on it (so
/// POSIX wants it), and another process would then take itself for the last user and delete the log.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The writing connection.
pub(crate) fn open_writer(path: &Path) -> Result<Connection> {
    make_private(path)
        .map_err(|error| StoreError::Unavailable(format!("cannot open {}: {error}", path.display())))?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .stored()?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384;
             PRAGMA journal_size_limit = 67108864;
             -- A thread of its own checkpoints, so that no commit waits for it.
             PRAGMA wal_autocheckpoint = 0;",
        )
        .stored()?;
    configured(connection)
}

/// A writing connection for a process that does not own the file. A fresh file is made ready first, and one whose
/// schema is of another version is only touched if nobody owns it now.
pub(crate) fn open_beside(path: &Path) -> Result<Connection> {
    if let Ok(_ownership) = own(path) {
        let mut connection = open_writer(path)?;
        migrate::up(&mut connection)?;
        return Ok(connection);
    }
    let mut connection = open_writer(path)?;
    let (found, known) = (migrate::version(&mut connection)?, migrate::known_version());
    if found != known {
        let advice = "the running service is of another version; use its program";
        return Err(StoreError::Schema { found, known, advice });
    }
    Ok(connection)
}

/// A reading connection.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).stored()?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048;")
        .stored()?;
    configured(connection)
}

fn configured(connection: Connection) -> Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT).stored()?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
