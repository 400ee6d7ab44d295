//! What a watch file says of retention and hard deletes, and what is said of wrong ones.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use config::{Environment, WatchFile};
use domain::retention::{Emptied, Keep, Objects, Policy, SoftDeleted, Table, check_condition, own_table};
use jiff::SignedDuration;

const AROUND: &str = "namespace = \"N\"\n[receiver.mail]\nsns = { topic = \"pages\" }\n[routes]\ndefault = [\"mail\"]\n\
    [database.main]\nurl = \"ssm:database/main_url\"\n[database.asked]\nlambda = \"run-query\"\n\
    [source.gfs]\nforecast_type = \"g\"\nevery = \"6h\"\nexpected_after = \"5h\"\nlate_after = \"6h\"\nmax_runtime = \"1h\"\n\
    look_back = \"10d\"\nupstream.s3 = { buckets = [\"gfs\"] }\ncomplete.keys = [\"{yyyymmdd}{hh}\"]\ntrigger.sqs = { queue = \"q\" }\n";
const PLACE: &str = "database = \"main\"\ntable = \"logs\"\n";
const ROWS: &str = "time = \"at\"\nkey = [\"id\"]\n";
const KEEP: &str = "keep = \"2y\"\n";
const TABLES: &str = "database = \"main\"\nkey = \"org\"\ntables = [\"users\", \"orgs\"]\n";
const RECORD: &str = "record = \"log\"\n";

fn read(text: &str) -> Result<WatchFile, Vec<String>> {
    let environment = Environment::parse("prod").expect("an environment");
    let wrong = |error: config::WatchFileError| error.to_string().lines().map(str::to_owned).collect();
    WatchFile::parse(&format!("{AROUND}{text}"), "w.toml", &environment).map_err(wrong)
}

/// What is said of a text in a file in which everything else is right: without the file, lines counted from its own.
fn mistakes(text: &str) -> Vec<String> {
    let before = AROUND.lines().count();
    let line = |told: String| {
        let (line, rest) = told.trim_start_matches("w.toml:").split_once(':').expect("a line");
        format!("{}:{rest}", line.parse::<usize>().expect("a number") - before)
    };
    read(text).err().unwrap_or_default().into_iter().map(line).collect()
}

fn expect_one(text: &str, expected: &str) {
    let told = mistakes(text);
    assert!(told.len() == 1 && told[0].starts_with(expected), "{text}\n{expected}\n{}", told.join("\n"));
}

fn policy(says: &str) -> Policy {
    read(&format!("[retention.x]\n{says}")).expect("it is right").retention.into_iter().next().expect("a policy")
}

fn full() -> WatchFile {
    let environment = Environment::parse("prod").expect("an environment");
    WatchFile::parse(include_str!("full.toml"), "full.toml", &environment).expect("it is right")
}

fn table(text: &str) -> Table {
    Table::read(text).expect("a table")
}

fn keep(text: &str) -> Keep {
    Keep::read(text).expect("it is right")
}

#[test]
fn the_full_face_says_which_rows_go_where_and_when() {
    let full = full();
    let expected = Policy {
        name: "audit-logs".to_owned(),
        database: "pipeline".to_owned(),
        table: table("public.audit_logs"),
        time: "created_at".to_owned(),
        key: vec!["tenant".to_owned(), "id".to_owned()],
        keep: keep("2y6mo"),
        archive: Some("audit/".to_owned()),
        only: Some("kind in ('login', 'change')".to_owned()),
        objects: None,
        batch_rows: 50_000,
        batch_bytes: 32 << 20,
        max_row_bytes: 1 << 20,
        behind_after: SignedDuration::from_hours(48),
    };
    assert_eq!(full.retention("audit-logs"), Some(&expected));
    let objects = Objects {
        bucket: "acme-forecasts".to_owned(),
        prefix: "gfs/".to_owned(),
        column: "storage_path".to_owned(),
        region: Some("us-east-1".to_owned()),
    };
    assert_eq!(full.retention("forecasts").and_then(|policy| policy.objects.clone()), Some(objects));
    let names: Vec<_> = full.retention.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["audit-logs", "forecasts", "signals"], "in the order they are written");
}

#[test]
fn what_is_not_said_of_a_policy_has_its_default() {
    let policy = policy(&format!("{PLACE}{ROWS}{KEEP}"));
    assert_eq!((policy.batch_rows, policy.batch_bytes, policy.max_row_bytes), (200_000, 128 << 20, 16 << 20));
    assert_eq!((policy.archive, policy.only, policy.objects), (None, None, None));
    assert_eq!(policy.behind_after, SignedDuration::from_hours(72));
}

#[test]
fn our_own_tables_bring_their_columns_and_what_is_still_needed_of_them_stays() {
    let signals = policy("database = \"watchkeeper\"\ntable = \"signals\"\nkeep = \"30d\"\n");
    let done = own_table(&table("signals")).expect("ours").done;
    assert_eq!((signals.table.to_string(), signals.time), ("watchkeeper.signals".to_owned(), "received_at".to_owned()));
    assert_eq!((signals.key, signals.only.as_deref()), (vec!["signal_id".to_owned()], Some(done)));
    let some = policy(
        "database = \"watchkeeper\"\ntable = \"signals\"\nkeep = \"30d\"\nonly = \"kind = 'a' or kind = 'b'\"\n",
    );
    assert_eq!(some.only, Some(format!("({done}) and (kind = 'a' or kind = 'b')")), "whatever else is said");
    assert_eq!(check_condition(&some.only.unwrap_or_default()), Ok(()));
}

#[test]
fn a_hard_delete_empties_its_tables_in_order_each_by_its_own_key() {
    let full = full();
    let organization = full.hard_delete("organization").expect("it is written");
    let emptied = |name: &str, key: &str| Emptied { table: table(name), key: key.to_owned() };
    let tables = [emptied("sessions", "organization_id"), emptied("users", "org"), emptied("organizations", "id")];
    assert_eq!((organization.database.as_str(), &organization.tables[..]), ("pipeline", &tables[..]));
    assert_eq!((&organization.keep[..], &organization.record), (&[table("audit_logs")][..], &table("audit_logs")));
    let soft = SoftDeleted { column: "deleted_at".to_owned(), keep: keep("30d") };
    assert_eq!(organization.soft_deleted, Some(soft));
}

#[test]
fn each_mistake_of_a_policy_is_told_with_its_line_and_what_was_expected() {
    let and = |more: &str| format!("{more}\n{PLACE}{ROWS}{KEEP}");
    let own = |more: &str| format!("database = \"watchkeeper\"\n{more}\n");
    let objects = |objects: &str| and(&format!("objects = {objects}"));
    for (says, expected) in [
        (format!("table = \"logs\"\n{ROWS}{KEEP}"), "1: retention.x.database: is missing: the database that holds"),
        (format!("database = \"main\"\n{ROWS}{KEEP}"), "1: retention.x.table: is missing: the table whose rows"),
        (format!("{PLACE}key = \"id\"\n{KEEP}"), "1: retention.x.time: is missing: the column that says when"),
        (format!("{PLACE}time = \"at\"\n{KEEP}"), "1: retention.x.key: is missing: the columns that tell"),
        (format!("{PLACE}{ROWS}"), "1: retention.x.keep: is missing: how long rows stay, as in \"2y\""),
        (and("archiv = \"a/\""), "2: retention.x.archiv: unknown key (did you mean `archive`?), expected one of"),
        (
            format!("database = \"mian\"\ntable = \"t\"\n{ROWS}{KEEP}"),
            "2: retention.x.database: there is no database `mian` (did you mean `main`?), expected one of asked, main, watchkeeper",
        ),
        (
            format!("database = \"asked\"\ntable = \"t\"\n{ROWS}{KEEP}"),
            "2: retention.x.database: is asked through a function, which deletes nothing",
        ),
        (
            format!("database = \"main\"\ntable = \"a.b.c\"\n{ROWS}{KEEP}"),
            "3: retention.x.table: `a.b.c` has more than one dot",
        ),
        (
            format!("database = \"main\"\ntable = \"watchkeeper.signals\"\n{ROWS}{KEEP}"),
            "3: retention.x.table: is our own: expected `database = \"watchkeeper\"`",
        ),
        (format!("{PLACE}time = \"at \"\nkey = \"id\"\n{KEEP}"), "4: retention.x.time: `at ` is no name"),
        (format!("{PLACE}time = \"at\"\nkey = [\"a\", \"a\"]\n{KEEP}"), "5: retention.x.key: `a` stands there twice"),
        (
            format!("{PLACE}time = \"at\"\nkey = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n{KEEP}"),
            "5: retention.x.key: expected at most 4 columns",
        ),
        (format!("{PLACE}time = \"at\"\nkey = []\n{KEEP}"), "5: retention.x.key: is an empty list"),
        (format!("{PLACE}{ROWS}keep = \"2 y\"\n"), "6: retention.x.keep: `2 y` does not say how long: expected"),
        (
            format!("{PLACE}{ROWS}keep = \"23h\"\n"),
            "6: retention.x.keep: `23h` would take rows that are needed: expected at least 1d: what is younger is live",
        ),
        (
            and("archive = \"audit\""),
            "2: retention.x.archive: `audit` is no folder: expected a prefix that ends in `/`",
        ),
        (and("archive = \"/audit/\""), "2: retention.x.archive: `/audit/` is no folder"),
        (and("archive = \"a/../b/\""), "2: retention.x.archive: `a/../b/` holds `../`"),
        (and("archive = \"\""), "2: retention.x.archive: is empty"),
        (and("only = \"a = 1) or (true\""), "2: retention.x.only: its parentheses do not match"),
        (and("batch_rows = 1000001"), "2: retention.x.batch_rows: expected a whole number from 1 to 1000000"),
        (and("batch_bytes = 1"), "2: retention.x.batch_bytes: expected a whole number from 1048576 to"),
        (and("max_row_bytes = -1"), "2: retention.x.max_row_bytes: expected a whole number from 1024 to"),
        (
            and("batch_bytes = 2097152"),
            "1: retention.x: `max_row_bytes` is 16777216: expected at most `batch_bytes`, 2097152",
        ),
        (and("behind_after = \"30m\""), "2: retention.x.behind_after: expected 1h to 90d"),
        (
            objects("{ bucket = \"acme\", column = \"c\" }"),
            "2: retention.x.objects.prefix: is missing: the prefix below",
        ),
        (
            objects("{ bucket = \"acme\", prefix = \"\", column = \"c\" }"),
            "2: retention.x.objects.prefix: would allow deleting the whole bucket: expected a prefix",
        ),
        (
            objects("{ bucket = \"acme\", prefix = \"/\", column = \"c\" }"),
            "2: retention.x.objects.prefix: would allow deleting the whole bucket",
        ),
        (
            objects("{ bucket = \"acme\", prefix = \"a*/\", column = \"c\" }"),
            "2: retention.x.objects.prefix: `a*/` holds `*`",
        ),
        (
            objects("{ bucket = \"A\", prefix = \"a/\", column = \"c\" }"),
            "2: retention.x.objects.bucket: expected the name of",
        ),
        (objects("{ bucket = \"acme\", prefix = \"a/\" }"), "2: retention.x.objects.column: is missing: the column"),
        (
            own("table = \"leases\"\nkeep = \"30d\""),
            "3: retention.x.table: there is no table of ours that a policy may empty, `leases`, expected one of signals,",
        ),
        (
            own("table = \"signals\"\nkeep = \"7d\""),
            "4: retention.x.keep: `7d` would take rows that are needed: expected at least 15d: a message may come again",
        ),
        (
            own("table = \"signals\"\nkeep = \"30d\"\ntime = \"occurred_at\""),
            "5: retention.x.time: rows of signals are from their `received_at`: expected that, or nothing",
        ),
        (
            own("table = \"heartbeat_slots\"\nkeep = \"30d\"\nkey = [\"name\"]"),
            "5: retention.x.key: the key of heartbeat_slots is [\"name\", \"slot_at\"]: expected that, or nothing",
        ),
        (
            own("table = \"forecast_runs\"\nkeep = \"10d\""),
            "4: retention.x.keep: `10d` is not longer than the `look_back` of source.gfs, 1w 3d: its cycles would be",
        ),
    ] {
        expect_one(&format!("[retention.x]\n{says}"), expected);
    }
    expect_one(
        &format!("[retention.Audit_Logs]\n{PLACE}{ROWS}{KEEP}"),
        "1: retention.Audit_Logs: expected a name in kebab",
    );
}

#[test]
fn policies_that_take_each_others_rows_archives_or_objects_are_told() {
    let two = |first: &str, second: &str| format!("[retention.a]\n{first}[retention.b]\n{second}");
    let of = |table: &str, more: &str| format!("database = \"main\"\ntable = \"{table}\"\n{ROWS}{KEEP}{more}\n");
    let objects = |prefix: &str| format!("objects = {{ bucket = \"acme\", prefix = \"{prefix}\", column = \"c\" }}");
    let rows =
        "10: retention.b.table: retention.a takes the same rows: expected an `only` in both, which no row meets twice";
    for (first, second) in [("", ""), ("only = \"a\"", ""), ("", "only = \"a\""), ("only = \"a\"", "only = \"a\"")] {
        expect_one(&two(&of("t", first), &of("public.t", second)), rows);
    }
    assert_eq!(mistakes(&two(&of("t", "only = \"a\""), &of("t", "only = \"not a\""))), Vec::<String>::new());
    let overlap = "14: retention.b.archive: ";
    for (first, second, told) in [("a/", "a/t/", "a/t/u/ overlaps a/t/"), ("a/u/", "a/", "a/u/ overlaps a/u/t/")] {
        let text = two(&of("t", &format!("archive = \"{first}\"")), &of("u", &format!("archive = \"{second}\"")));
        expect_one(&text, &format!("{overlap}{told}"));
    }
    let side_by_side = two(&of("t", "archive = \"a/\""), &of("u", "archive = \"a/\""));
    assert_eq!(mistakes(&side_by_side), Vec::<String>::new(), "each in its table's folder");
    let text = two(&of("t", &objects("f/")), &of("u", &objects("f/nowcast/")));
    expect_one(&text, "14: retention.b.objects: `f/nowcast/` overlaps `f/` of retention.a in the bucket acme");
    assert_eq!(mistakes(&two(&of("t", &objects("f/")), &of("u", &objects("g/")))), Vec::<String>::new());
}

#[test]
fn runs_of_sources_that_are_not_meant_do_not_bind_a_policy() {
    let runs = |more: &str| {
        format!("[retention.x]\ndatabase = \"watchkeeper\"\ntable = \"forecast_runs\"\nkeep = \"7d\"\n{more}\n")
    };
    assert_eq!(mistakes(&runs("")).len(), 1);
    assert_eq!(mistakes(&runs("only = \"source = 'gfs'\"")).len(), 1);
    let nowcast = "[source.nowcast]\nforecast_type = \"n\"\nevery = \"1h\"\nexpected_after = \"1h\"\nlate_after = \"2h\"\n\
        max_runtime = \"1h\"\nupstream.s3 = { buckets = [\"abc\"] }\ncomplete.keys = [\"{yyyymmdd}{hh}\"]\ntrigger.sqs = { queue = \"q\" }\n";
    assert_eq!(mistakes(&format!("{}{nowcast}", runs("only = \"source = 'nowcast'\""))), Vec::<String>::new());
}

#[test]
fn each_mistake_of_a_hard_delete_is_told_with_its_line_and_what_was_expected() {
    let and = |more: &str| format!("{more}\n{TABLES}{RECORD}");
    let tables = |tables: &str| format!("database = \"main\"\nkey = \"org\"\ntables = {tables}\n{RECORD}");
    for (says, expected) in [
        (TABLES.to_owned(), "1: hard_delete.x.record: is missing: where the deletion is put on record"),
        (format!("database = \"main\"\nkey = \"org\"\n{RECORD}"), "1: hard_delete.x.tables: is missing: the tables"),
        (format!("database = \"main\"\ntables = [\"t\"]\n{RECORD}"), "1: hard_delete.x.key: is missing: the column"),
        (
            format!("database = \"watchkeeper\"\nkey = \"org\"\ntables = [\"t\"]\n{RECORD}"),
            "2: hard_delete.x.database: there is no database `watchkeeper`, expected one of asked, main",
        ),
        (tables("[]"), "4: hard_delete.x.tables: is an empty list"),
        (tables("[1]"), "4: hard_delete.x.tables: expected texts or tables, found the number 1 in it"),
        (tables("\"users\""), "4: hard_delete.x.tables: expected a list, not the text"),
        (tables("[\"users\", \"public.users\"]"), "4: hard_delete.x.tables: `public.users` stands there twice"),
        (tables("[{ key = \"id\" }]"), "4: hard_delete.x.tables[0].table: is missing: the table"),
        (
            tables("[{ table = \"t\", keys = \"id\" }]"),
            "4: hard_delete.x.tables[0].keys: unknown key (did you mean `key`?)",
        ),
        (
            and("keep = [\"users\"]"),
            "2: hard_delete.x.keep: `users` is among `tables` too: expected it to be emptied or kept",
        ),
        (
            format!("{TABLES}record = \"public.orgs\"\n"),
            "5: hard_delete.x.record: `public.orgs` is among `tables`: the record would be deleted with the rest",
        ),
        (
            and("soft_deleted = { column = \"d\" }"),
            "2: hard_delete.x.soft_deleted.keep: is missing: how long after that",
        ),
        (
            and("soft_deleted = { column = \"d\", keep = \"1h\" }"),
            "2: hard_delete.x.soft_deleted.keep: `1h` leaves no time to take it back: expected at least 1d",
        ),
        (and("order = \"x\""), "2: hard_delete.x.order: unknown key"),
    ] {
        expect_one(&format!("[hard_delete.x]\n{says}"), expected);
    }
}

#[test]
fn all_mistakes_of_a_policy_are_told_at_once() {
    let told = mistakes(
        "[retention.x]\ndatabase = \"no\"\ntable = \"\"\nkey = [\"a\", \"a\"]\nkeep = \"x\"\narchive = \"x\"\nonly = \";\"\n\
         objects = { bucket = \"A\" }\nbatch_rows = 0\nbehind_after = \"x\"\n",
    );
    for key in [
        "database",
        "table",
        "time",
        "key",
        "keep",
        "archive",
        "only",
        "objects.bucket",
        "objects.prefix",
        "objects.column",
        "batch_rows",
        "behind_after",
    ] {
        assert!(told.iter().any(|line| line.contains(&format!(" retention.x.{key}: "))), "{key}\n{}", told.join("\n"));
    }
}
