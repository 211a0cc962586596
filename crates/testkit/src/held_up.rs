//! A write that is held up in the middle, for tests that end a process there.

use tokio_postgres::Client;

use crate::postgres::Database;

/// The lock that whoever is held up waits for.
const LOCK: i64 = 42;

/// Whoever inserts a certain event waits as long as this is there.
pub struct HeldUp(Client);

impl HeldUp {
    /// Holds up whoever inserts the event at this place of the log. The database has its schema.
    ///
    /// # Panics
    /// If it has not.
    pub async fn at(database: &Database, place: usize) -> HeldUp {
        let client = database.client().await;
        let sql = format!(
            "CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_advisory_xact_lock({LOCK}); RETURN NEW; END';
             CREATE TRIGGER hold_up BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.position = {place})
                EXECUTE FUNCTION hold_up();
             SELECT pg_advisory_lock({LOCK});"
        );
        client.batch_execute(&sql).await.expect("there is a schema");
        HeldUp(client)
    }

    /// Whether somebody waits.
    ///
    /// # Errors
    /// What stands in the way, or that nobody does.
    pub async fn is_reached(&self) -> Result<(), String> {
        let sql = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";
        let row = self.0.query_one(sql, &[]).await.map_err(|error| error.to_string())?;
        if row.get(0) { Ok(()) } else { Err("nobody waits".into()) }
    }

    /// Lets everybody go.
    ///
    /// # Panics
    /// If the server is gone.
    pub async fn release(self) {
        let sql = format!("SELECT pg_advisory_unlock({LOCK})");
        self.0.batch_execute(&sql).await.expect("the server answers");
    }
}
