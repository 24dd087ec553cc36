//! `sleuth search`.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use serde_json::json;
use sleuth_index::{Explained, Parts, Query, Retriever as _, SiteLists, Snippet, Snippets, Store};
use sleuth_records::{DocumentId, RankedQuery, read_queries, write_ranking};

use crate::args::{Common, SearchArgs};
use crate::fail::{Exit, Failure};
use crate::places::Places;
use crate::progress::Progress;
use crate::show::{Paint, count, escape, one_line, path_of_url};
use crate::vectors::attach;
use crate::whole::WholeFile;
use crate::{explain, interrupt, print, sites};

/// Hits of one query, and of each of many.
const K: u32 = 10;
const K_OF_MANY: u32 = 100;

/// How the store is asked: what the flags choose of the parts of search.
struct Way {
    /// Name of the system in run files.
    tag: &'static str,
    parts: Parts,
}

impl Way {
    fn of(args: &SearchArgs) -> Self {
        let (lexical, dense, associative) = (args.lexical, args.dense, args.associative);
        match (lexical, dense, associative) {
            (true, _, _) => Self { tag: "sleuth-lexical", parts: Parts::LEXICAL },
            (_, true, _) => Self { tag: "sleuth-dense", parts: Parts::DENSE },
            (_, _, true) => Self { tag: "sleuth-associative", parts: Parts::ASSOCIATIVE },
            _ => Self { tag: "sleuth", parts: Parts::ALL },
        }
    }

    fn query(&self, text: &str, k: usize) -> Query {
        Query { parts: self.parts, ..Query::new(text, k) }
    }

    /// The query that a person types, with its filters.
    fn typed(&self, text: &str, k: usize) -> Query {
        Query { parts: self.parts, ..Query::parse(text, k) }
    }
}

pub(crate) fn search(common: &Common, args: &SearchArgs) -> Result<Exit, Failure> {
    if args.explain && args.queries.is_some() {
        return Err(Failure::usage(
            "`--explain` goes with one query, and `--queries` asks many: a run file has no place for reasons",
            "take one of them: `sleuth search QUERY --in STORE --explain`, for programs with `--json`",
        ));
    }
    let way = &Way::of(args);
    let lists = sites::read(&args.sites, &Progress::new(common.quiet))?;
    let lists = lists.as_ref();
    let mut store = sites::in_force(Store::open(&args.store)?, lists);
    if way.parts.dense {
        let places = Places::new(common)?;
        store = attach(&args.store, store, &places.models, &Progress::new(common.quiet))?;
    }
    let k = |default: u32| args.k.unwrap_or(default) as usize;
    match (&args.query, &args.queries, &args.run) {
        (_, Some(queries), Some(out)) => {
            many(&store, way, queries, out, k(K_OF_MANY), &Progress::new(common.quiet))
        }
        (query, _, _) => {
            let query = way.typed(query.as_deref().unwrap_or_default(), k(K));
            one(&store, &query, args, lists.map(AsRef::as_ref))
        }
    }
}

fn one(
    store: &Store,
    query: &Query,
    args: &SearchArgs,
    lists: Option<&SiteLists>,
) -> Result<Exit, Failure> {
    let as_json = args.json;
    let (ranking, explanations) = if args.explain {
        let Explained { ranking, explanations } = store.explain(query)?;
        (ranking, explanations)
    } else {
        (store.search(query)?, Vec::new())
    };
    let snippets = Snippets::new(store, query)?;
    let paint = Paint::of_stdout();
    let mut out = String::new();
    let mut hits = Vec::new();
    for (at, hit) in ranking.hits.iter().enumerate() {
        let passage = &hit.passage;
        let Some(document) = store.document(&passage.document)? else { continue };
        let words = document.text.get(passage.range.clone()).unwrap_or_default();
        let snippet = snippets.cut(&document.text, &passage.range);
        let line = document.line_at(passage.range.start);
        let part = document.part_at(passage.range.start);
        if as_json {
            let mut object = json!({
                "rank": at + 1,
                "score": hit.score,
                "document": document.id,
                "title": document.title,
                "path": document.url.as_deref().and_then(path_of_url),
                "url": document.url,
                "range": [passage.range.start, passage.range.end],
                "line": line,
                "part": part,
                "text": words,
                "snippet": snippet_json(&document.text, &snippet),
            });
            if let Some(explanation) = explanations.get(at) {
                object["explanation"] = json!(explanation);
            }
            if let Some(lists) = lists {
                object["site_rule"] = sites::rule_json(store.verdict(&document.id)?, lists);
            }
            hits.push(object);
            continue;
        }
        let place = match part {
            Some(part) => format!("{}, {part}", document.id),
            None => format!("{}:{line}", document.id),
        };
        let _ = writeln!(
            out,
            "{:>2}. {} {}",
            at + 1,
            paint.bold(&one_line(&document.title, 100)),
            paint.dim(&format!("{} · {:.2}", one_line(&place, 200), hit.score)),
        );
        let _ = writeln!(out, "    {}", marked(&document.text, &passage.range, &snippet, paint));
        if let Some(explanation) = explanations.get(at) {
            out += &explain::lines(store, explanation, query.parts, &document, passage)?;
        }
    }
    let found = if ranking.hits.is_empty() { Exit::NotFound } else { Exit::Done };
    if as_json {
        let status = if found == Exit::Done { "found" } else { "not_found" };
        let mut object = json!({
            "status": status,
            "query": args.query,
            "snapshot": store.snapshot(),
            "retrieval": store.retrieval()?,
        });
        if let Some(lists) = lists {
            object["sites"] = sites::to_json(lists);
        }
        object["hits"] = hits.into();
        out = format!("{object}\n");
    } else if ranking.hits.is_empty() {
        "no hits\n".clone_into(&mut out);
    } else if let Some(remark) = explain::remark(&explanations, &args.store.display().to_string()) {
        let _ = writeln!(out, "{}", escape(&remark));
    }
    print(&out)?;
    Ok(found)
}

/// The snippet with its ranges as pairs of bytes of the document's text.
fn snippet_json(text: &str, snippet: &Snippet) -> serde_json::Value {
    let marks: Vec<[usize; 2]> = snippet.marks.iter().map(|mark| [mark.start, mark.end]).collect();
    json!({
        "range": [snippet.range.start, snippet.range.end],
        "marks": marks,
        "text": text.get(snippet.range.clone()).unwrap_or_default(),
    })
}

/// The snippet of `text` on one line, its marks bold, with dots where it leaves out of `passage`.
fn marked(text: &str, passage: &Range<usize>, snippet: &Snippet, paint: Paint) -> String {
    let part = |range: Range<usize>| text.get(range).unwrap_or_default();
    let folded = |text: &str| {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                c if !c.is_whitespace() => out.push(c),
                _ if !out.ends_with(' ') => out.push(' '),
                _ => {}
            }
        }
        escape(&out)
    };
    let mut out = String::new();
    if snippet.range.start > passage.start {
        out.push('…');
    }
    let mut at = snippet.range.start;
    for mark in &snippet.marks {
        out.push_str(&folded(part(at..mark.start)));
        out.push_str(&paint.bold(&folded(part(mark.clone()))));
        at = mark.end;
    }
    out.push_str(&folded(part(at..snippet.range.end)));
    if snippet.range.end < passage.end {
        out.push('…');
    }
    out
}

fn many(
    store: &Store,
    way: &Way,
    queries: &Path,
    out: &Path,
    k: usize,
    progress: &Progress,
) -> Result<Exit, Failure> {
    let list = read_queries(queries)?;
    if list.is_empty() {
        return Err(Failure::input(
            format!("no queries in `{}`", queries.display()),
            "one object a line: {\"_id\": \"q1\", \"text\": \"words to look for\"}",
        ));
    }
    for query in &list {
        fits(&query.id)?;
    }
    interrupt::listen("writing no run");
    progress.phase(&format!("searching {}", count(list.len() as u64, "query")));
    let mut without = 0;
    let mut rank = |write: &mut dyn FnMut(&RankedQuery) -> Result<(), Failure>| {
        for (at, query) in list.iter().enumerate() {
            if interrupt::asked() {
                return Ok(Exit::Early);
            }
            progress.state(|| format!("searched {at} of {}", list.len()));
            let ranking = store.search(&way.query(&query.text, k))?;
            let documents: Vec<(DocumentId, f32)> =
                ranking.hits.into_iter().map(|hit| (hit.passage.document, hit.score)).collect();
            for (id, _) in &documents {
                fits(id.as_str())?;
            }
            without += usize::from(documents.is_empty());
            write(&RankedQuery { query: query.id.clone(), documents })?;
        }
        Ok(Exit::Done)
    };
    if out == Path::new("-") {
        return rank(&mut |ranking| {
            let mut bytes = Vec::new();
            write_ranking(ranking, way.tag, &mut bytes)?;
            print(&String::from_utf8_lossy(&bytes))
        });
    }
    let failed = |source| Failure::Write { path: out.to_owned(), source };
    let mut file = WholeFile::create(out).map_err(failed)?;
    let exit = rank(&mut |ranking| write_ranking(ranking, way.tag, &mut file).map_err(failed))?;
    if exit != Exit::Done {
        return Ok(exit);
    }
    file.finish().map_err(failed)?;
    progress.end();
    print(&format!(
        "run {} · {} · {without} without hits\n",
        escape(&out.display().to_string()),
        count(list.len() as u64, "query"),
    ))?;
    Ok(Exit::Done)
}

/// The format parts its columns by white space, so a name that has some, or is empty, would be
/// misread.
fn fits(id: &str) -> Result<(), Failure> {
    if !id.is_empty() && !id.contains(char::is_whitespace) {
        return Ok(());
    }
    Err(Failure::input(
        format!("the TREC format has no place for the id `{id}`: it is empty or holds white space"),
        "rename it, or take `sleuth search QUERY --json`",
    ))
}
