//! `sleuth search`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use sleuth_index::{Query, Retriever as _, Store};
use sleuth_records::{DocumentId, Run, read_queries, write_run};

use crate::args::SearchArgs;
use crate::fail::{Exit, Failure};
use crate::print;
use crate::show::{Paint, one_line, path_of_url};

/// Hits of one query, and of each of many.
const K: u32 = 10;
const K_OF_MANY: u32 = 100;
/// Name of the system in run files.
const TAG: &str = "sleuth-lexical";

pub(crate) fn search(args: &SearchArgs) -> Result<Exit, Failure> {
    let store = Store::open(&args.store)?;
    let k = |default: u32| args.k.unwrap_or(default) as usize;
    match (&args.query, &args.queries, &args.run) {
        (_, Some(queries), Some(out)) => many(&store, queries, out, k(K_OF_MANY)),
        (query, _, _) => one(&store, query.as_deref().unwrap_or_default(), k(K), args.json),
    }
}

fn one(store: &Store, text: &str, k: usize, as_json: bool) -> Result<Exit, Failure> {
    let ranking = store.search(&Query::new(text, k))?;
    let paint = Paint::of_stdout();
    let mut out = String::new();
    let mut hits = Vec::new();
    for (at, hit) in ranking.hits.iter().enumerate() {
        let passage = &hit.passage;
        let Some(document) = store.document(&passage.document)? else { continue };
        let words = document.text.get(passage.range.clone()).unwrap_or_default();
        let line = document.line_at(passage.range.start);
        if as_json {
            hits.push(json!({
                "rank": at + 1,
                "score": hit.score,
                "document": document.id,
                "title": document.title,
                "path": document.url.as_deref().and_then(path_of_url),
                "url": document.url,
                "range": [passage.range.start, passage.range.end],
                "line": line,
                "text": words,
            }));
            continue;
        }
        let place = format!("{}:{line}", document.id);
        let _ = writeln!(
            out,
            "{:>2}. {} {}",
            at + 1,
            paint.bold(&one_line(&document.title, 100)),
            paint.dim(&format!("{} · {:.2}", one_line(&place, 200), hit.score)),
        );
        let _ = writeln!(out, "    {}", one_line(words, 240));
    }
    let found = if ranking.hits.is_empty() { Exit::NotFound } else { Exit::Done };
    if as_json {
        let status = if found == Exit::Done { "found" } else { "not_found" };
        let object =
            json!({"status": status, "query": text, "snapshot": store.snapshot(), "hits": hits});
        out = format!("{object}\n");
    } else if ranking.hits.is_empty() {
        "no hits\n".clone_into(&mut out);
    }
    print(&out)?;
    Ok(found)
}

fn many(store: &Store, queries: &Path, out: &Path, k: usize) -> Result<Exit, Failure> {
    let mut run = Run { tag: TAG.to_owned(), ..Run::default() };
    for query in read_queries(queries)? {
        let ranking = store.search(&Query::new(query.text, k))?;
        let hits = ranking.hits.into_iter().map(|hit| (hit.passage.document, hit.score));
        let hits: Vec<(DocumentId, f32)> = hits.collect();
        // The format parts its columns by white space, so a name that has some would be misread.
        let broken = hits.iter().map(|(id, _)| id.as_str()).chain([query.id.as_str()]);
        if let Some(id) = broken.into_iter().find(|id| id.contains(char::is_whitespace)) {
            return Err(Failure::input(
                format!("the TREC format has no place for the id `{id}`: it holds white space"),
                "rename it, or take `sleuth search QUERY --json`",
            ));
        }
        run.rankings.insert(query.id, hits);
    }
    let mut bytes = Vec::new();
    write_run(&run, &mut bytes)?;
    if out == Path::new("-") {
        print(&String::from_utf8_lossy(&bytes))?;
    } else {
        fs_err::write(out, &bytes)
            .map_err(|source| Failure::Write { path: out.to_owned(), source })?;
    }
    Ok(Exit::Done)
}
