//! What a request brings: its headers worth keeping, and its bytes once they have the length and the sums they claim.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::http::HeaderMap;

use super::refusal::Refusal;
use super::sums::{self, Sum};

/// Headers of the way, not of the object.
const OF_THE_WAY: [&str; 6] = [
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
];
const OF_THE_OBJECT: [&str; 5] = ["cache-control", "content-encoding", "content-type", "if-match", "if-none-match"];

/// The bytes that were sent, and the sum that came with them.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) bytes: Bytes,
    pub(super) sum: Option<Sum>,
}

/// Every header, names in lower case; several values of one name are joined with `,`.
pub(super) fn all(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let joined = all.entry(name.as_str().to_owned()).or_default();
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(&value);
    }
    all
}

/// What headers say about an object.
pub(super) fn kept(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut kept = headers.clone();
    kept.retain(|name, _| {
        OF_THE_OBJECT.contains(&name.as_str()) || (name.starts_with("x-amz-") && !OF_THE_WAY.contains(&name.as_str()))
    });
    // The chunks are how it came, not what it is.
    if let Some(encoding) = kept.remove("content-encoding") {
        let rest: Vec<_> = encoding.split(',').map(str::trim).filter(|one| *one != "aws-chunked").collect();
        if !rest.is_empty() {
            kept.insert("content-encoding".to_owned(), rest.join(","));
        }
    }
    kept
}

/// Takes the chunks apart, and checks length and sums.
pub(super) fn read(headers: &BTreeMap<String, String>, raw: Bytes) -> Result<Sent, Refusal> {
    if headers.contains_key("content-md5") {
        return Err(Refusal::not_implemented("Content-MD5"));
    }
    let claimed = headers.get("x-amz-content-sha256").map_or("UNSIGNED-PAYLOAD", String::as_str);
    let (bytes, trailers) = if claimed.starts_with("STREAMING-") {
        let (bytes, trailers) = chunks(&raw)?;
        let length = headers.get("x-amz-decoded-content-length").and_then(|length| length.parse().ok());
        if length != Some(bytes.len()) {
            let message = format!("{} bytes came, x-amz-decoded-content-length says {length:?}.", bytes.len());
            return Err(Refusal::new(400, "IncompleteBody", message));
        }
        (bytes, trailers)
    } else {
        if claimed != "UNSIGNED-PAYLOAD" && claimed != sums::sha256(&raw) {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(Refusal::new(400, "XAmzContentSHA256Mismatch", message));
        }
        (raw, BTreeMap::new())
    };
    if let Some(announced) = headers.get("x-amz-trailer")
        && !trailers.contains_key(&announced.to_lowercase())
    {
        return Err(Refusal::new(400, "MalformedTrailerError", format!("No trailer {announced} came.")));
    }
    let sum = match sums::named(headers)? {
        Some(sum) => Some(sum),
        None => sums::named(&trailers)?,
    };
    if let Some(sum) = &sum {
        sum.check(&bytes)?;
    }
    Ok(Sent { bytes, sum })
}

/// The bytes and the trailers of `aws-chunked`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>
fn chunks(raw: &[u8]) -> Result<(Bytes, BTreeMap<String, String>), Refusal> {
    let broken = || Refusal::new(400, "IncompleteBody", "The chunks of the body do not fit together.");
    let (mut bytes, mut rest) = (Vec::with_capacity(raw.len()), raw);
    loop {
        let (head, after) = line(rest).ok_or_else(broken)?;
        // `SIZE;chunk-signature=…`, where it is signed.
        let size = head.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| broken())?;
        rest = after;
        if size == 0 {
            break;
        }
        bytes.extend_from_slice(rest.get(..size).ok_or_else(broken)?);
        rest = rest.get(size..).and_then(|rest| rest.strip_prefix(b"\r\n")).ok_or_else(broken)?;
    }
    let mut trailers = BTreeMap::new();
    while let Some((trailer, after)) = line(rest) {
        if let Some((name, value)) = trailer.split_once(':') {
            trailers.insert(name.trim().to_lowercase(), value.trim().to_owned());
        }
        rest = after;
    }
    Ok((bytes.into(), trailers))
}

/// A line and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}
