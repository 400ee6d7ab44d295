//! Checksums as S3 knows them. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use std::collections::BTreeMap;

use aws_smithy_checksums::ChecksumAlgorithm as Algorithm;
use aws_smithy_types::base64;
use axum::body::Bytes;

use super::refusal::Refusal;

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

/// Whether a sum is over all bytes, or over the sums of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    FullObject,
    Composite,
}

impl Kind {
    /// As `x-amz-checksum-type` says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum of an object or a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) algorithm: Algorithm,
    pub(super) kind: Kind,
    /// Base64; of a composite one with `-PARTS` behind it.
    pub(super) value: String,
}

impl Sum {
    /// Over all of these bytes.
    pub(super) fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        Self { algorithm, kind: Kind::FullObject, value: base64::encode(digest(algorithm, bytes)) }
    }

    /// Over the sums of parts.
    pub(super) fn of_sums(algorithm: Algorithm, parts: &[Self]) -> Self {
        let sums: Vec<u8> = parts.iter().flat_map(|part| base64::decode(&part.value).unwrap_or_default()).collect();
        let value = format!("{}-{}", base64::encode(digest(algorithm, &sums)), parts.len());
        Self { algorithm, kind: Kind::Composite, value }
    }

    /// `x-amz-checksum-crc32`.
    pub(super) fn header(&self) -> String {
        header(self.algorithm)
    }

    /// Whether bytes have the sum that was sent with them.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), Refusal> {
        if Self::of(self.algorithm, bytes).value == self.value {
            return Ok(());
        }
        let name = name(self.algorithm);
        Err(Refusal::new(400, "BadDigest", format!("The {name} you specified did not match the calculated checksum.")))
    }
}

/// The algorithm of a name, such as `CRC32`.
pub(super) fn algorithm(name: &str) -> Result<Algorithm, Refusal> {
    ALGORITHMS
        .into_iter()
        .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(name))
        .ok_or_else(|| Refusal::invalid(format!("Checksum algorithm provided is unsupported: {name}.")))
}

/// The sum that headers or trailers name, if they do.
pub(super) fn named(headers: &BTreeMap<String, String>) -> Result<Option<Sum>, Refusal> {
    let mut sums = ALGORITHMS.into_iter().filter_map(|algorithm| {
        let value = headers.get(&header(algorithm))?.clone();
        Some(Sum { algorithm, kind: Kind::FullObject, value })
    });
    match (sums.next(), sums.next()) {
        (Some(_), Some(_)) => Err(Refusal::invalid("Expecting a single x-amz-checksum- header.")),
        (sum, _) => Ok(sum),
    }
}

/// `ChecksumCRC32`, as documents name it.
pub(super) fn tag(algorithm: Algorithm) -> String {
    format!("Checksum{}", name(algorithm))
}

/// Hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    digest(Algorithm::Sha256, bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn header(algorithm: Algorithm) -> String {
    format!("x-amz-checksum-{}", algorithm.as_str())
}

fn name(algorithm: Algorithm) -> String {
    algorithm.as_str().to_uppercase()
}

fn digest(algorithm: Algorithm, bytes: &[u8]) -> Bytes {
    let mut sum = algorithm.into_impl();
    sum.update(bytes);
    sum.finalize()
}
