//! Answers to requests that get nothing else.
//!
//! Every error is JSON, whatever the dialect: `{"error": {"code", "message", "hint"}}`, with a code that
//! programs can go by. Clients that print the body as it is show a sentence that says what was
//! expected and found.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sleuth_index::IndexError;
use sleuth_tasks::Fault;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// Seconds after which it is worth while to try again.
    pub(crate) retry_after: Option<u32>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, retry_after: None }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The body is no JSON.
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        let message = format!("the body is not JSON: {error}");
        Self::new(StatusCode::BAD_REQUEST, "invalid_json", message)
    }

    /// The body is JSON, but not what is expected.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", message)
    }

    /// Too much for now.
    pub(crate) fn busy() -> Self {
        let message = "as many requests are waiting as may wait";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).retry_after(1)
    }

    /// A fault that was made on purpose, as a server shows it that has it for real.
    pub(crate) fn fault(fault: Fault) -> Self {
        let (status, code) = match fault {
            Fault::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Fault::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "rate_limit"),
            Fault::ErrorResponse
            | Fault::NetworkError
            | Fault::PartialFailure
            | Fault::InvalidResponse
            | Fault::EmptyResponse => (StatusCode::INTERNAL_SERVER_ERROR, "search_failed"),
        };
        let refused = Self::new(status, code, fault.message().unwrap_or_default());
        if fault == Fault::RateLimit { refused.retry_after(1) } else { refused }
    }

    fn body(&self) -> Vec<u8> {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(hint) = &self.hint {
            error["hint"] = hint.as_str().into();
        }
        json!({ "error": error }).to_string().into_bytes()
    }
}

impl From<IndexError> for Refused {
    fn from(error: IndexError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store", error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, self.body()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
