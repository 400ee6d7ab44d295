//! A fake S3 for the real client: checks what it is sent as S3 does, keeps it, and misbehaves when told to.
//!
//! Path-style addresses, no signatures checked. Rules from <https://docs.aws.amazon.com/AmazonS3/latest/API/>; what S3
//! has and this has not (versions, copies, delimiters) is refused as `NotImplemented`. Its clock stands still until it is
//! set. Nothing thaws by itself: a test says when ([`Bucket::thaw`]).

mod answers;
mod behaviour;
mod body;
mod objects;
mod operation;
mod range;
mod refusal;
mod server;
mod sums;
mod uploads;
mod xml;

pub use behaviour::{Behaviour, Corrupt, Cut};
pub use operation::Operation;
pub use uploads::Unfinished;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use axum::body::Bytes;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::serve;
use objects::{Object, Store};

/// A running S3 on a free port of 127.0.0.1. Dropping it closes the port and every open connection.
#[derive(Debug)]
pub struct Buckets {
    address: SocketAddr,
    store: Arc<Mutex<Store>>,
    accepting: JoinHandle<()>,
}

/// One of its buckets.
#[derive(Debug, Clone)]
pub struct Bucket {
    name: String,
    store: Arc<Mutex<Store>>,
}

/// One request that was understood, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it wants.
    pub operation: Operation,
    /// Of which bucket.
    pub bucket: String,
    /// Of which object; empty where the operation is about the bucket.
    pub key: String,
}

/// One object as it became visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `PutObject` or `CompleteMultipartUpload`.
    pub operation: Operation,
    /// Where.
    pub bucket: String,
    /// Under which key.
    pub key: String,
    /// How many bytes.
    pub size: usize,
    /// What was said about it, names in lower case: `x-amz-…`, `if-none-match`, `content-type`. Of a multipart upload, what
    /// its beginning and its end said.
    pub headers: BTreeMap<String, String>,
}

impl Written {
    /// The class it was written with.
    pub fn storage_class(&self) -> &str {
        self.headers.get("x-amz-storage-class").map_or("STANDARD", String::as_str)
    }

    /// `*` where it was only to be written if there was none.
    pub fn if_none_match(&self) -> Option<&str> {
        self.headers.get("if-none-match").map(String::as_str)
    }

    /// A value of its metadata.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.headers.get(&format!("x-amz-meta-{name}")).map(String::as_str)
    }
}

impl Buckets {
    /// Starts one with these empty buckets, whose clock shows `now`.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn start(names: &[&str], now: Timestamp) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("opening a port for the fake S3")?;
        let address = listener.local_addr().context("reading the fake S3's port")?;
        let store = Arc::new(Mutex::new(Store::new(names, now)));
        let accepting = tokio::spawn(serve::accept(listener, server::routes(Arc::clone(&store))));
        Ok(Self { address, store, accepting })
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One of its buckets, to look into and to meddle with. A name that was not given at the start is a bucket that is
    /// always empty.
    pub fn bucket(&self, name: &str) -> Bucket {
        Bucket { name: name.to_owned(), store: Arc::clone(&self.store) }
    }

    /// Sets the clock: what was thawed until then is frozen again.
    pub fn set_clock(&self, now: Timestamp) {
        lock(&self.store).now = now;
    }

    /// How small a part may be that is not the last; 5 MiB unless said.
    pub fn smallest_part(&self, bytes: usize) {
        lock(&self.store).smallest_part = bytes;
    }

    /// Makes an operation misbehave from its next request on. Behaviours of one operation queue up: `503` twice, then cut
    /// once, then as usual. One without `times` lasts until the next.
    pub fn behave(&self, operation: Operation, behaviour: Behaviour) {
        lock(&self.store).behaviours.push(operation, behaviour);
    }

    /// Forgets every behaviour.
    pub fn behave_normally(&self) {
        lock(&self.store).behaviours.clear();
    }

    /// Every request that was understood, in order of arrival; every retry is one.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.store).asked.clone()
    }

    /// How often an operation was asked for.
    pub fn count(&self, operation: Operation) -> usize {
        lock(&self.store).asked.iter().filter(|asked| asked.operation == operation).count()
    }

    /// Every object that became visible by a request, in order, those that are gone too.
    pub fn written(&self) -> Vec<Written> {
        lock(&self.store).written.clone()
    }

    /// Uploads that were neither completed nor aborted, oldest first.
    pub fn unfinished(&self) -> Vec<Unfinished> {
        lock(&self.store).uploads.unfinished()
    }
}

impl Bucket {
    /// The keys it holds, in order.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.store).objects(&self.name).into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }

    /// What it holds under a key, whatever its class.
    pub fn bytes(&self, key: &str) -> Option<Bytes> {
        lock(&self.store).object(&self.name, key).map(|object| object.bytes.clone())
    }

    /// The class of an object.
    pub fn storage_class(&self, key: &str) -> Option<String> {
        lock(&self.store).object(&self.name, key).map(|object| object.storage_class().to_owned())
    }

    /// Somebody else writes an object: with sums that fit its bytes, and in the class that stood there.
    pub fn replace(&self, key: &str, bytes: impl Into<Bytes>) {
        let mut store = lock(&self.store);
        let headers = store.object(&self.name, key).map(Object::class_alone).unwrap_or_default();
        let object = Object::new(bytes.into(), headers, store.now);
        store.put(&self.name, key, object);
    }

    /// The disk fails: a byte in the middle of an object is another one, and its sums are those of what was written.
    /// Answers whether there was a byte.
    pub fn rot(&self, key: &str) -> bool {
        lock(&self.store).object_mut(&self.name, key).is_some_and(|object| {
            object.bytes = behaviour::flip(&object.bytes);
            !object.bytes.is_empty()
        })
    }

    /// Somebody else deletes an object. Answers whether it was there.
    pub fn remove(&self, key: &str) -> bool {
        lock(&self.store).remove(&self.name, key)
    }

    /// A lifecycle rule moves an object to another class. Answers whether it is there.
    pub fn transition(&self, key: &str, class: &str) -> bool {
        lock(&self.store).object_mut(&self.name, key).is_some_and(|object| {
            object.transition(class);
            true
        })
    }

    /// A restore that was asked for is done. Answers whether there was one.
    pub fn thaw(&self, key: &str) -> bool {
        let mut store = lock(&self.store);
        let now = store.now;
        store.object_mut(&self.name, key).is_some_and(|object| object.thaw(now))
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A panic elsewhere leaves the store readable: no update of it stops half-way.
fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}
