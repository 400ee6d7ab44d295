//! One organisation, in one transaction: lock, count, confirm, delete in order, put on record. All of it or nothing.

use domain::Timestamp;
use domain::retention::{HardDelete, confirmation, confirms, quoted};
use runtime::Deadline;
use store::Connection;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::record::Entry;
use super::scene::{Place, Scene};
use super::statement::{ask, change, get, number, trouble};
use crate::source::{Trouble, transaction};

/// Why it may be deleted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Consent<'a> {
    /// It may not: it is counted.
    Missing,
    /// Somebody has read a dry run's counts.
    Token(&'a str),
    /// It was marked as deleted, at this instant or before.
    Overdue {
        cutoff: Timestamp,
        /// The column that says since when.
        column: &'a str,
        /// Who says so on record.
        by: &'a str,
    },
}

/// Rows of tables, in the order in which they go.
pub(super) type Counts = Vec<(String, u64)>;

/// What was found of an organisation, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Erased {
    /// Its id, as the database writes it.
    pub(super) id: String,
    pub(super) end: End,
    /// Tables that hold the key too, and that nobody declared.
    pub(super) unmentioned: Vec<String>,
}

/// What became of an organisation.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// It is there; the token deletes it.
    Counted { counts: Counts, kept: Counts, token: String },
    /// It is gone, and on record.
    Deleted { counts: Counts, kept: Counts, confirmed_by: String },
    /// It was gone before.
    Already(Entry),
    /// It is not marked as deleted any more.
    TakenBack,
}

/// Counts an organisation's rows, and deletes them where there is consent.
///
/// # Errors
/// Why nothing was deleted; nothing has changed then.
pub(super) async fn erase(
    connection: &Connection,
    what: &HardDelete,
    id: &str,
    consent: Consent<'_>,
    now: Timestamp,
    deadline: &Deadline,
) -> Result<Erased, Trouble> {
    transaction(connection, deadline, async || {
        let client = &connection.client;
        let scene = Scene::look(client, what).await?;
        let id = canonical(client, scene.last()?, id).await?;
        let end = perform(client, what, &scene, &id, consent, now).await?;
        Ok(Erased { id, end, unmentioned: scene.unmentioned })
    })
    .await
}

async fn perform(
    client: &Client,
    what: &HardDelete,
    scene: &Scene,
    id: &str,
    consent: Consent<'_>,
    now: Timestamp,
) -> Result<End, Trouble> {
    if !matches!(consent, Consent::Missing) {
        lock(client, scene, id).await?;
    }
    let counts = scene.count(client, id).await?;
    // Looked at after the locks: whoever deleted it meanwhile is on record by now.
    let entry = scene.record.find(client, &what.name, id).await?;
    let is_there = counts.iter().any(|(_, rows)| *rows > 0);
    match entry {
        Some(entry) if !is_there => return Ok(End::Already(entry)),
        Some(entry) => return Err(Trouble::Asked(there_again(what, id, &entry, &counts))),
        None if !is_there => return Err(Trouble::Asked(nowhere(what, scene.last()?, id))),
        None => {}
    }
    scene.check_cascades(client, id).await?;
    let kept = count_kept(client, scene, id).await?;
    let confirmed_by = match consent {
        Consent::Missing => {
            let token = confirmation(what, id, &counts, now);
            return Ok(End::Counted { counts, kept, token });
        }
        Consent::Token(token) => {
            confirms(token, what, id, &counts, now).map_err(|why| Trouble::Asked(why.to_string()))?;
            token.trim()
        }
        Consent::Overdue { cutoff, column, by } => {
            if !is_overdue(client, scene.last()?, id, column, cutoff).await? {
                return Ok(End::TakenBack);
            }
            by
        }
    };
    for (place, (_, counted)) in scene.emptied.iter().zip(&counts) {
        delete(client, scene, place, id, *counted).await?;
    }
    // Keys that are checked at the end of a transaction are checked here, where what they say can be told.
    let checking = "checking foreign keys";
    let checked = client.batch_execute("set constraints all immediate").await;
    checked.map_err(|error| held(scene, None, checking, error))?;
    failpoint::pass(checking);
    check_left(client, scene, id, &kept).await?;
    scene.record.insert(client, (&what.name, id), confirmed_by, &counts, now).await?;
    Ok(End::Deleted { counts, kept, confirmed_by: confirmed_by.to_owned() })
}

/// An id as the database writes it: one organisation has one record, however its id is spelled.
async fn canonical(client: &Client, last: &Place, id: &str) -> Result<String, Trouble> {
    let sql = format!("select ($1::{})::text as id", last.ty);
    let parameters = [(&id as &(dyn tokio_postgres::types::ToSql + Sync), tokio_postgres::types::Type::TEXT)];
    let doing = "reading the id";
    let rows = client.query_typed(&sql, &parameters).await.map_err(|error| match error.as_db_error() {
        // Class 22: the text is no value of the type. <https://www.postgresql.org/docs/16/errcodes-appendix.html>
        Some(said) if said.code().code().starts_with("22") => Trouble::Asked(format!(
            "organization_id: `{}` is no {}, as {}.{} holds it",
            domain::notification::truncate(id, 80),
            last.ty,
            last.name,
            last.key.trim_matches('"')
        )),
        _ => trouble(doing, error),
    })?;
    rows.first().map_or_else(|| Ok(id.to_owned()), |row| get(row, "id"))
}

/// Locks what will be deleted, the organisation first: whoever adds to it waits until this is over, and finds it gone. What is
/// counted then is what is deleted.
async fn lock(client: &Client, scene: &Scene, id: &str) -> Result<(), Trouble> {
    for place in scene.emptied.iter().rev() {
        let sql = format!(
            "select count(*) from (select from {} as t where {} for update) as locked",
            place.quoted,
            place.owned()
        );
        number(client, "locking rows", &sql, &[id]).await?;
    }
    Ok(())
}

async fn count_kept(client: &Client, scene: &Scene, id: &str) -> Result<Counts, Trouble> {
    let mut counts = Vec::new();
    for place in &scene.kept {
        counts.push((place.name.clone(), place.count(client, id).await?));
    }
    Ok(counts)
}

/// Whether it is still marked as deleted, and has been for long enough.
async fn is_overdue(client: &Client, last: &Place, id: &str, column: &str, cutoff: Timestamp) -> Result<bool, Trouble> {
    let column = quoted(column);
    let sql = format!(
        "select count(*) from {} as t where {} and isfinite(t.{column}) and t.{column} <= $2::timestamptz",
        last.quoted,
        last.owned()
    );
    Ok(number(client, "looking since when it is deleted", &sql, &[id, &cutoff.to_string()]).await? > 0)
}

async fn delete(client: &Client, scene: &Scene, place: &Place, id: &str, counted: u64) -> Result<(), Trouble> {
    let sql = format!("delete from {} as t where {}", place.quoted, place.owned());
    let doing = "deleting rows";
    let deleted = change(client, doing, &sql, &[id]).await.map_err(|error| held(scene, Some(place), doing, error))?;
    // Some may have gone with rows of a table before it.
    if deleted == counted || (deleted < counted && scene.follows(place)) {
        return Ok(());
    }
    if deleted > counted {
        // No foreign key made its writer wait.
        return Err(Trouble::Locked { what: "deleting rows while more of them came" });
    }
    Err(Trouble::Refused(format!(
        "{} lets go of {deleted} of {counted} rows: a trigger or rule keeps the others; nothing is deleted",
        place.name
    )))
}

/// That all is gone that should be, and all is there that should stay.
async fn check_left(client: &Client, scene: &Scene, id: &str, kept: &Counts) -> Result<(), Trouble> {
    for place in &scene.emptied {
        let left = place.count(client, id).await?;
        if left > 0 {
            return Err(Trouble::Refused(format!(
                "{left} rows are in {} after it was emptied: a trigger or rule puts them there; nothing is deleted",
                place.name
            )));
        }
    }
    for (place, (_, before)) in scene.kept.iter().zip(kept) {
        let after = place.count(client, id).await?;
        if after < *before {
            return Err(Trouble::Refused(format!(
                "{} is kept, and had {before} rows before and {after} after: a trigger takes them with the others; nothing is \
                 deleted",
                place.name
            )));
        }
    }
    Ok(())
}

/// What it means that a row cannot be deleted.
fn held(scene: &Scene, place: Option<&Place>, doing: &'static str, error: Error) -> Trouble {
    let Some(said) = error.as_db_error().filter(|said| *said.code() == SqlState::FOREIGN_KEY_VIOLATION) else {
        return trouble(doing, error);
    };
    let (table, constraint) = (said.table().unwrap_or("a table"), said.constraint().unwrap_or("a constraint"));
    let from = place.map(|place| format!(" of {}", place.name)).unwrap_or_default();
    let known = scene.emptied.iter().any(|other| other.name == table || other.name.ends_with(&format!(".{table}")));
    let to_do = if known {
        format!("{table} has to stand before it in `tables`, with all rows that refer to it")
    } else {
        format!("add {table} to `tables`, before what its rows refer to")
    };
    Trouble::Refused(format!(
        "rows of {table} refer to rows{from} that would be deleted (constraint {constraint}): nothing is deleted; {to_do}"
    ))
}

fn nowhere(what: &HardDelete, last: &Place, id: &str) -> String {
    format!(
        "organization_id: there is nothing of {} {id} in any of its tables, and no record in {} that there ever was: expected \
         the {} of a row of {}",
        what.name,
        what.record,
        last.key.trim_matches('"'),
        last.name
    )
}

fn there_again(what: &HardDelete, id: &str, entry: &Entry, counts: &Counts) -> String {
    let found: Vec<String> =
        counts.iter().filter(|(_, rows)| *rows > 0).map(|(table, rows)| format!("{rows} of {table}")).collect();
    format!(
        "organization_id: {} {id} is on record in {} as deleted at {}, and rows are there again: {}. Who brought them back, and \
         should they go again? Then rename the id in its row of {} first",
        what.name,
        what.record,
        entry.deleted_at,
        found.join(", "),
        what.record
    )
}

/// Ids of those that were marked as deleted, at this instant or before; the oldest first.
///
/// # Errors
/// The database's, or that the column holds no time.
pub(super) async fn list_overdue(
    connection: &Connection,
    what: &HardDelete,
    column: &str,
    cutoff: Timestamp,
    most: usize,
    deadline: &Deadline,
) -> Result<Vec<String>, Trouble> {
    const TYPE: &str = "select format_type(a.atttypid, -1) as type from pg_attribute a
        where a.attrelid = $1::oid and a.attname = $2 and a.attnum > 0 and not a.attisdropped";
    transaction(connection, deadline, async || {
        let client = &connection.client;
        let scene = Scene::look(client, what).await?;
        let last = scene.last()?;
        let found = ask(client, "looking at the mark", TYPE, &[&last.oid.to_string(), column]).await?;
        let ty: Option<String> = found.first().map(|row| get(row, "type")).transpose()?;
        let known = ["timestamp with time zone", "timestamp without time zone", "date"];
        if !ty.as_deref().is_some_and(|ty| known.contains(&ty)) {
            let is = ty.map_or_else(|| "is not there".to_owned(), |ty| format!("is {ty}"));
            return Err(Trouble::Refused(format!(
                "[hard_delete.{}]: soft_deleted.column: {}.{column} {is}: expected timestamptz, timestamp or date",
                what.name, last.name
            )));
        }
        let mark = format!("t.{}", quoted(column));
        let sql = format!(
            "select t.{}::text as id from {} as t where isfinite({mark}) and {mark} <= $1::timestamptz
             order by {mark}, 1 limit {most}",
            last.key, last.quoted
        );
        let rows = ask(client, "looking who is to be forgotten", &sql, &[&cutoff.to_string()]).await?;
        rows.iter().map(|row| get(row, "id")).collect()
    })
    .await
}
