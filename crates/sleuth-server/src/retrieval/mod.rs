//! Search and page reading in the dialects of those who train and measure.
//!
//! They share one port and some even one address; the keys of the request tell them apart. The table
//! of all stands at the head of the crate.

mod fields;
mod page;
mod read;
mod retrieve;
mod search;
mod tool;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use serde::{Serialize, Serializer};

use crate::app::App;
use crate::served::Found;
pub(crate) use fields::kind;
pub(crate) use tool::Rooms;

/// The addresses of all dialects.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/retrieve", post(retrieve::retrieve))
        .route("/access", post(read::access))
        .route("/search", post(search::search))
        .route("/batch_search", post(search::batch))
        .route("/queries", post(search::queries))
        .route("/get_content", post(read::content))
        .route("/web_parser", post(read::parsed))
        .route("/check_url", post(read::check))
        .route("/batch_check_url", post(read::check_many))
        .route("/tool", post(tool::tool))
        .route("/", post(tool::tool))
        .route("/d/{id}", get(page::page))
}

/// `"Title"`, a line feed, and the words of the passage: clients part them at the first line feed.
struct Contents<'a>(&'a Found);

impl fmt::Display for Contents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for (at, line) in self.0.title.lines().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            f.write_str(line)?;
        }
        f.write_str("\"\n")?;
        f.write_str(&self.0.text)
    }
}

impl Serialize for Contents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
