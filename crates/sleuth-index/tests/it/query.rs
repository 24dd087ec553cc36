//! Filters, phrases and single characters: what a person types into a search.

use sleuth_index::{MemorySource, Parts, Query, Retriever as _, Store, build_graph};
use sleuth_records::{Document, DocumentId, Random};

use crate::support::{build, document};

fn from(id: &str, title: &str, text: &str, url: &str, date: &str, language: &str) -> Document {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Document {
        url: some(url),
        date: some(date),
        language: some(language),
        ..document(id, title, text)
    }
}

const GERMAN: &str = "Der alte Leuchtturm wurde im Jahr 1911 an der Küste erbaut und steht seitdem unter dem \
Schutz der Gemeinde, die ihn im Sommer für Besucher öffnet.";

fn documents() -> Vec<Document> {
    vec![
        from(
            "en/keeper",
            "The Lighthouse Keeper",
            "The keeper lights the old lamp at dusk. A red fox runs along the shore.",
            "https://www.example.org/coast/keeper",
            "2020-05-17T10:00:00Z",
            "en-GB",
        ),
        from(
            "en/fox",
            "Red Fox",
            "A fox is red. It was an old keeper of the wood who saw it run.",
            "http://news.example.org:8080/fox?x=1",
            "2021",
            "en",
        ),
        from("de/turm", "Leuchtturm", GERMAN, "https://example.de/turm", "2019-12-31", ""),
        from("de/at", "Fuchs", "Fuchs und fox.", "https://badexample.org/", "not known", "de-AT"),
        document("zh", "长城", "长城是中国古代的伟大建筑，猫在墙上睡觉。"),
        document("ja", "さくら", "庭のさくらと黒猫がきれいです。"),
        document("ko", "한라산", "한라산은 제주도에 있는 높은 산이다."),
        document("empty", "", ""),
    ]
}

/// The store of [`documents`], with its graph, without and with what was deleted.
fn store(folder: &std::path::Path) -> Store {
    let path = folder.join("store");
    let mut before = documents();
    before.push(document("gone", "Red fox keeper", "old lamp 猫睡"));
    build(&path, &MemorySource::new(before)).unwrap();
    build(&path, &MemorySource::new(documents())).unwrap();
    build_graph(&path, 1, &|_, _| (), &|| false).unwrap();
    Store::open(&path).unwrap()
}

/// Ids that `text` finds, sorted; by words alone and by the default search they are the same.
#[track_caller]
fn passing(store: &Store, text: &str) -> Vec<String> {
    let ids = |parts| {
        let ranking = store.search(&Query { parts, ..Query::parse(text, 50) }).unwrap();
        let mut ids: Vec<String> =
            ranking.hits.iter().map(|hit| hit.passage.document.as_str().to_owned()).collect();
        ids.sort();
        ids
    };
    let found = ids(Parts::LEXICAL);
    let all = ids(Parts::ALL);
    assert!(found.iter().all(|id| all.contains(id)), "`{text}`: {found:?} but {all:?}");
    found
}

#[track_caller]
fn check(store: &Store, text: &str, expected: &[&str]) {
    assert_eq!(passing(store, text), expected, "`{text}`");
}

#[test]
fn each_filter() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    check(&store, "fox", &["de/at", "en/fox", "en/keeper"]);
    check(&store, "fox -shore", &["de/at", "en/fox"]);
    check(&store, "fox -runs", &["de/at"]);
    check(&store, "fox -\"red fox\"", &["de/at"]);
    check(&store, "fox title:foxes", &["en/fox"]);
    check(&store, "fox -title:fox", &["de/at", "en/keeper"]);
    check(&store, "fox site:example.org", &["en/fox", "en/keeper"]);
    check(&store, "fox site:news.example.org", &["en/fox"]);
    check(&store, "fox site:example.org/coast", &["en/keeper"]);
    check(&store, "fox -site:example.org", &["de/at"]);
    check(&store, "fox site:nowhere.example", &[]);
    check(&store, "fox lang:en", &["en/fox", "en/keeper"]);
    check(&store, "fox lang:en-gb", &["en/keeper"]);
    check(&store, "fox after:2020", &["en/fox", "en/keeper"]);
    check(&store, "fox after:2020-05-17 before:2020-05-18", &["en/keeper"]);
    check(&store, "fox before:2021", &["en/keeper"]);
    check(&store, "fox -after:2020", &["de/at"]);
    check(&store, "fox id:en/", &["en/fox", "en/keeper"]);
    check(&store, "fox id:en/f id:de/", &["de/at", "en/fox"]);
    check(&store, "fox site:example.org lang:en before:2021 -title:fox", &["en/keeper"]);
}

#[test]
fn languages_are_detected_where_none_is_stated() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    check(&store, "lang:de", &["de/at", "de/turm"]);
    check(&store, "lang:chinese", &["zh"]);
    check(&store, "lang:ja", &["ja"]);
    check(&store, "lang:kor", &["ko"]);
    check(&store, "lang:sw", &[]);
}

#[test]
fn words_in_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    check(&store, "\"old lamp\"", &["en/keeper"]);
    check(&store, "\"lamp old\"", &[]);
    // By stem, over left-out stop words, in the title, over none of its borders.
    check(&store, "\"keepers light\"", &["en/keeper"]);
    check(&store, "\"fox is red\"", &["en/fox"]);
    check(&store, "\"lighthouse keeper\"", &["en/keeper"]);
    check(&store, "\"keeper keeper\"", &[]);
    check(&store, "\"red fox\"", &["en/fox", "en/keeper"]);
    check(&store, "\"red fox\" \"old lamp\"", &["en/keeper"]);
    check(&store, "title:\"red fox\"", &["en/fox"]);
    check(&store, "\"中国古代\"", &["zh"]);
    check(&store, "\"古代中国\"", &[]);
    check(&store, "\"きれい\"", &["ja"]);
    check(&store, "\"제주도에 있는\"", &["ko"]);
    check(&store, "\"猫\"", &["ja", "zh"]);
    check(&store, "\"伟大建筑，猫\"", &["zh"]);
    check(&store, "\"nobody wrote this\"", &[]);
}

/// The passage that is shown is one that holds the phrase, however many others rank above it.
#[test]
fn the_passage_with_the_phrase_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "The lamp is old. Lamp and lamp, old and old.\n\n".repeat(60);
    text.push_str("Here the old lamp lamp stands.");
    let documents = [document("a", "", &text), document("b", "", "something else")];
    build(dir.path(), &MemorySource::new(documents)).unwrap();
    let store = Store::open(dir.path()).unwrap();
    for parts in [Parts::LEXICAL, Parts::ALL] {
        let query = Query { parts, per_document: 9, ..Query::parse("\"here the old lamp\"", 9) };
        let hits = store.search(&query).unwrap().hits;
        assert_eq!(hits.len(), 1);
        assert!(text[hits[0].passage.range.clone()].contains("Here the old lamp"));
    }
}

#[test]
fn what_a_person_types_is_never_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    check(&store, "", &[]);
    check(&store, "?!,. (((: -- -", &[]);
    check(&store, "\"\"", &[]);
    check(&store, "the of and", &[]);
    check(&store, "\"the of\"", &[]);
}

#[test]
fn unbalanced_quotes_are_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    check(&store, "\"lamp old", &["en/fox", "en/keeper"]);
    check(&store, "lamp\" old", &["en/fox", "en/keeper"]);
    check(&store, &"fox -hound ".repeat(5_000), &["de/at", "en/fox", "en/keeper"]);
    let words: String = (0..10_000).map(|n| format!("w{n} ")).collect();
    check(&store, &format!("{words} lamp"), &["en/keeper"]);
    check(&store, &format!("\"{words} lamp\""), &[]);
}

#[test]
fn a_filter_alone_lists_the_newest_and_then_by_id() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let listed = |text: &str, k| -> Vec<String> {
        let hits = store.search(&Query::parse(text, k)).unwrap().hits;
        assert!(hits.windows(2).all(|pair| pair[0].score > pair[1].score));
        hits.iter().map(|hit| hit.passage.document.as_str().to_owned()).collect()
    };
    let all = ["en/fox", "en/keeper", "de/turm", "de/at", "ja", "ko", "zh"];
    assert_eq!(listed("-xylophone", 50), all);
    assert_eq!(listed("-xylophone the", 50), all);
    assert_eq!(listed("-xylophone", 3), all[..3]);
    assert_eq!(listed("-xylophone", 0), [""; 0]);
    assert_eq!(listed("id:en/", 9), ["en/fox", "en/keeper"]);
    assert_eq!(listed("site:nowhere.example", 9), [""; 0]);
}

#[test]
fn a_text_that_nobody_typed_is_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let query = Query::lexical("site:nowhere.example \"lamp old\" -keeper", 9);
    assert!(query.filter.is_empty());
    assert_eq!(store.search(&query).unwrap().hits.len(), 2);
    let text = serde_json::to_string(&query).unwrap();
    assert!(!text.contains("filter"), "{text}");
    assert_eq!(serde_json::from_str::<Query>(&text).unwrap(), query);
    let typed = Query::parse("a \"b c\" -d site:e.org lang:de after:2020 id:f", 3);
    let text = serde_json::to_string(&typed).unwrap();
    assert_eq!(serde_json::from_str::<Query>(&text).unwrap(), typed);
}

#[test]
fn one_character_is_found_inside_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    check(&store, "猫", &["ja", "zh"]);
    check(&store, "猫 -lang:ja", &["zh"]);
    check(&store, "く", &["ja"]);
    check(&store, "산", &["ko"]);
    check(&store, "-猫 fox", &["de/at", "en/fox", "en/keeper"]);
    check(&store, "狗", &[]);
    check(&store, &"猫 犬 ".repeat(5_000), &["ja", "zh"]);
}

/// Of two documents of one length, the one that holds the character more often ranks first, and the
/// rarity of a pair is not taken for the rarity of the character.
#[test]
fn one_character_ranks_by_how_often_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let documents = [
        document("once", "", "那里有一座古老的山在河边静静地立着"),
        document("often", "", "高山大山小山名山青山远山在河边立着"),
        document("none", "", "那里有一条古老的路在河边静静地走着"),
    ];
    build(dir.path(), &MemorySource::new(documents)).unwrap();
    let store = Store::open(dir.path()).unwrap();
    let hits = store.search(&Query::lexical("山", 9)).unwrap();
    assert_eq!(hits.documents(), [&DocumentId::new("often"), &DocumentId::new("once")]);
}

/// Random queries of the language's pieces: nothing fails, and what is found passes a naive reading of
/// the filters.
#[test]
fn random_queries_pass_their_filters() {
    const PIECES: [&str; 24] = [
        "fox",
        "keeper",
        "\"red fox\"",
        "\"old lamp\"",
        "-shore",
        "-title:fox",
        "title:keeper",
        "the",
        "site:example.org",
        "-site:news.example.org",
        "lang:en",
        "-lang:de",
        "after:2020",
        "before:2021",
        "id:en/",
        "-id:de/",
        "猫",
        "-猫",
        "\"",
        "-",
        "山",
        "site:",
        "lamp",
        "“红",
    ];
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut random = Random(3);
    let mut n_hits = 0;
    for _ in 0..600 {
        let pieces: Vec<&str> =
            (0..1 + random.below(6)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        let text = pieces.join(" ");
        let parts = [Parts::LEXICAL, Parts::ALL][random.below(2)];
        let k = 1 + random.below(8);
        let query = Query { parts, ..Query::parse(&text, k) };
        let hits = store.search(&query).unwrap().hits;
        assert!(hits.len() <= k);
        n_hits += hits.len();
        // A quote that nobody meant may swallow pieces: only whole ones are looked at.
        if text.contains(['“']) || pieces.contains(&"\"") {
            continue;
        }
        for hit in hits {
            let document = store.document(&hit.passage.document).unwrap().unwrap();
            let words = format!("{} \n {}", document.title, document.text).to_lowercase();
            let (id, url) = (document.id.as_str(), document.url.as_deref().unwrap_or(""));
            let wrong = |piece: &str| match piece {
                "\"red fox\"" => !words.contains("red fox"),
                "\"old lamp\"" => !words.contains("old lamp"),
                "-shore" => words.contains("shore"),
                "-title:fox" => document.title.contains("Fox"),
                "title:keeper" => !document.title.contains("Keeper"),
                "site:example.org" => !url.contains(".example.org"),
                "-site:news.example.org" => url.contains("news.example.org"),
                "lang:en" | "id:en/" => !id.starts_with("en/"),
                "-lang:de" | "-id:de/" => id.starts_with("de/"),
                "after:2020" => !["en/fox", "en/keeper"].contains(&id),
                "before:2021" => !["en/keeper", "de/turm"].contains(&id),
                "-猫" => words.contains('猫'),
                _ => false,
            };
            let wrong = pieces.iter().find(|piece| wrong(piece));
            assert_eq!(wrong, None, "`{text}` finds `{id}`");
        }
    }
    assert!(n_hits > 300, "{n_hits}");
}
