//! PDFs: the parser in this process, and what a process that reads them may answer to the one that asks.

use std::cell::RefCell;
use std::ops::ControlFlow;

use sleuth_corpus::{Corpus, Limits, PdfReader};

use super::documents::is_sound;

pub(super) const WORDS: &[&str] = &[
    "obj",
    "endobj",
    "1 0 R",
    "2 0 R",
    "<<",
    ">>",
    "[",
    "]",
    "(",
    ")",
    "/Type",
    "/Page",
    "/Pages",
    "/Kids",
    "/Count",
    "/Length",
    "/Filter",
    "/FlateDecode",
    "/ASCIIHexDecode",
    "/ASCII85Decode",
    "/LZWDecode",
    "/RunLengthDecode",
    "/DecodeParms",
    "/Predictor 12",
    "/Columns",
    "/Contents",
    "/Resources",
    "/Font",
    "/Subtype /Type0",
    "/Type3",
    "/Encoding",
    "/Differences",
    "/ToUnicode",
    "/Widths",
    "/FirstChar",
    "/MediaBox",
    "/Rotate 90",
    "/XObject",
    "/Form",
    "/Matrix",
    "/Encrypt",
    "stream\n",
    "endstream",
    "xref",
    "trailer",
    "startxref",
    "%%EOF",
    "/Prev",
    "/XRefStm",
    "/ObjStm",
    "BT",
    "ET",
    "Tf",
    "Td",
    "Tm",
    "Tj",
    "TJ",
    "'",
    "\"",
    "T*",
    "Tr",
    "Tz",
    "q",
    "Q",
    "cm",
    "Do",
    "BI",
    "ID",
    "EI",
    "BMC",
    "beginbfchar",
    "<0041>",
    "-1",
    "1e38",
    "0.00001",
    "/Lang",
    "/Info",
    "/Title",
    "null",
];
pub(super) const OF_TALK: &[&str] = &[
    "sleuth-pdf 1\n",
    "{\"Ok\":{\"title\":null,\"language\":null,\"date\":null,\"text\":\"",
    "\",\"starts\":[[0,1]]}}",
    "{\"Err\":[\"",
    "\",\"",
    "\"]}",
    "encrypted",
    "\0\0\0\0\0\0\0\0",
    "\x10\0\0\0\0\0\0\0",
    "[[9999,1]]",
    "\\ud800",
    "null",
];

/// Most bytes of text that the parser is let give.
const MOST_TEXT: usize = 1 << 20;

pub(super) fn parse(input: &[u8]) {
    if let Ok(document) = sleuth_corpus::read_pdf_here(input, MOST_TEXT) {
        is_sound(&document);
        assert!(!document.text.trim().is_empty());
        // What is between cells and lines comes on top.
        assert!(document.text.len() <= 4 * MOST_TEXT, "{} bytes", document.text.len());
    }
}

/// The other end says what stands in the input and is gone. What it says is right or refused; nothing is
/// believed that would not hold of a document.
pub(super) fn talk(input: &[u8]) {
    thread_local! {
        static FOLDER: RefCell<Option<tempfile::TempDir>> = const { RefCell::new(None) };
    }
    let root = FOLDER.with_borrow_mut(|folder| {
        folder.get_or_insert_with(|| tempfile::tempdir().unwrap()).path().to_owned()
    });
    let (said, file) = (root.join("said"), root.join("file.pdf"));
    // Most that is said begins as it should; of answers, the length is right where it can be.
    let bytes = match input.split_first() {
        Some((b'=', answer)) => {
            let length = (answer.len() as u64).to_le_bytes();
            [b"sleuth-pdf 1\n".as_slice(), &length, answer].concat()
        }
        Some((b'+', rest)) => [b"sleuth-pdf 1\n".as_slice(), rest].concat(),
        _ => input.to_vec(),
    };
    fs_err::write(&said, bytes).unwrap();
    fs_err::write(&file, "%PDF-1.4").unwrap();
    let program = "/bin/cat".into();
    let reader = PdfReader { program, arguments: vec![said.display().to_string()] };
    let limits = Limits { max_pdf_seconds: 2, ..Limits::default() };
    let corpus = Corpus::open(&file, limits).unwrap().with_pdf_reader(reader);
    let listing = corpus.list().unwrap();
    let mut n = 0;
    let report = corpus.read(&listing.files[0], &mut |document| {
        n += 1;
        is_sound(&document);
        ControlFlow::Continue(())
    });
    assert_eq!(n + report.skipped.len(), 1, "{:?}", report.skipped);
}
