//! Everything that is not a folder of good documents and a good question.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};

use crate::place::{ASK, Place, WHEN, code, stderr};

fn ask_over(place: &Place, expected: &Expect) {
    place.check(&ASK, expected);
}

#[test]
fn an_empty_folder() {
    let place = Place::new();
    fs_err::create_dir(place.path("docs")).unwrap();
    ask_over(
        &place,
        &expect![[r#"
            exit 6
            --- stderr
            error: no readable documents in `docs`: expected text, found no files at all
            hint: Markdown, text, reStructuredText, HTML, JSON Lines, PDF, DOCX and EPUB are read, also as .zst
        "#]],
    );
}

#[test]
fn a_missing_folder() {
    ask_over(
        &Place::new(),
        &expect![[r#"
        exit 6
        --- stderr
        error: no file or folder at `docs`
        hint: the path is taken from the current folder; check its spelling
    "#]],
    );
}

#[test]
fn a_folder_of_binaries() {
    let place = Place::new();
    place.write("docs/a.png", [0x89, b'P', b'N', b'G', 0, 1, 2]);
    place.write("docs/b.pdf", "%PDF-1.7");
    place.write("docs/noname", [0_u8, 159, 146, 150, 0, 0, 1]);
    ask_over(
        &place,
        &expect![[r#"
            exit 6
            --- stderr
            0 documents: 2 files read ([TIME])
            skipped: 2 binary files, 1 malformed file or records
              b.pdf: expected a PDF, found no pages in it: damaged or cut off
            joined by 0 mentions and 0 names ([TIME])
            error: no readable documents in `docs`: expected text, found 2 binary files, 1 malformed file or records
            hint: Markdown, text, reStructuredText, HTML, JSON Lines, PDF, DOCX and EPUB are read, also as .zst
        "#]],
    );
}

#[test]
fn broken_pdf_files_are_named_as_skipped() {
    let place = Place::with_docs();
    for n in 0..3 {
        place.write(&format!("docs/{n}.pdf"), "%PDF-1.7");
    }
    let output = place.run(&ASK);
    assert!(stderr(&output).contains("3 malformed files or records"), "{}", stderr(&output));
    let object = place.json(&["ask", WHEN, "--over", "docs", "--json"]);
    assert_eq!(object["skipped"]["kinds"]["malformed"], 3);
    assert_eq!(object["skipped"]["first"][0]["path"], "0.pdf");
}

#[test]
fn other_encodings_are_decoded() {
    let place = Place::new();
    place.write(
        "docs/a.txt",
        b"The Marrow Point Lighthouse was built in 1911 by Andr\xe9 Quill in the caf\xe9.\n",
    );
    let output = place.run(&["ask", WHEN, "--over", "docs", "--quiet"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("André Quill"), "{text}");
}

#[test]
fn a_huge_text_file() {
    let place = Place::with_docs();
    let file = fs_err::File::create(place.path("docs/huge.txt")).unwrap();
    file.set_len(200 << 20).unwrap();
    let begun = Instant::now();
    let output = place.run(&ASK);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    assert!(stderr(&output).contains("1 file too large"), "{}", stderr(&output));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn links_in_a_circle_and_pipes() {
    let place = Place::with_docs();
    symlink(".", place.path("docs/loop")).unwrap();
    symlink("missing", place.path("docs/dangling")).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(place.path("docs/pipe.md")).status();
    assert!(pipe.unwrap().success());
    ask_over(
        &place,
        &expect![[r#"
            exit 0
            --- stdout
            1911

              [exact] “The Marrow Point Lighthouse was built in 1911.”
                Marrow Point Lighthouse · docs/marrow-point.md:5

            6 searches, 3 pages read, [TIME] · run [RUN]
            --- stderr
            3 documents: 3 files read ([TIME])
            skipped: 1 special file, 1 circular link, 1 unreadable file
              dangling: expected a file behind the link, found nothing
              loop: expected a folder, found a link to a folder that holds it
              pipe.md: expected a regular file, found a FIFO
            joined by 2 mentions and 1 name ([TIME])
        "#]],
    );
    place.check(
        &["ask", WHEN, "--over", "docs/pipe.md"],
        &expect![[r#"
        exit 6
        --- stderr
        error: expected a folder or a regular file at `docs/pipe.md`, found a FIFO
        hint: give a folder of documents, or one document file
    "#]],
    );
}

#[test]
fn deeply_nested_html() {
    let place = Place::with_docs();
    let deep = format!("{}<p>Deep down.</p>", "<div>".repeat(100_000));
    place.write("docs/deep.html", deep);
    let begun = Instant::now();
    let output = place.run(&ASK);
    assert_eq!(code(&output), 0, "{}", place.show(&output));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_question_without_words() {
    let place = Place::with_docs();
    place.check(
        &["ask", " \n", "--over", "docs"],
        &expect![[r#"
        exit 2
        --- stderr
        error: the question is empty
        hint: write what you want to know, in quotes
    "#]],
    );
    place.check(
        &["ask", "?!", "--over", "docs", "--quiet"],
        &expect![[r#"
            exit 3
            --- stdout
            not found

            Nothing in the documents supports an answer. Tried 1 query and read 0 pages:
              - ?!

            2 searches, 0 pages read, [TIME] · run [RUN]
        "#]],
    );
}

#[test]
fn a_very_long_question() {
    let place = Place::with_docs();
    let fits: String = format!("{WHEN} ").chars().cycle().take(50_000).collect();
    let begun = Instant::now();
    let output = place.run(&["ask", &fits, "--over", "docs", "--quiet"]);
    assert!([0, 3].contains(&code(&output)), "{}", place.show(&output));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());

    let long = "why ".repeat(15_000);
    let output = place.run(&["ask", &long, "--over", "docs"]);
    expect![[r#"
        exit 2
        --- stderr
        error: the question has 59999 characters; expected at most 50000
        hint: put the material into a file, name it with `--over`, and ask about it
    "#]]
    .assert_eq(&place.show(&output));
}

#[test]
fn a_chinese_question_over_chinese_documents() {
    let place = Place::new();
    place.write("docs/a.md", "# 马罗角灯塔\n\n马罗角灯塔建于1911年，由艾达·奎尔设计。\n");
    place.write("docs/b.md", "# 云雀港\n\n云雀港是一个港口城镇。\n");
    let object = place.json(&["ask", "马罗角灯塔建于哪一年？", "--over", "docs", "--json"]);
    assert_eq!(object["ranking"][0], "a.md", "{object}");
    assert_eq!(object["status"], "answered", "{object}");
}

#[test]
fn a_cache_that_cannot_be_written() {
    let place = Place::with_docs();
    place.write("file", "");
    place.check(
        &["ask", WHEN, "--over", "docs", "--cache", "file/cache"],
        &expect![[r#"
        exit 7
        --- stderr
        error: cannot write cached stores in `file/cache/stores`
        cause: failed to create directory `file/cache/stores`: Not a directory (os error 20)
        hint: name another folder with `--cache DIR` or the variable SLEUTH_CACHE
    "#]],
    );
    place.check(&["ask", WHEN, "--over", "docs", "--cache", "/proc/sleuth", "--json"], &expect![[r#"
        exit 7
        --- stdout
        {"status":"failed","error":{"message":"cannot write cached stores in `/proc/sleuth/stores`: failed to create directory `/proc/sleuth/stores`: No such file or directory (os error 2)","hint":"name another folder with `--cache DIR` or the variable SLEUTH_CACHE","code":7}}
        --- stderr
        error: cannot write cached stores in `/proc/sleuth/stores`
        cause: failed to create directory `/proc/sleuth/stores`: No such file or directory (os error 2)
        hint: name another folder with `--cache DIR` or the variable SLEUTH_CACHE
    "#]]);
}

#[test]
fn a_cache_among_the_documents() {
    let place = Place::with_docs();
    place.check(
        &["ask", WHEN, "--over", "docs", "--cache", "docs/cache"],
        &expect![[r#"
        exit 2
        --- stderr
        error: the cache `[DIR]/docs/cache/stores` lies among the documents
        hint: name a folder elsewhere with `--cache DIR` or the variable SLEUTH_CACHE
    "#]],
    );
    // The usual cache of a home folder is hidden.
    assert_eq!(code(&place.run(&["ask", WHEN, "--over", "."])), 0);
    assert!(stderr(&place.run(&["ask", WHEN, "--over", "."])).contains("nothing changed"));
}

#[test]
fn a_state_folder_that_cannot_be_written() {
    let place = Place::with_docs();
    place.write("file", "");
    place.check(
        &["ask", WHEN, "--over", "docs", "--quiet", "--state", "file/state"],
        &expect![[r#"
        exit 7
        --- stderr
        error: cannot write the run's log in `file/state/runs`
        cause: failed to create directory `file/state/runs`: Not a directory (os error 20)
        hint: name another folder with `--state DIR` or the variable SLEUTH_STATE
    "#]],
    );
}

#[test]
fn no_home() {
    let place = Place::with_docs();
    let output = place.sleuth(&ASK).env_remove("HOME").output().unwrap();
    expect![[r#"
        exit 2
        --- stderr
        error: no folder to work in: neither HOME nor XDG_CACHE_HOME is set
        hint: set SLEUTH_CACHE, or HOME
    "#]]
    .assert_eq(&place.show(&output));
}

#[test]
fn a_full_disk() {
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    let place = Place::with_docs();
    for n in 0..40 {
        let words: String = (0..4000).map(|word| format!("word{} ", word * 7 + n)).collect();
        place.write(&format!("docs/{n}.md"), words);
    }
    let disk = place.path("disk");
    fs_err::create_dir(&disk).unwrap();
    let options: &std::ffi::CStr = c"size=256k";
    if let Err(error) = mount("tmpfs", &disk, "tmpfs", MountFlags::empty(), Some(options)) {
        println!("skipped: a small disk cannot be mounted here ({error})");
        return;
    }
    let full = place.run(&["ask", WHEN, "--over", "docs", "--cache", "disk"]);
    let mut rest = fs_err::File::create(disk.join("rest")).unwrap();
    while rest.write_all(&[0; 4096]).is_ok() {}
    let log = place.run(&["ask", WHEN, "--over", "docs", "--state", "disk/state"]);
    unmount(&disk, UnmountFlags::DETACH).unwrap();
    expect![[r#"
        exit 7
        --- stderr
        error: cannot use the cached store
        cause: no space left for store `disk/stores/docs-[HASH]`
        hint: name another folder with `--cache DIR` or the variable SLEUTH_CACHE
    "#]]
    .assert_eq(&place.show(&full));
    assert_eq!(code(&log), 7, "{}", place.show(&log));
    // With room the same question is answered.
    assert_eq!(code(&place.run(&ASK)), 0);
}

#[test]
fn a_full_standard_output() {
    let place = Place::with_docs();
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = place.sleuth(&["ask", WHEN, "--over", "docs", "--quiet"]);
    let output = command.stdout(full.into_parts().0).output().unwrap();
    expect![[r#"
        exit 7
        --- stderr
        error: cannot write the output
        cause: No space left on device (os error 28)
    "#]]
    .assert_eq(&place.show(&output));
}

#[test]
fn models_that_are_none() {
    let place = Place::with_docs();
    place.write("corrupt.gguf", "GGUF and then nothing of the kind");
    place.write("other.gguf", "PK is a zip file");
    place.write("empty.gguf", "");
    let ask = |model: &'static str| ["ask", WHEN, "--over", "docs", "--quiet", "--model", model];
    place.check(&ask("corrupt.gguf"), &expect![[r#"
        exit 5
        --- stderr
        error: model `corrupt` is unavailable: `corrupt.gguf` is damaged: expected version 2 or 3, found 1684955424
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]]);
    place.check(&ask("other.gguf"), &expect![[r#"
        exit 5
        --- stderr
        error: model `other` is unavailable: `other.gguf` is not a GGUF file: expected it to start with `GGUF`, found `PK i`
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]]);
    place.check(&ask("empty.gguf"), &expect![[r#"
        exit 5
        --- stderr
        error: model `empty` is unavailable: `empty.gguf` is not a GGUF file: expected it to start with `GGUF`, found an empty file
        hint: `sleuth doctor` says what works; `--policy trail` needs no model
    "#]]);
    place.check(
        &ask("small"),
        &expect![[r#"
        exit 5
        --- stderr
        error: the model `Qwen2.5-Coder-1.5B-Instruct` is not installed
        hint: get it with `sleuth model get small`
    "#]],
    );
    place.check(
        &ask("nonesuch"),
        &expect![[r#"
        exit 2
        --- stderr
        error: no model `nonesuch`; installed: none
        hint: name tiny, small, an installed model, a GGUF file, or a server as URL#MODEL
    "#]],
    );
    place.check(
        &["ask", WHEN, "--over", "docs", "--policy", "chat"],
        &expect![[r#"
        exit 5
        --- stderr
        error: no model is installed in `[DIR]/.local/share/sleuth/models`
        hint: get one with `sleuth model get small`, or name a server with `--model URL#MODEL`
    "#]],
    );
    place.check(
        &["ask", WHEN, "--over", "docs", "--policy", "trail", "--model", "small"],
        &expect![[r#"
        exit 2
        --- stderr
        error: the policy `trail` has no model
        hint: leave `--model` out, or take `--policy chat`
    "#]],
    );
}

#[test]
fn wrong_flags() {
    let place = Place::with_docs();
    place.check(
        &["ask", WHEN],
        &expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          --over <PATH>...

        Usage: sleuth ask --over <PATH>... <QUESTION>

        For more information, try '--help'.
    "#]],
    );
    place.check(&["ask", WHEN, "--over", "docs", "--effort", "enormous", "--json"], &expect![[r#"
        exit 2
        --- stdout
        {"status":"failed","error":{"message":"invalid value 'enormous' for '--effort <EFFORT>' [possible values: quick, normal, deep, heavy]","hint":"see `sleuth --help`","code":2}}
        --- stderr
        error: invalid value 'enormous' for '--effort <EFFORT>' [possible values: quick, normal, deep, heavy]
        hint: see `sleuth --help`
    "#]]);
    place.check(&["search", "--in", "store", "--json"], &expect![[r#"
        exit 2
        --- stdout
        {"status":"failed","error":{"message":"the following required arguments were not provided: <QUERY|--queries <FILE>>","hint":"see `sleuth --help`","code":2}}
        --- stderr
        error: the following required arguments were not provided: <QUERY|--queries <FILE>>
        hint: see `sleuth --help`
    "#]]);
    place.check(
        &["search", "fox", "--queries", "q.jsonl", "--run", "-", "--in", "store", "--json"],
        &expect![[r#"
            exit 2
            --- stdout
            {"status":"failed","error":{"message":"the argument '[QUERY]' cannot be used with '--queries <FILE>'","hint":"see `sleuth --help`","code":2}}
            --- stderr
            error: the argument '[QUERY]' cannot be used with '--queries <FILE>'
            hint: see `sleuth --help`
        "#]],
    );
    place.check(
        &["ask", WHEN, "--over", "docs", "--max-seconds", "-1"],
        &expect![[r#"
            exit 2
            --- stderr
            error: invalid value '-1' for '--max-seconds <S>': expected a number above 0

            For more information, try '--help'.
        "#]],
    );
}
