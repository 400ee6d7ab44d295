//! SQL that destroys: `drop`, `truncate`, `delete from`, `alter table`.

use super::words::{Clause, Word};

/// Objects whose loss is a loss of data.
const DROPPED: [&str; 3] = ["table", "database", "schema"];
/// Objects that prose drops as well ("drop view counts"): they need another sign of SQL.
const DROPPED_TOO: [&str; 11] = [
    "view",
    "index",
    "user",
    "role",
    "owned",
    "tablespace",
    "materialized",
    "trigger",
    "function",
    "sequence",
    "extension",
];
/// Words that stand between the object and its name.
const BETWEEN: [&str; 5] = ["if", "exists", "only", "concurrently", "table"];
/// What people say about statements: a name only where the statement goes on or ends as SQL does.
const SPOKEN_OF: [&str; 16] = [
    "statement",
    "statements",
    "command",
    "commands",
    "syntax",
    "keyword",
    "keywords",
    "operation",
    "operations",
    "privilege",
    "privileges",
    "permission",
    "permissions",
    "clause",
    "query",
    "queries",
];
/// How a statement goes on behind the name.
const GOES_ON: [&str; 17] = [
    "cascade",
    "restrict",
    "where",
    "using",
    "returning",
    "restart",
    "continue",
    "add",
    "drop",
    "rename",
    "set",
    "owner",
    "alter",
    "disable",
    "enable",
    "with",
    "modify",
];

pub(super) fn destroys(clause: Clause<'_>) -> bool {
    let Clause { words, is_prose } = clause;
    words.iter().enumerate().any(|(n, verb)| {
        let rest = &words[n + 1..];
        let Some(next) = rest.first() else { return false };
        match verb.text {
            "drop" if next.is(&DROPPED) => names_something(&rest[1..], is_prose),
            "drop" if next.is(&DROPPED_TOO) => {
                (verb.capital && names_something(&rest[1..], is_prose)) || (verb.begins && ends_behind_name(&rest[1..]))
            }
            "alter" if next.text == "table" => names_something(&rest[1..], is_prose),
            "delete" if next.text == "from" => names_something(&rest[1..], is_prose),
            "delete" if verb.capital && rest.get(1).is_some_and(|word| word.text == "from") => {
                names_something(&rest[2..], is_prose)
            }
            "truncate" if next.text == "table" => names_something(&rest[1..], is_prose),
            // "I ran TRUNCATE trades on prod": announced, so no prose.
            "truncate" if n > 0 && announced(verb, &words[n - 1]) && !next.is_filler() => true,
            "truncate" => truncates(verb, rest),
            _ => false,
        }
    })
}

/// Whether a name follows; a statement that breaks off at an operator (a quoted name, say) has one, too.
fn names_something(rest: &[Word<'_>], is_prose: bool) -> bool {
    let mut rest = rest.iter().skip_while(|word| word.is(&BETWEEN));
    match rest.next() {
        None => !is_prose,
        // A table may be called `a`: an article has its noun behind it.
        Some(name) if name.is_filler() => name.text == "a" && rest.next().is_none(),
        Some(name) if name.is(&SPOKEN_OF) => rest.next().is_none_or(|next| next.is(&GOES_ON)),
        Some(_) => true,
    }
}

fn announced(verb: &Word<'_>, before: &Word<'_>) -> bool {
    (verb.capital && verb.begins) || before.is(&["ran", "executed", "issued"])
}

/// `TRUNCATE users`: an English word, so it must be where a statement begins, or in capital letters, and end or go on
/// behind the name as SQL does.
fn truncates(verb: &Word<'_>, rest: &[Word<'_>]) -> bool {
    (verb.begins || verb.capital) && ends_behind_name(rest)
}

fn ends_behind_name(rest: &[Word<'_>]) -> bool {
    let mut rest = rest.iter().skip_while(|word| word.is(&BETWEEN));
    let named = rest.next().is_some_and(|name| !name.is_filler() || name.text == "a");
    named && rest.next().is_none_or(|next| next.is(&GOES_ON) || next.text.starts_with('-'))
}
