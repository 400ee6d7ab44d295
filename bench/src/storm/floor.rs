//! The floor: the same rows, inserted by the same client without deciding anything.
//!
//! What a batch left in the record is read back, column by column as the server sent it, and written into a table of the
//! same columns, checks and indexes: one statement, one transaction, one round trip.

use std::error::Error;
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

/// A value as it is on the wire.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The same columns of a batch's rows in one table.
struct Rows {
    columns: Vec<(Raw, Type)>,
}

/// A table of the record and its copy.
struct Table {
    /// Answers the columns of the last batch's rows.
    read: String,
    insert: String,
}

/// A connection of its own, and what it inserts.
pub(super) struct Floor {
    client: Client,
    signals: Table,
    others: Vec<Table>,
}

/// What the floor took for one batch.
pub(super) struct Took {
    /// The signals alone.
    pub(super) signals: Duration,
    /// Signals and alerts, what their sources say and deliveries: all rows that the router wrote.
    pub(super) all: Duration,
}

/// Rows of the last batch: those of one transaction have one instant.
const LAST: &str = "received_at = (select max(received_at) from watchkeeper.signals)";

impl Floor {
    /// Makes empty copies of the record's tables.
    pub(super) async fn start(database_url: &str) -> anyhow::Result<Self> {
        let (client, connection) =
            tokio_postgres::connect(database_url, NoTls).await.context("connecting the floor")?;
        tokio::spawn(connection);
        client.batch_execute("drop schema if exists floor cascade; create schema floor").await?;
        let opened = format!(
            "fingerprint in (select fingerprint from watchkeeper.signals where {LAST} and decision = 'opened')"
        );
        let signals = Table::copy(&client, "signals", LAST).await?;
        let mut others = Vec::new();
        for name in ["alert_sources", "alerts", "deliveries"] {
            others.push(Table::copy(&client, name, &opened).await?);
        }
        Ok(Self { client, signals, others })
    }

    /// Writes what the router has written last once more, and says how long that took.
    pub(super) async fn repeat(&self) -> anyhow::Result<Took> {
        let signals = self.signals.rows(&self.client).await?.context("the router recorded nothing")?;
        let mut others = Vec::new();
        for table in &self.others {
            if let Some(rows) = table.rows(&self.client).await? {
                others.push((table, rows));
            }
        }
        let began = Instant::now();
        self.signals.insert(&self.client, &signals).await?;
        let took = began.elapsed();
        if others.is_empty() {
            return Ok(Took { signals: took, all: took });
        }
        // The others and the transaction around all of them: what of it belongs to the signals was measured just now.
        let began = Instant::now();
        let work = async {
            let (begin, commit) = (self.client.batch_execute("begin"), self.client.batch_execute("commit"));
            let inserts = others.iter().map(|(table, rows)| table.insert(&self.client, rows));
            let (begin, inserts, commit) = futures::join!(begin, futures::future::join_all(inserts), commit);
            begin.and(commit)?;
            inserts.into_iter().collect::<anyhow::Result<()>>()
        };
        work.await?;
        Ok(Took { signals: took, all: took + began.elapsed() })
    }

    /// Empties the record and the copies, for a storm that starts from nothing.
    pub(super) async fn clear(&self) -> anyhow::Result<()> {
        let clear =
            "truncate watchkeeper.signals, watchkeeper.alerts, watchkeeper.alert_sources, watchkeeper.deliveries,
                     watchkeeper.delivery_attempts, watchkeeper.receiver_states, floor.signals, floor.alerts,
                     floor.alert_sources, floor.deliveries cascade";
        self.client.batch_execute(clear).await.context("emptying the record")
    }

    /// What autovacuum does elsewhere, and the throw-away server leaves to us.
    pub(super) async fn tidy(&self) -> anyhow::Result<()> {
        self.client.batch_execute("vacuum analyze").await.context("tidying up")
    }

    /// How many signals are on record, and how many deliveries went out.
    pub(super) async fn recorded(&self) -> anyhow::Result<(i64, i64)> {
        let count = "select (select count(*) from watchkeeper.signals),
                            (select count(*) from watchkeeper.deliveries where status = 'sent')";
        let rows = self.client.query_typed(count, &[]).await?;
        let row = rows.first().context("counting answered nothing")?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// Runs a statement without an answer.
    pub(super) async fn run(&self, statement: &str) -> anyhow::Result<()> {
        self.client.batch_execute(statement).await.with_context(|| statement.to_owned())
    }
}

impl Table {
    /// A copy of a table, and the statements for rows of a batch: their columns come from the catalogue, so that they stay
    /// those of the record.
    async fn copy(client: &Client, name: &str, last: &str) -> anyhow::Result<Self> {
        let copied = format!("create table floor.{name} (like watchkeeper.{name} including all)");
        client.batch_execute(&copied).await.with_context(|| format!("copying the table {name}"))?;
        // Arrays of arrays have to be of one length; columns of arrays have defaults.
        let columns = "select quote_ident(attname), format_type(atttypid, null) || '[]'
                       from pg_attribute
                       where attrelid = $1::text::regclass and attnum > 0 and not attisdropped
                         and attgenerated = '' and attidentity = '' and format_type(atttypid, null) not like '%[]'
                       order by attnum";
        let columns = client.query_typed(columns, &[(&format!("watchkeeper.{name}"), Type::TEXT)]).await?;
        let (mut names, mut types) = (Vec::new(), Vec::new());
        for column in &columns {
            names.push(column.try_get::<_, String>(0)?);
            types.push(column.try_get::<_, String>(1)?);
        }
        let read: Vec<String> = names.iter().map(|name| format!("array_agg({name} order by ctid)")).collect();
        let unnest: Vec<String> = types.iter().zip(1..).map(|(array, n)| format!("${n}::{array}")).collect();
        Ok(Self {
            read: format!("select {} from watchkeeper.{name} where {last} having count(*) > 0", read.join(", ")),
            insert: format!(
                "insert into floor.{name} ({}) select * from unnest({})",
                names.join(", "),
                unnest.join(", ")
            ),
        })
    }

    async fn rows(&self, client: &Client) -> anyhow::Result<Option<Rows>> {
        let rows = client.query_typed(&self.read, &[]).await.context("reading what was recorded")?;
        let Some(row) = rows.first() else { return Ok(None) };
        let columns = row.columns().iter().enumerate();
        let columns = columns.map(|(n, column)| Ok((row.try_get(n)?, column.type_().clone())));
        Ok(Some(Rows { columns: columns.collect::<anyhow::Result<_>>()? }))
    }

    async fn insert(&self, client: &Client, rows: &Rows) -> anyhow::Result<()> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            rows.columns.iter().map(|(raw, array)| (raw as &(dyn ToSql + Sync), array.clone())).collect();
        client.query_typed(&self.insert, &parameters).await.context("inserting the floor's rows")?;
        Ok(())
    }
}
