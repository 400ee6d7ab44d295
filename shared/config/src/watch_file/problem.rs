//! What is wrong with a watch file: all of it at once, each with its line.

use std::cell::RefCell;
use std::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Counts from 1.
    pub line: usize,
    /// The path of the key, as in `check.telemetry.metric.lag.above`; empty where the text is no TOML.
    pub key: String,
    /// What is wrong, what was expected, and what was probably meant.
    pub what: String,
}

/// A watch file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WatchFileError {
    /// There is none, or it cannot be read.
    #[error("the watch file {file} cannot be read: {source}; expected it there, or at the path in WATCH_FILE")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It has mistakes.
    #[error("{}", Listed(.file, .problems))]
    Wrong {
        /// Its path.
        file: String,
        /// Every mistake, in order of lines.
        problems: Vec<Problem>,
    },
}

/// `file:line: key: what`, one line each.
struct Listed<'a>(&'a str, &'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { line, key, what }) in self.1.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
            write!(f, "{separator}{}:{line}: {key}{what}", self.0)?;
        }
        Ok(())
    }
}

/// Collects what is wrong with one text.
pub(super) struct Problems<'t> {
    text: &'t str,
    found: RefCell<Vec<Problem>>,
}

impl<'t> Problems<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// Notes a mistake at a byte of the text.
    pub(super) fn note(&self, offset: usize, key: &str, what: impl Into<String>) {
        let line = 1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        self.found.borrow_mut().push(Problem { line, key: key.to_owned(), what: what.into() });
    }

    /// Everything noted, in order of lines.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort();
        found
    }
}
