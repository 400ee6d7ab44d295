//! The tables of a hard delete as they are now: whose rows they hold, what goes with those, and what the role may do.

use domain::retention::{HardDelete, Table, quoted};
use tokio_postgres::Client;

use super::cascades::{self, Cascade, Owned};
use super::record::Record;
use super::statement::{ask, get, number};
use crate::source::Trouble;

/// A table, and whose its rows are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) oid: u32,
    /// As the watch file calls it.
    pub(super) name: String,
    /// The same, for SQL.
    pub(super) quoted: String,
    /// The column that says whose a row is, for SQL.
    pub(super) key: String,
    /// Its type, for SQL.
    pub(super) ty: String,
}

/// Rows of a table that go with others.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    oid: u32,
    name: String,
    /// Which rows `t` of it.
    which: String,
}

/// All that a hard delete meets.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// In the order in which they are emptied; the last holds the organisation.
    pub(super) emptied: Vec<Place>,
    pub(super) kept: Vec<Place>,
    pub(super) record: Record,
    /// Tables that nobody declared, some of whose rows go by a cascade.
    followers: Vec<Follower>,
    cascades: Vec<Cascade>,
    /// Tables that hold the key too, and are neither emptied nor kept.
    pub(super) unmentioned: Vec<String>,
}

/// A type without its length: a cast to `varchar(8)` would cut an id, and mean another's.
const TABLE: &str = "select c.oid, c.relkind::text as kind, format_type(a.atttypid, -1) as type,
           (select string_agg(wanted, ', ')
            from unnest(string_to_array($3, ' ')) as wanted
            where not has_table_privilege(c.oid, wanted)
              and not (wanted <> 'delete' and has_any_column_privilege(c.oid, wanted))) as lacking
    from pg_class c
    left join pg_attribute a on a.attrelid = c.oid and a.attname = $2 and a.attnum > 0 and not a.attisdropped
    where c.oid = to_regclass($1)";
const UNMENTIONED: &str = "select c.oid::regclass::text as name
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    where a.attname = $1 and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p') and not c.relispartition
      and c.oid <> all(string_to_array($2, ' ')::oid[])
      and c.relnamespace in (select relnamespace from pg_class where oid = any(string_to_array($2, ' ')::oid[]))
    order by 1";

/// Tables that hold as text an id which is none: as text it may be written in many ways, and what is written otherwise than the
/// organisation's own would stay behind.
fn spelled(emptied: &[Place]) -> Vec<String> {
    let is_text = |place: &Place| ["text", "character varying", "character", "citext"].contains(&place.ty.as_str());
    let Some(last) = emptied.last().filter(|last| !is_text(last)) else { return Vec::new() };
    let say = |place: &Place| {
        format!(
            "{}.{} is {}, and the ids of {} are {}: rows whose id is written in other letters would stay behind; make the column \
             {}, or empty the table by another key",
            place.name,
            place.key.trim_matches('"'),
            place.ty,
            last.name,
            last.ty,
            last.ty
        )
    };
    emptied.iter().filter(|place| is_text(place)).map(say).collect()
}

impl Scene {
    /// Looks.
    ///
    /// # Errors
    /// With every reason for which nothing may be deleted here.
    pub(super) async fn look(client: &Client, what: &HardDelete) -> Result<Self, Trouble> {
        let mut wrong = Vec::new();
        let (mut emptied, mut kept) = (Vec::new(), Vec::new());
        for one in &what.tables {
            // A row is locked with the right to update it.
            emptied.extend(place(client, &one.table, &one.key, "select update delete", &mut wrong).await?);
        }
        for table in &what.keep {
            kept.extend(place(client, table, &what.key, "select", &mut wrong).await?);
        }
        wrong.extend(spelled(&emptied));
        let on_record = place(client, &what.record, Record::ID, "select insert", &mut wrong).await?;
        let record = match on_record {
            Some(place) => Record::look(client, place, &mut wrong).await?,
            None => None,
        };
        let (Some(record), true) = (record, wrong.is_empty()) else {
            return Err(Trouble::Refused(format!("[hard_delete.{}]: {}", what.name, wrong.join("; "))));
        };
        let tables: Vec<String> = emptied.iter().map(|place| place.oid.to_string()).collect();
        let cascades = cascades::find(client, &tables.join(" ")).await?;
        let owned = owned(&emptied);
        let mut followers: Vec<Follower> = Vec::new();
        for cascade in &cascades {
            let oid = cascade.follower;
            let is_declared = emptied.iter().chain(&kept).any(|place| place.oid == oid) || record.place.oid == oid;
            if !is_declared && !followers.iter().any(|follower| follower.oid == oid) {
                let which = cascades::following(&cascades, &owned, oid, "t");
                followers.push(Follower { oid, name: cascade.follower_name.clone(), which });
            }
        }
        let known = emptied.iter().chain(&kept).map(|place| place.oid).chain([record.place.oid]);
        let known: Vec<String> =
            known.chain(followers.iter().map(|follower| follower.oid)).map(|oid| oid.to_string()).collect();
        let rows =
            ask(client, "looking for tables that were forgotten", UNMENTIONED, &[&what.key, &known.join(" ")]).await?;
        let unmentioned = rows.iter().map(|row| get(row, "name")).collect::<Result<_, _>>()?;
        Ok(Self { emptied, kept, record, followers, cascades, unmentioned })
    }

    /// The table that holds the organisation itself.
    ///
    /// # Errors
    /// When there is none, which the watch file's reader refuses.
    pub(super) fn last(&self) -> Result<&Place, Trouble> {
        self.emptied.last().ok_or_else(|| Trouble::Refused("`tables` is empty: expected one table at least".to_owned()))
    }

    /// Whether rows of a table go with those of others.
    pub(super) fn follows(&self, place: &Place) -> bool {
        self.cascades.iter().any(|cascade| cascade.follower == place.oid)
    }

    /// How many rows of each table go: those that are emptied, in order, and then those whose rows go with others.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn count(&self, client: &Client, id: &str) -> Result<Vec<(String, u64)>, Trouble> {
        let mut counts = Vec::new();
        for place in &self.emptied {
            counts.push((place.name.clone(), place.count(client, id).await?));
        }
        for follower in &self.followers {
            let sql = format!("select count(*) from {} as t where {}", follower.name, follower.which);
            counts.push((follower.name.clone(), number(client, "counting what goes with it", &sql, &[id]).await?));
        }
        Ok(counts)
    }

    /// Refuses where a cascade would take rows that are not to go: kept ones, or somebody else's.
    ///
    /// # Errors
    /// With the tables and how many rows.
    pub(super) async fn check_cascades(&self, client: &Client, id: &str) -> Result<(), Trouble> {
        let owned = owned(&self.emptied);
        let record = std::iter::once(&self.record.place);
        let mut wrong = Vec::new();
        for (place, is_kept) in self
            .emptied
            .iter()
            .map(|place| (place, false))
            .chain(self.kept.iter().chain(record).map(|place| (place, true)))
        {
            if !self.follows(place) {
                continue;
            }
            let following = cascades::following(&self.cascades, &owned, place.oid, "t");
            let whose = format!("t.{} is distinct from $1::{}", place.key, place.ty);
            let strangers = if is_kept { "true" } else { &whose };
            let sql = format!("select count(*) from {} as t where {following} and {strangers}", place.quoted);
            let rows = number(client, "looking where cascades lead", &sql, &[id]).await?;
            if rows > 0 {
                let why = if is_kept { "which are kept" } else { "which belong to somebody else" };
                wrong.push(format!(
                    "a foreign key that cascades would delete {rows} rows of {}, {why}: nothing is deleted",
                    place.name
                ));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(Trouble::Refused(wrong.join("; "))) }
    }
}

impl Place {
    /// Whose a row `t` is.
    pub(super) fn owned(&self) -> String {
        format!("t.{} = $1::{}", self.key, self.ty)
    }

    /// How many rows are of this owner.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn count(&self, client: &Client, id: &str) -> Result<u64, Trouble> {
        let sql = format!("select count(*) from {} as t where {}", self.quoted, self.owned());
        number(client, "counting rows", &sql, &[id]).await
    }
}

fn owned(emptied: &[Place]) -> Owned {
    emptied.iter().map(|place| (place.oid, (place.key.clone(), place.ty.clone()))).collect()
}

/// A table as it is; nothing where something is wrong with it, which is noted.
async fn place(
    client: &Client,
    table: &Table,
    key: &str,
    wanted: &str,
    wrong: &mut Vec<String>,
) -> Result<Option<Place>, Trouble> {
    let sql_name = table.quoted();
    let rows = ask(client, "looking for a table", TABLE, &[&sql_name, key, wanted]).await?;
    let Some(row) = rows.first() else {
        wrong.push(format!(
            "there is no table {table}: expected its name, with its schema where that is not in the role's search_path"
        ));
        return Ok(None);
    };
    let (kind, ty, lacking): (String, Option<String>, Option<String>) =
        (get(row, "kind")?, get(row, "type")?, get(row, "lacking")?);
    let before = wrong.len();
    if !matches!(kind.as_str(), "r" | "p") {
        wrong.push(format!("{table} is no table of its own, whose rows could be deleted or kept"));
    }
    if let Some(lacking) = lacking {
        wrong.push(format!("the role may not {lacking} on {table}: grant it, as docs/RETENTION.md says"));
    }
    match ty {
        None => wrong.push(format!("{table} has no column {key}: `key` names the column that says whose a row is")),
        Some(ty) if wrong.len() == before => {
            let oid = get(row, "oid")?;
            return Ok(Some(Place { oid, name: table.to_string(), quoted: sql_name, key: quoted(key), ty }));
        }
        Some(_) => {}
    }
    Ok(None)
}
