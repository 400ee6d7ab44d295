//! Which mirror is asked next, and whose word counts: in order, the first at which a cycle is complete.

use std::fmt;

use super::{Growing, Look, Verdict};

/// What a mirror has answered about a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A listing, and what it says.
    Listed(Verdict),
    /// It could not be read: its words say how (403, 503, no answer in time, a body that is no listing).
    Unreadable(String),
}

/// What to do after some mirrors have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Ask this one, by its place in the source's list.
    Mirror(usize),
    /// Enough is known.
    Known(Known),
}

/// What all mirrors together say of a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is complete at this mirror, by its place.
    Complete {
        /// Which.
        mirror: usize,
        /// What was seen.
        look: Look,
    },
    /// It is complete nowhere; this mirror has most of it.
    Growing {
        /// Which.
        mirror: usize,
        /// What is missing there.
        growing: Box<Growing>,
        /// Mirrors that may have more of it.
        unread: Vec<Unread>,
    },
    /// Nothing of it is anywhere that could be read.
    Absent {
        /// How many objects are wanted.
        wanted: u64,
        /// Mirrors that may have some of it.
        unread: Vec<Unread>,
    },
    /// No mirror could be read: nothing is known, which is not that nothing is there.
    Unreadable(Vec<Unread>),
}

/// A mirror that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub mirror: String,
    /// Why.
    pub why: String,
}

/// What to do, given what each mirror has answered so far, in the source's order. A mirror that is stale, empty or cannot
/// be read is no reason to wait while another may have the cycle; one that has been found unreadable in this invocation is
/// passed in as such, and not asked again for each cycle.
pub fn next(mirrors: &[String], answers: &[Option<Answer>]) -> Ask {
    for (mirror, _) in mirrors.iter().enumerate() {
        match answers.get(mirror).and_then(Option::as_ref) {
            None => return Ask::Mirror(mirror),
            Some(Answer::Listed(Verdict::Complete(look))) => {
                return Ask::Known(Known::Complete { mirror, look: look.clone() });
            }
            Some(Answer::Listed(Verdict::Growing(_) | Verdict::Absent { .. }) | Answer::Unreadable(_)) => {}
        }
    }
    Ask::Known(incomplete(mirrors, answers))
}

fn incomplete(mirrors: &[String], answers: &[Option<Answer>]) -> Known {
    let (mut most, mut absent, mut unread) = (None::<(usize, &Growing)>, None, Vec::new());
    for (mirror, answer) in answers.iter().enumerate() {
        match answer {
            Some(Answer::Listed(Verdict::Growing(growing))) => {
                // At equal shares the first mirror's word counts.
                if most.is_none_or(|(_, best)| left(growing) < left(best)) {
                    most = Some((mirror, growing));
                }
            }
            Some(Answer::Listed(Verdict::Absent { wanted })) => absent = Some(*wanted),
            Some(Answer::Unreadable(why)) => {
                let mirror = mirrors.get(mirror).map_or("a mirror", String::as_str).to_owned();
                unread.push(Unread { mirror, why: why.clone() });
            }
            Some(Answer::Listed(Verdict::Complete(_))) | None => {}
        }
    }
    match (most, absent) {
        (Some((mirror, growing)), _) => Known::Growing { mirror, growing: Box::new(growing.clone()), unread },
        (None, Some(wanted)) => Known::Absent { wanted, unread },
        (None, None) => Known::Unreadable(unread),
    }
}

fn left(growing: &Growing) -> (u64, u64) {
    (growing.missing, growing.too_small)
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete { look, .. } => write!(f, "complete at {} with {} files", look.mirror, look.objects),
            Self::Growing { growing, unread, .. } => {
                write!(f, "{growing} ({})", growing.look.mirror)?;
                beside(f, unread)
            }
            Self::Absent { wanted, unread } => {
                write!(f, "none of {wanted} files is there")?;
                beside(f, unread)
            }
            Self::Unreadable(unread) => {
                let each: Vec<String> =
                    unread.iter().map(|Unread { mirror, why }| format!("{mirror}: {why}")).collect();
                write!(f, "no mirror could be read: {}", each.join("; "))
            }
        }
    }
}

/// What is known of the others may not be all that there is.
fn beside(f: &mut fmt::Formatter<'_>, unread: &[Unread]) -> fmt::Result {
    unread.iter().try_for_each(|Unread { mirror, why }| write!(f, "; {mirror} could not be read: {why}"))
}
