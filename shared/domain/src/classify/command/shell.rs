//! Programs of a shell that destroy: `rm`, `dd`, `mkfs`, `shutdown` and the like, each with what makes it destroy.

use super::words::{Clause, Word};

/// Programs that take a disk apart, whatever they are told, once they are told of one or given an option.
const DISK_PROGRAMS: [&str; 4] = ["mkfs", "wipefs", "shred", "mkswap"];
/// Programs and calls that destroy by their name alone; nobody writes them in prose.
const BY_NAME: [&str; 5] = ["dropdb", "flushall", "flushdb", "rmtree", "dropdatabase"];
/// Programs with an `rm` of their own: version control and package managers, which can put things back.
const HAS_OWN_RM: [&str; 7] = ["git", "svn", "npm", "yarn", "pnpm", "conda", "cargo"];
/// Words that also mean something in English.
const POWER: [&str; 4] = ["shutdown", "reboot", "halt", "poweroff"];

pub(super) fn destroys(clause: Clause<'_>) -> bool {
    removes(clause.words)
        || overwrites_a_device(clause.words)
        || powers_off(clause)
        || deletes_by_option(clause.words)
        || clause.words.iter().enumerate().any(|(n, word)| {
            let next = clause.words.get(n + 1);
            BY_NAME.iter().any(|name| word.program().rsplit('.').next() == Some(name))
                || (is_disk_program(word) && next.is_some_and(|next| is_option(next) || looks_like_a_file(next)))
                || (matches!(word.program(), "pkill" | "killall")
                    && word.begins
                    && next.is_some_and(|next| !next.is_filler()))
                || (word.text == "remove-item" && clause.words.iter().any(|word| word.text == "-recurse"))
                || (word.program() == "truncate"
                    && next.is_some_and(|next| next.text.starts_with("-s") || next.text.starts_with("--s")))
                || (word.program() == "init"
                    && word.begins
                    && next.is_some_and(|next| next.is(&["0", "6"]))
                    && clause.words.len() == n + 2)
        })
}

/// `base64 -d | sh`, `eval "$(… | base64 -d)"`: nobody hides a harmless command.
pub(super) fn runs_what_it_hides<'a>(clauses: impl Iterator<Item = Clause<'a>>) -> bool {
    const SHELLS: [&str; 9] = ["sh", "bash", "zsh", "dash", "ksh", "python", "python3", "perl", "eval"];
    let has = |words: &[Word<'_>], programs: &[&str]| words.iter().any(|word| programs.contains(&word.program()));
    let (mut decodes, mut begun) = (false, [false; 2]);
    for Clause { words, .. } in clauses {
        let runs = has(words, &SHELLS);
        if decodes && runs {
            return true;
        }
        decodes |= has(words, &["base64", "base32", "xxd"])
            && words.iter().any(|word| word.is(&["-d", "--decode", "-r", "-di"]));
        // `bash <(echo … | base64 -d)`: the shell stands two clauses before what decodes.
        if decodes && begun.contains(&true) {
            return true;
        }
        let substitutes = words.last().is_some_and(|last| last.is(&["$", ">"]) || last.text.ends_with('$'));
        begun = [begun[1], runs && (substitutes || words.len() == 1)];
    }
    false
}

fn is_option(word: &Word<'_>) -> bool {
    word.text.len() > 1 && word.text.starts_with('-')
}

/// A path, a pattern, a name with an ending, a variable.
fn looks_like_a_file(word: &Word<'_>) -> bool {
    word.text == "*"
        || word.text.contains(['/', '*', '~', '$', '{'])
        // `RM 5.50` is money, `RM v1.2` a version.
        || (word.text.trim_matches('.').contains('.') && word.text.contains(|c: char| c.is_alphabetic() && c != 'v'))
        || word.text == "."
}

fn is_disk_program(word: &Word<'_>) -> bool {
    let program = word.program();
    DISK_PROGRAMS
        .iter()
        .any(|name| program.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// `rm` with a flag that recurses or forces, in any order and spelling; with what looks like a file; or started by
/// another program, which would not be if it were prose.
fn removes(words: &[Word<'_>]) -> bool {
    let is_rm = |n: &usize| {
        let before = n.checked_sub(1).and_then(|before| words.get(before));
        // A Makefile's `-rm` goes on when it fails.
        let named = words[*n].program() == "rm" || (words[*n].text == "-rm" && words[*n].begins);
        named && !before.is_some_and(|before| HAS_OWN_RM.contains(&before.program()))
    };
    let Some(first) = (0..words.len()).find(is_rm) else { return false };
    let started = words[..first].iter().any(|word| matches!(word.program(), "sudo" | "doas" | "xargs" | "busybox"));
    let given = &words[first + 1..];
    started
        || (words[first].has_path() && given.first().is_some_and(|next| !next.is_filler()))
        || (words[first].begins && given.first().is_some_and(|next| next.text == "--"))
        || given.iter().any(|word| removing_flag(word.text))
        || given.iter().find(|word| !is_option(word)).is_some_and(looks_like_a_file)
        // `rm old /etc/passwd`
        || (words[first].begins
            && given.iter().take_while(|word| !word.is_filler()).any(|word| word.text.starts_with(['/', '~'])))
}

fn removing_flag(word: &str) -> bool {
    match word.strip_prefix("--") {
        // Programs of GNU take any beginning of a long option.
        Some(long) => {
            ["recursive", "force", "no-preserve-root"].iter().any(|name| !long.is_empty() && name.starts_with(long))
        }
        None => word.strip_prefix('-').is_some_and(|flags| {
            !flags.is_empty() && flags.bytes().all(|c| c.is_ascii_alphabetic()) && flags.contains(['r', 'f'])
        }),
    }
}

/// `dd of=/dev/…` and `> /dev/sda`, but not what only takes things in or shows them.
fn overwrites_a_device(words: &[Word<'_>]) -> bool {
    const DISKS: [&str; 12] =
        ["sd", "nvme", "vd", "xvd", "hd", "mapper/", "disk/", "md", "dm-", "mmcblk", "loop", "nbd"];
    let is_device =
        |path: &str| path.strip_prefix("/dev/").is_some_and(|name| DISKS.iter().any(|disk| name.starts_with(disk)));
    // A variable names some disk or other: nobody hides a file's name in a dd.
    let is_target = |path: &str| is_device(path) || path.starts_with('$');
    let has_dd = words.iter().any(|word| word.program() == "dd");
    (has_dd && words.iter().any(|word| word.text.strip_prefix("of=").is_some_and(is_target)))
        || words.windows(2).enumerate().any(|(n, pair)| {
            let arrow = n.checked_sub(1).is_some_and(|before| words[before].text.ends_with('-'));
            pair[0].text == ">" && !arrow && is_device(pair[1].text)
        })
}

/// `22:00`.
fn is_time(word: &str) -> bool {
    word.contains(':') && word.bytes().all(|c| c == b':' || c.is_ascii_digit())
}

/// `sudo reboot`, `shutdown -h now`, `reboot` alone; not "the reboot took a minute".
fn powers_off(clause: Clause<'_>) -> bool {
    let words = clause.words;
    words.iter().enumerate().filter(|(_, word)| POWER.contains(&word.program())).any(|(n, word)| {
        // A URL's path and a document's name end in such words as well.
        let in_bin = ["/bin/", "/sbin/", "/usr/"].iter().any(|folder| word.text.starts_with(folder));
        if word.text != word.program() && !in_bin {
            return false;
        }
        let by_sudo = n.checked_sub(1).is_some_and(|before| words[before].is(&["sudo", "doas", "systemctl"]));
        let by_sudo =
            by_sudo || n.checked_sub(3).is_some_and(|at| words[at].is(&["sudo", "doas"]) && is_option(&words[at + 1]));
        let after = &words[n + 1..];
        let told = after.first().is_some_and(|next| {
            is_option(next)
                || next.text == "now"
                || next.text.starts_with('+')
                || is_time(next.text)
                || next.is(&["/s", "/r", "/p"])
        });
        by_sudo || told || in_bin || (word.begins && after.is_empty())
    })
}

/// `--delete` and its like: with the programs that have it, else unless the sentence speaks of it.
fn deletes_by_option(words: &[Word<'_>]) -> bool {
    let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.program()));
    if has(&["rsync"]) && words.iter().any(|word| word.text.starts_with("--del")) {
        return true;
    }
    if has(&["find"]) && words.iter().any(|word| word.text == "-delete") {
        return true;
    }
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| {
            word.is(&[
                "--delete",
                "--force-delete",
                "--force-destroy",
                "--delete=true",
                "--delete=yes",
                "--force-delete=true",
                "--force-delete=yes",
                "--delete-all",
            ])
        })
        .any(|(n, _)| {
            let before = n.checked_sub(1).map(|before| words[before]);
            let spoken_before =
                ["the", "a", "an", "no", "not", "this", "that", "without", "called", "named", "of", "is"];
            let spoken_after =
                ["flag", "option", "switch", "parameter", "argument", "is", "was", "isnt", "wasnt", "or", "and"];
            !before.is_some_and(|word| word.is(&spoken_before))
                && !words.get(n + 1).is_some_and(|word| word.is(&spoken_after))
        })
}
