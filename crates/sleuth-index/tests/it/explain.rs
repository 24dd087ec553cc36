//! What explanations say: the shares add up to the score, and the words are those that did it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use expect_test::{Expect, expect};
use sleuth_index::{
    Along, Basis, Explained, Explanation, Factor, FillOptions, IndexError, MemorySource, NoVectors,
    Parts, Passed, Query, Retriever as _, Store, VectorPart, build_graph, fill_vectors,
};
use sleuth_records::{Document, DocumentId, Link, Random, Signals};

use crate::support::{build, document};
use crate::vectors::EMBEDDER;

const ALL_PARTS: [Parts; 4] = [Parts::ALL, Parts::LEXICAL, Parts::DENSE, Parts::ASSOCIATIVE];

/// A film whose director leads on to a school, a link, a name that two pages share, and pages about the
/// words of a name.
fn documents() -> Vec<Document> {
    let mut all = vec![
        document(
            "film",
            "The Amber Staircase",
            "The Amber Staircase is a film of 1961 directed by Ilse Varga.",
        ),
        document(
            "director",
            "Ilse Varga",
            "Ilse Varga (1920 – 1999) learned to draw at the Oldenpark School.",
        ),
        document("school", "Oldenpark School", "It lies by the ocean, and its roof is of slate."),
        document("car", "Engines", "A vehicle built by Thaddeus Mirk. It has four wheels."),
        document("cat", "Pets", "The kitten of Thaddeus Mirk sleeps on its owner's bed."),
    ];
    let mut start = document("start", "", "The zyzzyva settings are kept elsewhere.");
    start.links = vec![Link { target: "port".to_owned(), text: "elsewhere".to_owned() }];
    all.extend([start, document("port", "", "It is 8080.")]);
    for n in 0..12 {
        let text = format!("Amber is found in sand, number {n}. A staircase is made of wood. ")
            .repeat(n + 1);
        all.push(document(&format!("other-{n:02}"), "", &text));
    }
    all
}

fn store(folder: &Path, vectors: bool) -> Store {
    build(folder, &MemorySource::new(documents())).unwrap();
    build_graph(folder, 2, &|_, _| (), &|| false).unwrap();
    let store = Store::open(folder).unwrap();
    if !vectors {
        return store;
    }
    fill_vectors(folder, &EMBEDDER, &FillOptions::default(), &|_, _| (), &|| false).unwrap();
    store.with_embedder(Arc::new(EMBEDDER)).unwrap()
}

/// The explanation of a ranking that is the search's, with shares that add up.
#[track_caller]
fn explained(store: &Store, query: &Query) -> Explained {
    let explained = store.explain(query).unwrap();
    assert_eq!(explained.ranking, store.search(query).unwrap(), "{query:?}");
    assert_eq!(explained.explanations.len(), explained.ranking.hits.len());
    for (hit, explanation) in explained.ranking.hits.iter().zip(&explained.explanations) {
        if explanation.basis == Basis::Listing {
            continue;
        }
        let close = |a: f32, b: f32| (a - b).abs() <= 1e-4 * b.abs().max(1.0);
        assert!(
            close(explanation.sum(), explanation.score),
            "{query:?}: {} for {explanation:#?}",
            explanation.sum()
        );
        if query.per_document == 1 {
            assert!(close(explanation.score, hit.score), "{query:?}: {hit:?} {explanation:#?}");
        }
        assert!(explanation.terms.iter().all(|term| term.title + term.body > 0));
    }
    explained
}

fn told(explained: &Explained) -> String {
    let mut out = String::new();
    for (hit, explanation) in explained.ranking.hits.iter().zip(&explained.explanations) {
        let _ = writeln!(out, "{} {:.2}", hit.passage.document, hit.score);
        tell(&mut out, explanation);
    }
    out
}

fn tell(out: &mut String, explanation: &Explanation) {
    for term in &explanation.terms {
        let _ = write!(out, "  {:.2} {} {}+{}", term.share, term.word, term.title, term.body);
        if let Some(name) = &term.part_of {
            let _ = write!(out, ", {:.2} held back for {name}", term.held_back);
        }
        out.push('\n');
    }
    if let VectorPart::Near(near) = &explanation.vector {
        let _ = writeln!(out, "  {:.2} nearness {:.2}", near.share, near.nearness);
    }
    for name in &explanation.named {
        let _ = writeln!(out, "  {:.2} named {}", name.share, name.words);
    }
    tell_passed(out, &explanation.passed, "  ");
}

fn tell_passed(out: &mut String, passed: &[Passed], indent: &str) {
    for passed in passed {
        let Passed { document, share, along, own, named, passed, from } = passed;
        let _ = writeln!(
            out,
            "{indent}{share:.2} from {document}: {along:?}, which has {own:.2} + {named:.2} + {passed:.2}"
        );
        tell_passed(out, from, &format!("{indent}  "));
    }
}

fn check(vectors: bool, query: &Query, expected: &Expect) {
    let dir = tempfile::tempdir().unwrap();
    expected.assert_eq(&told(&explained(&store(dir.path(), vectors), query)));
}

#[test]
fn names_and_two_steps() {
    let question = "Who directed The Amber Staircase?";
    check(
        false,
        &Query::new(question, 5),
        &expect![[r#"
            film 1.17
              0.72 directed 0+1
              0.14 Amber 1+1
              0.14 Staircase 1+1
              0.08 named The Amber Staircase
              0.09 from director: NamedBy { words: Some("Ilse Varga") }, which has 0.00 + 0.00 + 0.42
            director 0.42
              0.42 from film: Names { words: Some("Ilse Varga") }, which has 1.00 + 0.08 + 0.09
            other-11 0.30
              0.15 Amber 0+12, 0.01 held back for The Amber Staircase
              0.15 Staircase 0+12, 0.01 held back for The Amber Staircase
            other-10 0.30
              0.15 Amber 0+11, 0.01 held back for The Amber Staircase
              0.15 Staircase 0+11, 0.01 held back for The Amber Staircase
            other-09 0.29
              0.15 Amber 0+10, 0.01 held back for The Amber Staircase
              0.15 Staircase 0+10, 0.01 held back for The Amber Staircase
        "#]],
    );
    // The school is none of the first; what leads to it is the same.
    let within = ["film", "director", "school"].map(DocumentId::new).to_vec();
    let among = Query { within: Some(within), ..Query::new(question, 3) };
    check(
        false,
        &among,
        &expect![[r#"
            film 1.17
              0.72 directed 0+1
              0.14 Amber 1+1
              0.14 Staircase 1+1
              0.08 named The Amber Staircase
              0.09 from director: NamedBy { words: Some("Ilse Varga") }, which has 0.00 + 0.00 + 0.42
            director 0.42
              0.42 from film: Names { words: Some("Ilse Varga") }, which has 1.00 + 0.08 + 0.09
            school 0.15
              0.15 from director: Names { words: Some("Oldenpark School") }, which has 0.00 + 0.00 + 0.42
                0.42 from film: Names { words: Some("Ilse Varga") }, which has 1.00 + 0.08 + 0.09
        "#]],
    );
}

#[test]
fn a_shared_name() {
    check(
        false,
        &Query::new("wheels kitten", 3),
        &expect![[r#"
            car 1.12
              1.00 wheels 0+1
              0.12 from cat: Shares { name: Some("Thaddeus Mirk") }, which has 1.00 + 0.00 + 0.12
            cat 1.12
              1.00 kitten 0+1
              0.12 from car: Shares { name: Some("Thaddeus Mirk") }, which has 1.00 + 0.00 + 0.12
        "#]],
    );
}

#[test]
fn a_page_that_names_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let source = MemorySource::new([
        document("tower", "Corvane Tower", "The Corvane Tower is made of glass."),
        document("bakery", "Breads", "What is baked below the Corvane Tower is rye."),
        document("field", "Fields", "A field of rye, and one of oats, and a wall of glass."),
    ]);
    build(dir.path(), &source).unwrap();
    build_graph(dir.path(), 1, &|_, _| (), &|| false).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let found = explained(&store, &Query::new("rye near the tower Corvane", 3));
    let bakery =
        found.ranking.hits.iter().position(|hit| hit.passage.document.as_str() == "bakery");
    let passed = &found.explanations[bakery.unwrap()].passed[0];
    let words = Some("Corvane Tower".to_owned());
    assert_eq!((passed.document.as_str(), &passed.along), ("tower", &Along::NamedBy { words }));
}

#[test]
fn a_link() {
    check(
        false,
        &Query::new("zyzzyva 8080", 2),
        &expect![[r#"
            port 1.70
              1.00 8080 0+1
              0.70 from start: Links { words: "elsewhere" }, which has 0.98 + 0.00 + 0.30
            start 1.28
              0.98 zyzzyva 0+1
              0.30 from port: NamedBy { words: Some("elsewhere") }, which has 1.00 + 0.00 + 0.70
        "#]],
    );
}

#[test]
fn words_and_vectors() {
    check(
        true,
        &Query::new("feline bed", 2),
        &expect![[r#"
            cat 1.00
              0.60 bed 0+1
              0.40 nearness 1.00
            port 0.20
              0.15 nearness 0.36
              0.05 from start: Links { words: "elsewhere" }, which has 0.15 + 0.00 + 0.00
        "#]],
    );
    check(
        true,
        &Query { parts: Parts::DENSE, ..Query::new("feline bed", 1) },
        &expect![[r#"
        cat 1.00
          1.00 nearness 1.00
    "#]],
    );
    check(
        true,
        &Query::lexical("wheels of the kitten", 2),
        &expect![[r#"
        car 1.61
          1.61 wheels 0+1
        cat 1.61
          1.61 kitten 0+1
    "#]],
    );
}

/// Why vectors take no part is said, whatever the reason.
#[test]
fn without_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let reason = |store: &Store, parts: Parts| {
        let query = Query { parts, ..Query::new("kitten", 1) };
        match &explained(store, &query).explanations[0].vector {
            VectorPart::Without { without } => Some(*without),
            VectorPart::Near(_) => None,
        }
    };
    let plain = store(path, false);
    assert_eq!(reason(&plain, Parts::ALL), Some(NoVectors::NoneMade));
    assert_eq!(reason(&plain, Parts::ASSOCIATIVE), Some(NoVectors::NotAsked));
    assert_eq!(reason(&plain, Parts::LEXICAL), Some(NoVectors::NotAsked));
    let dense = Query { parts: Parts::DENSE, ..Query::new("kitten", 1) };
    assert!(matches!(plain.explain(&dense), Err(IndexError::NoSuchPart { .. })));
    let filled = store(path, true);
    assert_eq!(reason(&filled, Parts::ALL), None);
    assert_eq!(reason(&Store::open(path).unwrap(), Parts::ALL), Some(NoVectors::NoEmbedder));
    let mut more = documents();
    more.push(document("more", "", "It has no vector."));
    build(path, &MemorySource::new(more)).unwrap();
    let partly = Store::open(path).unwrap().with_embedder(Arc::new(EMBEDDER)).unwrap();
    assert_eq!(reason(&partly, Parts::ALL), Some(NoVectors::Incomplete));
}

#[test]
fn filters_and_listings() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), true);
    let listed = explained(&store, &Query::parse("id:other-", 20));
    assert_eq!(listed.ranking.hits.len(), 12);
    assert!(listed.explanations.iter().all(|one| one.basis == Basis::Listing));
    for parts in ALL_PARTS {
        let query = Query { parts, ..Query::parse("amber -number \"amber staircase\" id:f", 9) };
        assert_eq!(explained(&store, &query).ranking.hits.len(), 1, "{parts:?}");
        let within = Some(vec![DocumentId::new("director"), DocumentId::new("school")]);
        explained(&store, &Query { parts, within, ..Query::new("Amber Staircase ocean", 9) });
        let nothing = explained(&store, &Query { parts, ..Query::new("", 9) });
        assert!(parts.dense || nothing.explanations.is_empty());
    }
}

/// Further passages of a document have its explanation and a part of its score.
#[test]
fn further_passages_share_an_explanation() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let long = "A heron waits by the old weir, and the tide goes out over the stones. ".repeat(200);
    let documents = [document("a", "", &long), document("b", "", "The heron left.")];
    build(&path, &MemorySource::new(documents)).unwrap();
    let store = Store::open(&path).unwrap();
    for parts in [Parts::ASSOCIATIVE, Parts::LEXICAL] {
        let query = Query { parts, per_document: 3, ..Query::new("heron weir", 4) };
        let explained = explained(&store, &query);
        assert_eq!(explained.ranking.hits.len(), 4);
        for (hit, explanation) in explained.ranking.hits.iter().zip(&explained.explanations) {
            assert!(hit.score <= explanation.score * 1.0001, "{hit:?} {explanation:?}");
        }
    }
}

/// Whatever is asked and in whatever way, shares add up.
#[test]
fn random_queries_add_up() {
    const WORDS: [&str; 14] = [
        "amber",
        "Staircase",
        "The",
        "Ilse Varga",
        "Oldenpark",
        "school",
        "kitten",
        "ocean",
        "8080",
        "zyzzyva",
        "Thaddeus",
        "猫",
        "\"amber staircase\"",
        "-wood",
    ];
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), true);
    let mut random = Random(5);
    let mut named = 0;
    for at in 0..200 {
        let words: Vec<&str> =
            (0..1 + random.below(6)).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let query = Query {
            parts: ALL_PARTS[at % 4],
            per_document: 1 + random.below(2),
            ..Query::parse(&words.join(" "), 1 + random.below(12))
        };
        let explained = explained(&store, &query);
        named += explained.explanations.iter().filter(|one| !one.named.is_empty()).count();
        for passed in explained.explanations.iter().flat_map(|one| &one.passed) {
            assert!(
                !matches!(
                    passed.along,
                    Along::Names { words: None }
                        | Along::NamedBy { words: None }
                        | Along::Shares { name: None }
                ),
                "{passed:?}"
            );
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn factors_multiply_the_sum() {
    let dir = tempfile::tempdir().unwrap();
    let mut explanation =
        store(dir.path(), false).explain(&Query::new("kitten", 1)).unwrap().explanations.remove(0);
    let before = explanation.sum();
    let factor = |factor, reason: &str| Factor { factor, reason: reason.to_owned() };
    explanation.factors = vec![factor(0.5, "20 affiliate links"), factor(1.5, "on a list")];
    assert!((explanation.sum() - before * 0.75).abs() < 1e-6);
    assert_eq!(
        serde_json::to_value(&explanation).unwrap()["factors"][1]["reason"].as_str(),
        Some("on a list")
    );
}

/// Pages that are badly made, copies, or too many of a host: what holds them back is said, and adds up.
#[test]
fn what_becomes_of_the_whole_is_told() {
    let long = |text: &str, n: usize| {
        let rest: String =
            (0..120).map(|at| format!("word{} ", (at * 7 + n * 131) % 900)).collect();
        format!("{text} {rest}")
    };
    let page = |id: &str, url: &str, text: &str| Document {
        url: Some(url.to_owned()),
        ..document(id, "", text)
    };
    let valve = long("The Corvane valve is sound.", 0);
    let mut all = vec![
        page("valve", "https://a.example/", &valve),
        page("valve-again", "https://b.example/valves/again", &valve),
        page("valve-other", "https://d.example/valves/other", &valve.replace("word7 ", "word8 ")),
    ];
    // The copy says no more, and is found sooner by its title.
    let pipe = long("A pipe with a Corvane valve.", 2);
    let titled = page("pipe-again", "https://e.example/pipes/again", &pipe);
    all.extend([
        Document { title: "Works".to_owned(), ..page("pipe", "https://f.example/", &pipe) },
        Document { title: "Works | Pipe valve".to_owned(), ..titled },
    ]);
    let mut bad = page("bad", "https://c.example/", &long("Buy a Corvane valve today.", 1));
    bad.signals = Some(Box::new(Signals { affiliate_links: 20, ..Signals::default() }));
    all.push(bad);
    for n in 0..8 {
        let url = format!("https://many.example/{n}");
        all.push(page(&format!("many-{n}"), &url, &long("Another Corvane valve.", 10 + n)));
    }
    for n in 0..40 {
        all.push(page(&format!("z-{n:02}"), &format!("https://z{n}.example/"), &long("", 100 + n)));
    }
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &MemorySource::new(all)).unwrap();
    build_graph(dir.path(), 2, &|_, _| (), &|| false).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut out = String::new();
    let explained = explained(&store, &Query::new("Corvane valve pipe", 20));
    for (hit, explanation) in explained.ranking.hits.iter().zip(&explained.explanations) {
        for Factor { factor, reason } in &explanation.factors {
            let _ = writeln!(out, "{} ×{factor:.2} {reason}", hit.passage.document);
        }
    }
    expect![[r#"
        pipe ×1.26 in the place of `pipe-again`, its copy
        pipe-again ×1.00 a copy of `pipe`
        valve-again ×1.00 a copy of `valve`
        valve-other ×1.00 a copy of `valve`
        bad ×0.80 20 affiliate links
        many-3 ×0.50 one of many of many.example
        many-4 ×0.50 one of many of many.example
        many-5 ×0.50 one of many of many.example
        many-6 ×0.50 one of many of many.example
        many-7 ×0.50 one of many of many.example
    "#]]
    .assert_eq(&out);
    // Where no standing counts, nothing is multiplied.
    let words = explained_without(&store);
    assert!(words.iter().all(|one| one.factors.is_empty()));
}

fn explained_without(store: &Store) -> Vec<Explanation> {
    let query = Query { parts: Parts::ASSOCIATIVE, ..Query::new("Corvane valve", 20) };
    explained(store, &query).explanations
}
