//! Hunts without a model over a small library.

use std::time::{Duration, Instant};

use expect_test::expect;
use sleuth_agent::Trail;
use sleuth_index::Retriever as _;
use sleuth_records::{Document, DocumentId, Finish};
use sleuth_testkit::{TinyStore, chinese_library, library, untitled};

use crate::support::{Ran, Runner};

fn run(documents: Vec<Document>, question: &str) -> Ran {
    let tiny = TinyStore::of(documents);
    let ran = Runner::over(tiny.store()).run(question, &mut Trail::default());
    for evidence in &ran.outcome().evidence {
        let document = tiny.store().document(&evidence.document).unwrap().unwrap();
        assert_eq!(document.text[evidence.range.clone()], evidence.quote);
    }
    ran
}

/// Status, answer, and each claim with its mark and quote.
fn told(ran: &Ran) -> String {
    let outcome = ran.outcome();
    let mut out = format!("{:?}: {}\n", outcome.finish, outcome.answer);
    for citation in &outcome.citations {
        let evidence = outcome.evidence.iter().find(|e| e.id == citation.evidence).unwrap();
        out.push_str(&format!(
            "{} {}: {}\n",
            citation.mark.as_str(),
            evidence.document,
            evidence.quote
        ));
    }
    out
}

#[track_caller]
fn assert_ranked(ran: &Ran, ids: &[&str]) {
    for id in ids {
        assert!(ran.outcome().ranking.contains(&DocumentId::new(*id)), "{id}: {:?}", ran.outcome());
    }
}

/// Documents that were opened, in order.
fn opened(ran: &Ran) -> Vec<String> {
    let opens = ran.calls().into_iter().filter(|(name, _)| name == "open");
    opens.map(|(_, arguments)| arguments["document"].as_str().unwrap().to_owned()).collect()
}

const TWO: &str = "Where was the author of The Glass Harbour born?";
const THREE: &str = "On which river lies the birthplace of the author of The Glass Harbour?";

#[test]
fn two_hops_by_titles() {
    let ran = run(library(), TWO);
    assert_ranked(&ran, &["glass-harbour", "tonkova"]);
    assert_eq!(ran.outcome().answer, "Varnograd");
    expect![[r#"
        Answered: Varnograd
        exact tonkova: She was born in Varnograd, where her father built organs.
        exact glass-harbour: The Glass Harbour is a novel of 1911 by Mirela Tonkova.
    "#]]
    .assert_eq(&told(&ran));
}

#[test]
fn three_hops_by_titles() {
    let ran = run(library(), THREE);
    assert_ranked(&ran, &["glass-harbour", "tonkova", "varnograd"]);
    assert!(opened(&ran).iter().any(|id| id == "tonkova"));
    expect![[r#"
        NotFound: 
    "#]]
    .assert_eq(&told(&ran));
}

#[test]
fn two_hops_by_names() {
    let ran = run(untitled(), TWO);
    assert_ranked(&ran, &["glass-harbour", "tonkova"]);
    // The name that the first document brings is searched for.
    let searched = |(name, arguments): &(String, serde_json::Value)| {
        name == "search" && arguments["query"].as_str().unwrap().contains("Mirela Tonkova")
    };
    assert!(ran.calls().iter().any(searched), "{:?}", ran.calls());
    expect![[r#"
        Answered: Varnograd
        exact tonkova: She was born in Varnograd, where her father built organs.
        exact glass-harbour: The Glass Harbour is a novel of 1911 by Mirela Tonkova.
    "#]]
    .assert_eq(&told(&ran));
}

#[test]
fn three_hops_by_names() {
    let ran = run(untitled(), THREE);
    assert_ranked(&ran, &["glass-harbour", "tonkova", "varnograd"]);
    expect![[r#"
        NotFound: 
    "#]]
    .assert_eq(&told(&ran));
}

#[test]
fn one_of_two() {
    let ran = run(library(), "Who was born first, Anton Brezik or Mirela Tonkova?");
    expect![[r#"
        Answered: Mirela Tonkova
        exact tonkova: Mirela Tonkova (3 May 1874 – 9 October 1939) was a novelist.
        exact brezik: Anton Brezik (17 July 1889 – 2 January 1951) was a novelist and surveyor.
    "#]]
    .assert_eq(&told(&ran));
    assert_eq!(ran.outcome().answer, "Mirela Tonkova");
    let ran = run(library(), "Which novel is newer, The Glass Harbour or The Salt Road?");
    expect![[r#"
        Answered: The Salt Road
        exact salt-road: The Salt Road is a novel of 1923 by Anton Brezik.
        exact glass-harbour: The Glass Harbour is a novel of 1911 by Mirela Tonkova.
    "#]]
    .assert_eq(&told(&ran));
}

#[test]
fn yes_and_no() {
    let ran = run(library(), "Are The Glass Harbour and The Salt Road both novels?");
    expect![[r#"
        Answered: yes
        partial glass-harbour: The Glass Harbour is a novel of 1911 by Mirela Tonkova.
        partial salt-road: The Salt Road is a novel of 1923 by Anton Brezik.
    "#]]
    .assert_eq(&told(&ran));
    assert_eq!(ran.outcome().answer, "yes");
    let ran = run(library(), "Are the Selm and The Salt Road both novels?");
    expect![[r#"
        Answered: The Salt Road is a novel of 1923 by Anton Brezik.
        exact salt-road: The Salt Road is a novel of 1923 by Anton Brezik.
    "#]]
    .assert_eq(&told(&ran));
    assert_ne!(ran.outcome().answer, "no", "absence is no proof");
}

#[test]
fn what_is_not_there_is_not_found() {
    for question in [
        "Who invented the transistor?",
        "What is the boiling point of mercury in kelvin?",
        "Which team won the ice hockey championship in Toronto?",
    ] {
        let ran = run(library(), question);
        assert_eq!(ran.outcome().finish, Finish::NotFound, "{}", told(&ran));
        assert_eq!(ran.outcome().answer, "");
    }
}

#[test]
fn chinese() {
    let mut all = String::new();
    for (question, id) in [
        ("《玻璃港》的作者出生在哪里？", "林海燕"),
        ("玻璃港是谁写的？", "玻璃港"),
        ("青石镇的教堂是哪一年建成的？", "青石镇"),
    ] {
        let ran = run(chinese_library(), question);
        all.push_str(&format!("{question} {}", told(&ran)));
        assert_ranked(&ran, &[id]);
    }
    expect![[r#"
        《玻璃港》的作者出生在哪里？ NotFound: 
        玻璃港是谁写的？ Answered: 是林海燕在1911年出版的长篇小说
        exact 玻璃港: 《玻璃港》是林海燕在1911年出版的长篇小说。
        青石镇的教堂是哪一年建成的？ Answered: 青石镇
        partial 青石镇: 镇上的教堂建成于1702年。
    "#]]
    .assert_eq(&all);
    assert_eq!(all.matches("Answered").count(), 2, "{all}");
    let ran = run(chinese_library(), "谁发明了晶体管？");
    assert_eq!(ran.outcome().finish, Finish::NotFound, "{}", told(&ran));
}

#[test]
fn a_question_of_fifty_thousand_characters() {
    let tiny = TinyStore::of(library());
    let words: String = "Where was the author of The Glass Harbour born, and why? ".repeat(900);
    let distinct: String = (0..6000).map(|n| format!("Word{n} Name{n} ")).collect();
    let unbroken = "x".repeat(50_000);
    let quotes = "\"'“".repeat(16_000);
    let chinese = "玻璃港的作者出生在哪里".repeat(4_600);
    for question in [words, distinct, unbroken, quotes, chinese] {
        assert!(question.chars().count() >= 48_000);
        let start = Instant::now();
        let ran = Runner::over(tiny.store()).run(&question, &mut Trail::default());
        assert!(ran.result.is_ok());
        let took = start.elapsed();
        let head: String = question.chars().take(20).collect();
        assert!(took < Duration::from_secs(10), "{head}: {took:?}");
    }
}

/// Documents made to take long: one endless word, one endless sentence, nothing but names, marks
/// without text.
#[test]
fn documents_of_odd_shapes() {
    let names: String = (0..20_000).map(|n| format!("Name{n} ")).collect();
    let documents = [
        ("word", "x".repeat(400_000)),
        ("sentence", "river and birthplace ".repeat(20_000)),
        ("names", names),
        ("marks", "\"“(⟦".repeat(50_000)),
        ("lines", "\n".repeat(200_000)),
        ("empty", String::new()),
    ];
    let documents = documents
        .into_iter()
        .map(|(id, text)| Document::new(DocumentId::new(id), id, text))
        .chain(library())
        .collect();
    let start = Instant::now();
    let ran = run(documents, THREE);
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert_ranked(&ran, &["glass-harbour"]);
}
