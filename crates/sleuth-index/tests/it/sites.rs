//! Lists of sites: what they block is nowhere, and what they boost matches all the same.

use std::sync::Arc;

use sleuth_index::{
    DecidingRule, Effect, MemorySource, Parts, Query, Retriever as _, SiteList, SiteLists, Store,
    build_graph,
};
use sleuth_records::{Document, DocumentId, Link};

use crate::support::{build, document};

fn at(id: &str, title: &str, text: &str, url: &str) -> Document {
    Document { url: (!url.is_empty()).then(|| url.to_owned()), ..document(id, title, text) }
}

fn store(folder: &std::path::Path, lists: &[&str]) -> Store {
    let path = folder.join("store");
    let mut spam = at(
        "spam",
        "Best Lighthouse Deals",
        "Lighthouse keeper deals. Buy a lighthouse keeper lamp. The Hidden Page tells more.",
        "https://deals.spam.example/best",
    );
    spam.links = vec![Link { target: "hidden".to_owned(), text: "The Hidden Page".to_owned() }];
    let documents = vec![
        spam,
        at("true", "Lighthouse Keeper", "A keeper lights the lamp at dusk.", "https://a.org/x"),
        at("other", "Keeper", "A keeper of bees.", "http://b.org/"),
        at("hidden", "Hidden Page", "Nothing of that kind.", "https://c.org/"),
        at("note", "My note", "A lighthouse keeper told me so.", "file:///home/note.md"),
        at("bare", "Bare", "A lighthouse keeper without address.", ""),
    ];
    if !path.exists() {
        build(&path, &MemorySource::new(documents)).unwrap();
        build_graph(&path, 1, &|_, _| (), &|| false).unwrap();
    }
    let store = Store::open(&path).unwrap();
    if lists.is_empty() {
        return store;
    }
    let lists = lists.iter().map(|text| SiteList::parse("list.txt", text).unwrap()).collect();
    store.with_sites(Arc::new(SiteLists::new(lists)))
}

fn ids(store: &Store, text: &str, parts: Parts) -> Vec<(String, f32)> {
    let query = Query { parts, ..Query::parse(text, 10) };
    let hits = store.search(&query).unwrap().hits;
    hits.into_iter().map(|hit| (hit.passage.document.as_str().to_owned(), hit.score)).collect()
}

fn names(store: &Store, text: &str, parts: Parts) -> Vec<String> {
    ids(store, text, parts).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn what_is_blocked_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let open = store(folder.path(), &[]);
    let lists = store(folder.path(), &["*://*.spam.example/*"]);
    let spam = DocumentId::new("spam");
    for parts in [Parts::ALL, Parts::LEXICAL, Parts::ASSOCIATIVE] {
        for query in [
            "lighthouse keeper",
            "best lighthouse deals",
            "title:deals",
            "id:spam",
            "site:spam.example",
        ] {
            assert!(names(&open, query, parts).contains(&"spam".to_owned()), "{query}");
            assert!(!names(&lists, query, parts).contains(&"spam".to_owned()), "{query}");
        }
        // Nor does what only a blocked page speaks of come by way of it.
        assert!(!names(&lists, "lighthouse keeper", parts).contains(&"hidden".to_owned()));
    }
    assert!(open.document(&spam).unwrap().is_some());
    assert!(lists.document(&spam).unwrap().is_none());
    let text = "the best lighthouse deals of the lighthouse keeper";
    assert_eq!(open.mentions(text).unwrap().len(), 2);
    let mentions = lists.mentions(text).unwrap();
    assert_eq!(mentions[0].documents, [DocumentId::new("true")]);
    assert_eq!(mentions.len(), 1);
}

#[test]
fn boosts_and_demotions_multiply_the_score() {
    let folder = tempfile::tempdir().unwrap();
    let open = store(folder.path(), &[]);
    let lists = store(folder.path(), &["$boost=10,site=b.org\n$downrank=5,site=a.org"]);
    for parts in [Parts::ALL, Parts::LEXICAL, Parts::ASSOCIATIVE] {
        let before = ids(&open, "lighthouse keeper", parts);
        let after = ids(&lists, "lighthouse keeper", parts);
        assert_eq!(before.len(), after.len());
        for (id, score) in &before {
            let factor = match id.as_str() {
                "other" => 2.0,
                "true" => 0.5,
                _ => 1.0,
            };
            let (_, now) = after.iter().find(|(found, _)| found == id).unwrap();
            assert!((now / score - factor).abs() < 1e-4, "{id}: {score} became {now}");
        }
        assert!(after.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{after:?}");
    }
}

/// A boost multiplies, and nothing times two is nothing.
#[test]
fn a_boost_lifts_nothing_that_does_not_match() {
    let folder = tempfile::tempdir().unwrap();
    let lists = store(folder.path(), &["@10*://c.org/*"]);
    for parts in [Parts::LEXICAL, Parts::ASSOCIATIVE, Parts::ALL] {
        let found = names(&lists, "a keeper lights the lamp at dusk", parts);
        assert_eq!(found[0], "true");
        // The graph leads there from a page that matches; words alone do not.
        assert_eq!(found.contains(&"hidden".to_owned()), parts.associative, "{found:?}");
    }
}

#[test]
fn documents_without_an_address_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let lists = store(folder.path(), &["$discard\n$boost,site=a.org"]);
    let mut found = names(&lists, "lighthouse keeper", Parts::LEXICAL);
    found.sort();
    assert_eq!(found, ["bare", "note", "true"]);
    let lists = store(folder.path(), &["<all_urls>\n!scheme=\"x\"", "title=\"bare\"i"]);
    assert_eq!(names(&lists, "lighthouse keeper", Parts::ALL), ["note"]);
}

#[test]
fn the_rule_that_decided_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let lists = store(folder.path(), &["# mine\n*://*.spam.example/*", "$boost=2,site=a.org"]);
    let verdict = |id: &str| lists.verdict(&DocumentId::new(id)).unwrap().cloned();
    let spam = verdict("spam").unwrap();
    assert_eq!((spam.effect, spam.rule), (Effect::Block, Some(DecidingRule { list: 0, line: 2 })));
    let boosted = verdict("true").unwrap();
    assert_eq!(boosted.effect, Effect::Weight(1.2));
    assert_eq!(boosted.rule, Some(DecidingRule { list: 1, line: 1 }));
    assert_eq!(verdict("note").unwrap().rule, None);
    assert_eq!(verdict("nobody"), None);
    let without = store(folder.path(), &[]);
    assert_eq!(without.verdict(&DocumentId::new("spam")).unwrap(), None);
}

#[test]
fn an_explanation_names_the_list_and_its_factor() {
    let folder = tempfile::tempdir().unwrap();
    let lists = store(folder.path(), &["$boost=5,site=a.org\n$downrank=5,site=b.org"]);
    for parts in [Parts::ALL, Parts::LEXICAL] {
        let query = Query { parts, ..Query::parse("lighthouse keeper", 10) };
        let explained = lists.explain(&query).unwrap();
        let mut reasons = Vec::new();
        for (hit, explanation) in explained.ranking.hits.iter().zip(&explained.explanations) {
            let parts = explanation.by_terms()
                + explanation.by_vector()
                + explanation.by_name()
                + explanation.by_others();
            let factors: f32 = explanation.factors.iter().map(|one| one.factor).product();
            assert!((parts * factors / hit.score - 1.0).abs() < 1e-3, "{explanation:?}");
            reasons.extend(explanation.factors.iter().map(|one| (one.factor, &*one.reason)));
        }
        reasons.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert_eq!(
            reasons,
            [
                (1.5, "line 1 of the list of sites `list.txt`"),
                (0.5, "line 2 of the list of sites `list.txt`"),
            ]
        );
    }
}

#[test]
fn the_retrieval_id_names_the_lists() {
    let folder = tempfile::tempdir().unwrap();
    let id = |lists: &[&str]| store(folder.path(), lists).retrieval().unwrap();
    let (a, b) = ("*://a.org/*", "*://b.org/*");
    let none = id(&[]);
    assert_eq!(none.sites, None);
    assert!(id(&[a]).sites.is_some());
    assert_ne!(none.id, id(&[a]).id);
    assert_ne!(id(&[b]).id, id(&[a]).id);
    assert_eq!(id(&[a, b]).id, id(&[b, a]).id);
}
