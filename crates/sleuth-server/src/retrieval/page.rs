//! A document for people: where the addresses of local documents lead.
//!
//! Each line of the text has an anchor, so that `#L12` leads to it. The text of documents is data: it is
//! escaped, and what is served beside it forbids the browser to run, load or send anything.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use sleuth_index::Retriever as _;

use super::read::no_document;
use crate::app::{App, Call};
use crate::refused::Refused;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; sandbox";
const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}\
                     pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere}\
                     :target{background:#fe9}";

pub(super) async fn page(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let wanted = sleuth_records::DocumentId::new(id.as_str());
    let document = app.read(&call, move |store| Ok(store.store.document(&wanted)?)).await?;
    let Some(document) = document else { return Err(no_document(&id)) };
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let (kind, body) = if accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        ("text/html; charset=utf-8", html(&document.title, &document.text))
    } else {
        ("text/plain; charset=utf-8", format!("{}\n\n{}", document.title, document.text))
    };
    let fixed = |text| HeaderValue::from_static(text);
    Ok((
        [
            (header::CONTENT_TYPE, fixed(kind)),
            (header::CONTENT_SECURITY_POLICY, fixed(POLICY)),
            (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
            (header::REFERRER_POLICY, fixed("no-referrer")),
        ],
        body,
    )
        .into_response())
}

fn html(title: &str, text: &str) -> String {
    let title = escape(title);
    let mut out = format!(
        "<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\
         <h1>{title}</h1><pre>"
    );
    for (at, line) in text.lines().enumerate() {
        let _ = writeln!(out, "<span id=L{}>{}</span>", at + 1, escape(line));
    }
    out.push_str("</pre>");
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
