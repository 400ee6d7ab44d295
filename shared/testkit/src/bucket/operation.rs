//! Which operation of S3 a request is, by its method, its path and its query.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};

use super::refusal::Refusal;

/// What the fake S3 does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are S3's own names")]
pub enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    DeleteObject,
    DeleteObjects,
    GetObject,
    HeadObject,
    ListObjectsV2,
    PutObject,
    RestoreObject,
    UploadPart,
}

/// Query parameters that make another operation of a request, or want it answered in another way.
const UNKNOWN: [&str; 8] =
    ["acl", "attributes", "encoding-type", "delimiter", "retention", "tagging", "versionId", "versions"];

impl Operation {
    /// The operation that is asked for.
    pub(super) fn of(
        method: &Method,
        key: Option<&str>,
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let has = |name: &str| query.contains_key(name);
        // Better refused than misunderstood.
        if let Some(unknown) = UNKNOWN.into_iter().find(|name| has(name)) {
            return Err(Refusal::not_implemented(unknown));
        }
        if headers.contains_key("x-amz-copy-source") {
            return Err(Refusal::not_implemented("copies"));
        }
        Ok(match (method.as_str(), key) {
            ("GET", None) if query.get("list-type").is_some_and(|kind| kind == "2") => Self::ListObjectsV2,
            ("POST", None) if has("delete") => Self::DeleteObjects,
            ("PUT", Some(_)) if has("uploadId") && has("partNumber") => Self::UploadPart,
            ("PUT", Some(_)) if !has("uploadId") => Self::PutObject,
            ("POST", Some(_)) if has("uploads") => Self::CreateMultipartUpload,
            ("POST", Some(_)) if has("uploadId") => Self::CompleteMultipartUpload,
            ("POST", Some(_)) if has("restore") => Self::RestoreObject,
            ("DELETE", Some(_)) if has("uploadId") => Self::AbortMultipartUpload,
            ("DELETE", Some(_)) => Self::DeleteObject,
            ("HEAD", Some(_)) => Self::HeadObject,
            ("GET", Some(_)) if !has("uploadId") && !has("partNumber") => Self::GetObject,
            _ => return Err(Refusal::not_implemented(&format!("{method} with {query:?}"))),
        })
    }
}
