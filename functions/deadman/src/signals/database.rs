//! Asks the databases that are watched: side by side, the questions to one of them in turn.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use config::watch_file::Database;
use config::{Secrets, WatchFile};
use domain::Timestamp;
use domain::heartbeat::{Reading, looking};
use futures::future::join_all;
use watched::{Failure, Question, Session, Trouble};

use super::evidence::seen;
use super::{Readers, Readings, Wanted, left, runs, sql};

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asks<'w> {
    /// A statement.
    Sql(&'w str),
    /// A table of runs, by its name.
    Runs(&'w str),
}

/// Asks every database what its heartbeats need.
pub(super) async fn read<'w>(
    readers: &Readers,
    watch_file: &'w WatchFile,
    wanted: Vec<(Wanted<'w, '_>, &'w str, Asks<'w>)>,
    secrets: &Secrets,
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    let mut by_database: BTreeMap<&'w str, Vec<(Wanted<'w, '_>, Asks<'w>)>> = BTreeMap::new();
    for (wanted, database, asks) in wanted {
        by_database.entry(database).or_default().push((wanted, asks));
    }
    let asking = by_database.into_iter().filter_map(|(name, questions)| {
        // The watch file is refused when a heartbeat names a database there is not.
        let database = watch_file.databases.get(name)?;
        Some(ask(readers, (name, database), questions, secrets, now, until))
    });
    join_all(asking).await.into_iter().flatten().collect()
}

/// Asks one database. That it lets nobody in is found out once.
async fn ask<'w>(
    readers: &Readers,
    (name, database): (&str, &Database),
    mut questions: Vec<(Wanted<'w, '_>, Asks<'w>)>,
    secrets: &Secrets,
    now: Timestamp,
    until: Instant,
) -> Readings<'w> {
    // Where the time does not suffice for all, it is not always the same ones that go without.
    questions.sort_by_key(|(wanted, _)| wanted.state.and_then(|state| state.memory.read_at));
    let mut session = Session::new(name, database, &readers.functions, secrets);
    let limit = database.statement_timeout.unsigned_abs();
    let mut closed: Option<Failure> = None;
    let mut readings = Readings::new();
    for (wanted, asks) in questions {
        let left = left(until);
        let unknown = |why: String| Reading::Unknown { why };
        let reading = if let Some(failure) = &closed {
            unknown(failure.text.clone())
        } else if left.is_zero() {
            unknown(format!("there was no time left to ask database {name}"))
        } else {
            let (statement, most) = match asks {
                Asks::Sql(statement) => (Cow::Borrowed(statement), sql::MOST),
                Asks::Runs(table) => {
                    let since = looking::runs_since(&wanted.heartbeat.rules, wanted.state, now);
                    (Cow::Owned(runs::statement(table, since)), runs::MOST)
                }
            };
            let answer = session.ask(&Question { sql: &statement, most, limit }, left).await;
            let beats = match (answer, asks) {
                (Ok(rows), Asks::Sql(_)) => sql::beats(&rows),
                (Ok(rows), Asks::Runs(_)) => runs::beats(&rows),
                (Err(Trouble::Question(failure) | Trouble::Broken(failure)), _) => Err(failure.text),
                (Err(Trouble::Closed(failure)), _) => {
                    if failure.kind.doubts_secrets() {
                        readers.note_refused();
                    }
                    let text = failure.text.clone();
                    closed = Some(failure);
                    Err(text)
                }
            };
            beats.map_or_else(unknown, |beats| seen(beats, None, "newest row", now))
        };
        readings.push((wanted.name(), reading));
    }
    readings
}
