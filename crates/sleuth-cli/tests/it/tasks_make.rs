//! `sleuth tasks make` and `sleuth tasks split`.

use std::fmt::Write as _;

use expect_test::expect;

use crate::place::Place;

/// A place with a store of six films and the page of their director.
fn place() -> Place {
    let place = Place::new();
    let mut corpus = String::new();
    for (nth, (title, year)) in [
        ("Amber Tides", 1961),
        ("Broken Lantern", 1964),
        ("Copper Sky", 1967),
        ("Distant Orchard", 1971),
        ("Emerald Gate", 1975),
        ("Fading Harbour", 1979),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("{title} is a {year} Austrian film directed by Adela Abendroth.");
        let line =
            serde_json::json!({ "_id": format!("film-{nth}"), "title": title, "text": text });
        let _ = writeln!(corpus, "{line}");
    }
    let text = "Adela Abendroth (born May 3, 1921 in Graz, Austria) is an Austrian film director.";
    let line = serde_json::json!({ "_id": "person", "title": "Adela Abendroth", "text": text });
    let _ = writeln!(corpus, "{line}");
    place.write("films/corpus.jsonl", &corpus);
    let _ = place.run(&["index", "build", "films", "--into", "store", "--quiet"]);
    place
}

#[test]
fn tasks_are_made_and_split() {
    let place = place();
    let made = place.json(&[
        "tasks",
        "make",
        "store",
        "--into",
        "tasks.jsonl",
        "--seed",
        "3",
        "--count",
        "4",
        "--candidates",
        "40",
        "--kinds",
        "comparison,one_hop",
        "--report",
        "report.json",
        "--json",
    ]);
    assert_eq!(made["status"], "made");
    let n = made["tasks"].as_u64().unwrap();
    assert!(n >= 4, "{made}");
    // Kinds come in the order of tables.
    assert_eq!(made["report"]["kinds"][0]["kind"], "one_hop");
    assert_eq!(made["report"]["kinds"][1]["kind"], "comparison");
    let report: serde_json::Value = serde_json::from_str(&place.read("report.json")).unwrap();
    assert_eq!(report["documents"], 7);
    let tasks = place.read("tasks.jsonl");
    assert_eq!(tasks.lines().count() as u64, n);

    let split = place.json(&[
        "tasks",
        "split",
        "tasks.jsonl",
        "--into",
        "split.jsonl",
        "--shares",
        "0,0,1",
        "--json",
    ]);
    assert_eq!((split["tasks"].as_u64(), split["test"].as_u64()), (Some(n), Some(n)));
    assert!(place.read("split.jsonl").lines().all(|line| line.contains("\"split\":\"test\"")));
}

#[test]
fn what_cannot_be_made_is_said() {
    let place = place();
    place.check(
        &["tasks", "make", "nowhere", "--into", "tasks.jsonl"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no store at `nowhere`
            hint: build one with `sleuth index build FOLDER --into nowhere`
        "#]],
    );
    place.check(
        &["tasks", "make", "store", "--into", "tasks.jsonl", "--kinds", "two_hop"],
        &expect![[r#"
            exit 2
            --- stderr
            error: invalid value 'two_hop' for '--kinds <LIST>': unknown kind `two_hop`: expected one of one_hop, bridge, comparison, intersection, obfuscated, unanswerable

            For more information, try '--help'.
        "#]],
    );
    place.check(
        &["tasks", "split", "missing.jsonl", "--into", "split.jsonl", "--shares", "1,2"],
        &expect![[r#"
            exit 2
            --- stderr
            error: invalid value '1,2' for '--shares <A,B,C>': expected three numbers such as 80,10,10, found `1,2`

            For more information, try '--help'.
        "#]],
    );
    place.write("words/a.txt", "nothing to see here, move on\n");
    let _ = place.run(&["index", "build", "words", "--into", "wordstore", "--quiet"]);
    place.check(
        &["tasks", "make", "wordstore", "--into", "tasks.jsonl", "--quiet"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no facts in the store: expected sentences that define, or entries of a manual (documents read: 1)
            hint: tasks come from pages that explain one thing by name, and from manuals; a store of other prose is measured with questions of your own: `sleuth tasks import jsonl`
        "#]],
    );
}
