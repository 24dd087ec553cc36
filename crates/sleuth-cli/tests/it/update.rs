//! `sleuth index add` and `sleuth index remove`, and two who write at once.

use std::io::Write as _;
use std::process::Stdio;

use expect_test::expect;

use crate::place::{Place, code};

const BUILD: [&str; 6] = ["index", "build", "docs", "--into", "store", "--quiet"];

#[test]
fn documents_are_added_and_replaced() {
    let place = Place::with_store();
    place.write("more/larkhaven.txt", "Larkhaven is a city now.\n");
    place.write("more/osk.md", "# Saint Osk\n\nThe patron of harbours.\n");
    place.write("more/picture.png", [0x89, b'P', b'N', b'G', 0, 1, 2]);
    place.check(
        &["index", "add", "more", "--into", "store"],
        &expect![[r#"
            exit 0
            --- stdout
            2 documents added or replaced · store store · 4 documents · snapshot [SNAPSHOT]
            --- stderr
            joined by 2 mentions and 1 name ([TIME])
            skipped: 1 binary file
        "#]],
    );
    place.check(
        &["search", "city", "--in", "store"],
        &expect![[r#"
        exit 0
        --- stdout
         1. larkhaven larkhaven.txt:1 · 1.00
            Larkhaven is a city now.
    "#]],
    );
    // The same store as one that was built of all of it.
    let snapshot = |store: &str| {
        place.json(&["index", "info", store, "--json"])["snapshot"].as_str().unwrap().to_owned()
    };
    let added = snapshot("store");
    place.check(
        &["index", "add", "more", "--into", "store", "--json"],
        &expect![[r#"
            exit 0
            --- stdout
            {"status":"added","store":"store","snapshot":"[SNAPSHOT]","documents":4,"documents_added":0,"files_read":0,"files_unchanged":2,"skipped":{"total":1,"kinds":{"binary":1},"first":[{"path":"picture.png","kind":"binary","reason":"expected text, found a `.png` file"}]}}
            --- stderr
            skipped: 1 binary file
        "#]],
    );
    assert_eq!(snapshot("store"), added);
    place.write("docs/larkhaven.txt", "Larkhaven is a city now.\n");
    place.write("docs/osk.md", "# Saint Osk\n\nThe patron of harbours.\n");
    let built = place.run(&["index", "build", "docs", "--into", "built", "--quiet"]);
    assert_eq!(code(&built), 0);
    assert_eq!(snapshot("built"), added);
    place.check(
        &["index", "verify", "store"],
        &expect![[r#"
        exit 0
        --- stdout
        store store is sound
    "#]],
    );
}

#[test]
fn nothing_is_added_where_no_store_is() {
    let place = Place::with_docs();
    place.check(
        &["index", "add", "docs", "--into", "stroe"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no store at `stroe`
            hint: build one with `sleuth index build FOLDER --into stroe`
        "#]],
    );
    assert!(!place.path("stroe").exists());
    let place = Place::with_store();
    place.write("empty/a.png", [0x89, b'P', b'N', b'G', 0, 1, 2]);
    place.check(
        &["index", "add", "empty", "--into", "store"],
        &expect![[r#"
            exit 6
            --- stderr
            error: no readable documents in `empty`: expected text, found 1 binary file
            hint: Markdown, text, reStructuredText, HTML, JSON Lines, PDF, DOCX and EPUB are read, also as .zst
        "#]],
    );
    place.check(
        &["index", "add", "nowhere", "--into", "store"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no file or folder at `nowhere`
        hint: the path is taken from the current folder; check its spelling
    "#]],
    );
}

#[test]
fn documents_are_removed_by_id() {
    let place = Place::with_store();
    place.check(
        &["index", "remove", "larkhaven.txt", "people/nobody.md", "--from", "store"],
        &expect![[r#"
            exit 0
            --- stdout
            1 document removed · store store · 2 documents · snapshot [SNAPSHOT]
            --- stderr
            joined by 1 mention and 1 name ([TIME])
            the store has no document `people/nobody.md`
        "#]],
    );
    place.check(
        &["search", "harbour", "--in", "store"],
        &expect![[r#"
        exit 3
        --- stdout
        no hits
    "#]],
    );
    // It stays away until its file changes.
    assert_eq!(code(&place.run(&BUILD)), 0);
    assert_eq!(code(&place.run(&["search", "harbour", "--in", "store"])), 3);
    let again = ["index", "add", "docs", "--into", "store", "--again", "--quiet"];
    assert_eq!(code(&place.run(&again)), 0);
    assert_eq!(code(&place.run(&["search", "harbour", "--in", "store"])), 0);

    place.check(
        &["index", "remove", "../x", "a/b", "--from", "store"],
        &expect![[r#"
            exit 6
            --- stderr
            error: store `store` has no document `../x`, `a/b`
            hint: ids are paths below the folder that was built, or those of records; `sleuth search … --json` shows them
        "#]],
    );
    place.check(
        &["index", "remove", "larkhaven.txt", "x", "--from", "store", "--json"],
        &expect![[r#"
            exit 0
            --- stdout
            {"status":"removed","store":"store","snapshot":"[SNAPSHOT]","documents":2,"documents_removed":1,"unknown":["x"]}
            --- stderr
            joined by 1 mention and 1 name ([TIME])
            the store has no document `x`
        "#]],
    );
    place.check(
        &["index", "remove", "larkhaven.txt", "--from", "store", "--json"],
        &expect![[r#"
            exit 6
            --- stdout
            {"status":"failed","error":{"message":"store `store` has no document `larkhaven.txt`","hint":"ids are paths below the folder that was built, or those of records; `sleuth search … --json` shows them","code":6}}
            --- stderr
            error: store `store` has no document `larkhaven.txt`
            hint: ids are paths below the folder that was built, or those of records; `sleuth search … --json` shows them
        "#]],
    );
    place.check(
        &["index", "remove", "a", "--from", "nowhere"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no store at `nowhere`
        hint: build one with `sleuth index build FOLDER --into nowhere`
    "#]],
    );
    place.check(
        &["index", "remove", "--from", "store"],
        &expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          <ID>...

        Usage: sleuth index remove --from <STORE> <ID>...

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn ids_come_from_a_file_or_standard_input() {
    let place = Place::with_store();
    place.write("ids.txt", "larkhaven.txt\n\npeople/nobody.md\r\n");
    place.check(
        &["index", "remove", "--ids", "ids.txt", "--from", "store"],
        &expect![[r#"
            exit 0
            --- stdout
            1 document removed · store store · 2 documents · snapshot [SNAPSHOT]
            --- stderr
            joined by 1 mention and 1 name ([TIME])
            the store has no document `people/nobody.md`
        "#]],
    );
    let mut command = place.sleuth(&["index", "remove", "--ids", "-", "--from", "store"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"people/ada-quill.md").unwrap();
    expect![[r#"
        exit 0
        --- stdout
        1 document removed · store store · 1 document · snapshot [SNAPSHOT]
        --- stderr
        joined by 0 mentions and 0 names ([TIME])
    "#]]
    .assert_eq(&place.show(&child.wait_with_output().unwrap()));
    place.write("none.txt", "\n\n");
    place.check(
        &["index", "remove", "--ids", "none.txt", "--from", "store"],
        &expect![[r#"
        exit 6
        --- stderr
        error: no ids in `none.txt`: expected one a line, found none
        hint: `sleuth search … --json` shows the ids of documents
    "#]],
    );
    place.check(
        &["index", "remove", "--ids", "nothing", "--from", "store"],
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot read `nothing`
        cause: failed to open file `nothing`: No such file or directory (os error 2)
    "#]],
    );
    place.write("binary.txt", [0xff, 0xfe, b'\n']);
    place.check(
        &["index", "remove", "--ids", "binary.txt", "--from", "store"],
        &expect![[r#"
        exit 6
        --- stderr
        error: cannot read `binary.txt`
        cause: stream did not contain valid UTF-8
    "#]],
    );
}

#[test]
fn the_second_of_two_writers_is_told_and_readers_are_not_held_up() {
    let place = Place::with_store();
    // Files that take the first a few seconds.
    let words: String = (0..1_000_000).map(|n| format!("w{} ", n % 50_000)).collect();
    for n in 0..4 {
        place.write(&format!("long/{n}.txt"), format!("{n} {words}"));
    }
    let mut first = place.spawn(&["index", "add", "long", "--into", "store", "--quiet"]);
    let add = ["index", "add", "more", "--into", "store"];
    place.write("more/osk.md", "# Saint Osk\n\nThe patron of harbours.\n");
    let remove = ["index", "remove", "nobody", "--from", "store"];
    let begun = std::time::Instant::now();
    let refused = loop {
        assert!(first.try_wait().unwrap().is_none(), "the first was never at work");
        let output = place.run(&remove);
        if code(&output) == 7 {
            break output;
        }
    };
    let second = place.run(&add);
    let search = place.run(&["search", "harbour", "--in", "store", "--quiet"]);
    let verify = place.run(&["index", "verify", "store"]);
    assert!(first.try_wait().unwrap().is_none(), "done after {:?}", begun.elapsed());
    expect![[r#"
        exit 7
        --- stderr
        error: store `store` is being written by another process
        hint: wait until it is done, or stop it
    "#]]
    .assert_eq(&place.show(&refused));
    expect![[r#"
        exit 7
        --- stderr
        error: store `store` is being written by another process
        hint: wait until it is done, or stop it
    "#]]
    .assert_eq(&place.show(&second));
    assert_eq!((code(&search), code(&verify)), (0, 0));
    assert!(first.wait().unwrap().success());
    assert_eq!(code(&place.run(&add)), 0);
    assert_eq!(place.json(&["index", "info", "store", "--json"])["n_documents"], 8);
}

#[test]
fn one_bad_line_of_many() {
    let place = Place::new();
    let mut file = std::io::BufWriter::new(fs_err::File::create(place.path("a.jsonl")).unwrap());
    let n_lines = 200_000;
    for n in 1..=n_lines {
        if n == 123_456 {
            file.write_all(b"{\"_id\": \"123456\", \"text\": \"torn\n").unwrap();
        } else {
            writeln!(file, "{{\"_id\": \"{n}\", \"text\": \"t{}\"}}", n % 7).unwrap();
        }
    }
    file.into_inner().unwrap();
    let object = place.json(&["index", "build", "a.jsonl", "--into", "store", "--json"]);
    assert_eq!(object["documents"], n_lines - 1);
    assert_eq!(object["skipped"]["total"], 1);
    assert_eq!(object["skipped"]["kinds"]["malformed"], 1);
    let first = &object["skipped"]["first"][0];
    assert_eq!(first["path"], "a.jsonl:123456");
    assert!(first["reason"].as_str().unwrap().starts_with("expected valid JSON"), "{first}");
}

#[test]
fn ids_of_path_characters_and_double_ones() {
    let place = Place::new();
    let long = "i".repeat(10_000);
    let ids = ["../x", "../../etc/passwd", "a/b", "a\0b", "a\nb", &long, "../x"];
    let lines = ids.iter().enumerate().map(|(at, id)| {
        format!("{}\n", serde_json::json!({"_id": id, "text": format!("word{at} here")}))
    });
    place.write("docs/corpus.jsonl", lines.collect::<String>());
    let object = place.json(&["index", "build", "docs", "--into", "store", "--json"]);
    assert_eq!((&object["documents"], &object["skipped"]["total"]), (&6.into(), &1.into()));
    assert_eq!(object["skipped"]["first"][0]["path"], "corpus.jsonl:7");
    for (at, name) in ids.iter().enumerate().take(6) {
        let found = place.json(&["search", &format!("word{at}"), "--in", "store", "--json"]);
        let id = found["hits"][0]["document"].as_str().unwrap();
        assert!(id.ends_with(name), "{id}");
        assert_eq!(code(&place.run(&["index", "verify", "store"])), 0);
        if !id.contains('\0') {
            let removed = place.json(&["index", "remove", id, "--from", "store", "--json"]);
            assert_eq!(removed["documents_removed"], 1);
        }
    }
    assert_eq!(place.json(&["index", "info", "store", "--json"])["n_documents"], 1);
}

#[test]
fn ten_thousand_files_of_one_character() {
    let place = Place::new();
    fs_err::create_dir(place.path("docs")).unwrap();
    for n in 0..10_000_u32 {
        let letter = char::from_u32(u32::from('a') + n % 26).unwrap();
        fs_err::write(place.path(&format!("docs/{n}.txt")), letter.to_string()).unwrap();
    }
    let begun = std::time::Instant::now();
    let object = place.json(&["index", "build", "docs", "--into", "store", "--json"]);
    assert_eq!((&object["documents"], &object["files_read"]), (&10_000.into(), &10_000.into()));
    assert_eq!(object["skipped"]["total"], 0);
    let found = place.json(&["search", "q", "--in", "store", "--json"]);
    assert_eq!(found["hits"][0]["document"], "1004.txt");
    assert_eq!(code(&place.run(&["index", "verify", "store"])), 0);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}
