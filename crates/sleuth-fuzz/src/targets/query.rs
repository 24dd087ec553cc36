//! What a person types into a search.
//!
//! No filter is invented: what it holds stands in the text; written out again it is read as the same.
//! The search answers, with ranges that text can be cut by, and obeys the filters that can be checked
//! from outside.

use std::sync::OnceLock;

use sleuth_index::{
    Condition, Filter, MemorySource, Parts, Query, Retriever as _, Snippets, Store, SyncOptions,
    build_graph, sync,
};
use sleuth_records::{Document, DocumentId};

pub(super) const WORDS: &[&str] = &[
    "\"",
    "“",
    "”",
    "-",
    " ",
    "\u{2003}",
    ":",
    "title:",
    "site:",
    "lang:",
    "after:",
    "before:",
    "id:",
    "TITLE:",
    "2020",
    "-01",
    "-31",
    "example.org",
    "/coast",
    "https://",
    "de",
    "en",
    "german",
    "fox",
    "keeper",
    "the",
    "to be or not to be",
    "lighthouse",
    "猫",
    "長城",
    "東京",
    "산",
    "\u{301}",
    "\0",
    "é",
    "İ",
    "ß",
    "\u{200d}",
    "Selm",
    "Mirela Tonkova",
];

fn store() -> &'static Store {
    static STORE: OnceLock<(Store, tempfile::TempDir)> = OnceLock::new();
    let make = || {
        let one = |id: &str, title: &str, text: &str, url: &str, date: &str| Document {
            url: (!url.is_empty()).then(|| url.to_owned()),
            date: (!date.is_empty()).then(|| date.to_owned()),
            ..Document::new(DocumentId::new(id), title, text)
        };
        let documents = [
            one(
                "en/keeper",
                "The Lighthouse Keeper",
                "The keeper lights the old lamp at dusk. A red fox runs along the shore of Selm, and é́ too.",
                "https://www.example.org/coast/keeper",
                "2020-05-17",
            ),
            one(
                "en/fox",
                "Red Fox",
                "A fox is red. It was an old keeper of the wood who saw Mirela Tonkova run.",
                "http://news.example.org:80/",
                "2021",
            ),
            one(
                "tonkova",
                "Mirela Tonkova",
                "Mirela Tonkova was a novelist, born in Varnograd on the river Selm.",
                "",
                "",
            ),
            one(
                "zh",
                "长城",
                "长城是中国古代的伟大建筑，猫在墙上睡觉。東京の猫。",
                "",
                "2019-12-31",
            ),
            one("ko", "한라산", "한라산은 제주도에 있는 높은 산이다.", "file:///ko", ""),
            one("empty", "", "", "", ""),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let options = SyncOptions { threads: 1, ..SyncOptions::default() };
        sync(&path, &MemorySource::new(documents), &options, &|_| (), &|| false).unwrap();
        build_graph(&path, 1, &|_, _| (), &|| false).unwrap();
        (Store::open(&path).unwrap(), folder)
    };
    &STORE.get_or_init(make).0
}

pub(super) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let k = 1 + input.len() % 8;
    let query = Query::parse(&text, k);
    let words: usize = query.clauses.iter().map(|(words, _)| words.len()).sum();
    assert!(words <= 2 * text.len() + 2, "{words} bytes of words from {}", text.len());
    for condition in query.filter.must.iter().chain(&query.filter.must_not) {
        stands_in(condition, &text);
    }
    for must in [true, false] {
        let of = if must { &query.filter.must } else { &query.filter.must_not };
        of.iter().for_each(|condition| is_read_again(condition, must));
    }
    for parts in [Parts::ALL, Parts::LEXICAL] {
        search(&Query { parts, ..query.clone() });
    }
    search(&Query::new(text, k));
}

/// What a condition holds was typed.
fn stands_in(condition: &Condition, typed: &str) {
    let holds = |text: &str| typed.to_lowercase().contains(&text.to_lowercase());
    let is_there = match condition {
        Condition::Words(text) | Condition::Title(text) | Condition::Id(text) => {
            typed.contains(text)
        }
        Condition::Site(site) => holds(site.split('/').next().unwrap_or_default()),
        Condition::After(day) | Condition::Before(day) => holds(&day.to_string()[..4]),
        Condition::Language(code) => !code.is_empty() && typed.to_lowercase().contains("lang:"),
    };
    assert!(is_there, "{condition:?} is invented");
}

/// A condition written out is read as itself.
fn is_read_again(condition: &Condition, must: bool) {
    let (name, value) = match condition {
        Condition::Words(text) => ("", text.clone()),
        Condition::Title(text) => ("title:", text.clone()),
        // A path may hold `://` itself; only the first one ends a scheme.
        Condition::Site(site) => ("site:", format!("https://{site}")),
        Condition::Language(code) => ("lang:", code.clone()),
        Condition::After(day) => ("after:", day.to_string()),
        Condition::Before(day) => ("before:", day.to_string()),
        Condition::Id(prefix) => ("id:", prefix.clone()),
    };
    // There is no way to write a quote in quotes.
    let (open, close) = match (value.contains('"'), value.contains('”')) {
        (false, _) => ('"', '"'),
        (true, false) => ('“', '”'),
        (true, true) => return,
    };
    let sign = if must { "" } else { "-" };
    let written = format!("{sign}{name}{open}{value}{close}");
    let Filter { must: found, must_not } = Query::parse(&written, 1).filter;
    let found = if must { found } else { must_not };
    assert_eq!(found.as_slice(), std::slice::from_ref(condition), "of `{written}`");
}

fn search(query: &Query) {
    let store = store();
    let ranking = store.search(query).unwrap();
    assert!(ranking.hits.len() <= query.k);
    assert!(ranking.hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "{ranking:?}");
    let snippets = Snippets::new(store, query).unwrap();
    for hit in &ranking.hits {
        let id = hit.passage.document.as_str();
        assert!(hit.score.is_finite() && hit.score > 0.0, "{hit:?}");
        let document = store.document(&hit.passage.document).unwrap().unwrap();
        assert!(document.text.get(hit.passage.range.clone()).is_some(), "{hit:?}");
        let snippet = snippets.cut(&document.text, &hit.passage.range);
        assert!(document.text.get(snippet.range.clone()).is_some(), "{snippet:?}");
        assert!(
            snippet.range.start >= hit.passage.range.start
                && snippet.range.end <= hit.passage.range.end,
            "{snippet:?} of {hit:?}"
        );
        let mut at = snippet.range.start;
        for mark in &snippet.marks {
            assert!(mark.start >= at && mark.end <= snippet.range.end, "{snippet:?}");
            assert!(document.text.get(mark.clone()).is_some(), "{snippet:?}");
            at = mark.end;
        }
        obeys(&query.filter, id);
    }
}

/// Ids are what can be checked without knowing how the rest is found.
fn obeys(filter: &Filter, id: &str) {
    let begins = |condition: &Condition| match condition {
        Condition::Id(prefix) => Some(id.starts_with(prefix.as_str())),
        Condition::Words(_)
        | Condition::Title(_)
        | Condition::Site(_)
        | Condition::Language(_)
        | Condition::After(_)
        | Condition::Before(_) => None,
    };
    let asked: Vec<bool> = filter.must.iter().filter_map(begins).collect();
    assert!(asked.is_empty() || asked.contains(&true), "{id} was not asked for by {filter:?}");
    assert!(!filter.must_not.iter().filter_map(begins).any(|begins| begins), "{id} {filter:?}");
}
