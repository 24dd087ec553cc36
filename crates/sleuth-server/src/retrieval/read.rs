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
use serde_json::{Map, Value, json};
use sleuth_records::Document;

use super::fields::Fields;
use crate::app::{App, Call};
use crate::refused::Refused;
use crate::routes::json_answer;

/// Addresses of one request, at most.
const MOST: usize = 1000;

type Read = Option<Arc<Document>>;

/// The documents at `urls`, each `None` where there is none.
async fn documents(
    app: &Arc<App>,
    call: &Call,
    dialect: &'static str,
    urls: Vec<String>,
) -> Result<(Vec<String>, Vec<Read>), Refused> {
    if urls.len() > MOST {
        let found = urls.len();
        return Err(Refused::invalid(format!("expected at most {MOST} addresses, found {found}")));
    }
    let begun = Instant::now();
    let (urls, documents) = app
        .read(call, move |store| {
            let documents: Vec<Read> =
                urls.iter().map(|url| store.named(url)).collect::<Result<_, _>>()?;
            Ok((urls, documents))
        })
        .await?;
    app.note(call, dialect, &urls, 1, None, StatusCode::OK, begun, || {
        let found = documents.iter().map(|read| read.iter().map(|read| read.id.as_str()).collect());
        found.collect()
    });
    Ok((urls, documents))
}

async fn document(
    app: &Arc<App>,
    call: &Call,
    dialect: &'static str,
    url: String,
) -> Result<Read, Refused> {
    Ok(documents(app, call, dialect, vec![url]).await?.1.pop().flatten())
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
    let (urls, documents) = documents(&app, &call, "asearcher", fields.texts("urls")?).await?;
    let page = |(url, document): (&String, &Read)| match document {
        Some(document) => {
            json!({ "contents": document.text, "title": document.title, "url": url })
        }
        None => Value::Null,
    };
    let result: Vec<Value> = urls.iter().zip(&documents).map(page).collect();
    Ok(json_answer(&json!({ "result": result })))
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
    let exists = document(&app, &call, "literesearcher", url.clone()).await?.is_some();
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
    let (urls, documents) = documents(&app, &call, "literesearcher", fields.texts("urls")?).await?;
    let found = documents.iter().flatten().count();
    let total = urls.len();
    let results: Map<String, Value> =
        urls.into_iter().zip(documents).map(|(url, read)| (url, read.is_some().into())).collect();
    Ok(json_answer(&json!({ "results": results, "total": total, "found": found })))
}

pub(super) fn no_document(url: &str) -> Refused {
    let message = format!("no document is at `{url}`");
    Refused::new(StatusCode::NOT_FOUND, "no_document", message)
}
