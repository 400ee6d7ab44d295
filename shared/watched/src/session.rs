//! A watched database while questions are put to it: over one connection, as long as that lasts.

use std::time::{Duration, Instant};

use config::Secrets;
use config::watch_file::{Access, Database};
use store::Connection;

use crate::cells::Rows;
use crate::failure::Trouble;
use crate::functions::Functions;
use crate::{function, postgres};

/// A statement, how many of its rows are wanted, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The statement.
    pub sql: &'a str,
    /// How many rows are wanted. One more is read at most, which tells that there are too many.
    pub most: usize,
    /// How long the statement may take.
    pub limit: Duration,
}

/// A database while questions are put to it.
pub struct Session<'a> {
    name: &'a str,
    database: &'a Database,
    functions: &'a Functions,
    secrets: &'a Secrets,
    /// The connection, where there is one to keep.
    connection: Option<Connection>,
}

impl<'a> Session<'a> {
    /// Nothing is connected before the first question.
    pub fn new(name: &'a str, database: &'a Database, functions: &'a Functions, secrets: &'a Secrets) -> Self {
        Self { name, database, functions, secrets, connection: None }
    }

    /// Puts a question; connecting and answering may take `left` together.
    ///
    /// # Errors
    /// Why there is no answer, and whom that concerns. No secret shows in it.
    pub async fn ask(&mut self, question: &Question<'_>, left: Duration) -> Result<Rows, Trouble> {
        let Question { sql, most, limit } = *question;
        let url = match &self.database.access {
            Access::Lambda(function) => {
                let lambda = self.functions.client();
                return function::ask(lambda, self.name, function, sql, most, limit.min(left)).await;
            }
            Access::Url(url) => url,
        };
        let started = Instant::now();
        let connection = match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => postgres::connect(self.name, url, self.secrets, left).await.map_err(Trouble::Closed)?,
        };
        let limit = limit.min(left.saturating_sub(started.elapsed()));
        let answer = postgres::ask(&connection, self.name, sql, most, limit).await;
        // A connection whose state is not known is not used again; the next question gets a new one.
        if !matches!(answer, Err(Trouble::Broken(_))) {
            self.connection = Some(connection);
        }
        answer
    }
}
