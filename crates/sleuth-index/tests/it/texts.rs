//! Texts of every kind and size are found, or harmlessly not.

use sleuth_index::{MemorySource, Query, Retriever as _, Store};
use sleuth_records::DocumentId;

use crate::support::{assert_sound, build, document, found};

#[test]
fn chinese_japanese_and_korean_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let source = MemorySource::new([
        document("zh", "长城", "长城是中国古代的伟大建筑，全长两万多公里。"),
        document("ja", "富士山", "富士山は日本で一番高い山です。静岡県と山梨県にまたがる。"),
        document("ko", "한라산", "한라산은 제주도에 있는 대한민국에서 가장 높은 산이다."),
        document("en", "Ben Nevis", "Ben Nevis is the highest mountain in Scotland."),
    ]);
    build(dir.path(), &source).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(found(&store, "中国的长城有多长？")[0], "zh");
    assert_eq!(found(&store, "日本で一番高い山は何ですか")[0], "ja");
    assert_eq!(found(&store, "제주도에서 가장 높은 산은?")[0], "ko");
    assert_eq!(found(&store, "highest mountain of Scotland")[0], "en");
    let mentions = store.mentions("我去过长城和富士山。").unwrap();
    let documents: Vec<&str> =
        mentions.iter().map(|mention| mention.documents[0].as_str()).collect();
    assert_eq!(documents, ["zh", "ja"]);
    assert_sound(dir.path());
}

#[test]
fn documents_without_text_are_kept_and_found_by_title() {
    let dir = tempfile::tempdir().unwrap();
    let source = MemorySource::new([
        document("empty", "", ""),
        document("white", "", " \n\t\u{3000}\n"),
        document("title", "Lighthouse", ""),
        document("one", "", "x"),
        document("dot", "", "."),
    ]);
    let report = build(dir.path(), &source).unwrap();
    assert_eq!(report.n_documents, 5);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(found(&store, "lighthouses"), ["title"]);
    assert_eq!(found(&store, "x"), ["one"]);
    assert_eq!(found(&store, "."), [""; 0]);
    for id in ["empty", "white", "title", "one", "dot"] {
        let read = store.document(&DocumentId::new(id)).unwrap();
        assert_eq!(read.unwrap().id.as_str(), id);
    }
    assert!(store.document(&DocumentId::new("none")).unwrap().is_none());
    assert_sound(dir.path());
}

#[test]
fn an_empty_source_makes_an_empty_store() {
    let dir = tempfile::tempdir().unwrap();
    let report = build(dir.path(), &MemorySource::new([])).unwrap();
    assert_eq!(report.n_documents, 0);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.snapshot(), report.snapshot);
    assert_eq!(found(&store, "anything"), [""; 0]);
    assert!(store.mentions("anything").unwrap().is_empty());
    assert_eq!(store.rarity(&["anything".to_owned()]).unwrap().len(), 1);
    assert_sound(dir.path());
}

#[test]
fn a_document_of_twenty_megabytes_is_found_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "The tide comes in and the tide goes out again.\n".repeat((20 << 20) / 47);
    text.push_str("A heron stands at the very end.");
    let title = "Tides ".repeat(100_000);
    build(dir.path(), &MemorySource::new([document("big", &title, &text)])).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let ranking = store.search(&Query::new("heron", 10)).unwrap();
    assert_eq!(ranking.hits.len(), 1);
    let read = store.document(&DocumentId::new("big")).unwrap().unwrap();
    assert!(read.text[ranking.hits[0].passage.range.clone()].contains("heron"));
    assert_sound(dir.path());
}

#[test]
fn ids_may_hold_any_character() {
    let dir = tempfile::tempdir().unwrap();
    let long = "i".repeat(4000);
    let ids = [
        "",
        " ",
        "a\0b",
        "a\nb",
        "../../etc",
        "é",
        "e\u{301}",
        "猫/犬.md",
        "\"quoted\"",
        "a\u{1F}b",
        &long,
    ];
    let source = MemorySource::new(
        ids.iter().enumerate().map(|(at, id)| document(id, "T", &format!("word{at} here"))),
    );
    build(dir.path(), &source).unwrap();
    let store = Store::open(dir.path()).unwrap();
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(found(&store, &format!("word{at}")), [*id], "{id:?}");
        let read = store.document(&DocumentId::new(*id)).unwrap();
        assert_eq!(read.map(|d| d.text.clone()), Some(format!("word{at} here")), "{id:?}");
        let within = Query { within: Some(vec![DocumentId::new(*id)]), ..Query::new("here", 9) };
        assert_eq!(store.search(&within).unwrap().hits.len(), 1, "{id:?}");
    }
    assert_sound(dir.path());
}

#[test]
fn ten_thousand_documents_may_share_a_title() {
    let dir = tempfile::tempdir().unwrap();
    let source =
        MemorySource::new((0..10_000).map(|at| document(&format!("{at:05}"), "Index", "see also")));
    build(dir.path(), &source).unwrap();
    let store = Store::open(dir.path()).unwrap();
    // All tie, so their ids decide.
    let expected: Vec<String> = (0..10).map(|at| format!("{at:05}")).collect();
    assert_eq!(found(&store, "index"), expected);
    let mentions = store.mentions("See the index.").unwrap();
    assert_eq!(mentions.len(), 1);
    assert_eq!(mentions[0].documents.len(), 10_000);
    assert!(mentions[0].documents.is_sorted());
    assert_sound(dir.path());
}

#[test]
fn queries_of_every_size_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), &MemorySource::new([document("a", "Fox", "The quick brown fox.")])).unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(found(&store, ""), [""; 0]);
    assert_eq!(found(&store, &"fox and hound ".repeat(4000)), ["a"]);
    assert_eq!(found(&store, &"猫".repeat(50_000)), [""; 0]);
    let none = Query { k: 0, ..Query::new("fox", 0) };
    assert!(store.search(&none).unwrap().hits.is_empty());
    let none = Query { per_document: 0, ..Query::new("fox", 5) };
    assert!(store.search(&none).unwrap().hits.is_empty());
    let none = Query { within: Some(Vec::new()), ..Query::new("fox", 5) };
    assert!(store.search(&none).unwrap().hits.is_empty());
    let none = Query { clauses: vec![("fox".to_owned(), f32::NAN)], ..Query::new("", 5) };
    assert!(store.search(&none).unwrap().hits.is_empty());
}
