//! What a pattern wants of one cycle: the very keys, or keys like these.

use jiff::Timestamp;

use super::{KeyPattern, Part, nominal, observed, width};

/// One object that a cycle wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The object of this key.
    Key(String),
    /// Any object whose key is like this.
    Like(Vec<Piece>),
}

/// A part of what a key is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// This text.
    Text(String),
    /// Anything.
    Any,
    /// A time of observation, in this format.
    Time(String),
}

impl KeyPattern {
    /// What it wants of a cycle, in the order of its ranges.
    pub fn wanted(&self, at: Timestamp) -> Vec<Wanted> {
        let mut all: Vec<Vec<Piece>> = vec![Vec::new()];
        for part in &self.parts {
            match part {
                Part::Text(text) => each(&mut all, |pieces| append(pieces, text)),
                Part::Nominal(format) => {
                    let text = nominal(at, format);
                    each(&mut all, |pieces| append(pieces, &text));
                }
                Part::Any => each(&mut all, |pieces| pieces.push(Piece::Any)),
                Part::Time(format) => each(&mut all, |pieces| pieces.push(Piece::Time(format.clone()))),
                Part::Range { from, to, step, width } => {
                    let numbers = (*from..=*to).step_by(*step as usize);
                    let texts: Vec<String> = numbers.map(|number| format!("{number:0width$}")).collect();
                    let with = |pieces: &Vec<Piece>, text: &String| {
                        let mut pieces = pieces.clone();
                        append(&mut pieces, text);
                        pieces
                    };
                    all = all.iter().flat_map(|pieces| texts.iter().map(|text| with(pieces, text))).collect();
                }
            }
        }
        all.into_iter().map(wanted).collect()
    }
}

fn each(all: &mut [Vec<Piece>], change: impl Fn(&mut Vec<Piece>)) {
    all.iter_mut().for_each(change);
}

fn append(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn wanted(pieces: Vec<Piece>) -> Wanted {
    match <[Piece; 1]>::try_from(pieces) {
        Ok([Piece::Text(key)]) => Wanted::Key(key),
        Ok(piece) => Wanted::Like(piece.into()),
        Err(pieces) => Wanted::Like(pieces),
    }
}

/// What a key that is like it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// When it was observed, where the pattern says that.
    pub observed_at: Option<Timestamp>,
}

impl Wanted {
    /// Whether it is this key, or like it.
    pub fn matches(&self, key: &str) -> Option<Matched> {
        match self {
            Self::Key(wanted) => (wanted == key).then_some(Matched { observed_at: None }),
            Self::Like(pieces) => like(pieces, key, &mut { MOST_STEPS }),
        }
    }
}

/// No key of S3's length takes more steps with a few `*`; one that does is not worth the time.
const MOST_STEPS: u32 = 100_000;

fn like(pieces: &[Piece], key: &str, steps: &mut u32) -> Option<Matched> {
    *steps = steps.checked_sub(1)?;
    let Some((piece, others)) = pieces.split_first() else {
        return key.is_empty().then_some(Matched { observed_at: None });
    };
    match piece {
        Piece::Text(text) => like(others, key.strip_prefix(text.as_str())?, steps),
        Piece::Any if others.is_empty() => Some(Matched { observed_at: None }),
        Piece::Any => {
            let mut tails = key.char_indices().map(|(at, _)| &key[at..]).chain([""]);
            tails.find_map(|tail| like(others, tail, steps))
        }
        Piece::Time(format) => {
            let (time, tail) = key.split_at_checked(width(format))?;
            let observed_at = observed(time, format)?;
            like(others, tail, steps).map(|_| Matched { observed_at: Some(observed_at) })
        }
    }
}
