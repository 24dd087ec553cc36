//! DOCX and EPUB, good and bad ones.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use sleuth_corpus::Limits;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::{documents, folder, show};

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn check(name: &str, bytes: &[u8], expected: &Expect) {
    let dir = folder(&[(name, bytes)]);
    let begin = Instant::now();
    let mut shown = show(dir.path(), Limits::default());
    for document in documents(dir.path()) {
        let parts: Vec<String> = document
            .text
            .match_indices("\n\n")
            .filter_map(|(at, _)| document.part_at(at + 2))
            .map(|part| part.to_string())
            .collect();
        writeln!(shown, "parts: {}", parts.join(", ")).unwrap();
    }
    expected.assert_eq(&shown);
    assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
}

const STYLES: &str = r#"<w:styles><w:docDefaults><w:rPrDefault><w:rPr><w:lang w:val="en-GB"/></w:rPr></w:rPrDefault></w:docDefaults>
<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Own"><w:name w:val="my heading"/><w:basedOn w:val="H1"/></w:style>
<w:style w:styleId="Loop"><w:basedOn w:val="Loop"/></w:style></w:styles>"#;

fn docx(body: &str) -> Vec<u8> {
    let document = format!("<w:document><w:body>{body}</w:body></w:document>");
    archive(&[
        ("word/document.xml", &document),
        ("word/styles.xml", STYLES),
        (
            "word/_rels/document.xml.rels",
            r#"<Relationships><Relationship Id="r1" Target="https://example.org/a" TargetMode="External"/></Relationships>"#,
        ),
        (
            "word/footnotes.xml",
            r#"<w:footnotes><w:footnote w:id="0"><w:p><w:r><w:t>separator</w:t></w:r></w:p></w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>By Ada Quill.</w:t></w:r></w:p></w:footnote></w:footnotes>"#,
        ),
        (
            "docProps/core.xml",
            "<c><dc:title>From the template</dc:title><dcterms:modified>2024-05-01T10:00:00Z</dcterms:modified></c>",
        ),
    ])
}

fn paragraph(style: &str, runs: &str) -> String {
    let style = if style.is_empty() {
        String::new()
    } else {
        format!(r#"<w:pPr><w:pStyle w:val="{style}"/></w:pPr>"#)
    };
    format!("<w:p>{style}{runs}</w:p>")
}

fn run(text: &str) -> String {
    format!(r#"<w:r><w:t xml:space="preserve">{text}</w:t></w:r>"#)
}

#[test]
fn a_docx() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", &run(text)));
    let row = |cells: &[&str]| -> String {
        let cells: String = cells.iter().map(|text| cell(text)).collect();
        format!("<w:tr>{cells}</w:tr>")
    };
    let item = r#"<w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="3"/></w:numPr></w:pPr>"#;
    let body = [
        paragraph("Titel", &run("The harbour")),
        paragraph("Own", &run("History")),
        paragraph(
            "Loop",
            &format!(
                r#"{}<w:r><w:footnoteReference w:id="2"/></w:r><w:del><w:r><w:t>gone</w:t></w:r></w:del>{}"#,
                run("The lighthouse &amp; its keeper, 1911."),
                r#"<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>"#
            ),
        ),
        format!("<w:p>{item}{}</w:p>", run("an item")),
        format!("<w:tbl>{}{}</w:tbl>", row(&["Year", "Ships"]), row(&["1911", "1,204"])),
        paragraph(
            "",
            &format!(r#"{}<w:hyperlink r:id="r1">{}</w:hyperlink>"#, run("See "), run("the page")),
        ),
        r#"<mc:AlternateContent><mc:Choice><w:p><w:r><w:t>once</w:t></w:r></w:p></mc:Choice><mc:Fallback><w:p><w:r><w:t>twice</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>"#.to_owned(),
    ];
    check(
        "report.docx",
        &docx(&body.concat()),
        &expect![[r#"
            == report.docx "The harbour" language=en-GB date=2024-05-01T10:00:00Z
              1 # The harbour
              2
              3 # History
              4
              5 The lighthouse & its keeper, 1911.[1]
              6
              7   - an item
              8
              9 Year | Ships
             10 1911 | 1,204
             11
             12 See the page
             13
             14 once
             15
             16 [1] By Ada Quill.
                [the page] -> https://example.org/a
            parts: paragraph 2, paragraph 3, paragraph 4, paragraph 5, paragraph 7, paragraph 8, paragraph 9
        "#]],
    );
}

#[test]
fn pages_of_a_docx_are_those_that_word_wrote_down() {
    let body = [
        paragraph("", &run("First page.")),
        paragraph("", "<w:r><w:lastRenderedPageBreak/><w:t>Second page.</w:t></w:r>"),
        paragraph("", &run("Still there.")),
    ];
    check(
        "paged.docx",
        &docx(&body.concat()),
        &expect![[r#"
        == paged.docx "From the template" language=en-GB date=2024-05-01T10:00:00Z
          1 First page.
          2
          3 Second page.
          4
          5 Still there.
        parts: page 2, page 2
    "#]],
    );
}

const CONTAINER: &str =
    r#"<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>"#;

fn package(items: &str, spine: &str) -> String {
    format!(
        r#"<package><metadata><dc:title>The Harbour</dc:title><dc:title>Other</dc:title><dc:language>en</dc:language><dc:date>1911-05</dc:date></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"#
    )
}

fn item(id: &str, href: &str) -> String {
    format!(r#"<item id="{id}" href="{href}" media-type="application/xhtml+xml"/>"#)
}

fn refer(ids: &[&str]) -> String {
    ids.iter().map(|id| format!(r#"<itemref idref="{id}"/>"#)).collect()
}

#[test]
fn an_epub() {
    let items = [
        r#"<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>"#
            .to_owned(),
        item("one", "text/one%20a.xhtml"),
        item("two", "text/two.xhtml"),
    ];
    let package = package(&items.concat(), &refer(&["nav", "two", "one"]));
    let two = r#"<?xml version="1.0"?><html><head><title/><script src="x.js"/></head><body><a id="p1"/><h1>Arrival</h1><p>The ship came in.<sup><a href="notes.xhtml#n">1</a></sup></p><aside>A note: the ship was late.</aside><p>See <a href="https://example.org/x">the log</a>.</p></body></html>"#;
    let one = "<html><body><h1>Departure</h1><table><tr><td>Year</td><td>1911</td></tr></table><ul><li>rope</li><li>tar</li></ul></body></html>";
    let book = archive(&[
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", CONTAINER),
        ("OPS/book.opf", &package),
        ("OPS/nav.xhtml", "<html><body><nav>Contents</nav></body></html>"),
        ("OPS/text/one a.xhtml", one),
        ("OPS/text/two.xhtml", two),
    ]);
    check(
        "book.epub",
        &book,
        &expect![[r#"
        == book.epub "The Harbour" language=en date=1911-05
          1 # Arrival
          2
          3 The ship came in.1
          4
          5 A note: the ship was late.
          6
          7 See the log.
          8
          9 # Departure
         10
         11 Year | 1911
         12
         13 - rope
         14 - tar
            [the log] -> https://example.org/x
        parts: chapter 2, chapter 2, chapter 2, chapter 3, chapter 3, chapter 3
    "#]],
    );
}

#[test]
fn an_epub_with_holes() {
    let items =
        [item("one", "one.xhtml"), item("gone", "gone.xhtml"), item("out", "../../../etc/passwd")];
    let package = package(&items.concat(), &refer(&["gone", "out", "unknown", "one"]));
    let book = archive(&[
        ("META-INF/container.xml", CONTAINER),
        ("OPS/book.opf", &package),
        ("OPS/one.xhtml", "<p>What is there is read.</p>"),
        ("../../etc/passwd", "root:x:0:0"),
    ]);
    check(
        "book.epub",
        &book,
        &expect![[r#"
        == book.epub "The Harbour" language=en date=1911-05
          1 What is there is read.
        skipped book.epub:OPS/gone.xhtml: malformed: expected an EPUB, found no part `OPS/gone.xhtml` in it
        skipped book.epub:../../../etc/passwd: malformed: expected a file of the book, found a path that leaves it: `../../../etc/passwd`
        skipped book.epub:unknown: malformed: expected a file of the book, found none with the id `unknown`
        parts: 
    "#]],
    );
}

#[test]
fn archives_that_are_broken() {
    let whole = docx(&paragraph("", &run("words")));
    let only = |name: &str, content: &str| archive(&[(name, content)]);
    let missing = package(&item("one", "one.xhtml"), &refer(&["one"]));
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("cut.docx", whole[..whole.len() / 2].to_vec()),
        ("empty.docx", docx("")),
        ("locked.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more".to_vec()),
        ("none.docx", only("word/styles.xml", STYLES)),
        ("not.docx", b"plain words".to_vec()),
        ("none.epub", only("x", "y")),
        (
            "gone.epub",
            archive(&[("META-INF/container.xml", CONTAINER), ("OPS/book.opf", &missing)]),
        ),
        (
            "drm.epub",
            archive(&[
                ("META-INF/container.xml", CONTAINER),
                ("META-INF/encryption.xml", r#"<e><CipherReference URI="OPS/one.xhtml"/></e>"#),
                ("OPS/book.opf", &missing),
                ("OPS/one.xhtml", "\u{1}\u{2}"),
            ]),
        ),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (*n, b.as_slice())).collect();
    let dir = folder(&files);
    expect![[r#"
        skipped cut.docx: malformed: expected a DOCX, found no whole zip archive: invalid Zip archive: Could not find EOCD
        skipped drm.epub: encrypted: expected an open EPUB, found one whose chapters are locked (DRM)
        skipped empty.docx: empty: expected text, found none in 1032 bytes
        skipped gone.epub: malformed: expected an EPUB, found none of its 1 chapters readable
        skipped locked.docx: encrypted: expected a DOCX, found a file locked with a password, or of an old version of Word
        skipped none.docx: malformed: expected a DOCX, found no part `word/document.xml` in it
        skipped none.epub: malformed: expected an EPUB, found no part `META-INF/container.xml` in it
        skipped not.docx: malformed: expected a DOCX, found no whole zip archive: invalid Zip archive: Could not find EOCD
    "#]].assert_eq(&show(dir.path(), Limits::default()));
}

#[test]
fn bombs() {
    let zeros = " ".repeat(64 << 20);
    let laughs: String = (1..40)
        .map(|n| format!("<!ENTITY a{n} \"&a{};&a{};&a{};\">", n - 1, n - 1, n - 1))
        .collect();
    let laughs = format!("<!DOCTYPE x [<!ENTITY a0 \"ha\">{laughs}]>");
    let laughing =
        format!("{laughs}<w:document>{}</w:document>", paragraph("", &run("ha &a39; ha")));
    let package = package(&item("one", "one.xhtml"), &refer(&["one"]));
    let book = |chapter: &str| {
        archive(&[
            ("META-INF/container.xml", CONTAINER),
            ("OPS/book.opf", &package),
            ("OPS/one.xhtml", chapter),
        ])
    };
    let deep = format!("{}{}", "<w:tbl><w:tr><w:tc>".repeat(50_000), paragraph("", &run("deep")));
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("bomb.docx", archive(&[("word/document.xml", &zeros)])),
        ("bomb.epub", book(&zeros)),
        ("deep.docx", docx(&deep)),
        ("laughs.docx", archive(&[("word/document.xml", &laughing)])),
        ("laughs.epub", book(&format!("{laughs}<html><body><p>ha &a39; ha</p></body></html>"))),
    ];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (*n, b.as_slice())).collect();
    let dir = folder(&files);
    let begin = Instant::now();
    let shown = show(dir.path(), Limits::default());
    assert!(shown.len() < 20_000, "{} bytes", shown.len());
    let shown: String =
        shown.lines().map(|line| line.chars().take(200).collect::<String>() + "\n").collect();
    expect![[r#"
        == deep.docx "From the template" language=en-GB date=2024-05-01T10:00:00Z
          1 deep
        == laughs.docx "laughs"
          1 ha  ha
        == laughs.epub "The Harbour" language=en date=1911-05
          1 ha &a39; ha
        skipped bomb.docx: too_large: expected less than 400 times the compressed size of `word/document.xml`, found more: a decompression bomb
        skipped bomb.epub: too_large: expected less than 400 times the compressed size of `OPS/one.xhtml`, found more: a decompression bomb
    "#]].assert_eq(&shown);
    assert!(begin.elapsed() < Duration::from_secs(20), "took {:?}", begin.elapsed());
    // The limit on all parts together.
    let plain: String = (0..200_000).map(|n| format!("word {n} ")).collect();
    let dir = folder(&[("long.docx", &docx(&paragraph("", &run(&plain))))]);
    let limits = Limits { max_unpacked_bytes: 1 << 20, ..Limits::default() };
    expect![[r#"
        skipped long.docx: too_large: expected at most 1048576 bytes, found more after decompression
    "#]]
    .assert_eq(&show(dir.path(), limits));
}
