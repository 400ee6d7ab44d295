//! The table that says what was deleted for good: read before, written in the same transaction.

use domain::Timestamp;
use serde_json::{Map, Value, json};
use tokio_postgres::Client;

use super::scene::Place;
use super::statement::{ask, change, get, trouble};
use crate::source::Trouble;

/// What is on record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) confirmed_by: String,
    /// Rows by table.
    pub(super) counts: Value,
    /// When, as Postgres writes it.
    pub(super) deleted_at: String,
}

/// The table, and the types of its columns.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) place: Place,
    types: Vec<String>,
}

/// Its columns.
const COLUMNS: [&str; 5] = ["what", Record::ID, "confirmed_by", "counts", "deleted_at"];
const TYPES: &str = "select a.attname::text as name, format_type(a.atttypid, -1) as type
    from pg_attribute a
    where a.attrelid = $1::oid and a.attnum > 0 and not a.attisdropped";

impl Record {
    /// The column that says whose rows were deleted.
    pub(super) const ID: &str = "id";

    /// Looks at its columns; nothing where some are missing, which is noted.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn look(client: &Client, place: Place, wrong: &mut Vec<String>) -> Result<Option<Self>, Trouble> {
        let rows = ask(client, "looking at the record", TYPES, &[&place.oid.to_string()]).await?;
        let mut has: Vec<(String, String)> = Vec::new();
        for row in &rows {
            has.push((get(row, "name")?, get(row, "type")?));
        }
        let ty = |column: &&str| has.iter().find(|(name, _)| name == column).map(|(_, ty)| ty.clone());
        let missing: Vec<&str> = COLUMNS.into_iter().filter(|column| ty(column).is_none()).collect();
        if missing.is_empty() {
            return Ok(Some(Self { place, types: COLUMNS.iter().filter_map(ty).collect() }));
        }
        wrong.push(format!(
            "the record {} has no {}: expected a table with the columns what text, id text, confirmed_by text, counts jsonb \
             and deleted_at timestamptz, as docs/RETENTION.md has it",
            place.name,
            missing.join(", ")
        ));
        Ok(None)
    }

    /// What is on record of an organisation.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn find(&self, client: &Client, what: &str, id: &str) -> Result<Option<Entry>, Trouble> {
        let sql = format!(
            "select confirmed_by::text as confirmed_by, counts::text as counts, deleted_at::text as deleted_at
             from {} where what = $1::{} and id = $2::{} order by deleted_at desc limit 1",
            self.place.quoted,
            self.ty(0),
            self.ty(1),
        );
        let rows = ask(client, "looking at the record", &sql, &[what, id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let counts: Option<String> = get(row, "counts")?;
        let text = |name| Ok::<String, Trouble>(get::<Option<String>>(row, name)?.unwrap_or_default());
        Ok(Some(Entry {
            confirmed_by: text("confirmed_by")?,
            // Whoever writes the record by hand may leave it out.
            counts: counts.and_then(|counts| serde_json::from_str(&counts).ok()).unwrap_or(Value::Null),
            deleted_at: text("deleted_at")?,
        }))
    }

    /// Puts a deletion on record.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn insert(
        &self,
        client: &Client,
        (what, id): (&str, &str),
        confirmed_by: &str,
        counts: &[(String, u64)],
        at: Timestamp,
    ) -> Result<(), Trouble> {
        let values: Vec<String> = (1..).zip(&self.types).map(|(n, ty)| format!("${n}::{ty}")).collect();
        let sql = format!("insert into {} ({}) values ({})", self.place.quoted, COLUMNS.join(", "), values.join(", "));
        let counts: Map<String, Value> = counts.iter().map(|(table, rows)| (table.clone(), json!(rows))).collect();
        let texts = [what, id, confirmed_by, &Value::from(counts).to_string(), &at.to_string()];
        let doing = "putting the deletion on record";
        let written = change(client, doing, &sql, &texts).await.map_err(|error| trouble(doing, error))?;
        if written == 1 {
            return Ok(());
        }
        Err(Trouble::Refused(format!(
            "{} takes no row: a trigger or rule keeps the deletion off the record",
            self.place.name
        )))
    }

    fn ty(&self, n: usize) -> &str {
        self.types.get(n).map_or("text", String::as_str)
    }
}
