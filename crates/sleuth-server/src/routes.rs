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
        .route("/", get(addresses))
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
        .hint("`GET /` lists the addresses, `GET /health` says what is served")
}

async fn other_method(method: Method, uri: Uri) -> Refused {
    let message = format!("`{}` does not take {method}", uri.path());
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "method", message)
}

type State = axum::extract::State<Arc<App>>;

/// Addresses, what is sent there, and who speaks so: the table at the head of this crate, for whoever
/// looks at a server.
const ADDRESSES: [(&str, &str, &str); 17] = [
    (
        "POST /retrieve",
        "queries, topk, return_scores",
        "Search-R1, verl, SkyRL-agent, slime, ASearcher",
    ),
    ("POST /retrieve", "query, topk, top_k or k", "SkyRL, rLLM, BrowseComp-Plus"),
    ("POST /search", "query, top_n, return_score", "ReSearch, ReCall"),
    ("POST /search", "query, topn", "OpenResearcher, LiteResearcher"),
    ("POST /search", "query, n_docs", "massive-serve"),
    ("POST /search", "q, num", "Serper"),
    ("POST /batch_search", "query or queries, a list", "ReSearch, LiteResearcher"),
    ("POST /queries", "queries, k", "R1-Searcher"),
    ("POST /access", "urls", "ASearcher"),
    ("POST /get_content, /web_parser", "url or urls", "OpenResearcher, LiteResearcher"),
    ("POST /tool, /", "session_id, name, arguments", "DeepDive, CaRR"),
    ("WS /ws; POST /reset, /step; GET /state, /metadata, /schema", "action", "OpenEnv"),
    ("POST /start, /reset, /step, /close; GET /info", "env_id", "aviary"),
    ("/mcp", "JSON-RPC", "MCP"),
    ("GET /d/ID", "", "a document, for people"),
    ("GET /health, /stats", "", "everybody"),
    ("/stores/NAME/...", "", "the same over another store"),
];

async fn addresses() -> Response {
    let list: Vec<_> = ADDRESSES
        .iter()
        .map(|(address, keys, who)| json!({ "address": address, "keys": keys, "for": who }))
        .collect();
    json_answer(&json!({ "name": "sleuth", "addresses": list }))
}

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
