//! For tests: how PostgreSQL means to answer a statement.

use angaros_clock::Clock;
use angaros_testkit::postgres::Database;

use crate::migrate;
use crate::row::get;
use crate::session::{Kind, Session};
use crate::store::{Inner, Options};
use crate::target::Target;
use crate::values::{Value, values};

/// A database with the schema.
pub(crate) struct Bench(Inner);

/// When the first event of [`Bench::with_a_great_series`] happened.
pub(crate) const GREAT_SERIES_AT: i64 = 1_780_000_000_000;

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Bench {
        let target = Target::parse(&Database::new().await.url()).unwrap();
        migrate::up(&mut migrate::open(&target).await.unwrap(), &target).await.unwrap();
        Bench(Inner::new(&target, &Clock::system(), options).unwrap())
    }

    /// A transaction in it.
    pub(crate) async fn session(&self, kind: Kind) -> Session<'_> {
        Session::begin(&self.0, kind).await.unwrap()
    }

    /// One with a series, the first of 200, that has nine of ten events, and a history of two months.
    pub(crate) async fn with_a_great_series() -> Bench {
        let bench = Bench::new().await;
        let session = bench.session(Kind::Write).await;
        for sql in [
            "INSERT INTO series (tenant, campaign_id, name, channel, provider)
                SELECT 1, n::text, 'sent', 'sms', 'p' FROM generate_series(1, 200) AS n",
            &format!(
                "INSERT INTO events (position, occurred_at, received_at, tenant, recipient_key, id, series, level)
                 SELECT n, at, at, 1, n, gen_random_uuid(), CASE WHEN n % 10 = 0 THEN 2 + n / 10 % 199 ELSE 1 END,
                    least(12, floor(log(2, 4096.0 / (1 + n * 7919 % 4096))))
                 FROM generate_series(1, 20000) AS n, LATERAL (SELECT {GREAT_SERIES_AT} + n::bigint * 259200) AS t (at)"
            ),
            "INSERT INTO event_counts SELECT count(*), series, occurred_at / 900000, 0 FROM events GROUP BY 2, 3",
            "ANALYZE series, events, event_counts",
        ] {
            session.execute(sql, values![]).await.unwrap();
        }
        session.commit().await.unwrap();
        bench
    }

    /// Holds that a statement goes to a range of each level of each series, and reads nothing else of the log.
    pub(crate) async fn reads_ranges_of_series(&self, sql: &str, values: Vec<Value<'_>>) {
        let session = self.session(Kind::Read).await;
        let rows = session.rows(&format!("EXPLAIN {sql}"), values).await.unwrap();
        session.rollback().await;
        let plan: Vec<&str> = rows.iter().map(|row| get(row, 0).unwrap()).collect();
        let mut reads = plan.windows(2).filter(|lines| lines[0].contains(" on events_default")).peekable();
        let is_range = |reads: &[&str]| {
            ["series = ", "level = ", "occurred_at >= "].iter().all(|of| reads[1].contains(of))
        };
        assert!(reads.peek().is_some() && reads.all(is_range), "{sql}\n{}", plan.join("\n"));
    }

    /// The plan of a statement, where only what an index cannot do is done without one: in an empty database everything
    /// else would be cheaper.
    pub(crate) async fn plan(&self, sql: &str, values: Vec<Value<'_>>) -> String {
        let session = self.session(Kind::Write).await;
        for setting in ["seqscan", "sort", "bitmapscan"] {
            session.execute(&format!("SET LOCAL enable_{setting} = off"), values![]).await.unwrap();
        }
        let rows = session.rows(&format!("EXPLAIN {sql}"), values).await.unwrap();
        session.rollback().await;
        rows.iter().map(|row| get::<&str>(row, 0).unwrap().to_owned() + "\n").collect()
    }

    /// Holds that a statement which walks indexes in their order is not compiled before it is run.
    pub(crate) async fn is_not_compiled(&self, sql: &str, values: Vec<Value<'_>>) {
        let session = self.session(Kind::Write).await;
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
