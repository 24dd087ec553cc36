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
            cause: expected value at column 14
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
            cause: missing field `data` at column 36
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

/// The name that a file has until it is whole is nobody's business.
#[test]
fn a_file_that_cannot_be_written_is_told_before_the_work() {
    let place = with_tasks();
    let expected = expect![[r#"
        exit 7
        --- stderr
        error: cannot write `no/tasks.jsonl`
        cause: No such file or directory (os error 2)
        hint: make its folder first
    "#]];
    for command in [
        ["tasks", "import", "jsonl", "asked.jsonl"],
        ["tasks", "split", "tasks.jsonl", "--shares=1,1,1"],
        ["tasks", "make", "store", "--quiet"],
    ] {
        let output = place.run(&[command.as_slice(), &["--into", "no/tasks.jsonl"]].concat());
        expected.assert_eq(&place.show(&output));
    }
}

/// A store's files are its own: nobody's documents, and nobody's output.
#[test]
fn a_store_is_neither_read_as_documents_nor_written_into() {
    let place = with_tasks();
    let snapshot = place.read("store/store.toml");
    place.check(
        &["index", "build", "store", "--into", "store"],
        &expect![[r#"
        exit 2
        --- stderr
        error: `store` is a store: expected documents
        hint: name the documents that it was built from
    "#]],
    );
    place.check(
        &["tasks", "split", "tasks.jsonl", "--into", "store/store.toml"],
        &expect![[r#"
        exit 2
        --- stderr
        error: `--into store/store.toml` lies in the store `[DIR]/store`
        hint: name a file elsewhere: a store's files are its own
    "#]],
    );
    let into = ["--into", "store/tasks.jsonl"];
    let rollout = ["tasks", "rollout", "tasks.jsonl", "--in", "store", "--episodes", "store/e"];
    let serve = ["serve", "--store", "store", "--tasks", "tasks.jsonl", "--episodes", "a", "--log"];
    for command in [
        [["tasks", "make", "store"].as_slice(), &into].concat(),
        [["tasks", "import", "jsonl", "asked.jsonl"].as_slice(), &into].concat(),
        rollout.to_vec(),
        [serve.as_slice(), &["store/log"]].concat(),
        [serve.as_slice(), &["a"]].concat(),
    ] {
        let output = place.run(&command);
        assert_eq!(code(&output), 2, "{}", place.show(&output));
    }
    assert_eq!(place.read("store/store.toml"), snapshot);
    assert!(!place.path("store/e").exists() && !place.path("store/log").exists());
}

/// A file with tasks stays when none are made to take its place.
#[test]
fn making_nothing_leaves_what_was() {
    let place = with_tasks();
    let before = place.read("tasks.jsonl");
    let made = place.run(&["tasks", "make", "store", "--into", "tasks.jsonl", "--kinds=bridge"]);
    assert_ne!(code(&made), 0, "{}", place.show(&made));
    assert_eq!(place.read("tasks.jsonl"), before);
    for flag in ["--count=0", "--candidates=0"] {
        let refused = place.run(&["tasks", "make", "store", "--into", "tasks.jsonl", flag]);
        assert_eq!(code(&refused), 2, "{}", place.show(&refused));
    }
}

#[test]
fn tasks_are_shown() {
    let place = with_tasks();
    place.check(
        &["tasks", "show", "tasks.jsonl"],
        &expect![[r#"
        exit 0
        --- stdout
        task  split  kind   hops  answer     question
        q1    test   other  0     1911       When was the lighthouse built?
        q2    test   other  0     Saint Osk  Who is the patron of Larkhaven?
    "#]],
    );
    place.check(
        &["tasks", "show", "tasks.jsonl", "q1"],
        &expect![[r#"
        exit 0
        --- stdout
        task       q1
        question   When was the lighthouse built?
        answer     1911
        also right in 1911
        verifier   {"by":"exact"}
        kind       other
        split      test
        made       import jsonl from asked
        snapshot   [SNAPSHOT]
        evidence   marrow-point.md “was built in 1911”

    "#]],
    );
    place.check(
        &["tasks", "show", "tasks.jsonl", "q7"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no task in `tasks.jsonl` whose id begins with `q7`
            hint: `sleuth tasks show tasks.jsonl` lists all
        "#]],
    );
    place.check(
        &["tasks", "show", "tasks.jsonl", "--wrong"],
        &expect![[r#"
        exit 2
        --- stderr
        error: `tasks.jsonl` holds tasks, which have no rollouts
        hint: `--rollout` and `--wrong` choose among episodes, which `sleuth tasks rollout` makes
    "#]],
    );
    let rollout =
        ["tasks", "rollout", "tasks.jsonl", "--in", "store", "--episodes", "out.jsonl", "-k", "2"];
    assert_eq!(code(&place.run(&[rollout.as_slice(), &["--threads", "1"]].concat())), 0);
    place.check(
        &["tasks", "show", "out.jsonl"],
        &expect![[r#"
        exit 0
        --- stdout
        task  rollout  verdict  reward  searches  pages  answer     question
        q1    0        right    1.000   6         3      1911       When was the lighthouse built?
        q1    1        right    1.000   6         3      1911       When was the lighthouse built?
        q2    0        right    1.000   4         3      Saint Osk  Who is the patron of Larkhaven?
        q2    1        right    1.000   4         3      Saint Osk  Who is the patron of Larkhaven?
    "#]],
    );
    place.check(
        &["tasks", "show", "out.jsonl", "--wrong", "--rollout", "1"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no episode in `out.jsonl` that these flags choose
            hint: without `--wrong` and `--rollout` all are shown
        "#]],
    );
    place.check(&["tasks", "show", "out.jsonl", "q1", "--rollout", "0"], &expect![[r#"
        exit 0
        --- stdout
        task       q1
        question   When was the lighthouse built?
        answer     1911
        also right in 1911
        verifier   {"by":"exact"}
        kind       other
        split      test
        made       import jsonl from asked
        snapshot   [SNAPSHOT]
        evidence   marrow-point.md “was built in 1911”

        rollout    0 by trail, seed 1362655334
        question   When was the lighthouse built?
        policy     trail, seed 1362655334
        snapshot   [SNAPSHOT]
        limits     16 searches, 16 pages, 24 turns

          [TIME]    1.
                       → search {"query":"When was the lighthouse built?"}
                       ← 1 document
                         marrow-point.md
          [TIME]    2.
                       → open {"document":"marrow-point.md"}
                       ← # Marrow Point Lighthouse A lighthouse on the north coast. The Marrow Point Lighthouse was built in 1911. It was designed by Ada Quill.
                         marrow-point.md
          [TIME]    3.
                       → search {"query":"When was the lighthouse built?","within":["people/ada-quill.md"]}
                       ← 0 documents
          [TIME]    4.
                       → open {"document":"people/ada-quill.md"}
                       ← # Ada Quill Ada Quill was an engineer. She was born in Larkhaven in 1870.
                         people/ada-quill.md
          [TIME]    5.
                       → search {"query":"When was the lighthouse built?","within":["larkhaven.txt"]}
                       ← 0 documents
          [TIME]    6.
                       → search {"query":"lighthous built Ada Quill\n\nAda Quill"}
                       ← 2 documents
                         marrow-point.md, people/ada-quill.md
          [TIME]    7.
                       → open {"document":"larkhaven.txt"}
                       ← Larkhaven is a harbour town. Its patron is Saint Osk.
                         larkhaven.txt
          [TIME]    8.
                       → search {"query":"lighthous built Larkhaven Saint Osk"}
                       ← 3 documents
                         marrow-point.md, larkhaven.txt, people/ada-quill.md
          [TIME]    9.
                       → search {"query":"When was the lighthouse built?"}
                       ← 3 documents
                         marrow-point.md, people/ada-quill.md, larkhaven.txt
                       + e1: “The Marrow Point Lighthouse was built in 1911.” docs/marrow-point.md:5

        answer     1911
          [exact] 1911 e1 docs/marrow-point.md:5

        answered · 6 searches, 3 pages read, 9 turns, 0 tokens in and 0 out, $0.0000, [TIME]

        verdict    right: `1911` equals `1911`
        reward     1.000 = outcome 1 × 0.8 + format 1 × 0.2 + no_search 0 × -0.2

    "#]]);
    place.check(
        &["trace", "show", "out.jsonl"],
        &expect![[r#"
        exit 6
        --- stderr
        error: `out.jsonl` holds episodes, not a run
        hint: `sleuth tasks show out.jsonl` shows them
    "#]],
    );
    // A beginning of several ids is no name; an id is, though others begin with it.
    let lines = place.read("tasks.jsonl").replacen("\"id\":\"q2\"", "\"id\":\"q12\"", 1);
    place.write("alike.jsonl", lines);
    place.check(
        &["tasks", "show", "alike.jsonl", "q"],
        &expect![[r#"
        exit 2
        --- stderr
        error: the ids of 2 tasks begin with `q`
        hint: name one of them, such as q1, q12
    "#]],
    );
    let shown =
        String::from_utf8(place.run(&["tasks", "show", "alike.jsonl", "q1"]).stdout).unwrap();
    assert!(shown.starts_with("task       q1\n") && !shown.contains("q12"), "{shown}");
    let head = place.read("out.jsonl").lines().next().unwrap().to_owned();
    place.write("begun.jsonl", head + "\n");
    place.check(
        &["tasks", "show", "begun.jsonl"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no episodes in `begun.jsonl`
    "#]],
    );
    // Only who began a file of rollouts goes on with it.
    let serve = ["serve", "--store", "store", "--tasks", "tasks.jsonl", "--split", "test"];
    place.check(
        &[serve.as_slice(), &["--port", "0", "--episodes", "out.jsonl", "--quiet"]].concat(),
        &expect![[r#"
            exit 6
            --- stderr
            error: cannot write the log of episodes
            cause: `out.jsonl` is written by `sleuth tasks rollout`, which goes on with it
            hint: name a file of its own for what clients do
        "#]],
    );
    place.check(
        &["tasks", "replay", "begun.jsonl", "--in", "store"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no episodes in `begun.jsonl`
    "#]],
    );
    place.write("torn.jsonl.gz", "no gzip");
    place.check(
        &["tasks", "show", "torn.jsonl.gz"],
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot read `torn.jsonl.gz`
        cause: unexpected end of file
    "#]],
    );
    place.check(
        &["tasks", "check", "docs", "--in", "store"],
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot read `docs`
        cause: failed to read from file `docs`: Is a directory (os error 21)
    "#]],
    );
    // What another program has logged has no events and no recording, and may mean no good.
    let lines: Vec<String> = place.read("out.jsonl").lines().map(str::to_owned).collect();
    let mut episode: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    episode.as_object_mut().unwrap().remove("events");
    episode["ending"]["reward"]["parts"][0]["name"] = "\u{1b}]0;gone".into();
    place.write("logged.jsonl", format!("{episode}\n"));
    place.check(&["tasks", "show", "logged.jsonl", "q"], &expect![[r#"
        exit 0
        --- stdout
        task       q1
        question   When was the lighthouse built?
        answer     1911
        also right in 1911
        verifier   {"by":"exact"}
        kind       other
        split      test
        made       import jsonl from asked
        snapshot   [SNAPSHOT]
        evidence   marrow-point.md “was built in 1911”

        rollout    0 by trail, seed 1362655334
                     When was the lighthouse built?
                   → {"name":"search","arguments":{"query":"When was the lighthouse built?"}}
                   ← 1 document
                   → {"name":"open","arguments":{"document":"marrow-point.md"}}
                   ← # Marrow Point Lighthouse A lighthouse on the north coast. The Marrow Point Lighthouse was built in 1911. It was designed by Ada Quill.
                   → {"name":"search","arguments":{"query":"When was the lighthouse built?","within":["people/ada-quill.md"]}}
                   ← 0 documents
                   → {"name":"open","arguments":{"document":"people/ada-quill.md"}}
                   ← # Ada Quill Ada Quill was an engineer. She was born in Larkhaven in 1870.
                   → {"name":"search","arguments":{"query":"When was the lighthouse built?","within":["larkhaven.txt"]}}
                   ← 0 documents
                   → {"name":"search","arguments":{"query":"lighthous built Ada Quill\n\nAda Quill"}}
                   ← 2 documents
                   → {"name":"open","arguments":{"document":"larkhaven.txt"}}
                   ← Larkhaven is a harbour town. Its patron is Saint Osk.
                   → {"name":"search","arguments":{"query":"lighthous built Larkhaven Saint Osk"}}
                   ← 3 documents
                   → {"name":"search","arguments":{"query":"When was the lighthouse built?"}}
                   ← 3 documents

        verdict    right: `1911` equals `1911`
        reward     1.000 = \u{1b}]0;gone 1 × 0.8 + format 1 × 0.2 + no_search 0 × -0.2

    "#]]);
    place.check(&["tasks", "replay", "logged.jsonl", "--in", "store"], &expect![[r#"
        exit 6
        --- stderr
        error: `logged.jsonl` does not begin with the head of a run of rollouts, by which they are run again
        hint: only episodes of `sleuth tasks rollout` run again; others are shown by `sleuth tasks show`
    "#]]);
    place.check(
        &["tasks", "rollout", "tasks.jsonl", "--in", "store", "--episodes", "logged.jsonl"],
        &expect![[r#"
            exit 6
            --- stderr
            error: `logged.jsonl` does not begin with the head of a run of rollouts
            hint: name a new file, or one that `sleuth tasks rollout` has begun; what a server or another program logged is shown by `sleuth tasks show` and measured by `sleuth eval answers`
        "#]],
    );
}

#[test]
fn a_sample_is_drawn_by_the_seed_and_grows() {
    let place = Place::with_store();
    let task = |n: usize| {
        serde_json::json!({
            "schema": 1, "id": format!("t{n}"), "question": format!("Who is number {n}?"),
            "gold_answers": ["nobody"], "kind": "one_hop",
        })
    };
    let lines: String = (0..40).map(|n| format!("{}\n", task(n))).collect();
    place.write("tasks.jsonl", lines);
    let drawn = |n: &str, seed: &str| {
        let out = format!("{n}-{seed}.jsonl");
        let run = ["tasks", "rollout", "tasks.jsonl", "--in", "store", "--episodes", &out];
        assert_eq!(code(&place.run(&[&run[..], &["--sample", n, "--seed", seed]].concat())), 0);
        let lines = place.read(&out);
        let episodes = lines.lines().skip(1).map(|line| {
            let episode: serde_json::Value = serde_json::from_str(line).unwrap();
            episode["task"]["id"].as_str().unwrap().to_owned()
        });
        episodes.collect::<std::collections::BTreeSet<String>>()
    };
    let (few, more) = (drawn("5", "0"), drawn("12", "0"));
    assert_eq!((few.len(), more.len()), (5, 12));
    assert!(few.is_subset(&more));
    assert_ne!(few, drawn("5", "1"));
    assert_eq!(drawn("100", "0").len(), 40);
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
            error: none of the 2 places of evidence of `tasks.jsonl` is as stated in `store` (made from snapshot [SNAPSHOT], found [SNAPSHOT]): task `q1` wants `was built in 1911` in `marrow-point.md`; task `q2` wants document `larkhaven.txt`
            hint: name the store that the tasks were made from
        "#]],
    );
    // A store that has nothing of it.
    place.write("elsewhere/a.md", "# Elsewhere\n\nOther words.\n");
    let build = ["index", "build", "elsewhere", "--into", "other", "--quiet"];
    assert_eq!(code(&place.run(&build)), 0);
    place.check(
        &["tasks", "check", "tasks.jsonl", "--in", "other", "--allow-drift"],
        &expect![[r#"
            exit 6
            --- stderr
            error: none of the 2 places of evidence of `tasks.jsonl` is as stated in `other` (made from snapshot [SNAPSHOT], found [SNAPSHOT]): task `q1` wants document `marrow-point.md`; task `q2` wants document `larkhaven.txt`
            hint: name the store that the tasks were made from
        "#]],
    );
    place.write("none.jsonl", "\n");
    for command in ["check", "rollout"] {
        let more: &[&str] = if command == "rollout" { &["--episodes", "e.jsonl"] } else { &[] };
        place.check(
            &[&["tasks", command, "none.jsonl", "--in", "store"], more].concat(),
            &expect![[r#"
                exit 6
                --- stderr
                error: no tasks in `none.jsonl`
                hint: `sleuth tasks make` and `sleuth tasks import` make them
            "#]],
        );
    }
    place.write("tasks.jsonl", "{\"schema\": 1}\n");
    place.check(
        &check,
        &expect![[r#"
            exit 6
            --- stderr
            error: malformed line 1 of `tasks.jsonl`: expected a task
            cause: missing field `id` at column 13
        "#]],
    );
}
