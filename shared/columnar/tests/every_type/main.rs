//! A table with every type that Postgres has: exported, read back and restored, it is the same.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::pin::pin;

use bytes::Bytes;
use columnar::{Column, Content, Error, File, Limits, Parsed, SESSION, Schema, Writer, copy};
use futures::{SinkExt, StreamExt};
use testkit::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

mod values;

use values::{VALUES, WITHOUT_INPUT};

const MADE: &str = "
    create type mood as enum ('sad', 'it''s \"fine\"');
    create type pair as (a int, b text);
    create domain positive as int check (value > 0);
    create type moods as range (subtype = mood, multirange_type_name = moods_multi)";

async fn connect(name: &str) -> Client {
    let url = Postgres::shared().create_database(name).expect("a database");
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute(SESSION).await.expect("a session");
    client
}

async fn column_of_text(client: &Client, sql: &str) -> Vec<Option<String>> {
    let rows = client.query_typed(sql, &[]).await.expect(sql);
    rows.iter().map(|row| row.get(0)).collect()
}

/// Columns of `source`, as an export finds them.
async fn columns(client: &Client) -> Vec<Column> {
    let rows = client
        .query_typed(
            "select attname::text, atttypid, format_type(atttypid, atttypmod) from pg_attribute
             where attrelid = 'source'::regclass and attnum > 0 order by attnum",
            &[],
        )
        .await
        .expect("columns");
    rows.iter().map(|row| Column::of(row.get(0), row.get(1), row.get(2))).collect()
}

async fn export(client: &Client, schema: &Schema) -> (Vec<u8>, u64) {
    let list: Vec<_> = schema.iter().map(Column::select).collect();
    let sql = format!("copy (select {} from source order by n) to stdout (format binary)", list.join(", "));
    let mut pieces = pin!(client.copy_out(&sql).await.expect("an export"));
    let mut stream = copy::Stream::new();
    let mut writer =
        Writer::new(schema.clone(), &[], Limits { row_group_rows: 2, ..Limits::default() }).expect("a file");
    while let Some(piece) = pieces.next().await {
        stream.feed(&piece.expect("a piece"), |tuple| writer.push(tuple)).expect("rows");
    }
    stream.finish().expect("all rows");
    let mut file = writer.take().to_vec();
    let written = writer.finish().expect("a footer");
    file.extend(&written.rest);
    (file, written.rows)
}

/// The file's rows, in a table that COPY fills and one that is cast from it.
async fn restore(client: &Client, file: &[u8]) {
    let Parsed::File(parsed) = File::parse(file, file.len() as u64).expect("a file") else {
        unreachable!("all of the file was given")
    };
    let list = |of: &dyn Fn(&Column) -> String| parsed.schema().iter().map(of).collect::<Vec<_>>().join(", ");
    let staged = list(&|column| format!("{} {}", column.quoted(), column.staged()));
    client.batch_execute(&format!("create table staging ({staged})")).await.expect("a staging table");

    let mut sink = pin!(client.copy_in::<_, Bytes>("copy staging from stdin (format binary)").await.expect("a sink"));
    let (mut stream, mut content) = (copy::HEADER.to_vec(), Content::new());
    for (index, group) in parsed.groups().iter().enumerate() {
        let bytes = Bytes::copy_from_slice(&file[group.range.start as usize..group.range.end as usize]);
        parsed
            .decode(index, bytes, |tuple| {
                content.update(tuple);
                stream.extend_from_slice(tuple);
                Ok::<_, Error>(())
            })
            .expect("rows");
    }
    stream.extend_from_slice(copy::TRAILER);
    sink.send(stream.into()).await.expect("rows sent");
    sink.finish().await.expect("rows staged");
    assert_eq!(content.finish(), parsed.content());

    let cast = list(&|column| format!("{}::{}", column.quoted(), column.sql_type));
    client
        .batch_execute(&format!("create table restored (like source); insert into restored select {cast} from staging"))
        .await
        .expect("a restored table");
}

#[tokio::test]
async fn a_table_with_every_type_is_restored_as_it_was() {
    let client = connect("every_type").await;
    client.batch_execute(MADE).await.expect("types");
    // The server's own types: base, enum, range, multirange, domain, and a composite that is no table's.
    let types = column_of_text(
        &client,
        "select t.typname::text from pg_type t left join pg_class c on c.oid = t.typrelid
         where t.typtype in ('b', 'e', 'r', 'm', 'd', 'c') and t.typelem = 0 and coalesce(c.relkind, 'c') = 'c'
           and t.typnamespace in ('pg_catalog'::regnamespace, 'public'::regnamespace)
         union select typname::text from pg_type where typtype = 'b' and typcategory <> 'A' and typsubscript <> 0
           and typnamespace = 'pg_catalog'::regnamespace",
    )
    .await;
    let known = |name: &str| VALUES.iter().any(|(known, _)| *known == name) || WITHOUT_INPUT.contains(&name);
    let missing: Vec<_> = types.iter().flatten().filter(|name| !known(name)).collect();
    assert!(missing.is_empty(), "add values for {missing:?}");
    assert!(types.len() >= VALUES.len(), "the catalogue was read too narrowly: {types:?}");

    // Every type once as it is and once as an array, beside types with a length of their own.
    let mut definitions =
        vec!["n int8".to_owned(), "\"odd \"\" name\" numeric(10,2)".to_owned(), "padded char(5)".to_owned()];
    definitions.extend(["bits bit(3)", "short varchar(3)", "days interval day to second(3)"].map(str::to_owned));
    for (index, (name, _)) in VALUES.iter().enumerate() {
        definitions.push(format!("c{index} \"{name}\", a{index} \"{name}\"[]"));
    }
    client.batch_execute(&format!("create table source ({})", definitions.join(", "))).await.expect("a table");
    client
        .batch_execute(
            "insert into source (n, \"odd \"\" name\", padded, bits, short, days)
             values (0, 1.10, 'a', '101', 'abc', '1 day 02:03:04.567'), (0, 'NaN', '', '000', '', null)",
        )
        .await
        .expect("rows");
    for (index, (name, literals)) in VALUES.iter().enumerate() {
        for literal in *literals {
            let value = format!("'{}'::\"{name}\"", literal.replace('\'', "''"));
            let sql = format!(
                "insert into source (n, c{index}, a{index}) values ({index}, {value}, array[{value}, null, {value}])"
            );
            client.batch_execute(&sql).await.expect(&sql);
        }
    }

    let schema = Schema::new(columns(&client).await).expect("columns");
    let (file, rows) = export(&client, &schema).await;
    restore(&client, &file).await;

    let source = column_of_text(&client, "select s::text from source s order by 1").await;
    assert_eq!(rows, source.len() as u64);
    assert_eq!(column_of_text(&client, "select r::text from restored r order by 1").await, source);
}

#[tokio::test]
async fn a_year_that_parquet_has_not_is_carried_as_text() {
    let client = connect("far_years").await;
    client
        .batch_execute("create table source (n int8, at timestamptz); insert into source values (1, '294270-01-01')")
        .await
        .expect("a table");
    let columns: Vec<_> = columns(&client).await.into_iter().map(Column::as_text).collect();
    let (file, _) = export(&client, &Schema::new(columns).expect("columns")).await;
    restore(&client, &file).await;
    let years = column_of_text(&client, "select at::text from restored").await;
    assert_eq!(years, [Some("294270-01-01 00:00:00+00".to_owned())]);
}
