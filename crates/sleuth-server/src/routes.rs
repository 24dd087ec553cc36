//! Which address leads where.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::json;

use crate::answer::json_answer;
use crate::app::{App, Call};
use crate::refused::Refused;

/// What a handler is given of the request beside its body.
pub(crate) type Known = Extension<Arc<Call>>;

/// All routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/stats", get(stats))
        .route_service("/mcp", crate::mcp::service(app))
        .merge(crate::retrieval::routes())
        .merge(crate::rl::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        // The door has bounded it.
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(app))
}

async fn nowhere(uri: Uri) -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "not_found", format!("nothing is at `{}`", uri.path()))
        .hint("`GET /health` says what is served; `sleuth serve --help` lists the addresses")
}

async fn other_method(method: Method, uri: Uri) -> Refused {
    let message = format!("`{}` does not take {method}", uri.path());
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

type State = axum::extract::State<Arc<App>>;

/// Shaped so that those of OpenEnv and FlashRAG find what they look for.
async fn health(state: State, call: Known) -> Response {
    let app = &state.0;
    let stores: Vec<_> = app.stores.iter().map(|store| store.about()).collect();
    let n = stores.len();
    json_answer(&json!({
        "status": "healthy",
        "version": env!("CARGO_PKG_VERSION"),
        "store": call.store.about(),
        "stores": stores,
        "quality": app.quality,
        "retrievers": { "total": n, "available": n },
    }))
}

async fn stats(state: State, call: Known) -> Response {
    let app = &state.0;
    let counts = &app.counts;
    let environments = app.environments.as_ref().map(|sessions| {
        let ((active, most), (episodes, unwritten)) = (sessions.taken(), sessions.counts());
        json!({
            "tasks": sessions.gym().tasks().len(),
            "sessions": active,
            "most_sessions": most,
            "episodes": episodes,
            "episodes_unwritten": unwritten,
        })
    });
    json_answer(&json!({
        "uptime_s": app.started.elapsed().as_secs_f64(),
        "requests": counts.requests.load(Ordering::Relaxed),
        "searches": counts.searches.load(Ordering::Relaxed),
        "faults": counts.faults.load(Ordering::Relaxed),
        "refused": app.admission.refused(),
        "running_or_waiting": app.admission.inside(),
        "connections": app.limits.connections - app.connections.available_permits(),
        "tool_sessions": app.rooms.len(),
        "environments": environments,
        "log_lines_left_out": app.log.as_ref().map_or(0, crate::log::Log::left_out),
        "store": call.store.about(),
        "total_documents": call.store.store.n_documents(),
        "num_documents": call.store.store.n_documents(),
    }))
}
