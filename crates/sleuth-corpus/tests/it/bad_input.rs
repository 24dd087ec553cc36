//! Input that is broken, hostile or not there: a clear error or a named skip, and nothing hangs.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use sleuth_corpus::{Corpus, Limits};
use sleuth_records::{SourceFile, SourceStamp};

use crate::{documents, folder, show};

/// The error of a root, with its hint; the path shown as `ROOT`.
fn check_error(root: &Path, base: &Path, expected: &Expect) {
    let error = Corpus::open(root, Limits::default()).unwrap_err();
    let shown = format!("error: {error}\nhint: {}\n", error.hint().unwrap_or_default());
    expected.assert_eq(&shown.replace(base.to_str().unwrap(), "ROOT"));
}

#[cfg(unix)]
fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

#[test]
fn roots_that_are_none() {
    let dir = folder(&[("a.txt", b"x")]);
    let base = dir.path();
    check_error(
        &base.join("none"),
        base,
        &expect![[r#"
        error: no file or folder at `ROOT/none`
        hint: check the spelling of the path
    "#]],
    );
    check_error(
        &base.join("a.txt/b"),
        base,
        &expect![[r#"
        error: no file or folder at `ROOT/a.txt/b`
        hint: check the spelling of the path
    "#]],
    );
    #[cfg(unix)]
    {
        fifo(&base.join("pipe"));
        check_error(
            &base.join("pipe"),
            base,
            &expect![[r#"
            error: expected a folder or a regular file at `ROOT/pipe`, found a FIFO
            hint: give a folder of documents, or one document file
        "#]],
        );
    }
}

#[test]
fn an_empty_folder_and_one_of_binaries() {
    let dir = folder(&[]);
    assert_eq!(show(dir.path(), Limits::default()), "");
    let dir = folder(&[
        ("a.png", b"\x89PNG"),
        ("b.pdf", b"%PDF-1.7"),
        ("c", b"\x7fELF\0\0"),
        ("d.txt", b"\x01\x02\x03\x04\x05 data"),
        ("e.css", b"p {}"),
        ("f.txt", b""),
        ("g.md", b" \n"),
        ("paper", b"%PDF-1.4 ..."),
        (".hidden.md", b"# Hidden"),
        (".git/x.md", b"# Git"),
        ("node_modules/x.md", b"# Module"),
    ]);
    expect![[r#"
        skipped a.png: binary: expected text, found a `.png` file
        skipped b.pdf: pdf: expected a program that reads PDFs, found none given
        skipped e.css: unsupported: expected documents, found a style sheet (`.css`)
        skipped f.txt: empty: expected text, found an empty file
        skipped c: binary: expected text, found a NUL byte at offset 4
        skipped d.txt: binary: expected text, found 5 control characters in the first 10 bytes
        skipped g.md: empty: expected text, found none in 2 bytes
        skipped paper: pdf: expected a program that reads PDFs, found none given
    "#]]
    .assert_eq(&show(dir.path(), Limits::default()));
}

#[test]
fn other_encodings_are_decoded() {
    let dir = folder(&[
        ("latin1.txt", b"Le ch\xe2teau fut b\xe2ti pr\xe8s de la for\xeat."),
        ("meta.html", b"<meta charset=windows-1252><title>x</title><p>caf\xe9"),
        ("utf16.jsonl", b"\xff\xfe{\0\"\0t\0e\0x\0t\0\"\0:\0\"\0h\0i\0\"\0}\0\n\0"),
        ("utf16.md", b"\xff\xfe#\0 \0A\0\r\0\n\0b\0"),
    ]);
    expect![[r#"
        == latin1.txt "latin1"
          1 Le château fut bâti près de la forêt.
        == meta.html "x"
          1 café
        == utf16.jsonl#1 ""
          1 hi
        == utf16.md "A"
          1 # A
          2 b
    "#]]
    .assert_eq(&show(dir.path(), Limits::default()));
}

#[test]
fn a_huge_file_is_named_and_not_read() {
    let dir = folder(&[("small.txt", b"x")]);
    let file = fs_err::File::create(dir.path().join("huge.txt")).unwrap();
    file.set_len(200 << 20).unwrap();
    let start = Instant::now();
    expect![[r#"
        == small.txt "small"
          1 x
        skipped huge.txt: too_large: expected at most 33554432 bytes, found 209715200
    "#]]
    .assert_eq(&show(dir.path(), Limits::default()));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn compressed_files_that_are_not_whole_or_not_sane() {
    let text = "The harbour was built in 1911. ".repeat(100);
    let records: String =
        (0..20_000).map(|n| format!("{{\"_id\":\"{n}\",\"text\":\"{}\"}}\n", n * n)).collect();
    let (whole, records) = (
        zstd::encode_all(text.as_bytes(), 3).unwrap(),
        zstd::encode_all(records.as_bytes(), 3).unwrap(),
    );
    let bomb = zstd::encode_all(&vec![b'a'; 64 << 20][..], 3).unwrap();
    let dir = folder(&[
        ("bomb.jsonl.zst", &bomb),
        ("bomb.txt.zst", &bomb),
        ("half.txt.zst", &whole[..whole.len() / 2]),
        ("no.txt.zst", b"not zstd at all"),
    ]);
    expect![[r#"
        skipped bomb.jsonl.zst: too_large: expected less than 1000 times the compressed size, found more than 16777216 bytes: a decompression bomb
        skipped bomb.txt.zst: too_large: expected less than 1000 times the compressed size, found more than 16777216 bytes: a decompression bomb
        skipped half.txt.zst: malformed: expected zstd data, found the end of the file in the middle of a frame after 0 decoded bytes
        skipped no.txt.zst: malformed: expected zstd data, found `Unknown frame descriptor` after 0 decoded bytes
    "#]].assert_eq(&show(dir.path(), Limits::default()));

    let dir = folder(&[("half.jsonl.zst", &records[..records.len() / 2])]);
    let corpus = Corpus::open(dir.path(), Limits::default()).unwrap();
    let report = corpus.read(&corpus.list().unwrap().files[0], &mut |_| ControlFlow::Continue(()));
    assert!(report.documents > 1000, "the records before the tear are kept");
    assert_eq!(report.skipped.len(), 1);
    assert_eq!(report.skipped[0].kind, "malformed");
}

#[test]
fn malformed_records_cost_only_themselves() {
    let lines = "{\"_id\":\"1\",\"text\":\"One.\"}\nnot json\n{\"_id\":\"2\"}\n{\"_id\":\"3\",\"text\":5}\n[1]\n\
                 {\"_id\":\"1\",\"text\":\"again\"}\n{\"_id\":[],\"text\":\"x\"}\n{\"_id\":\"4\",\"text\":\" \"}\n\
                 {\"_id\":\"5\",\"text\":\"a\\u0000b\\u200b\"}\n{\"_id\":\"6\",\"text\":\"to";
    let long =
        format!("{{\"text\":\"{}\"}}\n{{\"_id\":\"7\",\"text\":\"Seven.\"}}\n", "x".repeat(300));
    let deep = format!("{}\n", "[".repeat(100_000));
    let dir = folder(&[
        ("a.jsonl", lines.as_bytes()),
        ("b.jsonl", long.as_bytes()),
        ("c.jsonl", deep.as_bytes()),
    ]);
    let limits = Limits { max_record_bytes: 200, ..Limits::default() };
    expect![[r#"
        == a.jsonl#1 ""
          1 One.
        == a.jsonl#5 ""
          9 ab
        == b.jsonl#7 ""
          2 Seven.
        skipped a.jsonl:2: malformed: expected a JSON object, found `not json`
        skipped a.jsonl:3: malformed: expected a field `text`, `contents` or `body`, found none
        skipped a.jsonl:4: malformed: expected a string under `text`, found a number
        skipped a.jsonl:5: malformed: expected a JSON object, found `[1]`
        skipped a.jsonl:6: malformed: expected an id of its own, found `a.jsonl#1` a second time
        skipped a.jsonl:7: malformed: expected a string or number under `_id`, found an array
        skipped a.jsonl:8: empty: expected text, found a record without any
        skipped a.jsonl:10: malformed: expected valid JSON, found a fault: EOF while parsing a string at column 21
        skipped b.jsonl:1: too_large: expected a record of at most 200 bytes, found 312
        skipped c.jsonl:1: too_large: expected a record of at most 200 bytes, found 100001
    "#]].assert_eq(&show(dir.path(), limits));
}

#[test]
fn files_of_no_records_are_named() {
    let dir = folder(&[("a.jsonl", "\u{feff}".as_bytes()), ("b.jsonl", b"\n \n")]);
    expect![[r#"
        skipped a.jsonl: empty: expected records, found none in 3 bytes
        skipped b.jsonl: empty: expected records, found none in 3 bytes
    "#]]
    .assert_eq(&show(dir.path(), Limits::default()));
}

#[test]
fn many_malformed_records_are_counted() {
    let dir = folder(&[("a.jsonl", "x\n".repeat(5000).as_bytes())]);
    let corpus = Corpus::open(dir.path(), Limits::default()).unwrap();
    let report = corpus.read(&corpus.list().unwrap().files[0], &mut |_| ControlFlow::Continue(()));
    assert_eq!(report.skipped.len(), 1001);
    assert_eq!(report.skipped[1000].reason, "4000 further records were skipped and are not named");
}

#[test]
fn deep_and_odd_pages_take_linear_time() {
    let prose = "<p>The harbour was built in 1911 by the town.</p>";
    let pages = [
        format!("{}{prose}", "<div>".repeat(100_000)),
        format!("{}{prose}", "<ul><li>".repeat(100_000)),
        format!("{}{prose}", "<table><tr><td>".repeat(100_000)),
        format!("{}{prose}", "<b>".repeat(100_000)),
        format!("<p {}>x</p>{prose}", (0..200_000).map(|n| format!("a{n}=1 ")).collect::<String>()),
        format!("{prose}{}", "</div></p></li>".repeat(100_000)),
        format!("{prose}{}", "<".repeat(1_000_000)),
        format!("{prose}{}", "&".repeat(1_000_000)),
        format!("{prose}{}", "<!--".repeat(200_000)),
        format!("{prose}{}", "<a href=x>".repeat(100_000)),
    ];
    for page in pages {
        let dir = folder(&[("p.html", page.as_bytes())]);
        let start = Instant::now();
        let documents = documents(dir.path());
        assert!(documents[0].text.contains("built in 1911"), "{}", &page[..40]);
        // Unoptimised code on a busy machine; quadratic time would be minutes.
        assert!(start.elapsed() < Duration::from_secs(10), "{}", &page[..40]);
    }
}

#[test]
fn text_hidden_below_the_depth_cap_stays_hidden() {
    let page =
        format!("<p>Seen.</p>{}<div hidden>no<div>no</div>no</div>deep", "<div>".repeat(600));
    let dir = folder(&[("p.html", page.as_bytes())]);
    assert_eq!(documents(dir.path())[0].text, "Seen.\n\ndeep");
}

#[cfg(unix)]
#[test]
fn links_fifos_and_sockets() {
    use std::os::unix::fs::symlink;
    let outside = folder(&[("secret.txt", b"secret")]);
    let dir = folder(&[("a/one.txt", b"One."), (".store/two.txt", b"Two.")]);
    let root = dir.path();
    symlink("..", root.join("a/up")).unwrap();
    symlink("self", root.join("self")).unwrap();
    symlink("a/one.txt", root.join("same.txt")).unwrap();
    symlink(".store", root.join("stored")).unwrap();
    symlink(outside.path(), root.join("outside")).unwrap();
    symlink("nothing", root.join("broken.txt")).unwrap();
    fifo(&root.join("pipe.txt"));
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    expect![[r#"
        == a/one.txt "one"
          1 One.
        == stored/two.txt "two"
          1 Two.
        skipped a/up: symlink_loop: expected a folder, found a link to a folder that holds it
        skipped broken.txt: unreadable: expected a file behind the link, found nothing
        skipped outside: not_regular: expected a link inside the root, found one that leads outside
        skipped pipe.txt: not_regular: expected a regular file, found a FIFO
        skipped self: symlink_loop: expected a file or folder, found a link that leads to itself
        skipped socket: not_regular: expected a regular file, found a socket
    "#]]
    .assert_eq(&show(root, Limits::default()));
}

#[cfg(unix)]
#[test]
fn a_file_that_becomes_a_fifo_or_vanishes_after_listing() {
    let dir = folder(&[("a.txt", b"One."), ("b.jsonl", b"{\"text\":\"x\"}"), ("c.txt", b"x")]);
    let corpus = Corpus::open(dir.path(), Limits::default()).unwrap();
    let listing = corpus.list().unwrap();
    for name in ["a.txt", "b.jsonl", "c.txt"] {
        fs_err::remove_file(dir.path().join(name)).unwrap();
    }
    fifo(&dir.path().join("a.txt"));
    fifo(&dir.path().join("b.jsonl"));
    let kinds: Vec<String> = listing
        .files
        .iter()
        .map(|file| corpus.read(file, &mut |_| ControlFlow::Continue(())).skipped[0].kind.clone())
        .collect();
    assert_eq!(kinds, ["not_regular", "not_regular", "unreadable"]);
}

#[test]
fn a_path_that_leaves_the_root_is_refused() {
    let dir = folder(&[("root/a.txt", b"x"), ("secret.txt", b"secret")]);
    let corpus = Corpus::open(&dir.path().join("root"), Limits::default()).unwrap();
    let file = SourceFile {
        path: "../secret.txt".to_owned(),
        stamp: SourceStamp { size: 6, modified_ns: 0, changed_ns: None },
    };
    let report = corpus.read(&file, &mut |_| panic!("read a file outside the root"));
    assert_eq!(report.skipped[0].kind, "not_regular");
}

#[test]
fn a_file_that_changes_all_the_time_is_read_or_skipped() {
    let dir = folder(&[("a.txt", b"start")]);
    let path = dir.path().join("a.txt");
    let corpus = Corpus::open(dir.path(), Limits::default()).unwrap();
    let file = corpus.list().unwrap().files.remove(0);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                n += 1;
                fs_err::write(&path, format!("{n}\n").repeat(50_000)).unwrap();
            }
        });
        for _ in 0..30 {
            let report = corpus.read(&file, &mut |_| ControlFlow::Continue(()));
            let allowed = |kind: &str| matches!(kind, "changed" | "empty");
            assert!(report.skipped.iter().all(|skip| allowed(&skip.kind)), "{report:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn reading_stops_when_the_caller_has_enough() {
    let dir = folder(&[("a.jsonl", "{\"text\":\"x\"}\n".repeat(100).as_bytes())]);
    let corpus = Corpus::open(dir.path(), Limits::default()).unwrap();
    let mut seen = 0;
    let report = corpus.read(&corpus.list().unwrap().files[0], &mut |_| {
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((seen, report.documents), (3, 3));
}

#[cfg(unix)]
#[test]
fn closed_files_and_folders_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = folder(&[("a.txt", b"x"), ("closed/b.txt", b"x"), ("c.txt", b"Open.")]);
    for name in ["a.txt", "closed"] {
        let closed = std::fs::Permissions::from_mode(0o000);
        fs_err::set_permissions(dir.path().join(name), closed).unwrap();
    }
    // To root nothing is closed: there is nothing to see then.
    let is_root = fs_err::File::open(dir.path().join("a.txt")).is_ok();
    let shown = show(dir.path(), Limits::default());
    fs_err::set_permissions(dir.path().join("closed"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    if !is_root {
        assert!(shown.contains("skipped a.txt: unreadable: no permission to read it"), "{shown}");
        assert!(shown.contains("skipped closed: unreadable: no permission to read it"), "{shown}");
    }
}

#[test]
fn stores_and_runs_among_the_documents_are_no_documents() {
    let dir = folder(&[
        ("a.md", b"# A\n"),
        ("a.store/store.toml", b""),
        ("a.store/lexical/meta.json", b"{}"),
        ("a.store/documents/manifest-1.jsonl", b"{}\n"),
        ("runs/one/log.jsonl", b"{}\n"),
        ("runs/one/calls.jsonl", b"{}\n"),
        ("shop/store.toml", b"name = 'shop'\n"),
        ("shop/notes.txt", b"ours to read\n"),
    ]);
    let listing = Corpus::open(dir.path(), Limits::default()).unwrap().list().unwrap();
    let files: Vec<&str> = listing.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["a.md", "shop/notes.txt", "shop/store.toml"]);
    let skipped: Vec<&str> = listing.skipped.iter().map(|skip| skip.path.as_str()).collect();
    assert_eq!(skipped, ["a.store", "runs/one"]);
}
