//! What S3 says instead of doing as it is asked.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::xml;

/// An error as S3 answers it. <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 400 for a request that does not fit.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequest", message)
    }

    /// 501 for what S3 has, and this has not.
    pub(super) fn not_implemented(what: &str) -> Self {
        Self::new(501, "NotImplemented", format!("The fake S3 has no {what}."))
    }

    /// What S3 says with a status that a test chose.
    pub(super) fn told(status: u16) -> Self {
        let code = match status {
            403 => "AccessDenied",
            404 => "NoSuchKey",
            409 => "ConditionalRequestConflict",
            412 => "PreconditionFailed",
            429 | 503 => "SlowDown",
            _ if status >= 500 => "InternalError",
            _ => "InvalidRequest",
        };
        Self::new(status, code, "Told to by the test.")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = xml::document("Error", |error| {
            xml::text(error, "Code", self.code);
            xml::text(error, "Message", &self.message);
        });
        (status, [(CONTENT_TYPE, "application/xml")], body).into_response()
    }
}
