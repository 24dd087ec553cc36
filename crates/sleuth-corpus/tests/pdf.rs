//! PDFs through the process that reads them, good and bad ones.
//!
//! This test starts itself again as that process, so it has a `main` of its own: called with
//! `read-pdf` it reads PDFs, else it runs the tests below.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]
#![expect(clippy::print_stdout, reason = "a test without a harness tells of itself")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use sleuth_corpus::{Corpus, Limits, PdfReader, serve_pdf};

const TESTS: &[(&str, fn())] = &[
    ("a_document_by_pages", a_document_by_pages),
    ("damaged_files", damaged_files),
    ("files_that_claim_what_is_not_so", files_that_claim_what_is_not_so),
    ("files_without_text", files_without_text),
    ("a_locked_file", a_locked_file),
    ("memory_and_time_are_limited", memory_and_time_are_limited),
    ("readers_that_are_none", readers_that_are_none),
    ("real_filings", real_filings),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "read-pdf") {
        serve_pdf(&mut std::io::stdin().lock(), &mut std::io::stdout().lock()).unwrap();
        return;
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    for (name, test) in TESTS {
        if wanted.is_none_or(|wanted| name.contains(wanted.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
}

/// This program as the reader.
fn own() -> PdfReader {
    let program = std::env::current_exe().unwrap();
    PdfReader { program, arguments: vec!["read-pdf".to_owned()] }
}

/// A program that gives `answer` to the first file.
fn says(answer: &str) -> PdfReader {
    let length: String =
        (answer.len() as u64).to_le_bytes().iter().map(|byte| format!("\\{byte:03o}")).collect();
    shell(&format!(
        "head -c 8 >/dev/null; printf 'sleuth-pdf 1\\n'; head -c 24 >/dev/null; printf '{length}'; \
         printf %s '{answer}'; exec cat >/dev/null"
    ))
}

fn shell(script: &str) -> PdfReader {
    let arguments = vec!["-c".to_owned(), script.to_owned()];
    PdfReader { program: "/bin/sh".into(), arguments }
}

/// What a folder gives, for people.
fn show(root: &Path, reader: PdfReader, limits: Limits) -> String {
    let corpus = Corpus::open(root, limits).unwrap().with_pdf_reader(reader);
    let listing = corpus.list().unwrap();
    let mut shown = String::new();
    let mut skipped = listing.skipped;
    for file in &listing.files {
        let report = corpus.read(file, &mut |document| {
            writeln!(shown, "== {} \"{}\"", document.id, document.title).unwrap();
            for (key, value) in [("language", &document.language), ("date", &document.date)] {
                if let Some(value) = value {
                    writeln!(shown, "{key}: {value}").unwrap();
                }
            }
            let mut at = 0;
            for line in document.text.split_inclusive('\n') {
                let part = document.part_at(at).map(|part| part.to_string()).unwrap_or_default();
                writeln!(shown, "{}", format!("{part}| {}", line.trim_end()).trim_end()).unwrap();
                at += line.len();
            }
            ControlFlow::Continue(())
        });
        skipped.extend(report.skipped);
    }
    for skip in skipped {
        writeln!(shown, "skipped {}: {}: {}", skip.path, skip.kind, skip.reason).unwrap();
    }
    shown
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs_err::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn check(files: &[(&str, Vec<u8>)], expected: &Expect) {
    let dir = folder(files);
    let begin = Instant::now();
    expected.assert_eq(&show(dir.path(), own(), Limits::default()));
    assert!(begin.elapsed() < Duration::from_secs(60), "took {:?}", begin.elapsed());
}

/// A file of numbered objects, the first of which is the catalog.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    pdf_with(objects, "")
}

fn pdf_with(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(objects) {
        offsets.push(out.len());
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    let size = objects.len() + 1;
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    out.extend(
        format!("trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n")
            .bytes(),
    );
    out
}

fn stream(dict: &str, content: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{dict}/Length {}>>\nstream\n", content.len()).into_bytes();
    out.extend(content);
    out.extend(b"\nendstream");
    out
}

fn deflated(content: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut content = content.peekable();
    while content.peek().is_some() {
        let part: Vec<u8> = content.by_ref().take(1 << 16).collect();
        encoder.write_all(&part).unwrap();
    }
    encoder.finish().unwrap()
}

/// A file with a page for each content stream; Helvetica is `/F`.
fn pages(contents: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let kids: Vec<String> = (0..contents.len()).map(|n| format!("{} 0 R", 4 + 2 * n)).collect();
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R/Lang(en-GB)>>".to_vec(),
        format!("<</Type/Pages/Kids[{}]/Count {}>>", kids.join(" "), kids.len()).into_bytes(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(),
    ];
    for (n, content) in contents.iter().enumerate() {
        objects.push(
            format!(
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {} 0 R\
                 /Resources<</Font<</F 3 0 R>>>>>>",
                5 + 2 * n
            )
            .into_bytes(),
        );
        objects.push(content.clone());
    }
    pdf_with(&objects, trailer)
}

/// A content stream of lines: x, y from the bottom, size, words.
fn lines(lines: &[(u32, u32, u32, &str)]) -> Vec<u8> {
    let mut content = String::from("BT\n");
    for (x, y, size, words) in lines {
        writeln!(content, "/F {size} Tf 1 0 0 1 {x} {y} Tm ({words}) Tj").unwrap();
    }
    stream("", (content + "ET").as_bytes())
}

fn small() -> Vec<u8> {
    pages(&[lines(&[(50, 700, 10, "The lighthouse was built in 1911.")])], "")
}

fn a_document_by_pages() {
    let running = (50, 780, 8, "Harbour board");
    let one = lines(&[
        running,
        (50, 700, 20, "Annual report"),
        (50, 660, 10, "The lighthouse of Marrow Point was built in 1911 by Ada Quill, an engi-"),
        (50, 648, 10, "neer of the coast who had also drawn the plans of the harbour and"),
        (300, 20, 8, "1"),
    ]);
    let two = lines(&[
        running,
        (50, 700, 10, "of its breakwater."),
        (50, 660, 10, "Year"),
        (200, 660, 10, "Ships"),
        (50, 648, 10, "1911"),
        (200, 648, 10, "1,204"),
        (50, 610, 10, "\\267 first item"),
        (300, 20, 8, "2"),
    ]);
    let three = lines(&[running, (50, 700, 10, "The end."), (300, 20, 8, "3")]);
    check(
        &[("report.pdf", pages(&[one, two, three], ""))],
        &expect![[r#"
            == report.pdf "Annual report"
            language: en-GB
            page 1| # Annual report
            page 1|
            page 1| The lighthouse of Marrow Point was built in 1911 by Ada Quill, an engineer of the coast who had also drawn the plans of the harbour and of its breakwater.
            page 2|
            page 2| Year | Ships
            page 2| 1911 | 1,204
            page 2|
            page 2| - first item
            page 2|
            page 3| The end.
        "#]],
    );
}

fn damaged_files() {
    let whole = small();
    let looped = String::from_utf8_lossy(&whole).replace("/Root 1 0 R", "/Root 1 0 R/Prev 20");
    let at = looped.find("xref").unwrap();
    let looped = looped.replace("/Prev 20", &format!("/Prev {at}"));
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = pages(&[stream("", format!("BT /F 10 Tf (x) Tj ET {nested} TJ").as_bytes())], "");
    let deep_object = pages(&[lines(&[(50, 700, 10, "words")])], &format!("/Info<</A {nested}>>"));
    check(
        &[
            ("cut.pdf", whole[..whole.len() / 2].to_vec()),
            ("cut_short.pdf", whole[..60].to_vec()),
            ("deep.pdf", deep),
            ("deep_object.pdf", deep_object),
            ("html.pdf", b"<!doctype html><p>Not found".to_vec()),
            ("looped.pdf", looped.into_bytes()),
            ("mark_only.pdf", b"%PDF-1.7".to_vec()),
            (
                "noise.pdf",
                (0..9000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(),
            ),
        ],
        &expect![[r#"
            == deep.pdf "deep"
            language: en-GB
            page 1| x
            == deep_object.pdf "deep_object"
            language: en-GB
            page 1| words
            == looped.pdf "looped"
            language: en-GB
            page 1| The lighthouse was built in 1911.
            skipped cut.pdf: empty: expected text, found none on 1 page
            skipped cut_short.pdf: malformed: expected a PDF, found no pages in it: damaged or cut off
            skipped html.pdf: malformed: expected a PDF, found no `%PDF-` at its beginning
            skipped mark_only.pdf: malformed: expected a PDF, found no pages in it: damaged or cut off
            skipped noise.pdf: malformed: expected a PDF, found no `%PDF-` at its beginning
        "#]],
    );
}

fn files_that_claim_what_is_not_so() {
    let counted = String::from_utf8_lossy(&small()).replace("/Count 1", "/Count 2000000000");
    let own_kid = pdf(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>".to_vec(),
    ]);
    let own_form = pdf(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>".to_vec(),
        stream("", b"/X Do"),
        stream("/Subtype/Form/Resources<</XObject<</X 5 0 R>>>>", b"/X Do /X Do /X Do"),
    ]);
    check(
        &[
            ("counted.pdf", counted.into_bytes()),
            ("own_form.pdf", own_form),
            ("own_kid.pdf", own_kid),
        ],
        &expect![[r#"
            == counted.pdf "counted"
            language: en-GB
            page 1| The lighthouse was built in 1911.
            skipped own_form.pdf: empty: expected text, found none on 1 page
            skipped own_kid.pdf: empty: expected text, found none on 0 pages
        "#]],
    );
}

fn files_without_text() {
    let picture = pdf(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>".to_vec(),
        stream("", b"/X Do"),
        stream("/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", b"x"),
    ]);
    let blank = pages(&[stream("", b"0 0 m 10 10 l S")], "");
    check(
        &[("blank.pdf", blank), ("picture.pdf", picture)],
        &expect![[r#"
            skipped blank.pdf: empty: expected text, found none on 1 page
            skipped picture.pdf: scanned: expected text, found pictures on 1 page: a scan without a text layer
        "#]],
    );
}

fn a_locked_file() {
    let key = "00".repeat(32);
    let encrypt = format!(
        "/ID[<{key}><{key}>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O<{key}>/U<{key}>>>"
    );
    let locked = pages(&[lines(&[(50, 700, 10, "secret")])], &encrypt);
    check(
        &[("locked.pdf", locked)],
        &expect![[r#"
        skipped locked.pdf: encrypted: expected a PDF that opens without a password, found a locked one
    "#]],
    );
}

fn memory_and_time_are_limited() {
    let bomb = deflated(std::iter::repeat_n(b' ', 400 << 20));
    let bomb = pages(&[stream("/Filter/FlateDecode", &bomb)], "");
    // Forms that each draw the next ten times, the last of which is long.
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>".to_vec(),
        stream("", b"/X Do"),
    ];
    for next in 6..10 {
        let dict = format!("/Subtype/Form/Resources<</XObject<</X {next} 0 R>>>>");
        objects.push(stream(&dict, "/X Do ".repeat(10).as_bytes()));
    }
    objects.push(stream("/Subtype/Form", "q Q ".repeat(500_000).as_bytes()));
    let dir = folder(&[
        ("a_good.pdf", small()),
        ("bomb.pdf", bomb),
        ("good.pdf", small()),
        ("long.pdf", pdf(&objects)),
        ("z_good.pdf", small()),
    ]);
    let limits = Limits { max_pdf_seconds: 2, max_pdf_memory: 256 << 20, ..Limits::default() };
    let begin = Instant::now();
    expect![[r#"
        == a_good.pdf "a_good"
        language: en-GB
        page 1| The lighthouse was built in 1911.
        == good.pdf "good"
        language: en-GB
        page 1| The lighthouse was built in 1911.
        == z_good.pdf "z_good"
        language: en-GB
        page 1| The lighthouse was built in 1911.
        skipped bomb.pdf: too_large: expected a PDF that is read in 256 MiB of memory, found need of more
        skipped long.pdf: too_slow: expected a PDF that is read within 2 s, found no end of it
    "#]].assert_eq(&show(dir.path(), own(), limits));
    assert!(begin.elapsed() < Duration::from_secs(30), "took {:?}", begin.elapsed());
}

fn readers_that_are_none() {
    let dir = folder(&[("a.pdf", small())]);
    let limits = Limits { max_pdf_seconds: 1, ..Limits::default() };
    let greet = "printf 'sleuth-pdf 1\\n'";
    for (reader, expected) in [
        (PdfReader { program: "/none".into(), arguments: Vec::new() }, "unreadable: cannot start"),
        (
            shell("head -c 8 >/dev/null; echo hello from another program"),
            "unreadable: cannot start the PDF reader `/bin/sh`: it is another program",
        ),
        (shell("echo no >&2; exit 3"), "it ended with exit status: 3 no"),
        (shell("exec sleep 1000"), "it does not answer"),
        (
            shell(&format!("{greet}; exec sleep 1000")),
            "too_slow: expected a PDF that is read within 1 s",
        ),
        (
            shell(&format!("{greet}; exit 3")),
            "malformed: expected a PDF, found one that its reader dies of (exit status: 3)",
        ),
        (shell(&format!("{greet}; head -c 32 >/dev/null; yes")), "malformed: expected a PDF"),
        // Pages that fall, and one that begins inside of a character: no text of a PDF.
        (
            says(
                r#"{"Ok":{"title":null,"language":null,"date":null,"text":"ab","starts":[[0,2],[1,1]]}}"#,
            ),
            "malformed: expected a PDF",
        ),
        (
            says(
                r#"{"Ok":{"title":null,"language":null,"date":null,"text":"é","starts":[[1,1]]}}"#,
            ),
            "malformed: expected a PDF",
        ),
    ] {
        let begin = Instant::now();
        let shown = show(dir.path(), reader, limits.clone());
        assert!(shown.contains(expected), "{shown}");
        assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
    }
}

fn real_filings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pdf");
    if !folder.is_dir() {
        println!("skipped: no data at `{}`", folder.display());
        return;
    }
    let shown = show(&folder, own(), Limits::default());
    assert!(!shown.contains("skipped"), "{shown}");
    for expected in [
        "== AMAZON_2019_10K.pdf \"AMAZON.COM, INC.\"",
        "Common Stock, par value $.01 per share | AMZN | Nasdaq Global Select Market",
        "page 2| # Cash Returns to Shareholders",
        "| Net income | 805 | 1,048",
        "page 4| We employed approximately 798,000 full-time and part-time employees as of December 31, 2019.",
    ] {
        assert!(shown.contains(expected), "{expected}");
    }
}
