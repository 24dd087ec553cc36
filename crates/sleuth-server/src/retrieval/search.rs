//! `POST /search`, `/batch_search` and `/queries`.
//!
//! | address, keys | dialect | answer |
//! |---|---|---|
//! | `/search`: `query`, `top_n`, `return_score` | ReSearch, ReCall (FlashRAG) | `[{"id", "contents"}]`, with scores `[[…documents], [scores]]` |
//! | `/search`: `query`, `n_docs`, `nprobe`; also `queries` | massive-serve (DR Tulu) | `{"message", "query", "n_docs", "nprobe", "results": {"scores": [[…]], "passages": [[{"text", …}]]}}` |
//! | `/search`: `query`, `topn`, `limit` or nothing else | OpenResearcher, LiteResearcher | `{"results": [{"url", "link", "title", "summary", "snippet", "score"}], "total"}` |
//! | `/search`: `q`, `num` | Serper | `{"searchParameters", "organic": [{"title", "link", "snippet", "position"}]}` |
//! | `/batch_search`: `query` as a list, `top_n` | ReSearch, ReCall | `[[{"id", "contents"}]]`, with scores `[[[…documents]], [[scores]]]` |
//! | `/batch_search`: `queries`, `limit` | LiteResearcher | `{"query_results": [{"query", "results", "total"}], "total_queries"}` |
//! | `/queries`: `queries`, `k` | R1-Searcher | `{"queries", "answers": [["id⇥title⇥text"]]}` |
//!
//! The shapes of OpenResearcher and LiteResearcher are one object with the keys of both, since a
//! request with `query` alone may come from either. What a dialect says of how it searched inside
//! (weights, clusters) is taken and has no effect.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::Contents;
use super::fields::Fields;
use crate::answer::json_answer;
use crate::app::{App, Asked, Call};
use crate::refused::Refused;
use crate::served::Found;

const K_FLASHRAG: usize = 10;
const K_RESULTS: usize = 10;
const K_R1_SEARCHER: usize = 3;
const K_MASSIVE: usize = 1;

const KNOWN: &str = "`query` (with `top_n`, `topn`, `limit` or `n_docs`), or `q` (with `num`)";
const KNOWN_BATCH: &str =
    "`query` as a list (with `top_n`, `return_score`), or `queries` (with `limit`)";

#[derive(Serialize)]
struct FlashRag<'a> {
    id: &'a str,
    contents: Contents<'a>,
}

#[derive(Serialize)]
struct Listed<'a> {
    url: String,
    link: String,
    title: &'a str,
    summary: &'a str,
    snippet: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct Results<'a> {
    results: Vec<Listed<'a>>,
    total: usize,
    search_time: f64,
    snapshot: &'a str,
    retrieval: &'a str,
}

#[derive(Serialize)]
struct QueryResults<'a> {
    query: &'a str,
    results: Vec<Listed<'a>>,
    total: usize,
}

#[derive(Serialize)]
struct Batch<'a> {
    query_results: Vec<QueryResults<'a>>,
    total_queries: usize,
    search_time: f64,
    snapshot: &'a str,
    retrieval: &'a str,
}

#[derive(Serialize)]
struct Lines<'a> {
    queries: &'a [String],
    answers: Vec<Vec<String>>,
    snapshot: &'a str,
    retrieval: &'a str,
}

#[derive(Serialize)]
struct Organic<'a> {
    title: &'a str,
    link: String,
    snippet: &'a str,
    position: usize,
}

#[derive(Serialize)]
struct Massive<'a> {
    message: String,
    query: Value,
    n_docs: usize,
    nprobe: Option<usize>,
    results: MassiveResults<'a>,
    snapshot: &'a str,
    retrieval: &'a str,
}

#[derive(Serialize)]
struct MassiveResults<'a> {
    scores: Vec<Vec<f32>>,
    passages: Vec<Vec<MassivePassage<'a>>>,
}

#[derive(Serialize)]
struct MassivePassage<'a> {
    text: &'a str,
    title: &'a str,
    source: &'a str,
    passage_id: &'a str,
    url: String,
}

pub(super) async fn search(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if fields.has("q") {
        return serper(&app, &call, &fields).await;
    }
    if fields.has("n_docs") && fields.has_any(&["query", "queries"]) {
        return massive(&app, &call, &fields).await;
    }
    if !fields.has("query") {
        return Err(fields.unknown("/search", KNOWN));
    }
    let query = fields.needed("query")?;
    if fields.has_any(&["top_n", "return_score"]) {
        let (mut rankings, scores) = flashrag(&app, &call, &fields, vec![query]).await?;
        let hits = rankings.pop().unwrap_or_default();
        return Ok(if scores {
            json_answer(&(documents(&hits), scores_of(&hits)))
        } else {
            json_answer(&documents(&hits))
        });
    }
    let begun = Instant::now();
    let k = fields.count(&["topn", "limit"])?.unwrap_or(K_RESULTS);
    let dialect = if fields.has("limit") { "literesearcher" } else { "openresearcher" };
    let asked = Asked { dialect, queries: vec![query], k, snippets: true };
    let hits = app.search(&call, asked).await?.pop().unwrap_or_default();
    let (snapshot, retrieval) = call.store.ids();
    Ok(json_answer(&Results {
        total: hits.len(),
        results: listed(&hits, &call),
        search_time: begun.elapsed().as_secs_f64(),
        snapshot,
        retrieval,
    }))
}

fn listed<'a>(hits: &'a [Found], call: &Call) -> Vec<Listed<'a>> {
    let one = |found: &'a Found| {
        let url = found.url(&call.base);
        Listed {
            link: url.clone(),
            url,
            title: &found.title,
            summary: found.snippet(),
            snippet: found.snippet(),
            score: found.score,
        }
    };
    hits.iter().map(one).collect()
}

async fn flashrag(
    app: &Arc<App>,
    call: &Call,
    fields: &Fields,
    queries: Vec<String>,
) -> Result<(Vec<Vec<Found>>, bool), Refused> {
    let k = fields.count(&["top_n"])?.unwrap_or(K_FLASHRAG);
    let scores = fields.flag("return_score")?.unwrap_or(false);
    let asked = Asked { dialect: "flashrag", queries, k, snippets: false };
    Ok((app.search(call, asked).await?, scores))
}

fn documents(hits: &[Found]) -> Vec<FlashRag<'_>> {
    hits.iter().map(|found| FlashRag { id: found.id(), contents: Contents(found) }).collect()
}

fn scores_of(hits: &[Found]) -> Vec<f32> {
    hits.iter().map(|found| found.score).collect()
}

async fn serper(app: &Arc<App>, call: &Call, fields: &Fields) -> Result<Response, Refused> {
    let query = fields.needed("q")?;
    let k = fields.count(&["num"])?.unwrap_or(K_RESULTS);
    let queries = vec![query.clone()];
    let asked = Asked { dialect: "serper", queries, k, snippets: true };
    let hits = app.search(call, asked).await?.pop().unwrap_or_default();
    let organic: Vec<Organic<'_>> = hits
        .iter()
        .enumerate()
        .map(|(at, found)| Organic {
            title: &found.title,
            link: found.url(&call.base),
            snippet: found.snippet(),
            position: at + 1,
        })
        .collect();
    let (snapshot, retrieval) = call.store.ids();
    Ok(json_answer(&json!({
        "searchParameters": { "q": query, "num": k, "type": "search" },
        "organic": organic,
        "snapshot": snapshot,
        "retrieval": retrieval,
    })))
}

async fn massive(app: &Arc<App>, call: &Call, fields: &Fields) -> Result<Response, Refused> {
    let one = fields.text("query")?;
    let queries = match &one {
        Some(query) => vec![query.clone()],
        None => fields.texts("queries")?,
    };
    let k = fields.count(&["n_docs"])?.unwrap_or(K_MASSIVE);
    let named = match &one {
        Some(query) => json!(query),
        None => json!(queries),
    };
    let asked = Asked { dialect: "massive_serve", queries, k, snippets: false };
    let rankings = app.search(call, asked).await?;
    let scores: Vec<Vec<f32>> = rankings.iter().map(|hits| scores_of(hits)).collect();
    let passage = |found| -> MassivePassage<'_> {
        let found: &Found = found;
        MassivePassage {
            text: &found.text,
            title: &found.title,
            source: &call.store.name,
            passage_id: found.id(),
            url: found.url(&call.base),
        }
    };
    let passages: Vec<Vec<MassivePassage<'_>>> =
        rankings.iter().map(|hits| hits.iter().map(passage).collect()).collect();
    let (snapshot, retrieval) = call.store.ids();
    Ok(json_answer(&Massive {
        message: format!("searched `{}`", call.store.name),
        query: named,
        n_docs: k,
        nprobe: fields.count(&["nprobe"])?,
        results: MassiveResults { scores, passages },
        snapshot,
        retrieval,
    }))
}

pub(super) async fn batch(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if fields.has("query") {
        let queries = fields.texts("query")?;
        let (rankings, scores) = flashrag(&app, &call, &fields, queries).await?;
        let documents: Vec<_> = rankings.iter().map(|hits| documents(hits)).collect();
        return Ok(if scores {
            let scores: Vec<_> = rankings.iter().map(|hits| scores_of(hits)).collect();
            json_answer(&(documents, scores))
        } else {
            json_answer(&documents)
        });
    }
    if !fields.has("queries") {
        return Err(fields.unknown("/batch_search", KNOWN_BATCH));
    }
    let queries = fields.texts("queries")?;
    let k = fields.count(&["limit"])?.unwrap_or(K_RESULTS);
    let begun = Instant::now();
    let asked = Asked { dialect: "literesearcher", queries: queries.clone(), k, snippets: true };
    let rankings = app.search(&call, asked).await?;
    let results: Vec<QueryResults<'_>> = queries
        .iter()
        .zip(&rankings)
        .map(|(query, hits)| QueryResults {
            query,
            results: listed(hits, &call),
            total: hits.len(),
        })
        .collect();
    let (snapshot, retrieval) = call.store.ids();
    Ok(json_answer(&Batch {
        query_results: results,
        total_queries: queries.len(),
        search_time: begun.elapsed().as_secs_f64(),
        snapshot,
        retrieval,
    }))
}

pub(super) async fn queries(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("queries") {
        return Err(fields.unknown("/queries", "`queries` (with `k`)"));
    }
    let queries = fields.texts("queries")?;
    let k = fields.count(&["k"])?.unwrap_or(K_R1_SEARCHER);
    let asked = Asked { dialect: "r1_searcher", queries: queries.clone(), k, snippets: false };
    let rankings = app.search(&call, asked).await?;
    // A line of a table: whatever parts lines or columns becomes a space.
    let plain = |text: &str| text.replace(['\t', '\n', '\r'], " ");
    let line = |found: &Found| {
        let (id, title) = (plain(found.id()), plain(&found.title));
        format!("{id}\t{title}\t{}", plain(&found.text))
    };
    let answers: Vec<Vec<String>> =
        rankings.iter().map(|hits| hits.iter().map(line).collect()).collect();
    let (snapshot, retrieval) = call.store.ids();
    Ok(json_answer(&Lines { queries: &queries, answers, snapshot, retrieval }))
}
