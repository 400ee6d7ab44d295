//! Every statement of the store: its text and the types of its parameters, said once, prepared and explained by a test.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::Error;

/// A statement. The types make it one round trip: nothing is prepared or looked up on the server.
pub struct Statement {
    /// What it does, for errors: `failed at recording signals`.
    pub name: &'static str,
    /// Its text, with parameters `$1…`.
    pub sql: &'static str,
    /// The types of its parameters, built-in ones only.
    pub types: &'static [Type],
}

/// All of them, for the test that prepares and explains each against the migrated schema.
pub fn all() -> Vec<&'static Statement> {
    [
        crate::acknowledgements::STATEMENTS,
        crate::alarm_sources::STATEMENTS,
        crate::archive::STATEMENTS,
        crate::batch::STATEMENTS,
        crate::check_states::STATEMENTS,
        crate::cycles::STATEMENTS,
        crate::deliveries::STATEMENTS,
        crate::digests::STATEMENTS,
        crate::events::STATEMENTS,
        crate::explain::STATEMENTS,
        crate::heartbeats::STATEMENTS,
        crate::leases::STATEMENTS,
        crate::ledger::STATEMENTS,
        crate::migrations::STATEMENTS,
        crate::outbox::STATEMENTS,
        crate::quarantines::STATEMENTS,
        crate::query::STATEMENTS,
        crate::silences::STATEMENTS,
        crate::replay::STATEMENTS,
        crate::restored::STATEMENTS,
        crate::runs::STATEMENTS,
        crate::suspects::STATEMENTS,
        crate::told::STATEMENTS,
        crate::vitals::STATEMENTS,
    ]
    .concat()
}

impl Statement {
    /// Runs it. The request is written when the future is first polled, so futures polled together share a flush.
    pub(crate) fn run<'a>(
        &'static self,
        client: &'a Client,
        parameters: &[&'a (dyn ToSql + Sync)],
    ) -> impl Future<Output = Result<Vec<Row>, Error>> + Send + 'a {
        let typed: Vec<(&'a (dyn ToSql + Sync), Type)> =
            parameters.iter().copied().zip(self.types.iter().cloned()).collect();
        async move {
            let rows = client.query_typed(self.sql, &typed).await;
            let rows = rows.map_err(|source| Error::Statement { statement: self.name, source })?;
            failpoint::pass(self.name);
            Ok(rows)
        }
    }
}

/// Sends one of the words that open and close a transaction, which need no parameters.
pub(crate) async fn say(client: &Client, word: &'static str) -> Result<Vec<Row>, Error> {
    client.batch_execute(word).await.map_err(|source| Error::Statement { statement: word, source })?;
    failpoint::pass(word);
    Ok(Vec::new())
}

/// Statements that share one network flush, answered in order.
pub(crate) struct Flush<'a> {
    patience: Duration,
    pending: Vec<BoxFuture<'a, Result<Vec<Row>, Error>>>,
}

impl<'a> Flush<'a> {
    /// An empty flush that has to be answered within `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, pending: Vec::new() }
    }

    /// Adds a statement; it is written when the flush is awaited.
    pub(crate) fn add(&mut self, statement: impl Future<Output = Result<Vec<Row>, Error>> + Send + 'a) {
        self.pending.push(statement.boxed());
    }

    /// The answers, or the first error: later ones only say that the transaction is aborted.
    pub(crate) async fn all(self, statement: &'static str) -> Result<Vec<Vec<Row>>, Error> {
        let answers = tokio::time::timeout(self.patience, join_all(self.pending)).await;
        let answers = answers.map_err(|_| Error::Timeout { statement, seconds: self.patience.as_secs() })?;
        answers.into_iter().collect()
    }

    /// The same, of a known number of statements.
    pub(crate) async fn answers<const N: usize>(self, statement: &'static str) -> Result<[Vec<Row>; N], Error> {
        let answers = self.all(statement).await?;
        answers.try_into().map_err(|answers: Vec<Vec<Row>>| Error::UnexpectedValue {
            column: statement,
            value: format!("{} answers", answers.len()),
        })
    }
}
