//! Serves a fake over HTTP and, when told to, closes a connection without an answer.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Marks an answer that must not be sent.
#[derive(Debug, Clone)]
pub(crate) struct HangUp;

/// The service error that makes hyper close a connection without writing anything.
#[derive(Debug, thiserror::Error)]
#[error("told to close the connection")]
struct ToldToHangUp;

/// Accepts connections for as long as it runs; they all end with it.
pub(crate) async fn accept(listener: TcpListener, routes: Router) {
    let routes = TowerToHyperService::new(routes);
    let mut connections = JoinSet::new();
    loop {
        // An accept fails when the other side has gone already; the next one is nobody's fault.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let routes = routes.clone();
        connections.spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let answer = hyper::service::Service::call(&routes, request);
                async {
                    let Ok(response) = answer.await;
                    if hangs_up(&response) { Err(ToldToHangUp) } else { Ok(response) }
                }
            });
            // Errors here are closed connections: ours on purpose, or the sender's own.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Whether an answer must not be sent.
pub(crate) fn hangs_up(response: &Response) -> bool {
    response.extensions().get::<HangUp>().is_some()
}

impl IntoResponse for HangUp {
    fn into_response(self) -> Response {
        let mut response = StatusCode::IM_A_TEAPOT.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
