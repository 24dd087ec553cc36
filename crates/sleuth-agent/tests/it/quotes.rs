//! Citations: what is marked exact is in the document, byte for byte.

use std::sync::atomic::{AtomicUsize, Ordering};

use sleuth_agent::{Trail, check, normalise, quote_is_there};
use sleuth_index::Retriever as _;
use sleuth_records::{Claim, Document, DocumentId, Evidence, EvidenceId, Mark};
use sleuth_testkit::{Random, SharedData, TinyStore};

use crate::support::Runner;

/// Stores and how many of their questions are asked.
const STORES: [(&str, usize); 5] = [
    ("hotpotqa_closed", 300),
    ("nq_closed", 320),
    ("squad_dev", 320),
    ("hotpotqa_100", 80),
    ("musique_100", 40),
];
/// Answers that have to have been looked at.
const LEAST_ANSWERS: usize = 1000;

#[test]
fn exact_citations_of_a_thousand_answers() {
    let Some(data) = SharedData::find() else {
        println!("skipped: no stores at ../shared/data");
        return;
    };
    let (mut n_answers, mut n_exact) = (0, 0);
    for (name, n) in STORES {
        let (Some(documents), Some(questions)) = (data.documents(name), data.questions(name))
        else {
            println!("skipped: no store `{name}` at ../shared/data");
            return;
        };
        let tiny = TinyStore::of(documents);
        let step = (questions.len() / n).max(1);
        let asked: Vec<_> = questions.iter().step_by(step).take(n).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let (mut n_answers, mut n_exact) = (0, 0);
            while let Some(question) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
                let exact = exact_citations(&tiny, &question.text);
                n_answers += usize::from(exact.is_some());
                n_exact += exact.unwrap_or(0);
            }
            (n_answers, n_exact)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                let (answers, exact) = worker.join().unwrap();
                n_answers += answers;
                n_exact += exact;
            }
        });
    }
    println!("{n_answers} answers, {n_exact} citations marked exact, all in their documents");
    assert!(n_answers >= LEAST_ANSWERS, "{n_answers}");
    assert!(n_exact >= n_answers / 2, "{n_exact}");
}

/// Asks; asserts that every citation marked exact is true; returns how many there are, or `None`
/// where nothing was answered.
fn exact_citations(tiny: &TinyStore, question: &str) -> Option<usize> {
    let ran = Runner::over(tiny.store()).run(question, &mut Trail::default());
    let outcome = ran.outcome();
    let mut n_exact = 0;
    for citation in outcome.citations.iter().filter(|c| c.mark == Mark::Exact) {
        n_exact += 1;
        let evidence = outcome.evidence.iter().find(|e| e.id == citation.evidence).unwrap();
        let document = tiny.store().document(&evidence.document).unwrap().unwrap();
        assert_eq!(document.text[evidence.range.clone()], evidence.quote, "{question}");
        let (quote, whole) = (normalise(&evidence.quote), normalise(&document.text));
        assert!(!quote.is_empty() && whole.contains(&quote), "{question}: {quote}");
        assert_eq!(evidence.line, document.line_at(evidence.range.start));
        assert_eq!(evidence.title, document.title);
    }
    for evidence in &outcome.evidence {
        assert!(outcome.ranking.contains(&evidence.document), "{question}");
    }
    (!outcome.answer.is_empty()).then_some(n_exact)
}

/// Texts with everything that makes quoting hard.
fn text(random: &mut Random) -> String {
    const PARTS: [&str; 16] = [
        "Emma",
        "river",
        " ",
        "  ",
        "\n",
        "\t",
        "\u{a0}",
        "e\u{301}",
        "é",
        "ö",
        "字",
        "。",
        "1815",
        "\"",
        "👩\u{200d}🚀",
        "ß",
    ];
    (0..random.below(40) + 1).map(|_| *random.pick(&PARTS)).collect()
}

/// A range of `text` between character boundaries.
fn range(random: &mut Random, text: &str) -> std::ops::Range<usize> {
    let ends: Vec<usize> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
    let (one, two) = (*random.pick(&ends), *random.pick(&ends));
    one.min(two)..one.max(two)
}

fn evidence(document: &Document, range: std::ops::Range<usize>, quote: String) -> Evidence {
    Evidence {
        id: EvidenceId("e1".to_owned()),
        document: document.id.clone(),
        title: document.title.clone(),
        url: None,
        line: 1,
        part: None,
        range,
        quote,
    }
}

fn claim(text: &str) -> Claim {
    Claim { text: text.to_owned(), evidence: vec![EvidenceId("e1".to_owned())] }
}

#[test]
fn a_quote_cut_from_the_document_is_there_and_a_changed_one_is_not() {
    let mut random = Random(3);
    for _ in 0..3000 {
        let document = Document::new(DocumentId::new("d"), "", text(&mut random));
        let range = range(&mut random, &document.text);
        let quote = document.text[range.clone()].to_owned();
        let whole = evidence(&document, range.clone(), quote.clone());
        assert_eq!(quote_is_there(&whole, &document), !normalise(&quote).is_empty());
        // Other white space is the same quote.
        let spaced = quote.replace([' ', '\n', '\t'], " \n ");
        let spaced = evidence(&document, range.clone(), format!(" {spaced} "));
        assert_eq!(quote_is_there(&spaced, &document), !normalise(&quote).is_empty());
        // Another letter is another quote.
        let changed = evidence(&document, range.clone(), format!("{quote}x"));
        assert!(!quote_is_there(&changed, &document));
        if quote.contains("Emma") {
            let lower = evidence(&document, range.clone(), quote.replace("Emma", "emma"));
            assert!(!quote_is_there(&lower, &document));
        }
        // So is another document, and a range past the end or inside a character.
        let other = Document::new(DocumentId::new("other"), "", document.text.clone());
        assert!(!quote_is_there(&whole, &other));
        let past = evidence(&document, range.start..document.text.len() + 1, quote.clone());
        assert!(!quote_is_there(&past, &document));
        if let Some(inside) =
            (0..document.text.len()).find(|&at| !document.text.is_char_boundary(at))
        {
            let cut = evidence(&document, inside..document.text.len(), quote);
            assert!(!quote_is_there(&cut, &document));
        }
    }
}

#[test]
fn marks_follow_from_the_quote() {
    let mut random = Random(4);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..3000 {
        let document = Document::new(DocumentId::new("d"), "Title", text(&mut random));
        let range = range(&mut random, &document.text);
        let quote = document.text[range.clone()].to_owned();
        let said = if random.below(2) == 0 { quote.clone() } else { text(&mut random) };
        let evidence = evidence(&document, range, quote);
        let mark = check(&claim(&said), &evidence, Some(&document));
        *seen.entry(mark).or_insert(0) += 1;
        // Nothing is borne out by a quote that is not there, or without a document.
        if mark != Mark::Unsupported {
            assert!(quote_is_there(&evidence, &document));
        }
        assert_eq!(check(&claim(&said), &evidence, None), Mark::Unsupported);
        let mut moved = evidence.clone();
        moved.quote.push_str(" and more");
        assert_eq!(check(&claim(&said), &moved, Some(&document)), Mark::Unsupported);
        // A claim of the quote's own words is exact.
        let has_words = !sleuth_index::analyze(&evidence.quote).is_empty();
        if has_words {
            let own = check(&claim(&evidence.quote), &evidence, Some(&document));
            assert_eq!(own, Mark::Exact, "{:?}", evidence.quote);
        }
        // Saying more never makes a better mark.
        let more = check(&claim(&format!("{said} zebra")), &evidence, Some(&document));
        assert!(more >= mark && more != Mark::Exact, "{said:?} {mark:?} {more:?}");
        // A claim without words is borne out by nothing.
        assert_eq!(check(&claim(" \n"), &evidence, Some(&document)), Mark::Unsupported);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn normalising_twice_is_normalising_once() {
    let mut random = Random(5);
    for _ in 0..3000 {
        let once = normalise(&text(&mut random));
        assert_eq!(normalise(&once), once);
        assert!(!once.starts_with(' ') && !once.contains("  "));
    }
}
