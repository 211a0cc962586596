//! PostgreSQL's errors in the store's terms, and which of them a transaction gets over.

use angaros_domain::status::InvalidTransition;
use angaros_store::StoreError;
use tokio_postgres::error::SqlState;

/// Why a transaction did not come to its end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing of it is stored, and it may be done again at once: rivals were in the way, or the connection broke off
    /// before the commit was sent.
    Passing(StoreError),
    /// It is for the caller.
    Final(StoreError),
}

/// The answer of everything inside a transaction.
pub(crate) type Run<T> = Result<T, Fault>;

impl Fault {
    /// What went wrong with a commit. Whoever loses against rivals is told so before anything is stored. Whatever else the
    /// server says, or does not say, may come behind a commit that took effect: one that is told to end its connection while
    /// it writes the commit down does so first, and answers with both. Nobody repeats that.
    pub(crate) fn of_commit(error: tokio_postgres::Error) -> Fault {
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => error.into(),
            _ => {
                let text = format!("the answer to a commit was lost: {}", describe(&error));
                Fault::Final(StoreError::Unavailable(text))
            }
        }
    }

    /// What the caller hears.
    pub(crate) fn into_error(self) -> StoreError {
        match self {
            Fault::Passing(error) | Fault::Final(error) => error,
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Final(error)
    }
}

impl From<InvalidTransition> for Fault {
    fn from(fault: InvalidTransition) -> Fault {
        Fault::Final(fault.into())
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Fault {
        let text = describe(&error);
        let Some(state) = error.code() else {
            // Without a word from the server it is the connection, or a value that cannot be read.
            return match std::error::Error::source(&error) {
                Some(source) if !source.is::<std::io::Error>() && !error.is_closed() => {
                    Fault::Final(StoreError::Corrupt(text))
                }
                _ => Fault::Passing(StoreError::Unavailable(text)),
            };
        };
        match state {
            &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => {
                Fault::Passing(StoreError::Unavailable(text))
            }
            &SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN | &SqlState::CANNOT_CONNECT_NOW => {
                Fault::Passing(StoreError::Unavailable(text))
            }
            // A month got its partition while a row of it was on its way into the default one: done again, it finds it.
            &SqlState::CHECK_VIOLATION if is_of_default_partition(&error) => {
                Fault::Passing(StoreError::Unavailable(text))
            }
            &SqlState::QUERY_CANCELED => Fault::Final(StoreError::TooSlow),
            // Classes: 08 connections, 25P02 and 25P03 ended transactions, 53 resources, 55P03 waited for a lock, 57 the
            // operator, 58 the system, 28 and 3D whom and what to connect to, 42501 rights, XX001 and XX002 damage.
            state => Fault::Final(match state.code() {
                "XX001" | "XX002" => StoreError::Corrupt(text),
                "25P02" | "25P03" | "25006" | "55P03" | "42501" => StoreError::Unavailable(text),
                code if ["08", "28", "3D", "53", "57", "58"].contains(&&code[..2]) => {
                    StoreError::Unavailable(text)
                }
                _ => StoreError::Internal(text),
            }),
        }
    }
}

fn is_of_default_partition(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().and_then(|db| db.table()) == Some("events_default")
}

/// What an error says, without values: details may hold addresses and contents.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            text
        }
    }
}
