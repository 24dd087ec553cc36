//! How long answers may be: each by itself, and all that clients have not taken yet together.
//!
//! A small request can ask for much, and a slow client holds what it asked for until it has read it. So
//! what would be longer than [`LONGEST`] is refused while it is being made, and what finds no room
//! beside the answers that are still held ([`Limits::answers`](crate::Limits::answers)) is refused
//! with *503*.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::refused::Refused;

/// Bytes of one answer, at most: some ten times what a batch of 512 queries for ten passages each gets.
pub(crate) const LONGEST: usize = 64 << 20;
/// Bytes up to which an answer is not counted: there is one for each connection at most.
const SMALL: usize = 64 << 10;
/// What larger ones count in.
const KIB: usize = 1024;

/// `value` as a JSON answer.
pub(crate) fn json_answer(value: &impl Serialize) -> Response<Body> {
    let mut body = Bounded(Vec::with_capacity(KIB));
    match serde_json::to_writer(&mut body, value) {
        Ok(()) => {
            let kind = HeaderValue::from_static("application/json");
            ([(header::CONTENT_TYPE, kind)], body.0).into_response()
        }
        Err(error) if error.is_io() => too_long().into_response(),
        Err(error) => {
            Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
                .into_response()
        }
    }
}

/// What is said instead of an answer that would be too long.
pub(crate) fn too_long() -> Refused {
    let message = format!("expected to answer with at most {LONGEST} bytes, found more");
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "answer_too_long", message)
        .hint("ask for less in one request")
}

/// Takes up to [`LONGEST`] bytes.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answers that clients have not taken yet.
pub(crate) struct Answers {
    /// A permit for each KiB of them.
    room: Arc<Semaphore>,
    n_room: usize,
}

/// An answer and its place among all, given back when the last byte of it was sent.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answers {
    pub(crate) fn new(bytes: usize) -> Self {
        let n_room = (bytes / KIB).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { room: Arc::new(Semaphore::new(n_room)), n_room }
    }

    /// `answer`, counted until its client has taken it; a refusal where there is no room for it.
    pub(crate) async fn hold(&self, answer: Response<Body>) -> Response<Body> {
        use hyper::body::Body as _;

        // One whose length is not known is made bit by bit, as its client takes it.
        let length = answer.body().size_hint().exact().and_then(|n| usize::try_from(n).ok());
        let Some(length) = length.filter(|length| *length > SMALL) else { return answer };
        #[expect(clippy::cast_possible_truncation, reason = "there is no more room than that")]
        let kibs = (length / KIB + 1).min(self.n_room) as u32;
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(kibs) else {
            return Refused::busy().into_response();
        };
        let (head, body) = answer.into_parts();
        match axum::body::to_bytes(body, length).await {
            Ok(bytes) => {
                let held = Bytes::from_owner(Held { bytes, _room: room });
                Response::from_parts(head, Body::from(held))
            }
            Err(error) => {
                Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
                    .into_response()
            }
        }
    }
}
