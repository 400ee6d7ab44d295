//! Whether a text holds a command that destroys data or stops what runs.
//!
//! Claims are prose with commands in it: "I ran `docker stop web` and it was fine". So a command counts wherever it
//! stands, and not only at the start of a line. What tells it from prose is its grammar, never a word alone:
//!
//! - a tool's name, read through quotes, escapes, a path, `sudo`, `sh -c` and the like, followed by *its* verbs or
//!   options (`shell`, `tools`): `rm` with a flag that recurses or forces, or with something that looks like a file;
//!   `docker … stop`; `git push` with a force. `confirm -rf`, "charm" and `docker ps` are none;
//! - SQL's verb, its object word and a name (`sql`): `drop table users`. "How to drop a table" has no such sequence, and
//!   articles and prepositions are no names;
//! - words that are also plain English (`truncate`, `shutdown`, `reboot`) count only where a command begins, or with
//!   options that nobody writes in prose;
//! - a bare option such as `--delete` counts unless the sentence speaks of it ("the --delete flag").
//!
//! A command that a sentence denies or quotes ("docker stop was not run") still counts: no grammar of commands can tell,
//! and waking somebody for nothing is the cheaper mistake. So do a command behind `#`, inside `echo`, and with
//! `--dry-run`, which would else be the way round. Two exceptions: `git push --force-with-lease`, which refuses to
//! overwrite what the pusher has not seen, and `terraform plan -destroy`, which only shows.
//!
//! What no text shows is not seen: a program whose name is computed when it runs (`$(which rm) -rf /`).
//!
//! Every rule reads each word a fixed number of times, so that a text of a mebibyte costs milliseconds.

mod normal;
mod shell;
mod sql;
mod tools;
mod words;

use words::{Text, Words};

/// Whether a text holds such a command, in any of the ways a shell or SQL may read it.
pub fn is_destructive(text: &str) -> bool {
    normal::readings(text).into_iter().map(Text::from).any(|reading| {
        let words = Words::of(&reading);
        shell::runs_what_it_hides(words.clauses())
            || words.clauses().any(|clause| shell::destroys(clause) || tools::destroys(clause) || sql::destroys(clause))
    })
}

#[cfg(test)]
mod tests;
