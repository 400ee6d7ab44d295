//! Rows that go with others: foreign keys that cascade, followed from table to table.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::statement::{ask, get};
use crate::source::Trouble;

/// A foreign key whose rows are deleted with the row that they name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cascade {
    parent: u32,
    /// As SQL finds it.
    parent_name: String,
    pub(super) follower: u32,
    /// As SQL finds it.
    pub(super) follower_name: String,
    /// Columns of both, quoted: the follower's, and that of the parent which it names.
    columns: Vec<(String, String)>,
}

/// Keys of partitions are those of their table.
const CASCADES: &str = "with recursive chain as (
        select con.oid, con.conrelid from pg_constraint con
        where con.contype = 'f' and con.confdeltype = 'c' and con.conparentid = 0
          and con.confrelid in (
            select coalesce(p.relid, t.oid)
            from unnest(string_to_array($1, ' ')::oid[]) as t (oid) left join lateral pg_partition_tree(t.oid) as p on true)
        union
        select con.oid, con.conrelid from pg_constraint con join chain on con.confrelid = chain.conrelid
        where con.contype = 'f' and con.confdeltype = 'c' and con.conparentid = 0
    )
    select con.confrelid as parent, con.confrelid::regclass::text as parent_name,
           con.conrelid as follower, con.conrelid::regclass::text as follower_name,
           (select array_agg(quote_ident(a.attname) order by n)
            from unnest(con.conkey) with ordinality as k (attnum, n)
            join pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.attnum) as columns,
           (select array_agg(quote_ident(a.attname) order by n)
            from unnest(con.confkey) with ordinality as k (attnum, n)
            join pg_attribute a on a.attrelid = con.confrelid and a.attnum = k.attnum) as named
    from chain
    join pg_constraint con on con.oid = chain.oid
    order by follower_name, con.conname";

/// The cascades that begin at tables.
///
/// # Errors
/// The database's.
pub(super) async fn find(client: &Client, tables: &str) -> Result<Vec<Cascade>, Trouble> {
    let rows = ask(client, "looking at what cascades", CASCADES, &[tables]).await?;
    let read = |row: &Row| {
        let (columns, named): (Vec<String>, Vec<String>) = (get(row, "columns")?, get(row, "named")?);
        Ok(Cascade {
            parent: get(row, "parent")?,
            parent_name: get(row, "parent_name")?,
            follower: get(row, "follower")?,
            follower_name: get(row, "follower_name")?,
            columns: columns.into_iter().zip(named).collect(),
        })
    };
    rows.iter().map(read).collect()
}

/// Which rows of a table follow others that go, as a condition over `alias`. `owned` are the tables whose own rows go, each
/// with the column and type that say which: `alias.column = $1::type`.
///
/// A ring of tables that cascade into each other is followed once around.
pub(super) fn following(cascades: &[Cascade], owned: &Owned, table: u32, alias: &str) -> String {
    follow(cascades, owned, table, alias, &[])
}

/// By table: column, quoted, and type, both for SQL.
pub(super) type Owned = BTreeMap<u32, (String, String)>;

fn follow(cascades: &[Cascade], owned: &Owned, table: u32, alias: &str, path: &[u32]) -> String {
    let path: Vec<u32> = path.iter().copied().chain([table]).collect();
    let parent = format!("p{}", path.len());
    let mut ways = Vec::new();
    for cascade in cascades.iter().filter(|cascade| cascade.follower == table) {
        let going = match owned.get(&cascade.parent) {
            Some((column, ty)) => format!("{parent}.{column} = $1::{ty}"),
            None if path.contains(&cascade.parent) => continue,
            None => follow(cascades, owned, cascade.parent, &parent, &path),
        };
        let same: Vec<String> =
            cascade.columns.iter().map(|(own, named)| format!("{alias}.{own} = {parent}.{named}")).collect();
        let name = &cascade.parent_name;
        ways.push(format!("exists (select from {name} as {parent} where {} and {going})", same.join(" and ")));
    }
    if ways.is_empty() { "false".to_owned() } else { format!("({})", ways.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cascade(parent: u32, follower: u32) -> Cascade {
        let columns = vec![("parent_id".to_owned(), "id".to_owned())];
        Cascade { parent, parent_name: format!("t{parent}"), follower, follower_name: format!("t{follower}"), columns }
    }

    #[test]
    fn rows_are_followed_through_tables_that_nobody_declared_and_rings_come_to_an_end() {
        let owned = Owned::from([(1, ("org".to_owned(), "uuid".to_owned()))]);
        let cascades = [cascade(1, 2), cascade(2, 3), cascade(3, 2)];
        assert_eq!(
            following(&cascades, &owned, 3, "t"),
            "(exists (select from t2 as p1 where t.parent_id = p1.id and \
             (exists (select from t1 as p2 where p1.parent_id = p2.id and p2.org = $1::uuid))))"
        );
        assert_eq!(following(&cascades, &owned, 4, "t"), "false");
    }

    #[test]
    fn a_table_that_cascades_into_itself_is_followed_by_who_owns_its_rows() {
        let owned = Owned::from([(1, ("org".to_owned(), "uuid".to_owned()))]);
        let said = following(&[cascade(1, 1)], &owned, 1, "t");
        assert_eq!(said, "(exists (select from t1 as p1 where t.parent_id = p1.id and p1.org = $1::uuid))");
    }
}
