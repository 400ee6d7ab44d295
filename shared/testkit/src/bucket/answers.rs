//! What the fake S3 does when it is asked, and what it answers.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use axum::http::response::Builder;
use axum::http::{Response as Answer, StatusCode};
use axum::response::{IntoResponse, Response};

use super::behaviour::flip;
use super::objects::{Object, Restored, Store, check_class, http_date, precondition_failed};
use super::refusal::Refusal;
use super::sums::Sum;
use super::{Operation, Written, body, range, xml};

/// Lists and deletes take at most so many keys at once.
const PAGE: usize = 1_000;

/// A request that was understood.
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) sent: Bytes,
}

/// Does as it is asked; `rotten` is whether the disk changes a byte of what is written to it.
pub(super) fn answer(store: &mut Store, call: Call, rotten: bool) -> Result<Response, Refusal> {
    if store.objects(&call.bucket).is_none() {
        return Err(Refusal::new(404, "NoSuchBucket", "The specified bucket does not exist"));
    }
    let sent = body::read(&call.headers, call.sent.clone())?;
    let kept = if rotten { flip(&sent.bytes) } else { sent.bytes.clone() };
    match call.operation {
        Operation::PutObject => {
            let headers = body::kept(&call.headers);
            check_class(&headers)?;
            store.may_write(&call.bucket, &call.key, &headers)?;
            let mut object = Object::new(sent.bytes, headers, store.now);
            object.sum = sent.sum.unwrap_or(object.sum);
            object.bytes = kept;
            let response = said(&object.sum, Answer::builder().header(ETAG, &object.etag));
            write(store, call, object);
            finish(response, Body::empty())
        }
        Operation::CreateMultipartUpload => {
            let headers = body::kept(&call.headers);
            check_class(&headers)?;
            let id = store.uploads.begin(&call.bucket, &call.key, headers)?;
            Ok(document(xml::document("InitiateMultipartUploadResult", |root| {
                xml::text(root, "Bucket", &call.bucket);
                xml::text(root, "Key", &call.key);
                xml::text(root, "UploadId", &id);
            })))
        }
        Operation::UploadPart => {
            let number = call.query.get("partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
            let etag = store.uploads.find(call.upload(), &call.bucket, &call.key)?.add(number, &sent, kept)?;
            let response = Answer::builder().header(ETAG, etag);
            finish(sent.sum.iter().fold(response, |response, sum| said(sum, response)), Body::empty())
        }
        Operation::CompleteMultipartUpload => complete(store, call, &sent.bytes),
        Operation::AbortMultipartUpload => {
            store.uploads.find(call.upload(), &call.bucket, &call.key)?;
            store.uploads.end(call.upload());
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Operation::HeadObject | Operation::GetObject => get(store, &call),
        Operation::ListObjectsV2 => list(store, &call),
        Operation::DeleteObject => {
            store.remove(&call.bucket, &call.key);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Operation::DeleteObjects => delete_all(store, &call, &sent.bytes),
        Operation::RestoreObject => {
            let days = xml::fields(&sent.bytes, "RestoreRequest")?.get("Days").and_then(|days| days.parse().ok());
            let days = days.ok_or_else(|| Refusal::new(400, "MalformedXML", "Days are missing"))?;
            let now = store.now;
            store.find(&call.bucket, &call.key)?;
            let restored = store.object_mut(&call.bucket, &call.key).map(|object| object.restore(days, now));
            match restored.transpose()? {
                Some(Restored::Prolonged) => Ok(StatusCode::OK.into_response()),
                _ => Ok(StatusCode::ACCEPTED.into_response()),
            }
        }
    }
}

impl Call {
    fn upload(&self) -> &str {
        self.query.get("uploadId").map(String::as_str).unwrap_or_default()
    }
}

/// Makes an object visible, and writes down that it did.
fn write(store: &mut Store, call: Call, object: Object) {
    let mut headers = object.headers.clone();
    headers.extend(body::kept(&call.headers));
    let Call { operation, bucket, key, .. } = call;
    let size = object.bytes.len();
    store.put(&bucket, &key, object);
    store.written.push(Written { operation, bucket, key, size, headers });
}

fn complete(store: &mut Store, call: Call, listed: &[u8]) -> Result<Response, Refusal> {
    let listed = xml::items(listed, "CompleteMultipartUpload", "Part")?;
    let (smallest_part, now) = (store.smallest_part, store.now);
    let upload = store.uploads.find(call.upload(), &call.bucket, &call.key)?;
    let object = upload.complete(&listed, &call.headers, smallest_part, now)?;
    // Where somebody else was faster, the upload stays, and costs until it is aborted.
    store.may_write(&call.bucket, &call.key, &call.headers)?;
    let answer = xml::document("CompleteMultipartUploadResult", |root| {
        xml::text(root, "Bucket", &call.bucket);
        xml::text(root, "Key", &call.key);
        xml::text(root, "ETag", &object.etag);
        xml::text(root, &super::sums::tag(object.sum.algorithm), &object.sum.value);
        xml::text(root, "ChecksumType", object.sum.kind.name());
    });
    store.uploads.end(call.upload());
    write(store, call, object);
    Ok(document(answer))
}

fn get(store: &Store, call: &Call) -> Result<Response, Refusal> {
    let object = store.find(&call.bucket, &call.key)?;
    if call.headers.get("if-match").is_some_and(|etag| etag.trim_matches('"') != object.etag.trim_matches('"')) {
        return Err(precondition_failed());
    }
    let size = object.bytes.len();
    let range = call.headers.get("range").and_then(|range| range::of(range, size)).transpose()?;
    let mut response = Answer::builder()
        .header(ETAG, &object.etag)
        .header(LAST_MODIFIED, http_date(object.modified))
        .header(ACCEPT_RANGES, "bytes");
    for (name, value) in &object.headers {
        // The standard class is said by saying nothing.
        let told = name.starts_with("x-amz-meta-")
            || name.starts_with("x-amz-server-side-encryption")
            || (name == "x-amz-storage-class" && value != "STANDARD")
            || name.starts_with("content-");
        if told && name != "content-length" {
            response = response.header(name, value);
        }
    }
    if let Some(restoring) = object.restoring(store.now) {
        response = response.header("x-amz-restore", restoring);
    }
    // A sum of everything says nothing about a range.
    if range.is_none() && call.headers.get("x-amz-checksum-mode").is_some_and(|mode| mode == "ENABLED") {
        response = said(&object.sum, response);
    }
    let part = range.clone().unwrap_or(0..size);
    if let Some(range) = range {
        let content = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        response = response.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, content);
    }
    response = response.header(CONTENT_LENGTH, part.len());
    if call.operation == Operation::HeadObject {
        return finish(response, Body::empty());
    }
    object.readable(store.now)?;
    finish(response, Body::from(object.bytes.slice(part)))
}

fn list(store: &Store, call: &Call) -> Result<Response, Refusal> {
    let asked = |name: &str| call.query.get(name).map(String::as_str).unwrap_or_default();
    let (prefix, token) = (asked("prefix"), asked("continuation-token"));
    let after = if token.is_empty() { asked("start-after") } else { token };
    let most = call.query.get("max-keys").and_then(|keys| keys.parse().ok()).unwrap_or(PAGE).min(PAGE);
    let objects = store.objects(&call.bucket).into_iter().flatten();
    let mut left = objects.filter(|(key, _)| key.starts_with(prefix) && (after.is_empty() || key.as_str() > after));
    let page: Vec<_> = left.by_ref().take(most).collect();
    let more = left.next().is_some();
    Ok(document(xml::document("ListBucketResult", |root| {
        xml::text(root, "Name", &call.bucket);
        xml::text(root, "Prefix", prefix);
        xml::text(root, "MaxKeys", &most.to_string());
        xml::text(root, "KeyCount", &page.len().to_string());
        xml::text(root, "IsTruncated", if more { "true" } else { "false" });
        if let Some((last, _)) = page.last()
            && more
        {
            xml::text(root, "NextContinuationToken", last);
        }
        for (key, object) in &page {
            let mut contents = root.start_el("Contents").finish();
            xml::text(&mut contents, "Key", key);
            xml::text(&mut contents, "LastModified", &object.modified.to_string());
            xml::text(&mut contents, "ETag", &object.etag);
            xml::text(&mut contents, "Size", &object.bytes.len().to_string());
            xml::text(&mut contents, "StorageClass", object.storage_class());
            contents.finish();
        }
    })))
}

fn delete_all(store: &mut Store, call: &Call, listed: &[u8]) -> Result<Response, Refusal> {
    let quiet = xml::fields(listed, "Delete")?.get("Quiet").is_some_and(|quiet| quiet == "true");
    let keys = xml::items(listed, "Delete", "Object")?;
    if keys.is_empty() || keys.len() > PAGE {
        return Err(Refusal::new(400, "MalformedXML", format!("{} keys, and it takes 1 to {PAGE}", keys.len())));
    }
    let keys: Vec<String> = keys.into_iter().filter_map(|mut object| object.remove("Key")).collect();
    for key in &keys {
        store.remove(&call.bucket, key);
    }
    Ok(document(xml::document("DeleteResult", |root| {
        // What was not there is deleted as well.
        for key in keys.iter().filter(|_| !quiet) {
            let mut deleted = root.start_el("Deleted").finish();
            xml::text(&mut deleted, "Key", key);
            deleted.finish();
        }
    })))
}

fn said(sum: &Sum, response: Builder) -> Builder {
    response.header(sum.header(), &sum.value).header("x-amz-checksum-type", sum.kind.name())
}

fn document(document: String) -> Response {
    ([(CONTENT_TYPE, "application/xml")], document).into_response()
}

/// Headers that were sent may be such that they cannot be answered.
fn finish(response: Builder, body: Body) -> Result<Response, Refusal> {
    response.body(body).map_err(|error| Refusal::invalid(format!("A header cannot be answered: {error}")))
}
