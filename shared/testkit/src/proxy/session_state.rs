//! Which statements need a session of their own, and so fail, or spill over to strangers, behind a transaction pooler.

/// Why a statement text cannot be run through a transaction pooler, if it cannot.
pub(super) fn needs_session(sql: &str) -> Option<String> {
    bare(sql).split(';').find_map(|statement| {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let why = match words.as_slice() {
            ["set", "local" | "transaction" | "constraints", ..] => None,
            ["set", ..] => Some("SET without LOCAL"),
            ["reset" | "discard", ..] => Some("RESET"),
            ["listen" | "unlisten", ..] => Some("LISTEN"),
            ["prepare", "transaction", ..] => None,
            ["prepare" | "execute" | "deallocate", ..] => Some("a prepared statement"),
            ["declare", rest @ ..] if rest.windows(2).any(|pair| pair == ["with", "hold"]) => {
                Some("a cursor WITH HOLD")
            }
            ["create", "temp" | "temporary", ..]
            | ["create", "local" | "global" | "or", "temp" | "temporary" | "replace", ..]
                if words.iter().any(|word| ["temp", "temporary"].contains(word)) =>
            {
                Some("a temporary table")
            }
            _ if calls(statement, "advisory_lock") || calls(statement, "advisory_unlock") => {
                Some("an advisory lock of the session")
            }
            _ if calls(statement, "set_config") && ends_in_false(statement) => Some("set_config for the session"),
            _ => None,
        };
        why.map(str::to_owned)
    })
}

/// `pg_advisory_xact_lock` ends with its transaction; `pg_advisory_lock`, `pg_try_advisory_lock_shared`, … do not.
fn calls(statement: &str, function: &str) -> bool {
    statement.contains(function)
}

fn ends_in_false(statement: &str) -> bool {
    statement.split("set_config").skip(1).any(|call| {
        let arguments = call.split(')').next().unwrap_or_default();
        arguments.rsplit(',').next().is_some_and(|last| last.trim() == "false")
    })
}

/// The text in lower case without comments, and with every literal and quoted name emptied.
fn bare(sql: &str) -> String {
    let mut bare = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if c == '\'' || c == '"' {
            bare.push(c);
            bare.push(c);
            rest[1..].find(c).map_or(rest.len(), |end| end + 2)
        } else if let Some(tag) = dollar_tag(rest) {
            rest[tag.len()..].find(tag).map_or(rest.len(), |end| end + 2 * tag.len())
        } else {
            bare.extend(c.to_lowercase());
            rest = &rest[c.len_utf8()..];
            continue;
        };
        bare.push(' ');
        rest = &rest[skipped..];
    }
    bare
}

/// The `$tag$` that opens a literal here. `$1` is a parameter.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = text.strip_prefix('$')?.find('$')? + 2;
    let tag = &text[..end];
    let name = &tag[1..end - 1];
    let is_name =
        name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_its_transaction_needs_a_session() {
        for sql in [
            "set search_path to watchkeeper",
            "SET SESSION statement_timeout = 5",
            "begin; set x = 1",
            "/* hm */ listen alerts",
            "select pg_advisory_lock(1)",
            "select pg_try_advisory_lock_shared(1, 2)",
            "select pg_advisory_unlock_all()",
            "select set_config('statement_timeout', $1, false)",
            "prepare p as select 1",
            "create temp table t (n int)",
            "CREATE LOCAL TEMPORARY TABLE t ()",
            "declare c cursor with hold for select 1",
            "discard all",
        ] {
            assert!(needs_session(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn what_ends_with_its_transaction_does_not() {
        for sql in [
            "begin isolation level read committed",
            "set local statement_timeout = 5",
            "set transaction read only",
            "select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key",
            "select set_config('statement_timeout', $1, true), set_config('a', 'false', true), now() as now",
            "update t set a = $1 where b = 'set x; listen y'",
            "-- set x = 1\nselect 1",
            "do $body$ begin perform 1; end $body$",
            "select 'it''s; set x' as \"listen\"",
            "commit",
        ] {
            assert_eq!(needs_session(sql), None, "{sql}");
        }
    }
}
