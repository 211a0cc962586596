//! Many rows at once: the same columns by an ordinary statement, or, if there are enough of them, by COPY.
//!
//! COPY puts a page's rows under one record of the write-ahead log, and the server plans nothing. But it takes two more round
//! trips, and while it goes on nothing else is sent on the connection: a few rows are quicker in a statement.

use angaros_store::StoreError;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::SinkExt as _;
use tokio_postgres::types::{IsNull, ToSql, Type};

use crate::error::Run;
use crate::session::Session;
use crate::values::Typed;

/// From how many rows on COPY is worth its round trips.
const COPIED_MIN: usize = 24;

/// The values of one column, of which a row is taken or all as a list.
pub(crate) trait Column: Send + Sync {
    fn count(&self) -> usize;
    fn cell(&self, row: usize) -> &(dyn ToSql + Sync);
    fn cell_type(&self) -> Type;
    fn list(&self) -> (&(dyn ToSql + Sync), Type);
}

impl<T: Typed> Column for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn cell(&self, row: usize) -> &(dyn ToSql + Sync) {
        &self[row]
    }

    fn cell_type(&self) -> Type {
        T::TYPE
    }

    fn list(&self) -> (&(dyn ToSql + Sync), Type) {
        (self, T::LIST)
    }
}

/// Columns, in order.
macro_rules! columns {
    ($($column:expr),* $(,)?) => {
        [$(Box::new($column) as Box<dyn $crate::bulk::Column + '_>),*]
    };
}
pub(crate) use columns;

impl Session<'_> {
    /// Inserts rows, given by their columns: all of one length, in the order of the table's, or in that of those which are
    /// named behind it.
    pub(crate) async fn put(&self, table: &str, columns: &[Box<dyn Column + '_>]) -> Run<()> {
        let count = columns.first().map_or(0, |column| column.count());
        match count {
            0 => Ok(()),
            1..COPIED_MIN => Box::pin(self.insert(table, columns)).await,
            _ => Box::pin(self.copy(table, columns, count)).await,
        }
    }

    async fn insert(&self, table: &str, columns: &[Box<dyn Column + '_>]) -> Run<()> {
        let numbers: Vec<String> = (1..=columns.len()).map(|number| format!("${number}")).collect();
        let sql = format!("INSERT INTO {table} SELECT * FROM unnest({})", numbers.join(", "));
        let lists: Vec<(&(dyn ToSql + Sync), Type)> = columns.iter().map(|column| column.list()).collect();
        self.heard(self.client()?.execute_typed(&sql, &lists)).await??;
        Ok(())
    }

    /// COPY cannot be sent but as a named statement. It is gone again before the transaction ends, so that nothing is left on
    /// the connection.
    async fn copy(&self, table: &str, columns: &[Box<dyn Column + '_>], count: usize) -> Run<()> {
        let client = self.client()?;
        let statement =
            self.heard(client.prepare(&format!("COPY {table} FROM STDIN (FORMAT binary)"))).await??;
        let sink = self.heard(client.copy_in(&statement)).await??;
        let mut sink = Box::pin(sink);
        self.heard(sink.send(copied(columns, count)?)).await??;
        self.heard(sink.as_mut().finish()).await??;
        Ok(())
    }
}

/// Rows as COPY reads them (PostgreSQL, "COPY", binary format): a signature, no flags, no extension; of each row the number of
/// its fields and of each field its length, or -1 for NULL, and its bytes; at the end -1.
fn copied(columns: &[Box<dyn Column + '_>], count: usize) -> Run<Bytes> {
    let mut out = BytesMut::new();
    out.put_slice(b"PGCOPY\n\xff\r\n\0");
    out.put_u64(0);
    for row in 0..count {
        // A table has no more than 1600 columns.
        out.put_i16(columns.len() as i16);
        for column in columns {
            let start = out.len();
            out.put_i32(-1);
            let written = column.cell(row).to_sql_checked(&column.cell_type(), &mut out);
            let written = written.map_err(|error| StoreError::Internal(error.to_string()))?;
            if let IsNull::No = written {
                let length = i32::try_from(out.len() - start - 4);
                let length = length.map_err(|error| StoreError::Internal(error.to_string()))?;
                out[start..start + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
    }
    out.put_i16(-1);
    Ok(out.freeze())
}
