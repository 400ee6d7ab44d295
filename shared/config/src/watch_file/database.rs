//! The databases that checks and heartbeats ask: straight, or through a function that runs queries.

use std::collections::BTreeMap;

use domain::Severity;
use jiff::SignedDuration;

use super::metric::{severity, within};
use super::names::{expect_kebab_case, expect_not_our_own};
use super::reader::Table;
use super::secret::{BY_CHECKS, secret};
use crate::reference::SecretRef;

/// A database that checks and heartbeats ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// How it is asked.
    pub access: Access,
    /// How long one check's statement may take.
    pub statement_timeout: SignedDuration,
    /// How bad it is when it cannot be asked; `None`: HIGH.
    pub severity: Option<Severity>,
    /// For how long it must be so before somebody is told.
    pub failing_for: SignedDuration,
}

/// How a database is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Straight, at this address: a secret, since it carries a password.
    Url(SecretRef),
    /// Through a Lambda function, by its name or ARN, that runs `{"sql": …}` and answers with rows.
    Lambda(String),
}

/// How long a check may take where the watch file does not say.
pub const DEFAULT_TIMEOUT: SignedDuration = SignedDuration::from_secs(5);
/// The longest that a check may take, and all checks of one database together in one run: the others must have their
/// turn, and an invocation ends.
pub const LONGEST_TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

/// What `[database.NAME]` may say.
const KEYS: [&str; 5] = ["url", "lambda", "statement_timeout", "severity", "for"];

/// The databases by name; `None` where one is written but wrong, so that its checks are not blamed as well.
pub(super) fn databases(root: &Table<'_>) -> BTreeMap<String, Option<Database>> {
    let mut databases = BTreeMap::new();
    for (name, table) in root.named("database", &KEYS) {
        expect_kebab_case(&table, &name);
        expect_not_our_own(&table, &name);
        databases.insert(name.value.to_owned(), database(&table));
    }
    databases
}

fn database(table: &Table<'_>) -> Option<Database> {
    let access = access(table);
    let statement_timeout = within(table, "statement_timeout", LONGEST_TIMEOUT);
    let severity = severity(table);
    let failing_for = table.duration("for");
    Some(Database {
        access: access?,
        statement_timeout: statement_timeout.unwrap_or(DEFAULT_TIMEOUT),
        severity,
        failing_for: failing_for.map_or(SignedDuration::ZERO, |length| length.value),
    })
}

fn access(table: &Table<'_>) -> Option<Access> {
    let meaning =
        "a reference to its address, as in \"ssm:database/pipeline_url\", or `lambda`, a function that asks it";
    match (table.has("url"), table.has("lambda")) {
        (true, true) => {
            table.note("expected `url` or `lambda`, not both");
            None
        }
        (false, true) => {
            let function = table.text("lambda")?;
            if !is_function(function.value) {
                let expected = "expected the name or the ARN of a Lambda function, as in `ops-pipeline-db-query`";
                table.note_at(&function, expected);
            }
            Some(Access::Lambda(function.value.to_owned()))
        }
        (_, false) => {
            let url = table.required_text("url", meaning)?;
            secret(table, &url, "database/pipeline_url", BY_CHECKS).map(Access::Url)
        }
    }
}

/// A function's name, with or without a version, or its ARN.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestParameters>
pub(super) fn is_function(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '$');
    let arn = !text.contains(':') || text.starts_with("arn:aws") || text.split(':').count() <= 2;
    text.len() <= 170 && text.chars().all(plain) && arn
}
