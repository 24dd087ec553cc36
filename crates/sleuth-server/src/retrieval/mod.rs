//! Search and page reading in the dialects of those who train and measure.

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The addresses of all dialects.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
}
