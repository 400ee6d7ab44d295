//! Where a source is published: mirrors in the order in which they are asked, or instruments that are joined.

use std::collections::BTreeMap;

use domain::upstream::joint::{Instrument, Joint};
use domain::upstream::{KeyPattern, Requirement, Settle, Upstream};
use jiff::SignedDuration;

use super::super::check::no_such;
use super::super::names::{expect_kebab_case, region};
use super::super::reader::{Found, Table};
use super::limits::length;
use crate::environment::Environment;
use crate::secrets::is_address;

/// A place at which objects can be listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Which.
    pub place: Place,
    /// Whether it is asked without credentials, as public buckets are.
    pub anonymous: bool,
}

/// Where a mirror is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A bucket.
    S3 {
        /// Its name.
        bucket: String,
        /// Its region, if written; else the stack's.
        region: Option<String>,
    },
    /// A web server: keys are paths below this address, which ends in `/`.
    Http {
        /// The address.
        url: String,
    },
}

/// Mirrors by name.
pub(super) type Mirrors = BTreeMap<String, Mirror>;
/// `[upstream.NAME]`; `None` where one is written but wrong.
pub(super) type Instruments = BTreeMap<String, Option<(Instrument, Mirrors)>>;

const S3_KEYS: [&str; 3] = ["buckets", "region", "anonymous"];
const COMPLETE_KEYS: [&str; 4] = ["keys", "at_least", "min_bytes", "settle"];
/// Sizes count as settled after so long where nothing is said.
const SETTLED_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// After so long a cycle was published long ago, whatever a mirror's dates say.
const PAST: SignedDuration = SignedDuration::from_hours(12);
/// How far apart joined observations may be where nothing is said.
const WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// The instruments that sources join. Only buckets have them: their keys say when something was observed, which nobody can
/// guess, and a web server lists nothing.
pub(super) fn instruments(root: &Table<'_>) -> Instruments {
    let mut found = Instruments::new();
    for (name, table) in root.named("upstream", &["s3", "keys", "min_bytes"]) {
        expect_kebab_case(&table, &name);
        found.insert(name.value.to_owned(), instrument(&name, &table));
    }
    found
}

fn instrument(name: &Found<&str>, table: &Table<'_>) -> Option<(Instrument, Mirrors)> {
    table.require("s3", "where its observations are, as in s3 = { buckets = [\"noaa-goes19\"] }");
    let mirrors = table.table("s3", &S3_KEYS).and_then(|s3| buckets(&s3));
    table.require("keys", "what its keys are like, as in \"CONUS/{yyyymmdd}/x_{time:%Y%m%d-%H%M%S}.grib2.gz\"");
    let written = table.text("keys");
    if let Some(text) = written.as_ref().filter(|text| text.value.contains("{min}")) {
        table.note_at(
            text,
            "observations are searched for by the hour: expected no `{min}`; `{time:…}` says the minute",
        );
    }
    let pattern = written.and_then(|text| pattern(table, &text));
    let min_bytes = bytes(table, "min_bytes");
    let (names, mirrors) = mirrors?;
    let instrument =
        Instrument { name: name.value.to_owned(), mirrors: names, pattern: pattern?, min_bytes: min_bytes.max(1) };
    Some((instrument, mirrors))
}

/// Where a source is published and when it is complete.
pub(super) fn upstream(
    source: &Table<'_>,
    instruments: &Instruments,
    environment: &Environment,
) -> Option<(Upstream, Mirrors)> {
    let complete = source.table("complete", &COMPLETE_KEYS);
    source.require("upstream", "where it is published, as in upstream.s3 = { buckets = [\"noaa-gfs-bdp-pds\"], … }");
    let table = source.table("upstream", &["s3", "http", "joint"])?;
    let written: Vec<&str> = ["s3", "http", "joint"].into_iter().filter(|sort| table.has(sort)).collect();
    if written.len() != 1 {
        table.note("expected exactly one of s3, http, joint");
        return None;
    }
    if written == ["joint"] {
        if complete.is_some() {
            source.note("`complete` says nothing beside `upstream.joint`: a cycle is ready when there is one of each");
        }
        return joint(&table, instruments);
    }
    let mirrors = mirrors(&table, environment);
    source
        .require("complete", "which keys a cycle has, as in complete.keys = [\"gfs.{yyyymmdd}/{hh}/f{000..384..3}\"]");
    let requirement = requirement(&complete?, written == ["http"]);
    let (names, mirrors) = mirrors?;
    Some((Upstream::Objects { mirrors: names, requirement: requirement? }, mirrors))
}

fn joint(table: &Table<'_>, instruments: &Instruments) -> Option<(Upstream, Mirrors)> {
    let table = table.table("joint", &["of", "within"])?;
    table.require("of", "the instruments that are joined, the leading one first, as in [\"goes\", \"mrms\"]");
    let within = length(&table, "within").unwrap_or(WITHIN);
    let (mut parts, mut mirrors) = (Vec::new(), Mirrors::new());
    let of = table.words("of");
    for name in &of {
        match instruments.get(name.value) {
            Some(Some((instrument, at))) => {
                parts.push(instrument.clone());
                mirrors.extend(at.clone());
            }
            Some(None) => {}
            None => table.note_at(name, no_such("upstream", name.value, instruments.keys())),
        }
    }
    (parts.len() == of.len()).then_some((Upstream::Joint(Joint { parts, within }), mirrors))
}

fn requirement(table: &Table<'_>, over_http: bool) -> Option<Requirement> {
    table.require("keys", "the keys that a cycle has, as in [\"gfs.{yyyymmdd}/{hh}/f{000..384..3}\"]");
    let written = table.words("keys");
    let keys: Vec<KeyPattern> = written.iter().filter_map(|text| pattern(table, text)).collect();
    let (at_least, min_bytes) = (bytes(table, "at_least"), bytes(table, "min_bytes"));
    let settled_after = length(table, "settle").unwrap_or(SETTLED_AFTER);
    let settle = match settled_after {
        SignedDuration::ZERO => Settle::AtOnce,
        // A web server lists files while they are written; in S3 an object appears whole.
        _ if over_http => Settle::TwoLooks(settled_after),
        _ => Settle::Still(settled_after),
    };
    if over_http && !keys.iter().all(KeyPattern::names_every_key) {
        table.note("a web server lists nothing: expected `keys` without `*`, each of which can be asked for");
        return None;
    }
    (keys.len() == written.len() && !keys.is_empty()).then_some(Requirement {
        keys,
        at_least,
        min_bytes,
        settle,
        past: PAST,
    })
}

fn pattern(table: &Table<'_>, text: &Found<&str>) -> Option<KeyPattern> {
    KeyPattern::read(text.value).map_err(|bad| table.note_at(text, bad.to_string())).ok()
}

fn bytes(table: &Table<'_>, key: &str) -> u64 {
    let Some(written) = table.whole(key) else { return 0 };
    u64::try_from(written.value).unwrap_or_else(|_| {
        table.note_at(&written, "expected a whole number from 0");
        0
    })
}

/// The mirrors of a table in the order in which they are asked, and where they are.
fn mirrors(table: &Table<'_>, environment: &Environment) -> Option<(Vec<String>, Mirrors)> {
    match table.table("http", &["urls"]) {
        Some(http) => addresses(&http, environment),
        None => buckets(&table.table("s3", &S3_KEYS)?),
    }
}

fn buckets(s3: &Table<'_>) -> Option<(Vec<String>, Mirrors)> {
    s3.require("buckets", "the buckets that hold it, in the order in which they are asked");
    let region = region(s3);
    let anonymous = s3.flag("anonymous");
    let (mut names, mut mirrors) = (Vec::new(), Mirrors::new());
    for bucket in s3.words("buckets") {
        if !is_bucket(bucket.value) {
            s3.note_at(&bucket, "expected the name of a bucket, as in `noaa-gfs-bdp-pds`");
        }
        let place = Place::S3 { bucket: bucket.value.to_owned(), region: region.clone() };
        names.push(bucket.value.to_owned());
        mirrors.insert(bucket.value.to_owned(), Mirror { place, anonymous });
    }
    (!names.is_empty()).then_some((names, mirrors))
}

fn addresses(http: &Table<'_>, environment: &Environment) -> Option<(Vec<String>, Mirrors)> {
    http.require("urls", "the addresses below which its files are, in the order in which they are asked");
    let (mut names, mut mirrors) = (Vec::new(), Mirrors::new());
    for url in http.words("urls") {
        if !is_address(url.value, environment) || !url.value.ends_with('/') {
            http.note_at(&url, "expected an address https://host/path/ that ends in a slash");
        } else if url.value.contains(['@', '?', '#']) {
            // A mirror is called by its address in answers, jobs and signals.
            http.note_at(
                &url,
                "expected an address without a user, a password or a query: they would be told to everybody",
            );
        }
        names.push(url.value.to_owned());
        mirrors
            .insert(url.value.to_owned(), Mirror { place: Place::Http { url: url.value.to_owned() }, anonymous: true });
    }
    (!names.is_empty()).then_some((names, mirrors))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub(in crate::watch_file) fn is_bucket(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=63).contains(&name.len()) && name.chars().all(plain) && name.starts_with(ends) && name.ends_with(ends)
}
