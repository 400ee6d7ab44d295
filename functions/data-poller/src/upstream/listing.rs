//! Reads mirrors within one invocation: what is read once is not read again, a mirror that does not answer is not asked
//! again, and none takes more of the poll than its part.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use config::watch_file::{Place, Source};
use domain::Timestamp;
use domain::upstream::pattern::Wanted;
use domain::upstream::{KeyPattern, Object};
use outbound::Http;
use tokio::sync::Mutex;

use super::{Mirrors, http, s3};

/// All that one mirror may take of an invocation. A cycle of GFS takes two or three seconds at a web server, and where this
/// is used up there is still time for another mirror, which may have the cycle.
const PART: Duration = Duration::from_secs(10);

/// What a mirror holds, or why that is not known.
pub(super) type Listed = Result<Vec<Object>, Unread>;

/// Why it is not known what a mirror holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It could not be read: what it said, or that it said nothing in all of its time.
    Unreadable(String),
    /// It would not say of these files, and may of others.
    Refused(String),
    /// There was no time to ask it, or to hear all of its answer: the next poll goes on.
    NoTime(String),
}

impl Unread {
    /// In words.
    pub(super) fn words(&self) -> &str {
        let (Self::Unreadable(why) | Self::Refused(why) | Self::NoTime(why)) = self;
        why
    }
}

/// Reads mirrors; each is asked by one source at a time, so that sources that share one take turns.
pub(super) struct Reader<'a> {
    mirrors: &'a Mirrors,
    http: Http,
    until: Instant,
    read: HashMap<&'a str, Mutex<Read>>,
}

/// What was read of a mirror.
#[derive(Default)]
struct Read {
    listed: HashMap<String, Listed>,
    /// Why it is not asked any more.
    unread: Option<Unread>,
    /// What it would not say first.
    refused: Option<Unread>,
    spent: Duration,
    listings: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(mirrors: &'a Mirrors, sources: &'a [Source], until: Instant) -> Self {
        let names = sources.iter().flat_map(|source| source.mirrors.keys());
        Self {
            mirrors,
            // Its connections are used again within this invocation, and end with it.
            http: Http::keeping_connections(),
            until,
            read: names.map(|name| (name.as_str(), Mutex::default())).collect(),
        }
    }

    /// How many listings were made, and which mirrors could not be read.
    pub(super) fn told(&mut self) -> (usize, BTreeMap<&'a str, String>) {
        let mut told = (0, BTreeMap::new());
        for (name, read) in &mut self.read {
            let read = read.get_mut();
            told.0 += read.listings;
            let why = read.unread.as_ref().or(read.refused.as_ref());
            told.1.extend(why.map(|unread| (*name, unread.words().to_owned())));
        }
        told
    }

    /// What a mirror holds of these patterns, by one listing for each way in which their keys begin.
    pub(super) async fn list_all(
        &self,
        source: &Source,
        name: &str,
        patterns: &[KeyPattern],
        (from, to): (Timestamp, Timestamp),
    ) -> Listed {
        let (Some(mirror), Some(read)) = (source.mirrors.get(name), self.read.get(name)) else {
            return Err(Unread::Unreadable("it is not in the watch file".to_owned()));
        };
        let (bucket, region) = match &mirror.place {
            Place::S3 { bucket, region } => (bucket, region.as_ref()),
            Place::Http { url } => {
                let keys = files(patterns, from);
                return self.once(name, read, &keys.join("\n"), http::ask(&self.http, url, &keys)).await;
            }
        };
        let place = s3::At { bucket, region, anonymous: mirror.anonymous };
        let mut objects = Vec::new();
        for prefix in prefixes(patterns, from, to) {
            let listing = async { self.mirrors.buckets.list(place, &prefix).await.map_err(Unread::Unreadable) };
            objects.extend(self.once(name, read, &prefix, listing).await?);
        }
        Ok(objects)
    }

    /// Reads something of a mirror, a prefix or files by line, unless that is known, or it cannot be read.
    async fn once(&self, name: &str, read: &Mutex<Read>, what: &str, reading: impl Future<Output = Listed>) -> Listed {
        let mut read = read.lock().await;
        if let Some(listed) = read.listed.get(what) {
            return listed.clone();
        }
        if let Some(unread) = &read.unread {
            return Err(unread.clone());
        }
        let began = Instant::now();
        let (left, cut) = self.left(&read, began);
        let listed = if left.is_zero() {
            Err(cut)
        } else {
            read.listings += 1;
            let listed = tokio::time::timeout(left, reading).await;
            listed.unwrap_or(Err(cut))
        };
        read.spent += began.elapsed();
        if let Err(unread) = &listed {
            let what = what.lines().next();
            tracing::warn!(mirror = name, what, why = unread.words(), "A mirror could not be read");
            match unread {
                Unread::Refused(_) => drop(read.refused.get_or_insert_with(|| unread.clone())),
                Unread::Unreadable(_) | Unread::NoTime(_) => read.unread = Some(unread.clone()),
            }
        }
        read.listed.insert(what.to_owned(), listed.clone());
        listed
    }

    /// For how long a mirror may be asked at `began`, and what it means where that is not enough.
    fn left(&self, read: &Read, began: Instant) -> (Duration, Unread) {
        let part = PART.saturating_sub(read.spent);
        let poll = self.until.saturating_duration_since(began);
        if poll < part {
            return (poll, Unread::NoTime("the poll's time ran out before it had answered".to_owned()));
        }
        let why = format!("it took longer than {} s of this poll; the next poll asks it again", PART.as_secs());
        // One that has answered before was slow, or asked for much.
        (part, if read.spent.is_zero() { Unread::Unreadable(why) } else { Unread::NoTime(why) })
    }
}

/// The files that patterns name of a cycle: those that are counted cannot be asked for.
fn files(patterns: &[KeyPattern], at: Timestamp) -> Vec<String> {
    let wanted = patterns.iter().flat_map(|pattern| pattern.wanted(at));
    let files = wanted.filter_map(|wanted| match wanted {
        Wanted::Key(key) => Some(key),
        Wanted::Like(_) => None,
    });
    files.collect()
}

/// The ways in which keys begin.
fn prefixes(patterns: &[KeyPattern], from: Timestamp, to: Timestamp) -> Vec<String> {
    let mut prefixes: Vec<String> = patterns.iter().flat_map(|pattern| pattern.prefixes(from, to)).collect();
    prefixes.sort();
    // What begins with another prefix is in its listing.
    prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter.as_str()));
    prefixes
}
