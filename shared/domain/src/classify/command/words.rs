//! Cuts a text into clauses, and clauses into words.

use std::ops::Range;

/// A word of a clause.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    /// In small letters, without the punctuation around it.
    pub(super) text: &'a str,
    /// Whether it was written in capital letters only.
    pub(super) capital: bool,
    /// Whether a command may begin here: at the start of a clause or a line, and after words that announce one.
    pub(super) begins: bool,
}

impl<'a> Word<'a> {
    /// The name of the program that the word would start: without its path.
    pub(super) fn program(&self) -> &'a str {
        self.text.rsplit('/').next().unwrap_or(self.text)
    }

    /// Whether it is written with its path, which nobody does in prose.
    pub(super) fn has_path(&self) -> bool {
        self.text.starts_with('/')
    }

    /// Whether it belongs to a sentence, and is never a name or an operation.
    pub(super) fn is_filler(&self) -> bool {
        self.is(&FILLERS)
    }

    pub(super) fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.text)
    }
}

/// Words that no shell command and no SQL statement reaches beyond.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clause<'a> {
    pub(super) words: &'a [Word<'a>],
    /// Whether a sentence's punctuation ended it, rather than an operator or the end of the text.
    pub(super) is_prose: bool,
}

/// A text in small letters, and where its words lie.
pub(super) struct Words<'a> {
    words: Vec<Word<'a>>,
    clauses: Vec<(Range<usize>, bool)>,
}

/// A normalised text and the same in small letters: their bytes correspond.
pub(super) struct Text {
    given: String,
    small: String,
}

impl From<String> for Text {
    fn from(given: String) -> Self {
        Self { small: given.to_ascii_lowercase(), given }
    }
}

/// Programs that start the program named after them.
const STARTERS: [&str; 14] = [
    "sudo", "doas", "env", "xargs", "exec", "nohup", "command", "busybox", "time", "nice", "timeout", "eval",
    "parallel", "watch",
];
/// Words after which people write the command they mean, and options that take one.
const ANNOUNCERS: [&str; 17] = [
    "ran",
    "run",
    "running",
    "execute",
    "executed",
    "executing",
    "issue",
    "issued",
    "typed",
    "invoked",
    "-c",
    "-lc",
    "-e",
    "--command",
    "--execute",
    "$",
    "#",
];

/// Articles, pronouns, prepositions and forms of "to be".
const FILLERS: [&str; 48] = [
    "a", "an", "the", "this", "that", "these", "those", "my", "your", "our", "their", "its", "his", "her", "some",
    "any", "each", "every", "is", "are", "was", "were", "be", "in", "on", "of", "to", "for", "from", "with", "as",
    "at", "by", "and", "or", "but", "then", "it", "when", "what", "which", "how", "here", "there", "not", "where",
    "via", "while",
];

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a Text) -> Self {
        let mut cut = Self { words: Vec::new(), clauses: Vec::new() };
        let mut clause_from = 0;
        let mut begins = true;
        let (mut from, bytes) = (0, text.small.as_bytes());
        for at in 0..=bytes.len() {
            let byte = bytes.get(at).copied().unwrap_or(b';');
            if !matches!(byte, b' ' | b'\n' | b';' | b'|' | b'&' | b'(' | b')' | b'`' | b'<' | b'>') {
                continue;
            }
            // An option goes on with a command, whatever its operand ends in: `rm x, -rf y`.
            let ends_clause = cut.push(text, from..at, &mut begins) && !option_follows(&text.small[at..]);
            from = at + 1;
            let operator = !matches!(byte, b' ' | b'\n' | b'<' | b'>');
            if byte == b'>' {
                cut.words.push(Word { text: ">", capital: false, begins: false });
            }
            // `mysql> truncate trades`
            begins |= operator || ends_clause || matches!(byte, b'\n' | b'>');
            if operator || ends_clause {
                cut.clauses.push((clause_from..cut.words.len(), ends_clause));
                clause_from = cut.words.len();
            }
        }
        cut
    }

    pub(super) fn clauses(&self) -> impl Iterator<Item = Clause<'_>> {
        let clauses = self.clauses.iter().filter(|(range, _)| !range.is_empty());
        clauses.map(|(range, is_prose)| Clause { words: &self.words[range.clone()], is_prose: *is_prose })
    }

    /// Keeps a word, and says whether a sentence's punctuation ends its clause.
    fn push(&mut self, text: &'a Text, range: Range<usize>, begins: &mut bool) -> bool {
        let (given, small) = (&text.given[range.clone()], &text.small[range]);
        let word = small.trim_start_matches(['*', '_', '[', '!', '@']).trim_end_matches(['*', '_', ']']);
        // `rm *` and `.` are no punctuation.
        let word = if word.is_empty() { small } else { word };
        let bare = word.trim_end_matches([',', '.', '!', '?', ':']);
        let ends_clause = !bare.is_empty() && bare.len() < word.len() && !bare.ends_with('/');
        let word = if bare.is_empty() || bare.ends_with('/') { word } else { bare };
        if word.is_empty() {
            return false;
        }
        let capital = given.bytes().any(|c| c.is_ascii_uppercase()) && !given.bytes().any(|c| c.is_ascii_lowercase());
        let word = Word { text: word, capital, begins: *begins };
        // Options and assignments of a starter stand between it and its program.
        let between = *begins && (word.text.starts_with('-') || word.text.contains('='));
        // `root@db:~# reboot`
        let prompt = word.text.len() > 1 && word.text.ends_with(['#', '$']);
        *begins = between || prompt || STARTERS.contains(&word.program()) || word.is(&ANNOUNCERS);
        self.words.push(word);
        ends_clause
    }
}

/// Whether the next word of a line is an option.
fn option_follows(rest: &str) -> bool {
    let next = rest.trim_start_matches(' ').strip_prefix('-');
    next.is_some_and(|option| option.starts_with(|c: char| c == '-' || c.is_ascii_alphanumeric()))
}
