//! Takes requests to the fake S3, and answers them as it does or as a test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures::{StreamExt, stream};

use super::answers::{Call, answer};
use super::behaviour::{Behaviour, Corrupt, Cut, flip};
use super::objects::Store;
use super::refusal::Refusal;
use super::{Asked, Operation, body, lock};
use crate::serve::HangUp;

type Shared = Arc<Mutex<Store>>;

pub(super) fn routes(store: Shared) -> Router {
    Router::new()
        .route("/{bucket}", any(take))
        .route("/{bucket}/", any(take))
        .route("/{bucket}/{*key}", any(take))
        .layer(DefaultBodyLimit::disable())
        .with_state(store)
}

async fn take(
    State(store): State<Shared>,
    Path(path): Path<BTreeMap<String, String>>,
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
) -> Response {
    let (head, sent) = request.into_parts();
    let key = path.get("key").cloned();
    let operation = match Operation::of(&head.method, key.as_deref(), &query, &head.headers) {
        Ok(operation) => operation,
        Err(refusal) => return refusal.into_response(),
    };
    let (bucket, key) = (path.get("bucket").cloned().unwrap_or_default(), key.unwrap_or_default());
    let behaviour = {
        let mut store = lock(&store);
        store.asked.push(Asked { operation, bucket: bucket.clone(), key: key.clone() });
        store.behaviours.take(operation)
    };
    let limit = match behaviour.cut {
        Some(Cut::Before) => return HangUp.into_response(),
        Some(Cut::RequestAt(bytes)) => Some(bytes),
        _ => None,
    };
    // Whoever hangs up while it sends has sent nothing.
    let Some(sent) = receive(sent, limit).await else { return HangUp.into_response() };
    let call = Call { operation, bucket, key, query, headers: body::all(&head.headers), sent };
    let response = match behaviour.status {
        Some(status) => Refusal::told(status).into_response(),
        None => answer(&mut lock(&store), call, behaviour.corrupt == Some(Corrupt::Stored))
            .unwrap_or_else(IntoResponse::into_response),
    };
    if let Some(delay) = behaviour.delay {
        tokio::time::sleep(delay).await;
    }
    spoil(response, behaviour).await
}

/// The whole body; none if the sender goes before its end, or when so many bytes have come.
async fn receive(body: Body, limit: Option<usize>) -> Option<Bytes> {
    let (mut frames, mut bytes) = (body.into_data_stream(), Vec::new());
    while let Some(frame) = frames.next().await {
        bytes.extend_from_slice(&frame.ok()?);
        if limit.is_some_and(|limit| bytes.len() >= limit) {
            return None;
        }
    }
    limit.is_none().then(|| bytes.into())
}

/// Makes of an answer what a test wants of it.
async fn spoil(response: Response, behaviour: Behaviour) -> Response {
    let (mut head, body) = response.into_parts();
    match (behaviour.cut, behaviour.corrupt) {
        (Some(Cut::After), _) => HangUp.into_response(),
        (Some(Cut::AnswerAt(bytes)), _) => {
            let Some(whole) = receive(body, None).await else { return HangUp.into_response() };
            head.headers.entry(CONTENT_LENGTH).or_insert(whole.len().into());
            let first = whole.slice(..bytes.min(whole.len()));
            let cut = stream::once(async {
                // What was said before is sent only when there is nothing to be said at once.
                tokio::task::yield_now().await;
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
            });
            Response::from_parts(head, Body::from_stream(stream::once(async { Ok(first) }).chain(cut)))
        }
        (_, Some(Corrupt::Answered)) if !body.is_end_stream() => match receive(body, None).await {
            Some(whole) => Response::from_parts(head, Body::from(flip(&whole))),
            None => HangUp.into_response(),
        },
        _ => Response::from_parts(head, body),
    }
}
