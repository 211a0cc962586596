//! For tests: how PostgreSQL means to answer a statement.

use angaros_clock::Clock;
use angaros_testkit::postgres::Database;

use crate::migrate;
use crate::row::get;
use crate::session::{Kind, Session};
use crate::store::{Inner, Options};
use crate::target::Target;
use crate::values::{Value, values};

/// An empty database with the schema.
pub(crate) struct Bench(Inner);

impl Bench {
    pub(crate) async fn new() -> Bench {
        let target = Target::parse(&Database::new().await.url()).unwrap();
        migrate::up(&mut migrate::open(&target).await.unwrap(), &target).await.unwrap();
        Bench(Inner::new(&target, &Clock::system(), Options::default()).unwrap())
    }

    /// The plan of a statement, where only what an index cannot do is done without one: in an empty database everything
    /// else would be cheaper.
    pub(crate) async fn plan(&self, sql: &str, values: Vec<Value<'_>>) -> String {
        let session = Session::begin(&self.0, Kind::Write).await.unwrap();
        for setting in ["seqscan", "sort", "bitmapscan"] {
            session.execute(&format!("SET LOCAL enable_{setting} = off"), values![]).await.unwrap();
        }
        let rows = session.rows(&format!("EXPLAIN {sql}"), values).await.unwrap();
        session.rollback().await;
        rows.iter().map(|row| get::<&str>(row, 0).unwrap().to_owned() + "\n").collect()
    }

    /// Holds that a statement which walks indexes in their order is not compiled before it is run.
    pub(crate) async fn is_not_compiled(&self, sql: &str, values: Vec<Value<'_>>) {
        let session = Session::begin(&self.0, Kind::Write).await.unwrap();
        session.walk_in_order().await.unwrap();
        let rows = session.rows(&format!("EXPLAIN (ANALYZE) {sql}"), values).await.unwrap();
        session.rollback().await;
        let plan: String = rows.iter().map(|row| get::<&str>(row, 0).unwrap().to_owned() + "\n").collect();
        assert!(plan.contains("Sort") && !plan.contains("JIT"), "{sql}\n{plan}");
    }

    /// Holds that a statement walks an index in its order: it reads no whole table and sorts nothing.
    pub(crate) async fn walks(&self, index: &str, sql: &str, values: Vec<Value<'_>>) {
        let plan = self.plan(sql, values).await;
        assert!(plan.contains(&format!(" {index} on ")), "{index}: {sql}\n{plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("Sort"), "{sql}\n{plan}");
    }
}
