//! `POST /tool`, and the same at `/`: the tool server of DeepDive and CaRR.
//!
//! ```json
//! {"session_id": "s1", "name": "browser.search", "arguments": {"query": "…", "num": 10},
//!  "remote_env_info": {"search_forbidden_strs": ["the question itself"]}}
//! ```
//!
//! answers `{"output": "…"}`, a text for the model. `browser.search` lists hits by number, `browser.open`
//! reads one by its number in the last list of the session or by its address, `browser.find` looks for a
//! pattern in the document that was opened last; the names also come without `browser.`. A session begins
//! with its first call and ends with `close_session`, or when nobody used it for long; as many are kept as
//! [`Limits::sessions`](crate::Limits::sessions) says. Its id has 255 bytes at most. Documents that hold a forbidden text (also as
//! `forbidden_texts`) are neither listed nor opened.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use sleuth_index::Retriever as _;
use sleuth_records::Document;

use super::fields::Fields;
use crate::answer::json_answer;
use crate::app::{App, Asked, Call};
use crate::refused::Refused;

const K: usize = 10;
/// Hits of a list, at most: as long as its session lasts they are kept.
const MOST_LISTED: usize = 100;
/// Bytes of the id of a session, at most.
const LONGEST_ID: usize = 255;
/// Hits that are looked at for each that is wanted, since forbidden ones are left out.
const LOOKED_AT: usize = 3;
/// Characters of a document that are shown.
const SHOWN: usize = 10_000;
/// Places that `find` shows, and characters around each.
const PLACES: usize = 20;
const AROUND: usize = 200;

/// What sessions have on their desks.
pub(crate) struct Rooms {
    rooms: Mutex<HashMap<String, Room>>,
    most: usize,
    idle: Duration,
}

#[derive(Clone)]
struct Room {
    used: Instant,
    /// Ids of the last list of hits.
    listed: Vec<String>,
    /// Id of the document opened last.
    open: Option<String>,
}

impl Rooms {
    pub(crate) fn new(most: usize, idle: Duration) -> Self {
        Self { rooms: Mutex::new(HashMap::new()), most, idle }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `session` has, if it is known.
    fn look(&self, session: &str) -> Option<Room> {
        let mut rooms = self.lock();
        let room = rooms.get_mut(session)?;
        room.used = Instant::now();
        Some(room.clone())
    }

    /// Changes what `session` has; begins it where it is new and there is room.
    fn change(&self, session: &str, change: impl FnOnce(&mut Room)) -> Result<(), Refused> {
        let mut rooms = self.lock();
        if !rooms.contains_key(session) && rooms.len() >= self.most {
            leave_idle(&mut rooms, self.idle);
            if rooms.len() >= self.most {
                return Err(Refused::busy());
            }
        }
        let room = rooms.entry(session.to_owned()).or_insert_with(|| Room {
            used: Instant::now(),
            listed: Vec::new(),
            open: None,
        });
        room.used = Instant::now();
        change(room);
        Ok(())
    }

    fn close(&self, session: &str) {
        self.lock().remove(session);
    }

    /// Ends the sessions that nobody used for long.
    pub(crate) fn close_idle(&self) {
        leave_idle(&mut self.lock(), self.idle);
    }
}

/// Forgets those that nobody used for so long.
fn leave_idle(rooms: &mut HashMap<String, Room>, idle: Duration) {
    rooms.retain(|_, room| room.used.elapsed() < idle);
}

pub(super) async fn tool(
    State(app): State<Arc<App>>,
    Extension(call): Extension<Arc<Call>>,
    body: Bytes,
) -> Result<Response, Refused> {
    let fields = Fields::read(&body)?;
    if !fields.has("name") {
        return Err(fields.unknown("/tool", "`session_id`, `name`, `arguments`, `remote_env_info`"));
    }
    let (name, session) = (fields.needed("name")?, fields.name("session_id")?.unwrap_or_default());
    if session.len() > LONGEST_ID {
        let found = session.len();
        return Err(Refused::invalid(format!(
            "expected at most {LONGEST_ID} bytes for `session_id`, found {found}"
        )));
    }
    let (arguments, about) = (fields.within("arguments")?, fields.within("remote_env_info")?);
    let forbidden = forbidden(&about)?;
    let output = match name.strip_prefix("browser.").unwrap_or(&name) {
        "start_session" => {
            app.rooms.change(&session, |_| ())?;
            format!("session `{session}` has begun")
        }
        "close_session" => {
            app.rooms.close(&session);
            format!("session `{session}` is closed")
        }
        "search" => search(&app, &call, &session, &arguments, &forbidden).await?,
        "open" => open(&app, &call, &session, &arguments, &forbidden).await?,
        "find" => find(&app, &call, &session, &arguments).await?,
        _ => format!("undefined function: {name}"),
    };
    let (snapshot, retrieval) = call.store.ids();
    Ok(json_answer(&json!({ "output": output, "snapshot": snapshot, "retrieval": retrieval })))
}

fn forbidden(about: &Fields) -> Result<Vec<String>, Refused> {
    let mut texts = Vec::new();
    for key in ["forbidden_texts", "search_forbidden_strs"] {
        if about.has(key) {
            texts.extend(about.texts(key)?);
        }
    }
    Ok(texts.iter().map(|text| folded(text)).filter(|text| !text.is_empty()).collect())
}

/// Lower case, with single spaces.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn holds(document: &Document, forbidden: &[String]) -> bool {
    if forbidden.is_empty() {
        return false;
    }
    let parts =
        [document.title.as_str(), document.text.as_str(), document.url.as_deref().unwrap_or("")];
    let parts = parts.map(folded);
    forbidden.iter().any(|text| parts.iter().any(|part| part.contains(text.as_str())))
}

async fn search(
    app: &Arc<App>,
    call: &Call,
    session: &str,
    arguments: &Fields,
    forbidden: &[String],
) -> Result<String, Refused> {
    let Some(query) = arguments.text("query")?.filter(|query| !query.is_empty()) else {
        return Ok("No query provided for search.".to_owned());
    };
    let k = arguments.count(&["num", "topn"])?.unwrap_or(K).min(MOST_LISTED);
    let of_each = if forbidden.is_empty() { 1 } else { LOOKED_AT };
    let looked_at = (k * of_each).min(app.limits.k);
    let asked = Asked { dialect: "deepdive", queries: vec![query], k: looked_at, snippets: true };
    let mut hits = app.search(call, asked).await?.pop().unwrap_or_default();
    if !forbidden.is_empty() {
        let forbidden = forbidden.to_vec();
        hits = app
            .read(call, move |served| {
                let mut kept = Vec::with_capacity(hits.len());
                for found in hits {
                    let document = served.store.document(&found.id)?;
                    if document.is_some_and(|document| !holds(&document, &forbidden)) {
                        kept.push(found);
                    }
                }
                Ok(kept)
            })
            .await?;
    }
    hits.truncate(k);
    let mut out = String::new();
    for (at, found) in hits.iter().enumerate() {
        let url = found.url(&call.base);
        let snippet = folded_lines(found.snippet());
        let _ = writeln!(out, "[{at}] {}\n{url}\n{snippet}\n", found.title);
    }
    let listed = hits.iter().map(|found| found.id().to_owned()).collect();
    app.rooms.change(session, |room| room.listed = listed)?;
    if out.is_empty() {
        out.push_str("No results found.");
    }
    Ok(out.trim_end().to_owned())
}

fn folded_lines(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn open(
    app: &Arc<App>,
    call: &Call,
    session: &str,
    arguments: &Fields,
    forbidden: &[String],
) -> Result<String, Refused> {
    let Some(name) = arguments.name("id")? else {
        return Ok("expected the number of a hit or an address as `id`, found none".to_owned());
    };
    let room = app.rooms.look(session);
    let listed = name
        .parse::<usize>()
        .ok()
        .and_then(|at| room.as_ref().and_then(|room| room.listed.get(at).cloned()));
    let name = listed.unwrap_or(name);
    let document = read(app, call, name.clone()).await?;
    let Some(document) = document.filter(|document| !holds(document, forbidden)) else {
        return Ok(format!("no document is at `{name}`"));
    };
    let id = document.id.as_str().to_owned();
    app.rooms.change(session, |room| room.open = Some(id))?;
    let text = format!("{}\n\n{}", document.title, document.text);
    Ok(text.chars().take(SHOWN).collect())
}

async fn find(
    app: &Arc<App>,
    call: &Call,
    session: &str,
    arguments: &Fields,
) -> Result<String, Refused> {
    let Some(pattern) = arguments.text("pattern")?.filter(|pattern| !pattern.is_empty()) else {
        return Ok("expected words as `pattern`, found none".to_owned());
    };
    let Some(id) = app.rooms.look(session).and_then(|room| room.open) else {
        return Ok("no document is open".to_owned());
    };
    let Some(document) = read(app, call, id).await? else { return Ok(String::new()) };
    Ok(places(&document.text, &pattern))
}

/// Where `pattern` stands in `text`, whatever the case.
fn places(text: &str, pattern: &str) -> String {
    // Case by case, so that positions stay those of the text.
    let lower: Vec<char> = text.chars().map(lower).collect();
    let wanted: Vec<char> = pattern.chars().map(self::lower).collect();
    let original: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let (mut at, mut n) = (0, 0);
    while n < PLACES && at + wanted.len() <= lower.len() {
        if lower[at..at + wanted.len()] != wanted[..] {
            at += 1;
            continue;
        }
        n += 1;
        let from = at.saturating_sub(AROUND);
        let to = (at + wanted.len() + AROUND).min(original.len());
        let around: String = original[from..to].iter().collect();
        let _ = write!(out, "{}[Match {n}]\n{around}", if n > 1 { "\n\n" } else { "" });
        at = to;
    }
    out
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

async fn read(app: &Arc<App>, call: &Call, name: String) -> Result<Option<Arc<Document>>, Refused> {
    let begun = Instant::now();
    let (name, document) = app
        .read(call, move |store| {
            let document = store.named(&name)?;
            Ok((name, document))
        })
        .await?;
    app.note(call, "deepdive", &[name], 1, None, StatusCode::OK, begun, || {
        vec![document.iter().map(|document| document.id.as_str()).collect()]
    });
    Ok(document)
}
