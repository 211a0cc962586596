//! The schema: forward by refinery, backward by the matching file in `rollbacks/`.

use std::path::Path;

use angaros_store::{Result, SchemaStep, StoreError};
use refinery::{Migration, Runner, Target};
pub use rusqlite::Connection;
use rusqlite::{OpenFlags, params};

use crate::connection;
use crate::error::SqliteResult;

#[allow(missing_docs, reason = "generated")]
mod embedded {
    refinery::embed_migrations!("migrations");
}

/// How to undo each migration, by version. A test holds this against the migrations.
const ROLLBACKS: &[(u32, &str)] = &[(1, include_str!("../rollbacks/V1__house.sql"))];

fn runner() -> Runner {
    embedded::migrations::runner().set_grouped(true)
}

/// The newest version that this program knows.
pub fn known_version() -> u32 {
    runner().get_migrations().iter().map(version_of).max().unwrap_or(0)
}

fn version_of(migration: &Migration) -> u32 {
    // refinery counts in i32 or i64 depending on its features; ours are small and positive.
    u32::try_from(migration.version()).unwrap_or(0)
}

#[allow(clippy::needless_pass_by_value, reason = "the form that map_err hands it over in")]
fn failed(error: refinery::Error) -> StoreError {
    StoreError::Unavailable(format!("a migration failed: {error}"))
}

/// The version of a database; 0 if it is empty.
pub fn version(connection: &mut Connection) -> Result<u32> {
    let exists: bool = connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')",
            [],
            |row| row.get(0),
        )
        .stored()?;
    if !exists {
        return Ok(0);
    }
    Ok(runner().get_last_applied_migration(connection).map_err(failed)?.map_or(0, |m| version_of(&m)))
}

/// Brings a database up to the version of this program. Does nothing if it is there.
pub fn up(connection: &mut Connection) -> Result<()> {
    to(connection, known_version())
}

/// Moves a database to a version, up or down. Going down drops what the later versions brought, with its data.
pub fn to(connection: &mut Connection, target: u32) -> Result<()> {
    let (found, known) = (version(connection)?, known_version());
    if found > known {
        let advice = "start the program that made it, or a newer one";
        return Err(StoreError::Schema { found, known, advice });
    }
    if target > known {
        return Err(StoreError::Internal(format!(
            "there is no version {target}; this program knows {known}"
        )));
    }
    if target > found {
        let target = Target::Version(i32::try_from(target).unwrap_or(i32::MAX));
        runner().set_target(target).run(connection).map_err(failed)?;
    }
    for (version, sql) in ROLLBACKS.iter().rev().filter(|(version, _)| (target + 1..=found).contains(version))
    {
        let transaction = connection.transaction().stored()?;
        transaction.execute_batch(sql).stored()?;
        transaction
            .execute("DELETE FROM refinery_schema_history WHERE version = ?1", params![version])
            .stored()?;
        transaction.commit().stored()?;
    }
    Ok(())
}

/// Every step that this program knows, and whether a database has it.
pub fn steps(connection: &mut Connection) -> Result<Vec<SchemaStep>> {
    let found = version(connection)?;
    let mut steps: Vec<SchemaStep> = runner()
        .get_migrations()
        .iter()
        .map(|m| SchemaStep {
            version: version_of(m),
            name: m.name().to_owned(),
            applied: version_of(m) <= found,
        })
        .collect();
    steps.sort_by_key(|step| step.version);
    Ok(steps)
}

/// Opens a database for migrating only: nothing else may own it meanwhile.
pub fn open(path: &Path) -> Result<(Connection, std::fs::File)> {
    connection::assert_version()?;
    let ownership = connection::own(path)?;
    Ok((connection::open_writer(path)?, ownership))
}

/// Opens a database to look at its version only, whoever owns it meanwhile. Makes nothing: where there is no file, an
/// empty database in memory stands for it.
pub fn look(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Connection::open_in_memory().stored();
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).exists() {
        return Connection::open_with_flags(path, flags).stored();
    }
    // Nobody has it open. Unless SQLite is told that it stays so, it would make a log even for a reader.
    Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI).stored()
}

/// The file as a URI that says that it does not change.
fn immutable(path: &Path) -> String {
    let byte = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let path: String = path.as_os_str().as_encoded_bytes().iter().map(byte).collect();
    let root = if path.starts_with('/') { "//" } else { "" };
    format!("file:{root}{path}?immutable=1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(connection: &Connection) -> Vec<(String, String)> {
        let sql = "SELECT name, ifnull(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'refinery%'
                   AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut statement = connection.prepare(sql).unwrap();
        statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .map(std::result::Result::unwrap)
            .collect()
    }

    #[test]
    fn down_undoes_up_and_up_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, _lock) = open(&folder.path().join("a.db")).unwrap();
        assert_eq!(version(&mut connection).unwrap(), 0);
        up(&mut connection).unwrap();
        let there = schema(&connection);
        assert!(there.len() > 10);
        to(&mut connection, 0).unwrap();
        assert_eq!(schema(&connection), []);
        assert_eq!(version(&mut connection).unwrap(), 0);
        up(&mut connection).unwrap();
        assert_eq!(schema(&connection), there);
        assert!(steps(&mut connection).unwrap().iter().all(|step| step.applied));
    }

    #[test]
    fn every_migration_can_be_rolled_back() {
        let forward: Vec<u32> = runner().get_migrations().iter().map(version_of).collect();
        let backward: Vec<u32> = ROLLBACKS.iter().map(|(version, _)| *version).collect();
        assert_eq!(forward, backward);
    }

    #[test]
    fn a_look_makes_nothing_and_needs_no_ownership() {
        let folder = tempfile::tempdir().unwrap();
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        // Signs that mean something in a URI.
        let path = folder.path().join("a %41?b#c.db");
        assert_eq!((version(&mut look(&path).unwrap()).unwrap(), files()), (0, 0));
        let (mut connection, lock) = open(&path).unwrap();
        up(&mut connection).unwrap();
        assert_eq!(
            version(&mut look(&path).unwrap()).unwrap(),
            known_version(),
            "it is owned, and has a log"
        );
        drop((connection, lock));
        let before = files();
        assert_eq!(version(&mut look(&path).unwrap()).unwrap(), known_version(), "it is at rest");
        assert!(steps(&mut look(&path).unwrap()).unwrap().iter().all(|step| step.applied));
        assert_eq!(files(), before);
    }

    #[test]
    fn a_version_that_does_not_exist_is_named() {
        let mut connection = Connection::open_in_memory().unwrap();
        let refused = to(&mut connection, known_version() + 98).unwrap_err().to_string();
        let expected =
            format!("there is no version {}; this program knows {}", known_version() + 98, known_version());
        assert!(refused.ends_with(&expected), "{refused}");
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, _lock) = open(&folder.path().join("a.db")).unwrap();
        up(&mut connection).unwrap();
        let sql = "INSERT INTO refinery_schema_history SELECT 99, 'future', applied_on, checksum
                   FROM refinery_schema_history LIMIT 1";
        connection.execute(sql, []).unwrap();
        assert!(matches!(up(&mut connection), Err(StoreError::Schema { found: 99, .. })));
    }
}
