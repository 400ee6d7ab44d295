//! A fake upstream: buckets and web folders that grow when a test says so, listed in pages of a thousand keys, and mirrors
//! that misbehave. What a file's date is, the test says: the emulator's files are all of today.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, LAST_MODIFIED};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

/// S3 lists at most so many keys at once.
const PAGE: usize = 1_000;
/// Of how many requests a group consists, see [`Misbehaviour::Together`].
pub(crate) const GROUP: usize = 16;

/// A fake upstream on a free port; dropping it ends it.
pub(crate) struct Upstream {
    url: String,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

/// How a mirror answers instead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Misbehaviour {
    /// With this status.
    Status(u16),
    /// With a page for people.
    Page,
    /// Not within this test's patience.
    Never,
    /// As it should, after so long.
    Slow(Duration),
    /// The first request as it should, and every other one when a whole group of them waits.
    Together,
}

struct Shared {
    mirrors: BTreeMap<String, BTreeMap<String, (u64, Timestamp)>>,
    misbehaving: BTreeMap<String, Misbehaviour>,
    asked: Vec<Asked>,
    connections: BTreeSet<SocketAddr>,
    together: Arc<Barrier>,
    is_first: bool,
    waiting: usize,
    most_waiting: usize,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `GET mirror prefix` or `HEAD mirror key`.
    pub(crate) what: String,
    /// Whether it brought credentials.
    pub(crate) signed: bool,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            mirrors: BTreeMap::new(),
            misbehaving: BTreeMap::new(),
            asked: Vec::new(),
            connections: BTreeSet::new(),
            together: Arc::new(Barrier::new(GROUP)),
            is_first: true,
            waiting: 0,
            most_waiting: 0,
        }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("its number"));
        let routes = Router::new()
            .route("/{mirror}", get(list))
            .route("/{mirror}/", get(list))
            .route("/{mirror}/{*key}", head(show))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, routes.into_make_service_with_connect_info::<SocketAddr>()).await;
        });
        Self { url, shared, server }
    }

    /// Where it answers, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A file appears, or is written again.
    pub(crate) fn publish(&self, mirror: &str, key: &str, bytes: u64, modified: Timestamp) {
        lock(&self.shared).mirrors.entry(mirror.to_owned()).or_default().insert(key.to_owned(), (bytes, modified));
    }

    /// How a mirror answers from now on; as it should where nothing is said.
    pub(crate) fn behaves(&self, mirror: &str, how: Option<Misbehaviour>) {
        let misbehaving = &mut lock(&self.shared).misbehaving;
        match how {
            Some(how) => drop(misbehaving.insert(mirror.to_owned(), how)),
            None => drop(misbehaving.remove(mirror)),
        }
    }

    /// What it was asked since it was last asked this, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.shared).asked)
    }

    /// How many requests have waited for a group at once, at most.
    pub(crate) fn most_waiting(&self) -> usize {
        lock(&self.shared).most_waiting
    }

    /// Over how many connections it was asked for files.
    pub(crate) fn connections(&self) -> usize {
        lock(&self.shared).connections.len()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a request, and answers it where its mirror misbehaves.
async fn note(shared: &Mutex<Shared>, what: String, mirror: &str, headers: &HeaderMap) -> Option<Response> {
    let misbehaviour = {
        let mut shared = lock(shared);
        shared.asked.push(Asked { what, signed: headers.contains_key(AUTHORIZATION) });
        shared.misbehaving.get(mirror).copied()
    };
    match misbehaviour? {
        Misbehaviour::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let body =
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>Told</Code><Message>as told</Message></Error>";
            Some((status, body).into_response())
        }
        Misbehaviour::Page => Some("<!doctype html><p>Down for maintenance".into_response()),
        Misbehaviour::Never => {
            tokio::time::sleep(Duration::from_secs(120)).await;
            None
        }
        Misbehaviour::Slow(delay) => {
            tokio::time::sleep(delay).await;
            None
        }
        Misbehaviour::Together => {
            wait_for_others(shared).await;
            None
        }
    }
}

async fn wait_for_others(shared: &Mutex<Shared>) {
    let together = {
        let mut shared = lock(shared);
        if std::mem::take(&mut shared.is_first) {
            return;
        }
        shared.waiting += 1;
        shared.most_waiting = shared.most_waiting.max(shared.waiting);
        Arc::clone(&shared.together)
    };
    together.wait().await;
    lock(shared).waiting -= 1;
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
async fn list(
    State(shared): State<Arc<Mutex<Shared>>>,
    Path(mirror): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let prefix = asked.get("prefix").map(String::as_str).unwrap_or_default();
    if let Some(otherwise) = note(&shared, format!("GET {mirror} {prefix}"), &mirror, &headers).await {
        return otherwise;
    }
    let shared = lock(&shared);
    let after = asked.get("continuation-token").map(String::as_str).unwrap_or_default();
    let files = shared.mirrors.get(&mirror).into_iter().flatten();
    let mut left = files.filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after).peekable();
    let (mut contents, mut last) = (String::new(), "");
    for (key, (bytes, modified)) in left.by_ref().take(PAGE) {
        let one = "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>\"{bytes}\"</ETag>";
        let one = one.replace("{key}", key).replace("{modified}", &modified.to_string());
        let one = one.replace("{bytes}", &bytes.to_string());
        write!(contents, "{one}<Size>{bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>").expect("written");
        last = key;
    }
    let more = left.peek().is_some();
    let next = if more { format!("<NextContinuationToken>{last}</NextContinuationToken>") } else { String::new() };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>{mirror}</Name><Prefix>{prefix}</Prefix><IsTruncated>{more}</IsTruncated>{next}{contents}</ListBucketResult>"
    )
    .into_response()
}

async fn show(
    State(shared): State<Arc<Mutex<Shared>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((mirror, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    lock(&shared).connections.insert(peer);
    if let Some(otherwise) = note(&shared, format!("HEAD {mirror} {key}"), &mirror, &headers).await {
        return otherwise;
    }
    let shared = lock(&shared);
    let Some((bytes, modified)) = shared.mirrors.get(&mirror).and_then(|files| files.get(&key)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let date = modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = [(CONTENT_LENGTH, bytes.to_string()), (LAST_MODIFIED, date)];
    (headers, Body::empty()).into_response()
}
