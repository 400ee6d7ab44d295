//! A condition of SQL, as it is written in the watch file: one expression that cannot end the one it is put into.

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCondition {
    /// It holds what no condition needs.
    #[error("holds `{0}`: expected one condition over the table's columns, as in `status = 'closed'`")]
    Holds(String),
    /// A quote is not closed.
    #[error("a quote {0} is not closed: expected one condition, as in `status = 'closed'`")]
    Open(char),
    /// Parentheses do not match.
    #[error("its parentheses do not match: expected one condition, as in `status in ('closed', 'void')`")]
    Parentheses,
}

/// Checks that a text can only be an expression: rows are chosen by it, and whatever changed the meaning of the statement
/// around it would choose others.
///
/// # Errors
/// With what a condition may not hold: statements, comments, parameters, quotes and parentheses that are left open.
pub fn check_condition(text: &str) -> Result<(), BadCondition> {
    let holds = |what: &str| Err(BadCondition::Holds(what.to_owned()));
    let mut depth = 0_usize;
    let mut quote: Option<char> = None;
    let mut last = ' ';
    for c in text.chars() {
        match quote {
            // A doubled quote closes and opens again, which comes to the same.
            Some(open) => quote = (c != open).then_some(open),
            None => match c {
                // In an escape string a backslash hides a quote.
                '\'' if matches!(last, 'e' | 'E' | '&') => return holds(&format!("{last}'")),
                '\'' | '"' => quote = Some(c),
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1).ok_or(BadCondition::Parentheses)?,
                ';' | '$' => return holds(&c.to_string()),
                '-' if last == '-' => return holds("--"),
                '*' if last == '/' => return holds("/*"),
                c if c.is_control() && !c.is_whitespace() => return holds(&c.escape_default().to_string()),
                _ => {}
            },
        }
        if c == '\0' {
            return holds("\\0");
        }
        last = c;
    }
    match (quote, depth) {
        (Some(open), _) => Err(BadCondition::Open(open)),
        (None, 0) => Ok(()),
        (None, _) => Err(BadCondition::Parentheses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_one_expression() {
        for text in [
            "status = 'closed'",
            "kind in ('a', 'b;--', 'it''s')",
            "\"Odd ( name\" is null and a - -1 > b / c",
            "id not in (select id\n from open_orders where note <> ')')",
            "body like 'a\\_b'",
        ] {
            assert_eq!(check_condition(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_would_change_the_statement_around_it_is_refused() {
        for (text, what) in [
            ("a = 1; drop table x", "`;`"),
            ("a = 1 -- and", "`--`"),
            ("a = 1 /* and", "`/*`"),
            ("a = $1", "`$`"),
            ("a = $x$b$x$", "`$`"),
            ("a = E'\\' or true'", "`E'`"),
            ("a = 1) or (true", "parentheses"),
            ("(a = 1", "parentheses"),
            ("a = 'b", "'"),
            ("\"a = 1", "\""),
            ("a = 1\u{8}", "\\u{8}"),
            ("a = '\0'", "\\0"),
        ] {
            let told = check_condition(text).err().map(|bad| bad.to_string()).unwrap_or_default();
            assert!(told.contains(what), "{text}: {told}");
        }
    }
}
