//! Brings a text to plain words: what a shell or SQL would ignore, and what a reader cannot see, is taken away.

/// The ways in which the text may be meant. They differ where an escape or a comment is a matter of who reads it:
/// `\rm` is `rm` to a shell, but `\n` in a text that was encoded twice is a line's end; `DROP/**/TABLE` is a comment to
/// SQL, but to a shell `/*` names files.
pub(super) fn readings(text: &str) -> Vec<String> {
    let plain: String = text.chars().flat_map(visible).collect();
    let plain = ["%20", "&nbsp;"].iter().fold(plain, |text, space| text.replace(space, " ")).replace(">|", ">");
    let mut readings = vec![unquoted(&plain)];
    if plain.contains(['"', '\'']) {
        readings.push(unquoted(&without_code(&plain)));
    }
    if plain.contains("\\n") || plain.contains("\\t") || plain.contains("\\r") {
        let broken = ["\\r\\n", "\\n", "\\t", "\\r"].iter().fold(plain.clone(), |text, end| text.replace(end, "\n"));
        readings.push(unquoted(&broken));
    }
    if plain.contains("/*") || plain.contains("--") {
        readings.push(unquoted(&without_comments(&plain)));
    }
    readings
}

/// The character that a reader sees, if any: look-alikes of spaces, dashes, quotes and Latin letters in their plain form.
fn visible(c: char) -> impl Iterator<Item = char> {
    let (first, second) = match c {
        '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => (Some('\n'), None),
        // An editor makes a long dash of two short ones.
        '\u{2014}' | '\u{2015}' => (Some('-'), Some('-')),
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' => (Some('-'), None),
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => (Some('"'), None),
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => (char::from_u32(u32::from(c) - 0xfee0), None),
        // Cyrillic letters that no reader tells from Latin ones.
        'а' => (Some('a'), None),
        'с' => (Some('c'), None),
        'ԁ' => (Some('d'), None),
        'е' => (Some('e'), None),
        'і' => (Some('i'), None),
        'о' => (Some('o'), None),
        'р' => (Some('p'), None),
        'ѕ' => (Some('s'), None),
        'х' => (Some('x'), None),
        'у' => (Some('y'), None),
        'А' => (Some('A'), None),
        'В' => (Some('B'), None),
        'Е' => (Some('E'), None),
        'М' => (Some('M'), None),
        'О' => (Some('O'), None),
        'Р' => (Some('P'), None),
        'С' => (Some('C'), None),
        'Т' => (Some('T'), None),
        // Greek.
        'ο' => (Some('o'), None),
        // Soft hyphen, zero-width and direction marks, variation selectors.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' => (None, None),
        '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => (None, None),
        c if c.is_whitespace() => (Some(' '), None),
        c if c.is_control() => (None, None),
        c => (Some(c), None),
    };
    first.into_iter().chain(second)
}

/// Without quotes and escapes, continued lines joined, `${IFS}` and `{a,b}` as the spaces that a shell makes of them.
fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' | '\'' => {}
            '\\' => match hexadecimal(rest) {
                Some(c) => {
                    plain.push(c);
                    rest = &rest[3..];
                }
                None => rest = rest.strip_prefix('\n').unwrap_or(rest),
            },
            // `$'\x72m'`
            '$' if rest.starts_with(['"', '\'']) => {}
            '$' if rest.starts_with(['@', '*']) => rest = &rest[1..],
            '$' => match variable(rest) {
                Some((name, after)) => {
                    // Unset, it leaves nothing: `r${x}m`. Where a word may begin, it is some word or other.
                    match (name, plain.ends_with(|c: char| c.is_ascii_alphanumeric())) {
                        ("IFS", _) => plain.push(' '),
                        (_, true) => {}
                        (_, false) => plain.push('$'),
                    }
                    rest = after;
                }
                None => plain.push('$'),
            },
            '{' => match braces(rest) {
                Some(inside) => {
                    plain.extend([' '].into_iter().chain(inside.chars().map(|c| if c == ',' { ' ' } else { c })));
                    plain.push(' ');
                    rest = &rest[inside.len() + 1..];
                }
                None => plain.push('{'),
            },
            c => plain.push(c),
        }
    }
    plain
}

/// The character of an escape such as `x72`, behind its backslash.
fn hexadecimal(escape: &str) -> Option<char> {
    let code = u8::from_str_radix(escape.strip_prefix('x')?.get(..2)?, 16).ok()?;
    code.is_ascii_graphic().then(|| char::from(code))
}

/// The variable whose name follows a `$`, if it is `IFS` or stands in braces, and what is left behind it.
fn variable(after: &str) -> Option<(&str, &str)> {
    let braced = after.strip_prefix('{');
    let name_at = braced.unwrap_or(after);
    let name = &name_at[..name_at.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name_at.len())];
    let rest = &name_at[name.len()..];
    match braced {
        None => (name == "IFS").then_some((name, rest)),
        // `${IFS%?}`, `${x:-}`: whatever is done to it.
        Some(_) => rest.split_once(['}', ' ', '$']).map(|(_, rest)| (name, rest)).filter(|_| !name.is_empty()),
    }
}

/// What stands in `{a,b,…}`, where a shell would expand it: a comma and no space.
fn braces(after: &str) -> Option<&str> {
    let end = after.find(|c: char| matches!(c, '}' | '{') || c.is_whitespace())?;
    let inside = &after[..end];
    (after[end..].starts_with('}') && inside.contains(',')).then_some(inside)
}

/// Code and data around a command as spaces: quotes, and the brackets, commas, colons and equals signs next to them.
/// `run(["rm", "-rf", "/x"])`, `f"rm -rf {path}"`, `{"command":"docker stop web"}`.
fn without_code(text: &str) -> String {
    let is_code = |c: char| matches!(c, '"' | '\'' | '[' | ']' | '{' | '}' | '(' | ')' | ',' | ':' | '=');
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_code) {
        let length = rest[at..].find(|c| !is_code(c)).unwrap_or(rest.len() - at);
        let run = &rest[at..at + length];
        plain.push_str(&rest[..at]);
        plain.push_str(if run.contains(['"', '\'']) { " " } else { run });
        rest = &rest[at + length..];
    }
    plain + rest
}

/// Without SQL's comments.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("/*") {
        let Some(length) = rest[at + 2..].find("*/") else { break };
        plain.push_str(&rest[..at]);
        plain.push(' ');
        // MySQL runs what stands in `/*!50000 … */`.
        let inside = &rest[at + 2..at + 2 + length];
        plain.push_str(inside.strip_prefix('!').unwrap_or_default().trim_start_matches(|c: char| c.is_ascii_digit()));
        rest = &rest[at + 2 + length + 2..];
    }
    plain.push_str(rest);
    // `--` begins a comment before a space only, as MySQL has it: else it begins an option.
    let code = |line: &str| line.find("-- ").map_or(line.len(), |at| at);
    plain.split('\n').map(|line| &line[..code(line)]).collect::<Vec<_>>().join("\n")
}
