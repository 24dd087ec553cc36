//! Tasks: imported and checked.

use expect_test::expect;

use crate::place::{Place, code};

const ASKED: &str = "\
{\"id\": \"q1\", \"question\": \"When was the lighthouse built?\", \"answers\": [\"1911\", \"in 1911\"], \
\"documents\": [{\"document\": \"Marrow Point Lighthouse\", \"quote\": \"was built in 1911\"}]}
{\"id\": \"q2\", \"question\": \"Who is the patron of Larkhaven?\", \"answer\": \"Saint Osk\", \
\"documents\": [\"larkhaven.txt\"]}
";

fn with_tasks() -> Place {
    let place = Place::with_store();
    place.write("asked.jsonl", ASKED);
    let import =
        ["tasks", "import", "jsonl", "asked.jsonl", "--into", "tasks.jsonl", "--store", "store"];
    assert_eq!(code(&place.run(&import)), 0);
    place
}

#[test]
fn tasks_are_imported_with_their_evidence() {
    let place = Place::with_store();
    place.write(
        "asked.jsonl",
        format!(
            "{ASKED}\n{}\n{}\n{}\n{}\n",
            r#"{"id": "q3", "question": "Where is Nowhere?", "answer": "here", "documents": ["no.md"]}"#,
            r#"{"id": "q4", "question": "Who asked?"}"#,
            r#"{"id": "q1", "question": "Who asked again?", "answer": "me"}"#,
            r#"{"id": "q5", "question": "Who said nothing?", "unanswerable": true}"#,
        ),
    );
    let import = ["tasks", "import", "jsonl", "asked.jsonl", "--into", "tasks.jsonl"];
    place.check(
        &[import.as_slice(), &["--store", "store", "--split", "train"]].concat(),
        &expect![[r#"
            exit 0
            --- stdout
            tasks.jsonl · 3 tasks · split train
            1 unanswerable, 2 other
            2 places of evidence, 1 with a range, in snapshot [SNAPSHOT]
            3 left out: 1 no_answer, 1 duplicate, 1 not_in_store
            --- stderr
            note: line 4 (`q3`) left out, not_in_store: `no.md`
            note: line 5 (`q4`) left out, no_answer
            note: line 6 (`q1`) left out, duplicate
        "#]],
    );
    let first = place.read("tasks.jsonl").lines().next().unwrap().to_owned();
    expect![[r#"{"schema":1,"id":"q1","question":"When was the lighthouse built?","gold_answers":["1911","in 1911"],"evidence":[{"document":"marrow-point.md","range":{"start":89,"end":106},"quote":"was built in 1911"}],"kind":"other","hops":0,"store":"[SNAPSHOT]","split":"train","verifier":{"by":"exact"},"provenance":{"source":"asked","recipe":"import jsonl"}}"#]]
    .assert_eq(&place.filter(&first));
    // Without a store the evidence is taken as it is named.
    let object = place.json(&[import.as_slice(), &["--json"]].concat());
    assert_eq!(object["tasks"], 4, "{object}");
    assert_eq!(object["ranges"], 0);
    assert_eq!(object["left_out"]["duplicate"], 1);
    assert_eq!(object["named"][0]["task"], "q4");
}

#[test]
fn a_file_that_cannot_be_imported_is_told_apart() {
    let place = Place::with_store();
    let import = |format: &str, path: &str, expected: &expect_test::Expect| {
        place.check(&["tasks", "import", format, path, "--into", "tasks.jsonl"], expected);
        assert!(!place.path("tasks.jsonl").exists());
    };
    import(
        "jsonl",
        "none.jsonl",
        &expect![[r#"
            exit 6
            --- stderr
            error: cannot read `none.jsonl`
            cause: failed to query resolved metadata `none.jsonl`: No such file or directory (os error 2)
        "#]],
    );
    place.write("bad.jsonl", "{\"question\": \"who?\", \"answer\": \"me\"}\n\n{\"question\": }\n");
    import(
        "jsonl",
        "bad.jsonl",
        &expect![[r#"
            exit 6
            --- stderr
            error: malformed line 3 of `bad.jsonl`: expected an object with `question` and `answers`
            cause: expected value at line 1 column 14
            hint: `sleuth tasks import --help` names the formats
        "#]],
    );
    import(
        "squad",
        "bad.jsonl",
        &expect![[r#"
            exit 6
            --- stderr
            error: malformed record 1 of `bad.jsonl`: expected an article of SQuAD, with `paragraphs` of `context` and `qas`
            cause: missing field `data` at line 1 column 36
            hint: `sleuth tasks import --help` names the formats
        "#]],
    );
    place.write("empty.jsonl", "\n");
    import(
        "jsonl",
        "empty.jsonl",
        &expect![[r#"
            exit 6
            --- stderr
            error: no task in `empty.jsonl`: found no records
            hint: `sleuth tasks import --help` names the formats
        "#]],
    );
    import(
        "beir",
        "docs",
        &expect![[r#"
            exit 6
            --- stderr
            error: no `queries.jsonl`, `queries.jsonl.zst` or `queries.jsonl.gz` in `docs`
            hint: a folder of BEIR has `queries.jsonl`, `qrels.tsv` or `qrels/test.tsv`, and `corpus.jsonl`
        "#]],
    );
    import(
        "trivia",
        "bad.jsonl",
        &expect![[r#"
            exit 2
            --- stderr
            error: invalid value 'trivia' for '<FORMAT>': unknown format `trivia`; known formats: `beir`, `squad`, `hotpotqa`, `2wiki`, `musique`, `search-r1`, `jsonl`

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn tasks_are_checked_against_a_store() {
    let place = with_tasks();
    let check = ["tasks", "check", "tasks.jsonl", "--in", "store"];
    let with_drift = [check.as_slice(), &["--allow-drift"]].concat();
    place.check(
        &check,
        &expect![[r#"
            exit 0
            --- stdout
            2 tasks · 2 places of evidence, all in snapshot [SNAPSHOT]
        "#]],
    );
    // A store that has grown is another one; the evidence is still there.
    let build = ["index", "build", "docs", "--into", "store", "--quiet"];
    place.write("docs/more.md", "# More\n\nSomething else.\n");
    assert_eq!(code(&place.run(&build)), 0);
    place.check(
        &check,
        &expect![[r#"
            exit 6
            --- stderr
            error: 2 tasks of `tasks.jsonl` were made from another snapshot: expected [SNAPSHOT], found [SNAPSHOT] in `store`
            hint: the store has changed since; with `--allow-drift` it is taken, since it has all the evidence
        "#]],
    );
    place.check(
        &with_drift,
        &expect![[r#"
            exit 0
            --- stdout
            2 tasks · 2 places of evidence, all in snapshot [SNAPSHOT]
            2 were made from another snapshot
        "#]],
    );
    // The quote moves: taken with drift, for it is there.
    let lighthouse = place.read("docs/marrow-point.md");
    place.write("docs/marrow-point.md", lighthouse.replace("A lighthouse", "A tall lighthouse"));
    assert_eq!(code(&place.run(&build)), 0);
    let object = place.json(&[with_drift.as_slice(), &["--json"]].concat());
    assert_eq!((&object["status"], &object["moved"]), (&"checked".into(), &1.into()));
    // The quote goes, and a document: refused whatever is allowed, and named.
    place.write("docs/marrow-point.md", lighthouse.replace("1911", "1912"));
    fs_err::remove_file(place.path("docs/larkhaven.txt")).unwrap();
    assert_eq!(code(&place.run(&build)), 0);
    place.check(
        &with_drift,
        &expect![[r#"
            exit 6
            --- stderr
            error: 2 places of evidence of `tasks.jsonl` not as stated in `store`: task `q1` wants `was built in 1911` in `marrow-point.md`; task `q2` wants document `larkhaven.txt`
            hint: re-import or re-make the tasks from this store
        "#]],
    );
    place.write("tasks.jsonl", "{\"schema\": 1}\n");
    place.check(
        &check,
        &expect![[r#"
            exit 6
            --- stderr
            error: malformed line 1 of `tasks.jsonl`: expected a task
            cause: missing field `id` at line 1 column 13
        "#]],
    );
}
