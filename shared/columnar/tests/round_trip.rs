//! Whatever rows go in, the same bytes come out; and whatever bytes a file is, reading it ends with rows or a reason.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use bytes::Bytes;
use columnar::{Carried, Column, Content, Error, File, Limits, Parsed, Schema, Writer};
use proptest::prelude::*;

/// A type's OID for each way of being carried.
const KINDS: [(u32, Carried); 15] = [
    (16, Carried::Bool),
    (21, Carried::Int2),
    (23, Carried::Int4),
    (20, Carried::Int8),
    (700, Carried::Float4),
    (701, Carried::Float8),
    (25, Carried::Text),
    (3802, Carried::Json),
    (17, Carried::Bytea),
    (2950, Carried::Uuid),
    (1184, Carried::Timestamptz),
    (1114, Carried::Timestamp),
    (1082, Carried::Date),
    (28, Carried::Oid),
    (1700, Carried::AsText),
];

type Row = Vec<Option<Vec<u8>>>;

fn schema(kinds: &[usize]) -> Schema {
    let columns = kinds.iter().enumerate().map(|(at, kind)| {
        let column = Column::of(&format!("c.{at} \"{kind}"), KINDS[*kind].0, "a type");
        assert_eq!(column.carried, KINDS[*kind].1);
        column
    });
    Schema::new(columns.collect()).expect("columns")
}

fn tuple(row: &Row) -> Vec<u8> {
    let mut tuple = (row.len() as i16).to_be_bytes().to_vec();
    for value in row {
        tuple.extend(value.as_ref().map_or(-1, |value| value.len() as i32).to_be_bytes());
        tuple.extend(value.iter().flatten());
    }
    tuple
}

/// The whole file, taken part by part.
fn write(schema: &Schema, rows: &[Row], limits: Limits) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::new(schema.clone(), &[("batch", "b1")], limits)?;
    let mut file = Vec::new();
    for row in rows {
        writer.push(&tuple(row))?;
        let finished = writer.finished();
        let part = writer.take();
        assert_eq!(part.len(), finished);
        file.extend(part);
    }
    let written = writer.finish()?;
    file.extend(&written.rest);
    assert_eq!((written.bytes, written.rows), (file.len() as u64, rows.len() as u64));
    Ok(file)
}

fn parse(file: &[u8]) -> Result<File, Error> {
    match File::parse(file, file.len() as u64)? {
        Parsed::File(parsed) => Ok(*parsed),
        Parsed::NeedMore(bytes) => Err(Error::Damaged(format!("all of it was given, and it asks for {bytes} bytes"))),
    }
}

fn read(file: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let parsed = parse(file)?;
    let mut tuples = Vec::new();
    for (index, group) in parsed.groups().iter().enumerate() {
        // Only this group's bytes.
        let bytes = Bytes::copy_from_slice(&file[group.range.start as usize..group.range.end as usize]);
        parsed.decode(index, bytes, |tuple| {
            tuples.push(tuple.to_vec());
            Ok::<_, Error>(())
        })?;
    }
    Ok(tuples)
}

/// Values that a column of this kind can have; few different ones now and then, so that dictionaries are made.
fn value(kind: usize) -> BoxedStrategy<Option<Vec<u8>>> {
    let bytes = |width: usize| prop::collection::vec(any::<u8>(), width);
    let value = match KINDS[kind].1 {
        Carried::Bool => (0..=1_u8).prop_map(|byte| vec![byte]).boxed(),
        Carried::Int2 => bytes(2).boxed(),
        Carried::Int4 | Carried::Oid | Carried::Float4 => {
            prop_oneof![Just(1_u32.to_be_bytes().to_vec()), Just((-0.0_f32).to_be_bytes().to_vec()), bytes(4)].boxed()
        }
        Carried::Int8 | Carried::Float8 => {
            prop_oneof![Just(0.0_f64.to_be_bytes().to_vec()), Just((-0.0_f64).to_be_bytes().to_vec()), bytes(8)].boxed()
        }
        Carried::Uuid => prop_oneof![Just(vec![7; 16]), bytes(16)].boxed(),
        Carried::Bytea => prop::collection::vec(any::<u8>(), 0..40).boxed(),
        Carried::Text | Carried::Json | Carried::AsText => {
            prop_oneof![Just(String::new()), Just("again".to_owned()), any::<String>()]
                .prop_map(String::into_bytes)
                .boxed()
        }
        Carried::Timestamptz | Carried::Timestamp => {
            prop_oneof![Just(i64::MAX), Just(i64::MIN), -211_813_488_000_000_000..9_222_000_000_000_000_000_i64]
                .prop_map(|micros| micros.to_be_bytes().to_vec())
                .boxed()
        }
        Carried::Date => prop_oneof![Just(i32::MAX), Just(i32::MIN), -2_451_545..2_145_031_949_i32]
            .prop_map(|days| days.to_be_bytes().to_vec())
            .boxed(),
    };
    prop::option::weighted(0.8, value).boxed()
}

fn table() -> impl Strategy<Value = (Vec<usize>, Vec<Row>, usize)> {
    prop::collection::vec(0..KINDS.len(), 1..6).prop_flat_map(|kinds| {
        let row = kinds.iter().map(|kind| value(*kind)).collect::<Vec<_>>();
        (Just(kinds), prop::collection::vec(row, 0..60), prop_oneof![Just(3_usize), Just(1000)])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_of_every_kind_come_back_byte_for_byte((kinds, rows, row_group_rows) in table()) {
        let schema = schema(&kinds);
        let file = write(&schema, &rows, Limits { row_group_rows, ..Limits::default() }).expect("written");
        let tuples: Vec<_> = rows.iter().map(tuple).collect();
        prop_assert_eq!(&read(&file).expect("read"), &tuples);

        let parsed = parse(&file).expect("parsed");
        let mut content = Content::new();
        tuples.iter().for_each(|tuple| content.update(tuple));
        prop_assert_eq!(parsed.content(), content.finish());
        prop_assert_eq!(parsed.schema(), &schema);
        prop_assert_eq!((parsed.rows(), parsed.metadata("batch")), (rows.len() as u64, Some("b1")));
        prop_assert_eq!(parsed.groups().len(), rows.len().div_ceil(row_group_rows));
    }

    #[test]
    fn a_changed_or_cut_file_is_read_otherwise_or_refused(
        (kinds, rows, row_group_rows) in table(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = write(&schema(&kinds), &rows, Limits { row_group_rows, ..Limits::default() }).expect("written");
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.drain(..cut.index(file.len()));
        }
        // Rows or a reason, both are fine here; a panic or an abort is not.
        if let Ok(Parsed::File(_)) = File::parse(&file, file.len() as u64) {
            drop(read(&file));
        }
    }

    #[test]
    fn any_bytes_at_all_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), length in 0..300_u32) {
        let mut file = bytes;
        file.extend(length.to_le_bytes());
        file.extend(b"PAR1");
        if let Ok(Parsed::File(file)) = File::parse(&file, 1000) {
            prop_assert!(false, "{file:?} out of nothing");
        }
    }
}

fn wide(rows: usize) -> (Schema, Vec<Row>) {
    let kinds: Vec<usize> = (0..KINDS.len()).collect();
    let row: Row = kinds
        .iter()
        .map(|kind| {
            let width = match KINDS[*kind].1 {
                Carried::Bool => return Some(vec![1]),
                Carried::Int2 => 2,
                Carried::Int4 | Carried::Oid | Carried::Float4 | Carried::Date => 4,
                Carried::Int8 | Carried::Float8 | Carried::Timestamptz | Carried::Timestamp => 8,
                Carried::Uuid => 16,
                _ => 5,
            };
            Some(vec![b'1'; width])
        })
        .collect();
    (schema(&kinds), vec![row; rows])
}

#[test]
fn a_tail_that_is_too_short_says_how_much_is_needed() {
    let (schema, rows) = wide(10);
    let file = write(&schema, &rows, Limits::default()).expect("written");
    let size = file.len() as u64;
    let ask = |bytes: u64| match File::parse(&file[(size - bytes) as usize..], size).expect("the end of a file") {
        Parsed::NeedMore(more) => more,
        Parsed::File(_) => 0,
    };
    assert_eq!(ask(3), 8);
    let needed = ask(8);
    assert!(needed > 8 && needed < size, "{needed} of {size}");
    assert_eq!(ask(needed - 1), needed);
    assert_eq!(ask(needed), 0);
}

#[test]
fn a_group_ends_at_its_bytes_so_that_memory_is_bounded() {
    let (schema, rows) = wide(1000);
    let limits = Limits { row_group_bytes: 20_000, ..Limits::default() };
    let file = write(&schema, &rows, limits).expect("written");
    let parsed = parse(&file).expect("parsed");
    let bytes = tuple(&rows[0]).len() + 4 * schema.len();
    let most = 20_000_usize.div_ceil(bytes) as u64;
    assert!(parsed.groups().iter().all(|group| group.rows <= most), "{:?}", parsed.groups());
    assert_eq!(read(&file).expect("read").len(), 1000);
}

#[test]
fn a_row_that_does_not_fit_the_columns_is_refused_by_column() {
    let columns =
        vec![Column::of("id", 20, "bigint"), Column::of("note", 25, "text"), Column::of("done", 16, "boolean")];
    let id = || Some(5_i64.to_be_bytes().to_vec());
    let note = || Some(b"x".to_vec());
    let cases: [(Row, &str); 5] = [
        (vec![id(), note()], "a row has 2 values where 3 columns are expected"),
        (vec![Some(vec![0; 4]), note(), None], "column \"id\": a value of 4 bytes where Int8 has 8"),
        (vec![id(), Some(vec![0xff]), None], "column \"note\": not UTF-8"),
        (vec![id(), note(), Some(vec![2])], "column \"done\": [2] is no boolean"),
        (vec![None, None, None, None], "a row has 4 values"),
    ];
    for (row, reason) in cases {
        let error = write(&Schema::new(columns.clone()).expect("columns"), &[row], Limits::default())
            .expect_err("a row that does not fit");
        assert!(error.to_string().contains(reason), "{error} does not say {reason:?}");
    }
}

#[test]
fn a_time_that_parquet_cannot_say_names_its_column() {
    let schema = Schema::new(vec![Column::of("at", 1184, "timestamp with time zone")]).expect("columns");
    // 294270-01-01, a year that Postgres has.
    let row = vec![Some(9_222_700_000_000_000_000_i64.to_be_bytes().to_vec())];
    match write(&schema, &[row], Limits::default()) {
        Err(Error::Unrepresentable { column, .. }) => assert_eq!(column, "at"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_rows_make_the_same_file() {
    let (schema, rows) = wide(50);
    let limits = Limits { row_group_rows: 20, ..Limits::default() };
    assert_eq!(write(&schema, &rows, limits).expect("once"), write(&schema, &rows, limits).expect("twice"));
}

#[test]
fn columns_that_no_file_can_have_are_refused() {
    assert!(Schema::new(vec![]).is_err());
    let twice = vec![Column::of("a", 25, "text"), Column::of("a", 23, "integer")];
    assert!(Schema::new(twice).expect_err("one name").to_string().contains("\"a\""));
    let schema = Schema::new(vec![Column::of("a", 25, "text")]).expect("columns");
    assert!(Writer::new(schema, &[("watchkeeper.rows", "7")], Limits::default()).is_err());
}
