//! What the graph adds to words: the way to a document that the question does not name.

use expect_test::expect;
use sleuth_index::{IndexError, MemorySource, Query, Retriever as _, Store, build_graph, verify};
use sleuth_records::{Document, DocumentId, Link};

use crate::support::{assert_sound, build, document, found};

/// Documents around a bridge: the question names a film, the answer stands with its director.
fn films(titled: bool) -> Vec<Document> {
    let title = |title: &str| if titled { title.to_owned() } else { String::new() };
    let mut all = vec![
        document(
            "film",
            &title("The Amber Staircase"),
            "The Amber Staircase is a film of 1961 directed by Ilse Varga.",
        ),
        document(
            "director",
            &title("Ilse Varga"),
            "Ilse Varga (1920 – 1999) grew up on a farm near Oldenpark.",
        ),
        document("school", "", "The school of Oldenpark taught Ilse Varga to draw."),
    ];
    for n in 0..30 {
        all.push(document(
            &format!("other-{n:02}"),
            &title(&format!("Amber {n}")),
            &format!("Amber {n} tells where amber is found and how a staircase of wood number {n} is made."),
        ));
    }
    all
}

const QUESTION: &str = "Where did the director of The Amber Staircase grow up?";

/// The two best documents for `query`, by name.
fn first_two(store: &Store, query: &str) -> Vec<String> {
    let mut ids = found(store, query);
    ids.truncate(2);
    ids.sort();
    ids
}

#[test]
fn the_bridge_is_crossed() {
    for titled in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        build(&path, &MemorySource::new(films(titled))).unwrap();
        let report = build_graph(&path, 2, &|_, _| (), &|| false).unwrap();
        assert!(report.made && report.n_edges > 0 && report.n_names > 0, "{report:?}");
        let store = Store::open(&path).unwrap();
        assert_eq!(first_two(&store, QUESTION), ["director", "film"], "titled: {titled}");
        // Words alone do not get there: the director's page has none that are rare.
        let words = store.search(&Query::lexical("film The Amber Staircase", 9)).unwrap();
        assert!(!words.documents().contains(&&DocumentId::new("director")));
        assert_eq!(first_two(&store, "film The Amber Staircase"), ["director", "film"]);
        assert_sound(&path);
        // A second call finds it made.
        assert!(!build_graph(&path, 2, &|_, _| (), &|| false).unwrap().made);
    }
}

#[test]
fn a_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut start = document("start", "", "the zyzzyva settings are kept elsewhere");
    start.links = vec![Link { target: "target".to_owned(), text: "elsewhere".to_owned() }];
    let documents = [start, document("target", "", "port 8080"), document("rest", "", "port 22")];
    build(&path, &MemorySource::new(documents)).unwrap();
    build_graph(&path, 1, &|_, _| (), &|| false).unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(first_two(&store, "zyzzyva port"), ["start", "target"]);
    // It is found also where no word of the query stands in it.
    assert_eq!(found(&store, "zyzzyva"), ["start", "target"]);
}

#[test]
fn an_update_leaves_the_old_graph_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(films(true))).unwrap();
    build_graph(&path, 2, &|_, _| (), &|| false).unwrap();
    let with = Store::open(&path).unwrap().retrieval().unwrap();
    let mut more = films(true);
    more.push(document("more", "", "another text"));
    build(&path, &MemorySource::new(more)).unwrap();
    let store = Store::open(&path).unwrap();
    let without = store.retrieval().unwrap();
    assert!(with.graph && !without.graph && with.id != without.id);
    // Words still find what they find.
    assert!(!found(&store, QUESTION).is_empty());
    assert!(build_graph(&path, 2, &|_, _| (), &|| false).unwrap().made);
    assert_eq!(Store::open(&path).unwrap().retrieval().unwrap().id, with.id);
    assert_eq!(fs_err::read_dir(path.join("graph")).unwrap().count(), 1);
}

#[test]
fn a_stop_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(films(true))).unwrap();
    let stopped = build_graph(&path, 2, &|_, _| (), &|| true);
    assert!(matches!(stopped, Err(IndexError::Cancelled)));
    assert!(!Store::open(&path).unwrap().retrieval().unwrap().graph);
    assert_sound(&path);
}

#[test]
fn a_torn_graph_is_named_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(films(true))).unwrap();
    build_graph(&path, 2, &|_, _| (), &|| false).unwrap();
    let file = fs_err::read_dir(path.join("graph")).unwrap().next().unwrap().unwrap().path();
    let whole = fs_err::read(&file).unwrap();
    fs_err::write(&file, &whole[..whole.len() / 2]).unwrap();
    let error = Store::open(&path).unwrap().search(&Query::new("amber", 3)).unwrap_err();
    assert!(matches!(error, IndexError::Damaged { .. }), "{error}");
    assert_eq!(verify(&path).unwrap()[0].place, "graph");
    assert!(build_graph(&path, 2, &|_, _| (), &|| false).unwrap().made);
    assert_sound(&path);
}

/// The same documents give the same graph and the same scores, however many threads made it.
#[test]
fn threads_change_nothing() {
    let mut all = Vec::new();
    for threads in [1, 2, 5] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        build(&path, &MemorySource::new(films(false))).unwrap();
        build_graph(&path, threads, &|_, _| (), &|| false).unwrap();
        let file = fs_err::read_dir(path.join("graph")).unwrap().next().unwrap().unwrap().path();
        let store = Store::open(&path).unwrap();
        all.push((fs_err::read(file).unwrap(), store.search(&Query::new(QUESTION, 9)).unwrap()));
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn odd_queries() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    build(&path, &MemorySource::new(films(true))).unwrap();
    build_graph(&path, 2, &|_, _| (), &|| false).unwrap();
    let store = Store::open(&path).unwrap();
    let mut told = String::new();
    let long = "amber staircase ".repeat(5000);
    for (name, query) in [
        ("nothing", ""),
        ("stop words", "the of and"),
        ("punctuation", "?!,. \"(((\" ::"),
        ("unbalanced quotes", "\"Ilse Varga"),
        ("unknown words", "qwertyuiop"),
        ("10,000 words", long.as_str()),
    ] {
        let ids = found(&store, query);
        told.push_str(&format!("{name}: {} found, {:?} first\n", ids.len(), ids.first()));
    }
    expect![[r#"
        nothing: 0 found, None first
        stop words: 0 found, None first
        punctuation: 0 found, None first
        unbalanced quotes: 3 found, Some("director") first
        unknown words: 0 found, None first
        10,000 words: 10 found, Some("film") first
    "#]]
    .assert_eq(&told);
    let within = Query {
        within: Some(vec![DocumentId::new("director"), DocumentId::new("nobody")]),
        ..Query::new(QUESTION, 5)
    };
    assert_eq!(store.search(&within).unwrap().documents(), [&DocumentId::new("director")]);
}
