//! Runs of many queries, and what they are worth.

use expect_test::expect;

use crate::place::{Place, code, stderr};

/// With a store of the small collection, three queries, judgements, and the run of the queries.
fn with_run() -> Place {
    let place = Place::with_docs();
    assert_eq!(code(&place.run(&["index", "build", "docs", "--into", "store"])), 0);
    // Not in the order of their ids.
    place.write(
        "queries.jsonl",
        "{\"_id\": \"q3\", \"text\": \"xylophone\"}\n\n\
         {\"_id\": \"q2\", \"text\": \"who designed the lighthouse\"}\n\
         {\"_id\": \"q1\", \"text\": \"harbour town\", \"answers\": [\"Larkhaven\"]}\n",
    );
    place.write(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\nq1\tlarkhaven.txt\t1\nq2\tpeople/ada-quill.md\t1\n\
         q2\tmarrow-point.md\t2\nq3\tlarkhaven.txt\t1\nq4\tlarkhaven.txt\t0\n",
    );
    let search = ["search", "--in", "store", "--queries", "queries.jsonl", "--run", "a.run"];
    assert_eq!(code(&place.run(&search)), 0);
    place
}

fn names(place: &Place) -> Vec<String> {
    let entries = fs_err::read_dir(place.path(".")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.contains("run")).collect();
    names.sort();
    names
}

#[test]
fn a_run_is_written_whole_in_the_order_of_the_queries() {
    let place = with_run();
    expect![[r#"
        q2 Q0 marrow-point.md 1 1.0146403 sleuth
        q2 Q0 people/ada-quill.md 2 0.31767967 sleuth
        q2 Q0 larkhaven.txt 3 0.09739426 sleuth
        q1 Q0 larkhaven.txt 1 1 sleuth
    "#]]
    .assert_eq(&place.read("a.run"));
    place.check(
        &["search", "--in", "store", "--queries", "queries.jsonl", "--run", "a.run", "-k", "1"],
        &expect![[r#"
            exit 0
            --- stdout
            run a.run · 3 queries · 1 without hits
            --- stderr
            searching 3 queries
        "#]],
    );
    expect![[r#"
        q2 Q0 marrow-point.md 1 1.0146403 sleuth
        q1 Q0 larkhaven.txt 1 1 sleuth
    "#]]
    .assert_eq(&place.read("a.run"));
    assert_eq!(names(&place), ["a.run"]);
}

#[test]
fn a_run_that_fails_leaves_the_old_one() {
    let place = with_run();
    let before = place.read("a.run");
    place.write("docs/two words.md", "# Organ\n\nA xylophone is no organ.\n");
    assert_eq!(code(&place.run(&["index", "build", "docs", "--into", "store"])), 0);
    place.check(
        &["search", "--in", "store", "--queries", "queries.jsonl", "--run", "a.run"],
        &expect![[r#"
            exit 6
            --- stderr
            searching 3 queries
            error: the TREC format has no place for the id `two words.md`: it is empty or holds white space
            hint: rename it, or take `sleuth search QUERY --json`
        "#]],
    );
    assert_eq!(place.read("a.run"), before);
    assert_eq!(names(&place), ["a.run"]);
    let to = |out: &str| {
        let output =
            place.run(&["search", "--in", "store", "--queries", "good.jsonl", "--run", out]);
        (code(&output), stderr(&output))
    };
    place.write("good.jsonl", "{\"_id\": \"q1\", \"text\": \"harbour town\"}\n");
    let (exit, text) = to("missing/a.run");
    assert_eq!(exit, 7, "{text}");
    assert!(text.contains("cannot write `missing/a.run`"), "{text}");
    let (exit, text) = to("/dev/full");
    assert_eq!(exit, 7, "{text}");
    assert!(text.contains("No space left"), "{text}");
    let (exit, text) = to("docs");
    assert_eq!(exit, 7, "{text}");
    // What is no regular file is written to, not replaced.
    assert_eq!(to("/dev/null").0, 0);
    assert!(!fs_err::metadata("/dev/null").unwrap().is_file());
    std::os::unix::fs::symlink("a.run", place.path("link.run")).unwrap();
    assert_eq!(to("link.run").0, 0);
    assert!(fs_err::symlink_metadata(place.path("link.run")).unwrap().is_symlink());
    assert!(place.read("a.run").starts_with("q1 Q0 larkhaven.txt 1 "));
}

#[test]
fn bad_queries_are_named_by_their_line() {
    let place = with_run();
    let check = |content: &str, expected: &expect_test::Expect| {
        place.write("bad.jsonl", content);
        place.check(
            &["search", "--in", "store", "--queries", "bad.jsonl", "--run", "b.run"],
            expected,
        );
    };
    let good = "{\"_id\": \"q1\", \"text\": \"harbour\"}\n";
    check(
        &format!("{good}{{\"_id\": \"q2\"}}\n"),
        &expect![[r#"
            exit 6
            --- stderr
            error: malformed line 2 of `bad.jsonl`: expected an object with `_id` and `text`
            cause: missing field `text` at column 13
            hint: one object a line: {"_id": "q1", "text": "words to look for"}
        "#]],
    );
    check(
        &format!("{good}harbour\n"),
        &expect![[r#"
            exit 6
            --- stderr
            error: malformed line 2 of `bad.jsonl`: expected an object with `_id` and `text`
            cause: expected value at column 1
            hint: one object a line: {"_id": "q1", "text": "words to look for"}
        "#]],
    );
    check(
        &format!("{good}{good}"),
        &expect![[r#"
            exit 6
            --- stderr
            error: line 2 of `bad.jsonl` has the query id `q1` again, after line 1
            hint: give every query an id of its own; judgements name it
        "#]],
    );
    check(
        "\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: no queries in `bad.jsonl`
        hint: one object a line: {"_id": "q1", "text": "words to look for"}
    "#]],
    );
    check(
        "{\"_id\": \"q 1\", \"text\": \"harbour\"}\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: the TREC format has no place for the id `q 1`: it is empty or holds white space
        hint: rename it, or take `sleuth search QUERY --json`
    "#]],
    );
    place.check(
        &["search", "--in", "store", "--queries", "none.jsonl", "--run", "b.run"],
        &expect![[r#"
            exit 6
            --- stderr
            error: failed to open file `none.jsonl`: No such file or directory (os error 2)
        "#]],
    );
    assert_eq!(names(&place), ["a.run"]);
}

#[test]
fn a_run_is_measured() {
    let place = with_run();
    place.check(
        &["eval", "retrieval", "--qrels", "qrels.tsv", "a.run"],
        &expect![[r#"
            exit 0
            --- stdout
            run a.run (sleuth) · 3 queries
            query  measure    value
            all    ndcg@10   0.6667
            all    recall@5  0.6667
            all    all@10    0.6667
            all    map       0.6667
            all    mrr       0.6667
            --- stderr
            note: judged queries without a relevant document, left out: 1
            note: `a.run` has no results for 1 of 3 queries; they count as 0
        "#]],
    );
    place.check(
        &[
            "eval",
            "retrieval",
            "--qrels",
            "qrels.tsv",
            "a.run",
            "--measures",
            "mrr,P@1",
            "--per-query",
            "--quiet",
        ],
        &expect![[r#"
            exit 0
            --- stdout
            run a.run (sleuth) · 3 queries
            query  measure   value
            q1     mrr      1.0000
            q1     p@1      1.0000
            q2     mrr      1.0000
            q2     p@1      1.0000
            q3     mrr      0.0000
            q3     p@1      0.0000
            all    mrr      0.6667
            all    p@1      0.6667
        "#]],
    );
    let object = place.json(&[
        "eval",
        "retrieval",
        "--qrels",
        "qrels.tsv",
        "a.run",
        "--json",
        "--per-query",
        "--measures=map",
    ]);
    expect![[r#"{"status":"measured","qrels":"qrels.tsv","queries":3,"without_relevant":1,"regraded":0,"runs":[{"run":"a.run","tag":"sleuth","without_results":1,"unjudged":0,"mean":{"map":0.6666666666666666},"per_query":{"q1":{"map":1.0},"q2":{"map":1.0},"q3":{"map":0.0}}}]}"#]].assert_eq(&object.to_string());
}

#[test]
fn two_runs_are_compared() {
    let place = with_run();
    place.write(
        "b.run",
        "q1 Q0 marrow-point.md 1 2 other\nq1 Q0 larkhaven.txt 2 1 other\n\
         q2 Q0 people/ada-quill.md 1 1 other\nq3 Q0 larkhaven.txt 1 1 other\n\
         q9 Q0 larkhaven.txt 1 1 other\n",
    );
    place.check(
        &["eval", "retrieval", "--qrels", "qrels.tsv", "a.run", "b.run", "--measures", "mrr,map"],
        &expect![[r#"
            exit 0
            --- stdout
            first a.run (sleuth)
            second b.run (other)
            3 queries
            measure   first  second  difference       95 % interval       p  wins  ties  losses
            mrr      0.6667  0.8333     +0.1667  -0.5000 to +1.0000  1.0000     1     1       1
            map      0.6667  0.6667     +0.0000  -0.5000 to +1.0000  1.0000     1     0       2
            p: randomisation test, two-sided, 10000 permutations; interval: bootstrap, 10000 samples; seed 0
            wins: queries where the second is better; no correction for many measures
            --- stderr
            note: judged queries without a relevant document, left out: 1
            note: `a.run` has no results for 1 of 3 queries; they count as 0
            note: `b.run` has 1 query that nobody judged, left out
        "#]],
    );
    let object = place.json(&[
        "eval",
        "retrieval",
        "--qrels",
        "qrels.tsv",
        "a.run",
        "b.run",
        "--json",
        "--measures=mrr",
        "--seed=7",
    ]);
    expect![[r#"{"status":"measured","qrels":"qrels.tsv","queries":3,"without_relevant":1,"regraded":0,"runs":[{"run":"a.run","tag":"sleuth","without_results":1,"unjudged":0,"mean":{"mrr":0.6666666666666666}},{"run":"b.run","tag":"other","without_results":0,"unjudged":1,"mean":{"mrr":0.8333333333333334}}],"comparison":{"measures":[{"measure":"mrr","difference":0.16666666666666666,"interval":[-0.5,1.0],"p":1.0,"wins":1,"ties":1,"losses":1}],"permutations":10000,"samples":10000,"level":0.95,"seed":7}}"#]].assert_eq(&object.to_string());
    let text = |arguments: &[&str]| {
        let output = place.run(arguments);
        assert_eq!(code(&output), 0);
        String::from_utf8(output.stdout).unwrap()
    };
    let per_query = text(&[
        "eval",
        "retrieval",
        "--qrels",
        "qrels.tsv",
        "a.run",
        "b.run",
        "--measures=mrr",
        "--per-query",
    ]);
    assert!(per_query.contains("q3     mrr      0.0000  1.0000     +1.0000"), "{per_query}");
}

#[test]
fn files_that_cannot_be_measured() {
    let place = with_run();
    let check = |name: &str, content: &str, expected: &expect_test::Expect| {
        place.write(name, content);
        place.check(&["eval", "retrieval", "--qrels", "bad.tsv", "bad.run"], expected);
    };
    place.write("bad.tsv", "q1 0 larkhaven.txt 1\n");
    check(
        "bad.run",
        "x1 Q0 larkhaven.txt 1 1 other\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot measure `bad.run` by `bad.tsv`
        cause: the run and the judgements have no query in common: the run has `x1`, the judgements have `q1`
        hint: name the run and the judgements of the same queries
    "#]],
    );
    check(
        "bad.run",
        "q1 Q0 larkhaven.txt 1 1 other\nq1 Q0 larkhaven.txt one\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: malformed line 2 of `bad.run`: expected `query Q0 document rank score tag` with a finite score, found `q1 Q0 larkhaven.txt one`
    "#]],
    );
    check(
        "bad.run",
        "q1 Q0 larkhaven.txt 1 2 other\nq1 Q0 larkhaven.txt 2 1 other\n",
        &expect![[r#"
            exit 6
            --- stderr
            error: line 2 of `bad.run` has document `larkhaven.txt` for query `q1` again, after line 1
            hint: a ranking has a document once; keep its best line
        "#]],
    );
    check(
        "bad.run",
        "\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot measure `bad.run` by `bad.tsv`
        cause: the run has no rankings
    "#]],
    );
    place.write("bad.run", "q1 Q0 larkhaven.txt 1 1 other\n");
    check(
        "bad.tsv",
        "q1 0 larkhaven.txt 0\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot measure `bad.run` by `bad.tsv`
        cause: the judgements have no relevant document: expected a grade of 1 or more
    "#]],
    );
    check(
        "bad.tsv",
        "q1 0 larkhaven.txt high\n",
        &expect![[r#"
        exit 6
        --- stderr
        error: malformed line 1 of `bad.tsv`: expected `query-id corpus-id score` or `query iteration document grade` with a whole grade, found `q1 0 larkhaven.txt high`
    "#]],
    );
    place.check(
        &["eval", "retrieval", "--qrels", "none.tsv", "bad.run"],
        &expect![[r#"
        exit 6
        --- stderr
        error: failed to open file `none.tsv`: No such file or directory (os error 2)
    "#]],
    );
    place.check(
        &["eval", "retrieval", "--qrels", "qrels.tsv", "a.run", "--measures", "map,bleu"],
        &expect![[r#"
            exit 2
            --- stderr
            error: invalid value 'bleu' for '--measures <LIST>': unknown measure `bleu`: expected ndcg@K, recall@K, all@K, p@K, map, map@K, mrr or mrr@K with K from 1

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn what_is_graded_twice_is_told() {
    let place = Place::new();
    place.write("a.run", "q1 Q0 larkhaven.txt 1 1 other\n");
    place.write("qrels.tsv", "q1 0 larkhaven.txt 0\nq1 0 larkhaven.txt 1\n");
    place.check(
        &["eval", "retrieval", "--qrels", "qrels.tsv", "a.run", "--measures", "map"],
        &expect![[r#"
            exit 0
            --- stdout
            run a.run (other) · 1 query
            query  measure   value
            all    map      1.0000
            --- stderr
            note: `qrels.tsv` has 1 pair with two grades; the later line counts, as line 2 with 1 for document `larkhaven.txt` of query `q1`, which had 0
        "#]],
    );
}
