//! `POST /retrieve`.
//!
//! | keys | dialect | answer |
//! |---|---|---|
//! | `queries`, `topk`, `return_scores: true` | Search-R1, verl, SkyRL-agent, agent-lightning | `{"result": [[{"document": {"id", "contents", "url"}, "score"}]]}` |
//! | the same, `return_scores: false` | slime, torchtitan, ASearcher | `{"result": [[{"id", "contents", "url"}]]}` |
//! | `query`, `topk` | SkyRL | either of the two, for one query: still a list of lists |
//! | `query`, `top_k` or `k` | rLLM | `{"query", "method", "results": [{"id", "content": {…}, "score"}], "num_results"}` |
//! | `query` alone | BrowseComp-Plus | `{"result": [{"document": {"title", "text"}, "docid", "score"}]}`, flat |
//!
//! Where `return_scores` is left out, the servers of these dialects disagree: Search-R1 and verl take it
//! as false, agent-lightning as true. Documents then have the keys of both, so that either reader finds
//! its own. An empty list of queries, which Search-R1 sends when nobody searches, is answered with an
//! empty list.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::Contents;
use super::fields::Fields;
use crate::answer::json_answer;
use crate::app::{App, Asked, Call};
use crate::refused::Refused;
use crate::served::Found;

/// Documents where the request does not say: those of the dialects' own servers.
const K: usize = 3;
const K_RLLM: usize = 10;
const K_BROWSECOMP: usize = 5;

const KNOWN: &str = "`queries` (with `topk`, `return_scores`), `query` with `topk`, `query` with `top_k`, \
                     or `query` alone";

#[derive(Serialize)]
struct Answer<'a, T> {
    result: T,
    snapshot: &'a str,
    retrieval: &'a str,
}

#[derive(Serialize)]
struct Bare<'a> {
    id: &'a str,
    contents: Contents<'a>,
    url: String,
}

#[derive(Serialize)]
struct Scored<'a> {
    document: Bare<'a>,
    score: f32,
}

/// Both at once.
#[derive(Serialize)]
struct Both<'a> {
    #[serde(flatten)]
    bare: Bare<'a>,
    document: Bare<'a>,
    score: f32,
}

#[derive(Serialize)]
struct Flat<'a> {
    document: TitleAndText<'a>,
    docid: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct TitleAndText<'a> {
    title: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Rllm<'a> {
    query: &'a str,
    method: &'static str,
    results: Vec<RllmHit<'a>>,
    num_results: usize,
    snapshot: &'a str,
    retrieval: &'a str,
}

#[derive(Serialize)]
struct RllmHit<'a> {
    id: &'a str,
    content: RllmDocument<'a>,
    score: f32,
}

#[derive(Serialize)]
struct RllmDocument<'a> {
    id: &'a str,
    title: &'a str,
    text: &'a str,
    contents: Contents<'a>,
    url: String,
}

pub(super) async fn retrieve(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    drop(body);
    if fields.has("queries") {
        let queries = fields.texts("queries")?;
        let k = fields.count(&["topk", "top_k", "k"])?.unwrap_or(K);
        return lists(&app, &call, "search_r1", queries, k, fields.flag("return_scores")?).await;
    }
    if !fields.has("query") {
        return Err(fields.unknown("/retrieve", KNOWN));
    }
    let query = fields.needed("query")?;
    if fields.has_any(&["top_k", "k"]) {
        let k = fields.count(&["top_k", "k"])?.unwrap_or(K_RLLM);
        return rllm(&app, &call, query, k).await;
    }
    if fields.has_any(&["topk", "return_scores"]) {
        let k = fields.count(&["topk"])?.unwrap_or(K);
        return lists(&app, &call, "skyrl", vec![query], k, fields.flag("return_scores")?).await;
    }
    flat(&app, &call, query).await
}

async fn lists(
    app: &Arc<App>,
    call: &Call,
    dialect: &'static str,
    queries: Vec<String>,
    k: usize,
    scores: Option<bool>,
) -> Result<Response, Refused> {
    let rankings = app.search(call, Asked { dialect, queries, k, snippets: false }).await?;
    let base = &call.base;
    let bare = |found| bare(found, base);
    Ok(match scores {
        Some(true) => answer(
            call,
            &each(&rankings, |found| Scored { document: bare(found), score: found.score }),
        ),
        Some(false) => answer(call, &each(&rankings, bare)),
        None => answer(
            call,
            &each(&rankings, |found| Both {
                bare: bare(found),
                document: bare(found),
                score: found.score,
            }),
        ),
    })
}

fn bare<'a>(found: &'a Found, base: &str) -> Bare<'a> {
    let url = found.url(base);
    Bare { id: found.id(), contents: Contents(found), url }
}

fn each<'a, T>(rankings: &'a [Vec<Found>], item: impl Fn(&'a Found) -> T) -> Vec<Vec<T>> {
    rankings.iter().map(|hits| hits.iter().map(&item).collect()).collect()
}

fn answer(call: &Call, result: &impl Serialize) -> Response {
    let (snapshot, retrieval) = call.store.ids();
    json_answer(&Answer { result, snapshot, retrieval })
}

async fn rllm(app: &Arc<App>, call: &Call, query: String, k: usize) -> Result<Response, Refused> {
    let asked = Asked { dialect: "rllm", queries: vec![query.clone()], k, snippets: false };
    let hits = app.search(call, asked).await?.pop().unwrap_or_default();
    let (snapshot, retrieval) = call.store.ids();
    let hit = |found| {
        let Bare { id, contents, url } = bare(found, &call.base);
        let document = RllmDocument { id, title: &found.title, text: &found.text, contents, url };
        RllmHit { id, content: document, score: found.score }
    };
    Ok(json_answer(&Rllm {
        query: &query,
        method: "sleuth",
        num_results: hits.len(),
        results: hits.iter().map(hit).collect(),
        snapshot,
        retrieval,
    }))
}

async fn flat(app: &Arc<App>, call: &Call, query: String) -> Result<Response, Refused> {
    let asked = Asked {
        dialect: "browsecomp_plus",
        queries: vec![query],
        k: K_BROWSECOMP,
        snippets: false,
    };
    let hits = app.search(call, asked).await?.pop().unwrap_or_default();
    let flat: Vec<Flat<'_>> = hits
        .iter()
        .map(|found| Flat {
            document: TitleAndText { title: &found.title, text: &found.text },
            docid: found.id(),
            score: found.score,
        })
        .collect();
    Ok(answer(call, &flat))
}
