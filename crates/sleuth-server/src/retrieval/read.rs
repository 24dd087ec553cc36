//! Reading documents by their address.
//!
//! | address, keys | dialect | answer |
//! |---|---|---|
//! | `/access`: `urls` | ASearcher | `{"result": [{"contents", "title", "url"} or null]}` |
//! | `/get_content`: `url` | OpenResearcher | `{"title", "content", "url"}`, *404* for none |
//! | `/web_parser`: `url` | LiteResearcher | `{"found", "url", "title", "text"}` |
//! | `/check_url`: `url` | LiteResearcher | `{"exists", "url"}` |
//! | `/batch_check_url`: `urls` | LiteResearcher | `{"results": {url: true or false}, "total", "found"}` |
//!
//! An address is one that a search gave, one that a document was recorded with, or an id. Nothing is
//! ever fetched from elsewhere.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sleuth_records::{Document, DocumentId};

use super::fields::Fields;
use crate::answer::{LONGEST, json_answer, too_long};
use crate::app::{App, Call};
use crate::refused::Refused;

/// Addresses of one request, at most.
const MOST: usize = 1000;

#[derive(Serialize)]
struct Pages<'a> {
    result: Vec<Option<Page<'a>>>,
}

#[derive(Serialize)]
struct Page<'a> {
    contents: &'a str,
    title: &'a str,
    url: &'a str,
}

/// What `keep` keeps of the documents at `urls`, each `None` where there is none.
async fn each<T: Send + 'static>(
    app: &Arc<App>,
    call: &Call,
    dialect: &'static str,
    urls: Vec<String>,
    mut keep: impl FnMut(Arc<Document>) -> Result<T, Refused> + Send + 'static,
) -> Result<(Vec<String>, Vec<Option<T>>), Refused> {
    if urls.len() > MOST {
        let found = urls.len();
        return Err(Refused::invalid(format!("expected at most {MOST} addresses, found {found}")));
    }
    let begun = Instant::now();
    let (urls, ids, kept) = app
        .read(call, move |store| {
            let (mut ids, mut kept) = (Vec::new(), Vec::new());
            for url in &urls {
                let document = store.named(url)?;
                ids.push(document.as_ref().map(|document| document.id.clone()));
                kept.push(document.map(&mut keep).transpose()?);
            }
            Ok((urls, ids, kept))
        })
        .await?;
    app.note(call, dialect, &urls, 1, None, StatusCode::OK, begun, || {
        ids.iter().map(|id| id.iter().map(DocumentId::as_str).collect()).collect()
    });
    Ok((urls, kept))
}

/// Which of `urls` there is a document at.
async fn exist(
    app: &Arc<App>,
    call: &Call,
    urls: Vec<String>,
) -> Result<(Vec<String>, Vec<bool>), Refused> {
    let (urls, read) = each(app, call, "literesearcher", urls, |_| Ok(())).await?;
    Ok((urls, read.iter().map(Option::is_some).collect()))
}

async fn document(
    app: &Arc<App>,
    call: &Call,
    dialect: &'static str,
    url: String,
) -> Result<Option<Arc<Document>>, Refused> {
    Ok(each(app, call, dialect, vec![url], Ok).await?.1.pop().flatten())
}

pub(super) async fn access(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("urls") {
        return Err(fields.unknown("/access", "`urls`"));
    }
    // Many addresses of long documents would fill the memory before there is an answer to measure.
    let mut bytes = 0;
    let bounded = move |document: Arc<Document>| {
        bytes += document.text.len();
        if bytes > LONGEST { Err(too_long()) } else { Ok(document) }
    };
    let urls = fields.texts("urls")?;
    let (urls, documents) = each(&app, &call, "asearcher", urls, bounded).await?;
    let pages = urls.iter().zip(&documents).map(|(url, document)| {
        let document = document.as_deref()?;
        Some(Page { contents: &document.text, title: &document.title, url })
    });
    Ok(json_answer(&Pages { result: pages.collect() }))
}

pub(super) async fn content(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("url") {
        return Err(fields.unknown("/get_content", "`url`"));
    }
    let url = fields.needed("url")?;
    match document(&app, &call, "openresearcher", url.clone()).await? {
        Some(document) => Ok(json_answer(
            &json!({ "title": document.title, "content": document.text, "url": url }),
        )),
        None => Err(no_document(&url)),
    }
}

pub(super) async fn parsed(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("url") {
        return Err(fields.unknown("/web_parser", "`url`"));
    }
    let url = fields.needed("url")?;
    let document = document(&app, &call, "literesearcher", url.clone()).await?;
    let of = |part: fn(&Document) -> &str| document.as_deref().map_or("", part);
    Ok(json_answer(&json!({
        "found": document.is_some(),
        "url": url,
        "title": of(|document| &document.title),
        "text": of(|document| &document.text),
    })))
}

pub(super) async fn check(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("url") {
        return Err(fields.unknown("/check_url", "`url`"));
    }
    let url = fields.needed("url")?;
    let exists = exist(&app, &call, vec![url.clone()]).await?.1 == [true];
    Ok(json_answer(&json!({ "exists": exists, "url": url })))
}

pub(super) async fn check_many(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("urls") {
        return Err(fields.unknown("/batch_check_url", "`urls`"));
    }
    let (urls, exist) = exist(&app, &call, fields.texts("urls")?).await?;
    let found = exist.iter().filter(|exists| **exists).count();
    let total = urls.len();
    let results: Map<String, Value> =
        urls.into_iter().zip(exist).map(|(url, exists)| (url, exists.into())).collect();
    Ok(json_answer(&json!({ "results": results, "total": total, "found": found })))
}

pub(super) fn no_document(url: &str) -> Refused {
    let message = format!("no document is at `{url}`");
    Refused::new(StatusCode::NOT_FOUND, "no_document", message)
}
