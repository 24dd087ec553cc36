//! The main job.

use std::io::Write as _;
use std::process::Stdio;

use expect_test::expect;
use serde_json::Value;

use crate::place::{ASK, Place, WHEN, cached_store, code, run_folders, stderr};

#[test]
fn an_answer_with_its_quote() {
    let place = Place::with_docs();
    place.check(
        &ASK,
        &expect![[r#"
            exit 0
            --- stdout
            1911

              [exact] “The Marrow Point Lighthouse was built in 1911.”
                Marrow Point Lighthouse · docs/marrow-point.md:5

            6 searches, 3 pages read, [TIME] · run [RUN]
            --- stderr
            3 documents: 3 files read ([TIME])
            joined by 2 mentions and 1 name ([TIME])
        "#]],
    );
}

#[test]
fn nothing_supports_an_answer() {
    let place = Place::with_docs();
    place.check(
        &["ask", "Who sells zebrafish aquariums?", "--over", "docs"],
        &expect![[r#"
            exit 3
            --- stdout
            not found

            Nothing in the documents supports an answer. Tried 1 query and read 0 pages:
              - Who sells zebrafish aquariums?

            2 searches, 0 pages read, [TIME] · run [RUN]
            --- stderr
            3 documents: 3 files read ([TIME])
            joined by 2 mentions and 1 name ([TIME])
        "#]],
    );
}

#[test]
fn one_object_for_machines() {
    let place = Place::with_docs();
    let object = place.json(&["ask", WHEN, "--over", "docs", "--json"]);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    expect![[r#"["status", "answer", "mark", "claims", "evidence", "ranking", "usage", "run", "question", "policy", "model", "snapshot", "retrieval", "documents", "partial", "skipped", "tried"]"#]].assert_eq(&format!("{keys:?}"));
    assert_eq!((&object["status"], &object["partial"]), (&"answered".into(), &false.into()));
    let cited = object["claims"][0]["evidence"][0].as_str().unwrap();
    let evidence = object["evidence"].as_array().unwrap();
    let evidence = evidence.iter().find(|evidence| evidence["id"] == cited).unwrap();
    expect![[r#"
        {
          "id": "e1",
          "document": "marrow-point.md",
          "title": "Marrow Point Lighthouse",
          "path": "[DIR]/docs/marrow-point.md",
          "url": "file://[DIR]/docs/marrow-point.md",
          "range": [
            61,
            107
          ],
          "line": 5,
          "part": null,
          "quote": "The Marrow Point Lighthouse was built in 1911.",
          "mark": "exact"
        }"#]]
    .assert_eq(&place.filter(&format!("{evidence:#}")));

    // The quote stands byte for byte where the object says.
    let text = place.read("docs/marrow-point.md");
    let range = |at: usize| usize::try_from(evidence["range"][at].as_u64().unwrap()).unwrap();
    assert_eq!(&text[range(0)..range(1)], evidence["quote"].as_str().unwrap());
    assert_eq!(object["ranking"][0], "marrow-point.md");
}

#[test]
fn the_stream_is_the_log() {
    let place = Place::with_docs();
    let output = place.run(&["ask", WHEN, "--over", "docs", "--jsonl", "--quiet"]);
    assert_eq!(stderr(&output), "");
    let runs = run_folders(&place.path(".local/state/sleuth"));
    assert_eq!(runs.len(), 1);
    assert_eq!(fs_err::read(runs[0].join("log.jsonl")).unwrap(), output.stdout);
}

#[test]
fn a_question_from_standard_input() {
    let place = Place::with_docs();
    let mut command = place.sleuth(&["ask", "-", "--over", "docs", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(WHEN.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1911"));
    assert_eq!(code(&output), 0);
}

#[test]
fn only_what_changed_is_read_again() {
    let place = Place::with_docs();
    assert!(stderr(&place.run(&ASK)).starts_with("3 documents: 3 files read"));
    assert!(stderr(&place.run(&ASK)).starts_with("3 documents, nothing changed"));
    let changed = place.read("docs/marrow-point.md").replace("1911", "1913 or so");
    place.write("docs/marrow-point.md", changed);
    fs_err::remove_file(place.path("docs/larkhaven.txt")).unwrap();
    let output = place.run(&ASK);
    assert!(
        stderr(&output).starts_with("2 documents: 1 file read, 1 file gone"),
        "{}",
        stderr(&output)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1913"));
}

#[test]
fn a_file_of_the_same_length_and_time_is_read_again() {
    let place = Place::with_docs();
    assert!(stderr(&place.run(&ASK)).starts_with("3 documents: 3 files read"));
    let path = place.path("docs/marrow-point.md");
    let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
    place.write("docs/marrow-point.md", place.read("docs/marrow-point.md").replace("1911", "1913"));
    fs_err::OpenOptions::new().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let output = place.run(&ASK);
    assert!(stderr(&output).starts_with("3 documents: 1 file read"), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1913"));
}

#[test]
fn several_folders_and_files_have_ids_of_their_own() {
    let place = Place::with_docs();
    place.write("more/marrow-point.md", "# Another\n\nA note on the Marrow Point Lighthouse.\n");
    place.write("single.md", "# Single\n\nThe lighthouse stands alone.\n");
    let object = place.json(&["ask", WHEN, "--over", "docs", "more", "single.md", "--json"]);
    let mut ranking: Vec<&str> =
        object["ranking"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    ranking.sort_unstable();
    expect!["docs/larkhaven.txt docs/marrow-point.md docs/people/ada-quill.md more/marrow-point.md single.md"].assert_eq(&ranking.join(" "));

    place.write("other/docs/a.md", "A.\n");
    place.check(
        &["ask", WHEN, "--over", "docs", "--over", "other/docs"],
        &expect![[r#"
        exit 2
        --- stderr
        error: two of the paths are called `docs`, so that ids would not be unique
        hint: rename one of them, or name the folder that holds both
    "#]],
    );
    place.check(
        &["ask", WHEN, "--over", "docs", "--over", "./docs"],
        &expect![[r#"
            exit 2
            --- stderr
            error: `docs` and `./docs` are the same place
            hint: name it only once
        "#]],
    );
}

#[test]
fn records_of_a_beir_folder_keep_their_ids() {
    let place = Place::new();
    place.write(
        "beir/corpus.jsonl",
        "{\"_id\": \"d1\", \"title\": \"Osk\", \"text\": \"Saint Osk is the patron of Larkhaven.\"}\n\
         {\"_id\": \"d2\", \"title\": \"Larkhaven\", \"text\": \"A harbour town in the north.\"}\n",
    );
    place.check(
        &["ask", "Who is the patron of Larkhaven?", "--over", "beir"],
        &expect![[r#"
            exit 0
            --- stdout
            Saint Osk

              [exact] “Saint Osk is the patron of Larkhaven.”
                Osk · beir/corpus.jsonl:1

            2 searches, 2 pages read, [TIME] · run [RUN]
            --- stderr
            2 documents: 1 file read ([TIME])
            joined by 1 mention and 1 name ([TIME])
        "#]],
    );
}

#[test]
fn a_store_is_opened_as_it_is() {
    let place = Place::with_store();
    let object = place.json(&["ask", WHEN, "--over", "store", "--json"]);
    assert_eq!(object["status"], "answered");
    assert!(!place.path(".cache").exists());
    place.check(
        &["ask", WHEN, "--over", "store", "docs"],
        &expect![[r#"
        exit 2
        --- stderr
        error: `store` is a store, and a store stands alone
        hint: ask over the store, or over the folders it was made from
    "#]],
    );
}

#[test]
fn a_cached_store_of_another_version_is_built_again() {
    let place = Place::with_docs();
    assert_eq!(code(&place.run(&ASK)), 0);
    let file = cached_store(&place).join("store.toml");
    let text = fs_err::read_to_string(&file).unwrap().replace("analyzer = \"", "analyzer = \"old ");
    fs_err::write(&file, text).unwrap();
    place.check(
        &ASK,
        &expect![[r#"
            exit 0
            --- stdout
            1911

              [exact] “The Marrow Point Lighthouse was built in 1911.”
                Marrow Point Lighthouse · docs/marrow-point.md:5

            6 searches, 3 pages read, [TIME] · run [RUN]
            --- stderr
            the cached store is damaged or of another version: building it again
            3 documents: 3 files read ([TIME])
            joined by 2 mentions and 1 name ([TIME])
        "#]],
    );
}

#[test]
fn a_damaged_cached_store_is_built_again() {
    let place = Place::with_docs();
    assert_eq!(code(&place.run(&ASK)), 0);
    for file in fs_err::read_dir(cached_store(&place).join("documents")).unwrap() {
        fs_err::write(file.unwrap().path(), "not a manifest\n").unwrap();
    }
    let output = place.run(&ASK);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    // Damage that shows only when the store is opened.
    for file in fs_err::read_dir(cached_store(&place).join("lexical")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "store") {
            fs_err::write(path, "").unwrap();
        }
    }
    let output = place.run(&ASK);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    assert!(stderr(&output).contains("building it again"), "{}", stderr(&output));
}

#[test]
fn of_several_runs_over_a_damaged_cached_store_one_builds_it_again() {
    let place = Place::with_docs();
    place.write_pages();
    assert_eq!(code(&place.run(&ASK)), 0);
    let meta = cached_store(&place).join("lexical/meta.json");
    for _ in 0..3 {
        fs_err::write(&meta, "torn").unwrap();
        let children: Vec<_> = (0..4).map(|_| place.spawn(&ASK)).collect();
        let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap());
        let outputs: Vec<_> = outputs.collect();
        for output in &outputs {
            assert_eq!(code(output), 0, "{}", place.show(output));
        }
        let rebuilt = outputs.iter().filter(|output| stderr(output).contains("building it again"));
        assert_eq!(rebuilt.count(), 1);
    }
}

#[test]
fn a_limit_of_time_ends_early() {
    let place = Place::with_docs();
    let output =
        place.run(&["ask", WHEN, "--over", "docs", "--max-seconds", "0.000001", "--quiet"]);
    assert_eq!(code(&output), 4, "{}", place.show(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ended early: most of the seconds"));
}

#[test]
fn what_a_document_says_cannot_reach_the_terminal() {
    let place = Place::new();
    place.write(
        "docs/evil.md",
        "# Evil \u{1b}[2J title\n\nThe Marrow Point Lighthouse was built in 1911 \u{1b}]0;owned\u{7} by \u{202e}Ada.\n",
    );
    let output = place.run(&ASK);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
    assert!(text.contains("1911"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let place = Place::with_docs();
    let mut child = place.spawn(&["ask", WHEN, "--over", "docs", "--jsonl"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
}

#[test]
fn two_runs_at_once_both_answer() {
    let place = Place::with_docs();
    place.write_pages();
    let children: Vec<_> = (0..3).map(|_| place.spawn(&ASK)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{}", place.show(&output));
    }
}
