//! What a policy's table is: its columns, and whether its rows may be moved at all.

use columnar::Column;
use domain::retention::{Policy, Table, quoted};
use runtime::Deadline;
use store::Connection;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::{Trouble, transaction};

/// A table, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// `schema.name`.
    pub(crate) name: String,
    /// The same, quoted for SQL.
    pub(crate) quoted: String,
    /// Its columns, in order.
    pub(crate) columns: Vec<Column>,
    /// Columns of no fixed length, by how their length is asked for without fetching them.
    pub(crate) lengths: Vec<Length>,
    /// What the columns of fixed length take, in bytes.
    pub(crate) fixed: u64,
}

/// A column of no fixed length.
#[derive(Clone, Debug)]
pub(crate) struct Length {
    /// The column, quoted.
    pub(crate) column: String,
    /// Whether `octet_length` knows it as it is: a toasted value is not fetched for that.
    pub(crate) plain: bool,
}

const TABLE: &str = "select c.oid, c.relkind::text as relkind, n.nspname::text as schema, c.relname::text as name,
        exists (select from pg_inherits i where i.inhparent = c.oid) as has_children
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass($1)";
const COLUMNS: &str =
    "select a.attname::text as name, a.atttypid as type, format_type(a.atttypid, a.atttypmod) as sql_type,
           t.typlen, a.atttypid in (17, 25, 1042, 1043) as plain
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped
    order by a.attnum";
/// Unique indexes over columns alone, without a condition.
const UNIQUE: &str = "select array_agg(a.attname::text) as columns
    from pg_index i
    cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, n)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = $1 and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
      and k.n <= i.indnkeyatts
    group by i.indexrelid";
/// What would follow a row that is deleted, and be in no archive.
const FOLLOWERS: &str = "select conrelid::regclass::text as follower, confdeltype::text as how
    from pg_constraint
    where (confrelid = $1 or confrelid in (select relid from pg_partition_tree($1))) and conparentid = 0
      and contype = 'f' and confdeltype in ('c', 'n', 'd')
    order by 1";

/// Looks at a policy's table.
///
/// # Errors
/// With every reason for which its rows may not be moved.
pub(crate) async fn describe(
    connection: &Connection,
    policy: &Policy,
    deadline: &Deadline,
) -> Result<Described, Trouble> {
    transaction(connection, deadline, async || look(&connection.client, policy).await).await
}

async fn look(client: &Client, policy: &Policy) -> Result<Described, Trouble> {
    let table = policy.table.quoted();
    let found = ask(client, "looking for the table", TABLE, &[(&table, Type::TEXT)]).await?;
    let Some(row) = found.first() else {
        return Err(Trouble::Refused(format!(
            "there is no table {} in the database {}: the policy's `table` names one, with its schema where that is not in \
             the role's search_path",
            policy.table, policy.database
        )));
    };
    let (oid, kind, schema, name): (u32, String, String, String) =
        (get(row, "oid")?, get(row, "relkind")?, get(row, "schema")?, get(row, "name")?);
    let table = Table { schema: Some(schema), name };
    if !matches!(kind.as_str(), "r" | "p") {
        return Err(Trouble::Refused(format!("{table} is no table of its own, whose rows could be deleted")));
    }
    if kind == "r" && get(row, "has_children")? {
        return Err(Trouble::Refused(format!(
            "tables inherit from {table}: their rows are rows of it, with columns that it has not; give each a policy of its \
             own, or make it a partitioned table"
        )));
    }
    let columns = ask(client, "looking at columns", COLUMNS, &[(&oid, Type::OID)]).await?;
    let unique = ask(client, "looking at unique indexes", UNIQUE, &[(&oid, Type::OID)]).await?;
    let followers = ask(client, "looking at foreign keys", FOLLOWERS, &[(&oid, Type::OID)]).await?;
    let mut described = Described {
        name: table.to_string(),
        quoted: table.quoted(),
        columns: Vec::new(),
        lengths: Vec::new(),
        fixed: 0,
    };
    for row in &columns {
        let (name, ty, sql_type): (String, u32, String) = (get(row, "name")?, get(row, "type")?, get(row, "sql_type")?);
        let length: i16 = get(row, "typlen")?;
        match u64::try_from(length) {
            Ok(fixed) => described.fixed += fixed,
            Err(_) => described.lengths.push(Length { column: quoted(&name), plain: get(row, "plain")? }),
        }
        described.columns.push(Column::of(&name, ty, &sql_type));
    }
    let mut wrong = described.missing(policy);
    if wrong.is_empty() {
        wrong.extend(described.mistimed(policy));
        let covered = |columns: &Vec<String>| columns.iter().all(|column| policy.key.contains(column));
        let indexes: Vec<Vec<String>> = unique.iter().map(|row| get(row, "columns")).collect::<Result<_, _>>()?;
        if !indexes.iter().any(covered) {
            wrong.push(format!(
                "nothing makes ({}) unique in {table}: a row is deleted by its key, so `key` has to name the columns of a \
                 primary key or unique index",
                policy.key.join(", ")
            ));
        }
    }
    for row in &followers {
        let (follower, how): (String, String) = (get(row, "follower")?, get(row, "how")?);
        let what = if how == "c" { "deletes rows of" } else { "changes rows of" };
        wrong.push(format!(
            "deleting a row of {table} {what} {follower}, which would be in no archive: drop the rule of its foreign key, or \
             give {follower} a policy of its own and the key `on delete restrict`"
        ));
    }
    if wrong.is_empty() { Ok(described) } else { Err(Trouble::Refused(wrong.join("; "))) }
}

impl Described {
    /// A column by its name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What Postgres calls the column's type.
    pub(crate) fn sql_type(&self, name: &str) -> &str {
        self.column(name).map_or("text", |column| column.sql_type.as_str())
    }

    fn missing(&self, policy: &Policy) -> Vec<String> {
        let objects = policy.objects.iter().map(|objects| &objects.column);
        let wanted = std::iter::once(&policy.time).chain(&policy.key).chain(objects);
        let has: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        wanted
            .filter(|name| self.column(name).is_none())
            .map(|name| format!("{} has no column {name}; it has {}", self.name, has.join(", ")))
            .collect()
    }

    fn mistimed(&self, policy: &Policy) -> Option<String> {
        let found = self.sql_type(&policy.time);
        let known = ["timestamp with time zone", "timestamp without time zone", "date"];
        let is_known = known.iter().any(|known| {
            // A precision stands in the middle: `timestamp(3) with time zone`.
            let (first, rest) = known.split_once(' ').unwrap_or((known, ""));
            found.starts_with(first) && found.ends_with(rest)
        });
        (!is_known)
            .then(|| format!("{}.{} is {found}: expected timestamptz, timestamp or date", self.name, policy.time))
    }

    /// An instant as the policy's column has it, in SQL.
    pub(crate) fn instant(&self, policy: &Policy, instant: &str) -> String {
        let found = self.sql_type(&policy.time);
        if found.ends_with("with time zone") {
            instant.to_owned()
        } else if found == "date" {
            format!("(({instant}) at time zone 'UTC')::date")
        } else {
            format!("(({instant}) at time zone 'UTC')")
        }
    }

    /// The policy's column as an instant, in SQL.
    pub(crate) fn as_instant(&self, policy: &Policy, column: &str) -> String {
        if self.sql_type(&policy.time).ends_with("with time zone") {
            column.to_owned()
        } else {
            format!("(({column})::timestamp at time zone 'UTC')")
        }
    }
}

pub(super) async fn ask(
    client: &Client,
    what: &'static str,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Trouble> {
    let rows = client.query_typed(sql, parameters).await.map_err(Trouble::at(what))?;
    failpoint::pass(what);
    Ok(rows)
}

pub(super) fn get<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, name: &'static str) -> Result<T, Trouble> {
    row.try_get(name).map_err(Trouble::at(name))
}

/// Whether there is such a table.
///
/// # Errors
/// The database's.
pub(crate) async fn is_table(connection: &Connection, table: &Table) -> Result<bool, Trouble> {
    let sql = "select to_regclass($1) is not null as is_there";
    let rows = ask(&connection.client, "looking for the table", sql, &[(&table.quoted(), Type::TEXT)]).await?;
    rows.first().map_or(Ok(false), |row| get(row, "is_there"))
}

/// Makes sure, within the transaction that is open and has touched the table, that its columns are still those that were
/// looked at: from here to its end nobody can change them.
///
/// # Errors
/// [`Trouble::Refused`] where they are not.
pub(super) async fn unchanged(client: &Client, table: &Described) -> Result<(), Trouble> {
    let sql = "select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as sql_type
               from pg_attribute a
               where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
               order by a.attnum";
    let rows = ask(client, "looking at columns again", sql, &[(&table.quoted, Type::TEXT)]).await?;
    let mut same = rows.len() == table.columns.len();
    for (row, column) in rows.iter().zip(&table.columns) {
        let (name, sql_type): (&str, &str) = (get(row, "name")?, get(row, "sql_type")?);
        same &= name == column.name && sql_type == column.sql_type;
    }
    if same {
        return Ok(());
    }
    Err(Trouble::Refused(format!(
        "the columns of {} have changed since its rows were looked at; the next run goes on",
        table.name
    )))
}

/// The columns of a table that Postgres computes.
///
/// # Errors
/// The database's.
pub(crate) async fn generated(connection: &Connection, table: &Table) -> Result<Vec<String>, Trouble> {
    let sql = "select attname::text as name from pg_attribute
               where attrelid = to_regclass($1) and attgenerated <> '' and attnum > 0 and not attisdropped";
    let rows = ask(&connection.client, "looking at columns", sql, &[(&table.quoted(), Type::TEXT)]).await?;
    rows.iter().map(|row| get(row, "name")).collect()
}
