//! Files that become documents, read through the face of `sleuth-corpus`.
//!
//! Whatever stands in a file, it becomes documents that are sound or is passed over with a reason; the
//! text is bounded by the bytes that are read.

use std::cell::RefCell;
use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;

use sleuth_corpus::{Corpus, Limits, ReadReport};
use sleuth_records::{Document, LineMap};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(super) const OF_HTML: &[&str] = &[
    "<p>",
    "</p>",
    "<div class=\"",
    "</div>",
    "<article>",
    "<table>",
    "<tr>",
    "<td colspan=9>",
    "</table>",
    "<ul><li>",
    "<pre>",
    "</pre>",
    "<script>",
    "</script>",
    "<style>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<noscript>",
    "<template>",
    "<svg>",
    "<math>",
    "<title>",
    "</title>",
    "<meta charset=\"utf-16\">",
    "<meta http-equiv=refresh content=\"0;url=x\">",
    "<base href=\"//x\">",
    "<a href=\"../x#y\">",
    "</a>",
    "<h1>",
    "</h1>",
    "<br/>",
    "<select><option>",
    "<textarea>",
    "<plaintext>",
    "<frameset>",
    "hidden",
    "style=\"display:none\"",
    "&amp;",
    "&#0;",
    "&#x110000;",
    "&nbsp",
    "&NotEqualTilde;",
    "<script type=\"application/ld+json\">{",
    "\"@type\":\"Article\",\"articleBody\":\"",
    "<html lang=en>",
    "<body>",
    "<li",
    "<",
    ">",
    "=\"",
    "'",
    "\u{fffe}",
];
pub(super) const OF_JSONL: &[&str] = &[
    "{",
    "}",
    "\"_id\":",
    "\"text\":",
    "\"title\":",
    "\"url\":",
    "\"date\":",
    "\"contents\":",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "null",
    "[",
    "]",
    ",",
    "\n",
    "\r\n",
    "1e999",
    "true",
    "\"",
    "\\",
    "\u{feff}",
];
pub(super) const OF_XML: &[&str] = &[
    "<w:p>",
    "</w:p>",
    "<w:r><w:t>",
    "</w:t></w:r>",
    "<w:tbl>",
    "<w:tr>",
    "<w:tc>",
    "</w:tc>",
    "</w:tbl>",
    "<w:pStyle w:val=\"Heading1\"/>",
    "<w:del>",
    "<w:instrText>",
    "<w:hyperlink r:id=\"rId1\">",
    "<w:tab/>",
    "<w:br/>",
    "<w:footnoteReference w:id=\"1\"/>",
    "<mc:AlternateContent>",
    "<mc:Fallback>",
    "<w:gridSpan w:val=\"9\"/>",
    "<itemref idref=\"c\"/>",
    "<item id=\"c\" href=\"c.xhtml\"/>",
    "<spine>",
    "<dc:title>",
    "<p>",
    "</p>",
    "<h1>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    "<!DOCTYPE x [<!ENTITY y \"z\">]>",
    "&y;",
    "&#x0;",
    "&amp;",
    "<",
    ">",
    "\"",
    "../../x",
    "%2e%2e/",
];

/// Most bytes of text for a byte of a file: the longest entities, and what tables put between cells.
const MOST_PER_BYTE: usize = 16;

pub(super) fn html(input: &[u8]) {
    check("page.html", input, input.len());
}

pub(super) fn jsonl(input: &[u8]) {
    check("records.jsonl", input, input.len());
}

pub(super) fn docx(input: &[u8]) {
    if input.first().is_none_or(|first| *first == b'P') {
        // A member may be packed; how far is for the limits of archives to say.
        return check("text.docx", input, 1100 * input.len());
    }
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Override \
        PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.\
        wordprocessingml.document.main+xml\"/></Types>";
    let links = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
        <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/\
        officeDocument\" Target=\"word/document.xml\"/></Relationships>";
    let members: [(&str, &[u8]); 3] = [
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", links.as_bytes()),
        ("word/document.xml", input),
    ];
    check("text.docx", &packed(&members), input.len());
}

pub(super) fn epub(input: &[u8]) {
    if input.first().is_none_or(|first| *first == b'P') {
        return check("book.epub", input, 1100 * input.len());
    }
    // The list of chapters, a zero byte, and a chapter.
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let (list, chapter) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let container = "<container><rootfiles><rootfile full-path=\"b/list.opf\" \
        media-type=\"application/oebps-package+xml\"/></rootfiles></container>";
    let members: [(&str, &[u8]); 4] = [
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container.as_bytes()),
        ("b/list.opf", list),
        ("b/c.xhtml", chapter),
    ];
    // A list may name its chapter again and again.
    check("book.epub", &packed(&members), input.len() * (1 + input.len() / 16));
}

fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Reads `bytes` as a file called `name`, and checks what comes of it; `source` bytes are its text at
/// most.
fn check(name: &str, bytes: &[u8], source: usize) {
    let (documents, report) = read(name, bytes);
    assert_eq!(report.documents, documents.len());
    assert!(!documents.is_empty() || !report.skipped.is_empty() || bytes.is_empty(), "lost");
    for skip in &report.skipped {
        assert!(skip.path.starts_with(name) && !skip.kind.is_empty(), "{skip:?}");
        assert!(skip.reason.len() <= 2_000, "{skip:?}");
    }
    let total: usize = documents.iter().map(|document| document.text.len()).sum();
    assert!(total <= MOST_PER_BYTE * source + 1_000, "{total} bytes from {source}");
    documents.iter().for_each(is_sound);
}

fn read(name: &str, bytes: &[u8]) -> (Vec<Document>, ReadReport) {
    thread_local! {
        static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
    }
    let root = FOLDER.with_borrow_mut(|folder| {
        folder.get_or_insert_with(|| tempfile::tempdir().unwrap()).path().to_owned()
    });
    let path = root.join(name);
    fs_err::write(&path, bytes).unwrap();
    let corpus = Corpus::open(&path, Limits::default()).unwrap();
    let listing = corpus.list().unwrap();
    let mut documents = Vec::new();
    let mut report = ReadReport::default();
    for file in &listing.files {
        report = corpus.read(file, &mut |document| {
            documents.push(document);
            ControlFlow::Continue(())
        });
    }
    report.skipped.extend(listing.skipped);
    (documents, report)
}

pub(super) fn is_sound(document: &Document) {
    let text = &document.text;
    assert!(!document.id.as_str().is_empty());
    assert!(!document.title.contains(['\n', '\r', '\0']), "title {:?}", document.title);
    assert!(!text.contains(['\0', '\r']), "{:?}", text.chars().take(200).collect::<String>());
    for link in &document.links {
        assert!(!link.text.contains(['\n', '\t']), "{link:?}");
    }
    let starts = match &document.lines {
        LineMap::Starts(starts) | LineMap::Parts { starts, .. } => starts.as_slice(),
        LineMap::OfText | LineMap::Fixed(_) => &[],
    };
    for pair in starts.windows(2) {
        // Lines may go back, where a page is read in another order than it is written in.
        let rises = matches!(document.lines, LineMap::Starts(_)) || pair[0].1 <= pair[1].1;
        assert!(pair[0].0 <= pair[1].0 && rises, "{pair:?}");
    }
    for (start, number) in starts {
        assert!(text.is_char_boundary(*start as usize), "{start} in {} bytes", text.len());
        assert!(*number >= 1, "{starts:?}");
    }
    assert!(document.line_at(0) >= 1 && document.line_at(text.len()) >= document.line_at(0));
    let written = serde_json::to_string(document).unwrap();
    let again: Document = serde_json::from_str(&written).unwrap();
    assert_eq!(&again, document, "read back from a record");
}
