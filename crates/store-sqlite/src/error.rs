//! SQLite's errors in the store's terms.

use angaros_store::StoreError;
use rusqlite::ErrorCode;

/// What an error of SQLite means to the caller: may it pass, is the file damaged, or is it our bug?
pub(crate) fn from_sqlite(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => StoreError::TooSlow,
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::PermissionDenied,
        ) => StoreError::Unavailable(error.to_string()),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
        _ => match error {
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
                StoreError::Corrupt(error.to_string())
            }
            other => StoreError::Internal(other.to_string()),
        },
    }
}

/// Lets `?` turn SQLite's errors into the store's.
pub(crate) trait SqliteResult<T> {
    /// The same result in the store's terms.
    fn stored(self) -> Result<T, StoreError>;
}

impl<T> SqliteResult<T> for rusqlite::Result<T> {
    fn stored(self) -> Result<T, StoreError> {
        self.map_err(from_sqlite)
    }
}
