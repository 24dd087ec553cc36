//! Snippets: the part of a passage that shows why it was found.

use sleuth_index::{MemorySource, Query, Retriever as _, Snippets, Store};

use sleuth_records::Random;

use crate::support::{build, document};

const FILLER: &str =
    "The tide comes in and the tide goes out again over the grey stones of the bay. ";

fn store(folder: &std::path::Path, text: &str) -> Store {
    let documents = [document("a", "Tides", text), document("b", "", FILLER)];
    build(folder, &MemorySource::new(documents)).unwrap();
    Store::open(folder).unwrap()
}

/// The snippet of the best hit for `query`, marks in brackets.
fn shown(text: &str, query: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), text);
    let query = Query::parse(query, 1);
    let hits = store.search(&query).unwrap().hits;
    let snippet = Snippets::new(&store, &query).unwrap().cut(text, &hits[0].passage.range);
    assert!(snippet.range.len() <= 200, "{snippet:?}");
    let mut out = text[snippet.range.clone()].to_owned();
    for mark in snippet.marks.iter().rev() {
        out.insert(mark.end - snippet.range.start, ']');
        out.insert(mark.start - snippet.range.start, '[');
    }
    out
}

#[test]
fn the_sentences_with_the_rarest_words_are_shown() {
    let text =
        format!("{FILLER}{FILLER}A heron waits by the old weir. It is grey. {FILLER}{FILLER}");
    let expected = format!("A [heron] waits by the old [weir]. It is grey. {}", FILLER.repeat(2));
    assert_eq!(shown(&text, "weir heron"), expected.trim_end());
    assert_eq!(
        shown(&text, "\"herons wait\" -fox").split('.').next(),
        Some("A [heron] [waits] by the old weir")
    );
}

/// Words in a row are shown where they stand so, though each of them, and others that are asked for, stand
/// elsewhere together.
#[test]
fn words_in_a_row_are_shown_in_their_row() {
    let near = "The weir is old, and a grey heron waits there for the green boat. ";
    let text = format!("{near}{FILLER}{FILLER}{FILLER}An old grey weir. {FILLER}{FILLER}{FILLER}");
    assert!(shown(&text, "old grey weir heron").starts_with("The [weir] is [old]"));
    for query in ["\"old grey weir\"", "\"old grey weir\" heron boat green", "heron \"grey weirs\""]
    {
        let snippet = shown(&text, query);
        assert!(snippet.contains("[grey] [weir]."), "`{query}` shows `{snippet}`");
    }
    // The first of several places, and the one of two rows that has both.
    let text = format!(
        "{FILLER}{FILLER}{FILLER}Old weir. {FILLER}{FILLER}Old weir and grey heron. {FILLER}"
    );
    assert!(shown(&text, "\"old weir\"").contains("[Old] [weir]. The"));
    assert!(
        shown(&text, "\"old weir\" \"grey heron\"").contains("[Old] [weir] and [grey] [heron]")
    );
    let text = format!("{}。中国的古代长城。{}", "潮水来去长城中国".repeat(30), "岸边".repeat(50));
    assert!(shown(&text, "\"古代长城\"").contains("[古代长城]"));
}

#[test]
fn a_short_passage_is_shown_whole() {
    assert_eq!(shown("A heron waits.", "herons tides"), "A [heron] waits.");
    assert_eq!(shown("长城是中国古代的建筑。", "中国古代"), "长城是[中国古代]的建筑。");
    assert_eq!(shown("黑猫在墙上睡觉。", "猫"), "黑[猫]在墙上睡觉。");
}

#[test]
fn a_word_late_in_a_long_sentence_is_shown() {
    let text = format!("{} heron {}", "tide and ".repeat(60), "tide or ".repeat(60));
    assert!(shown(&text, "heron").contains("[heron]"));
    let text = format!("{}白鹭{}", "潮水来去".repeat(60), "岸边石头".repeat(50));
    assert!(shown(&text, "白鹭").contains("[白鹭]"));
}

#[test]
fn a_filter_alone_shows_the_beginning() {
    let text = FILLER.repeat(6);
    assert_eq!(shown(&text, "id:a"), FILLER.repeat(2).trim_end());
}

/// Whatever the text and the query, ranges lie in the passage and on borders of characters.
#[test]
fn random_texts_are_cut_within_bounds() {
    const PIECES: [&str; 10] = ["heron ", "tide", ". ", "猫", "\n", "é", "’s ", "。", "😀", "x"];
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), "heron tide 猫");
    let mut random = Random(11);
    for _ in 0..500 {
        let text: String = (0..random.below(400)).map(|_| PIECES[random.below(10)]).collect();
        let query: String = (0..random.below(4)).map(|_| PIECES[random.below(10)]).collect();
        let snippets = Snippets::new(&store, &Query::new(query, 1)).unwrap();
        let (a, b) = (random.below(text.len() + 1), random.below(text.len() + 40));
        for passage in [0..text.len(), a..b, b..a] {
            let snippet = snippets.cut(&text, &passage);
            if text.get(passage.clone()).is_none() {
                assert!(snippet.range.is_empty() && snippet.marks.is_empty());
                continue;
            }
            assert!(text.get(snippet.range.clone()).is_some(), "{snippet:?}");
            assert!(passage.start <= snippet.range.start && snippet.range.end <= passage.end);
            let mut from = snippet.range.start;
            for mark in &snippet.marks {
                assert!(mark.start >= from && mark.end <= snippet.range.end && !mark.is_empty());
                assert!(text.get(mark.clone()).is_some());
                from = mark.end + 1;
            }
        }
    }
}
