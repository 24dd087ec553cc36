//! What a file is: by its name first, by its first bytes where the name says nothing.
//!
//! Source code is read as plain text, since people ask questions about it; style sheets, scripts
//! of web pages, source maps, lock files and JSON are skipped, since they are parts or data of
//! something and drown the documents beside them.

/// Formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Markdown,
    Text,
    Rst,
    Html,
    Jsonl,
    Pdf,
    Docx,
    Epub,
    /// The name does not tell; the bytes will.
    Unknown,
}

impl Kind {
    /// Whether files of this kind hold pictures and fonts beside their text.
    pub(crate) fn is_packed(self) -> bool {
        matches!(self, Self::Pdf | Self::Docx | Self::Epub)
    }
}

/// What a name says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Read(Kind),
    /// Kind of the skip and its reason.
    Skip(&'static str, String),
}

const MARKDOWN: &[&str] = &["md", "markdown", "mdown", "mkd"];
const TEXT: &[&str] = &["txt", "text"];
const HTML: &[&str] = &["html", "htm", "xhtml"];
const JSONL: &[&str] = &["jsonl", "ndjson"];

/// Extensions of formats that are not text.
const BINARY: &[&str] = &[
    "7z",
    "a",
    "aac",
    "apk",
    "avi",
    "avif",
    "bin",
    "bmp",
    "br",
    "bz2",
    "class",
    "cur",
    "dat",
    "db",
    "deb",
    "dll",
    "dmg",
    "doc",
    "dylib",
    "eot",
    "exe",
    "flac",
    "gguf",
    "gif",
    "gz",
    "heic",
    "icns",
    "ico",
    "iso",
    "jar",
    "jp2",
    "jpeg",
    "jpg",
    "lz4",
    "m4a",
    "m4v",
    "mid",
    "mkv",
    "mo",
    "mobi",
    "mov",
    "mp3",
    "mp4",
    "mpeg",
    "mpg",
    "npy",
    "npz",
    "o",
    "obj",
    "odp",
    "ods",
    "odt",
    "ogg",
    "ogv",
    "onnx",
    "opus",
    "otf",
    "parquet",
    "pickle",
    "pkl",
    "png",
    "ppt",
    "pptx",
    "psd",
    "pt",
    "pyc",
    "rar",
    "rlib",
    "rmeta",
    "rpm",
    "safetensors",
    "so",
    "sqlite",
    "sqlite3",
    "tar",
    "tbz",
    "tgz",
    "tif",
    "tiff",
    "ttc",
    "ttf",
    "txz",
    "wasm",
    "wav",
    "webm",
    "webp",
    "whl",
    "wma",
    "wmv",
    "woff",
    "woff2",
    "xls",
    "xlsx",
    "xz",
    "zip",
];

/// Extensions of text that holds no documents, with what it is.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("css", "a style sheet"),
    ("less", "a style sheet"),
    ("scss", "a style sheet"),
    ("js", "a script"),
    ("mjs", "a script"),
    ("cjs", "a script"),
    ("map", "a source map"),
    ("json", "JSON that is not JSON Lines"),
    ("xml", "XML"),
    ("xsl", "XML"),
    ("xsd", "XML"),
    ("rss", "XML"),
    ("atom", "XML"),
    ("svg", "a drawing"),
    ("eps", "a drawing"),
    ("ps", "PostScript"),
    ("lock", "a lock file"),
    ("index", "a search index"),
    ("inv", "a search index"),
    ("po", "a translation catalogue"),
    ("pot", "a translation catalogue"),
    ("pem", "a key or certificate"),
    ("key", "a key or certificate"),
    ("crt", "a key or certificate"),
];

/// The last part of `path` without `.zst` and without its extension.
pub(crate) fn stem(path: &str) -> &str {
    let name = without_source_txt(without_zst(path.rsplit('/').next().unwrap_or(path)));
    match name.rfind('.') {
        Some(dot) if dot > 0 => &name[..dot],
        _ => name,
    }
}

/// Whether the file is to be decompressed.
pub(crate) fn is_zst(path: &str) -> bool {
    without_zst(path).len() < path.len()
}

/// `path` without a final `.zst`.
pub(crate) fn without_zst(path: &str) -> &str {
    match path.len().checked_sub(4) {
        Some(cut) if cut > 0 && path.is_char_boundary(cut) => {
            if path[cut..].eq_ignore_ascii_case(".zst") { &path[..cut] } else { path }
        }
        _ => path,
    }
}

/// `name` without the `.txt` that Sphinx puts behind the names of sources it publishes.
fn without_source_txt(name: &str) -> &str {
    name.strip_suffix(".txt")
        .filter(|name| name.ends_with(".rst") || name.ends_with(".md"))
        .unwrap_or(name)
}

/// Lower-case extension of `path`, `.zst` left out.
pub(crate) fn extension(path: &str) -> Option<String> {
    let name = without_source_txt(without_zst(path.rsplit('/').next().unwrap_or(path)));
    let dot = name.rfind('.').filter(|&dot| dot > 0)?;
    Some(name[dot + 1..].to_ascii_lowercase())
}

/// Decides by the name alone.
pub(crate) fn by_name(path: &str) -> Verdict {
    let Some(extension) = extension(path) else {
        return Verdict::Read(Kind::Unknown);
    };
    let extension = extension.as_str();
    if MARKDOWN.contains(&extension) {
        Verdict::Read(Kind::Markdown)
    } else if HTML.contains(&extension) {
        Verdict::Read(Kind::Html)
    } else if TEXT.contains(&extension) {
        Verdict::Read(Kind::Text)
    } else if extension == "rst" {
        Verdict::Read(Kind::Rst)
    } else if JSONL.contains(&extension) {
        Verdict::Read(Kind::Jsonl)
    } else if extension == "pdf" {
        Verdict::Read(Kind::Pdf)
    } else if extension == "docx" {
        Verdict::Read(Kind::Docx)
    } else if extension == "epub" {
        Verdict::Read(Kind::Epub)
    } else if BINARY.binary_search(&extension).is_ok() {
        Verdict::Skip("binary", format!("expected text, found a `.{extension}` file"))
    } else if let Some((_, what)) = UNSUPPORTED.iter().find(|(known, _)| *known == extension) {
        Verdict::Skip("unsupported", format!("expected documents, found {what} (`.{extension}`)"))
    } else {
        Verdict::Read(Kind::Unknown)
    }
}

/// Bytes that are looked at to tell text from other data.
const SNIFF: usize = 8 << 10;

type Refusal = (&'static str, String);

/// Decides by the first bytes of a file whose name says nothing.
pub(crate) fn sniff(bytes: &[u8]) -> Result<Kind, Refusal> {
    let head = &bytes[..bytes.len().min(SNIFF)];
    if bytes.starts_with(b"%PDF-") {
        return Ok(Kind::Pdf);
    }
    if crate::decode::utf16(head).is_none() {
        if let Some(at) = memchr::memchr(0, head) {
            return Err(("binary", format!("expected text, found a NUL byte at offset {at}")));
        }
        refuse_controls(head, 20)?;
    }
    let mut start = head.trim_ascii_start();
    start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let begins = |with: &str| {
        start.len() >= with.len() && start[..with.len()].eq_ignore_ascii_case(with.as_bytes())
    };
    Ok(if begins("<!doctype html") || begins("<html") { Kind::Html } else { Kind::Text })
}

/// Refuses a file that its name calls text and whose bytes are plainly something else.
pub(crate) fn refuse_binary(bytes: &[u8]) -> Result<(), Refusal> {
    let head = &bytes[..bytes.len().min(SNIFF)];
    if head.starts_with(b"%PDF-") {
        let reason = "expected text, found a PDF; it is read when its name ends in `.pdf`";
        return Err(("binary", reason.to_owned()));
    }
    if crate::decode::utf16(head).is_some() {
        return Ok(());
    }
    refuse_controls(head, 10)
}

/// Refuses when more than one byte in `one_in` is a control character that text does not use.
fn refuse_controls(head: &[u8], one_in: usize) -> Result<(), Refusal> {
    let controls = head
        .iter()
        .filter(|&&b| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1b))
        .count();
    if controls * one_in > head.len() {
        return Err((
            "binary",
            format!(
                "expected text, found {controls} control characters in the first {} bytes",
                head.len()
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_extensions_are_sorted_for_the_search() {
        assert!(BINARY.is_sorted());
    }

    #[test]
    fn names_tell_kinds() {
        let read = |name| match by_name(name) {
            Verdict::Read(kind) => format!("{kind:?}"),
            Verdict::Skip(kind, _) => kind.to_owned(),
        };
        for (name, kind) in [
            ("a/b.MD", "Markdown"),
            ("classes.rst.txt", "Rst"),
            ("b.html.zst", "Html"),
            ("corpus.jsonl", "Jsonl"),
            ("x.pdf", "Pdf"),
            ("x.pdf.zst", "Pdf"),
            ("x.DOCX", "Docx"),
            ("x.epub", "Epub"),
            ("x.doc", "binary"),
            ("x.tar.zst", "binary"),
            ("x.PNG", "binary"),
            ("x.css", "unsupported"),
            ("main.rs", "Unknown"),
            ("Makefile", "Unknown"),
            ("x.zst", "Unknown"),
            (".zst", "Unknown"),
        ] {
            assert_eq!(read(name), kind, "{name}");
        }
    }

    #[test]
    fn stems() {
        assert_eq!(stem("a/b.c/notes.v2.md.zst"), "notes.v2");
        assert_eq!(stem("Makefile"), "Makefile");
        assert_eq!(stem("中文.txt"), "中文");
    }

    #[test]
    fn bytes_tell_text_from_data() {
        assert_eq!(sniff(b"plain words"), Ok(Kind::Text));
        assert_eq!(sniff(b"  <!DOCTYPE html><p>x"), Ok(Kind::Html));
        assert_eq!(sniff("caf\u{e9} au lait".as_bytes()), Ok(Kind::Text));
        assert_eq!(sniff(b"caf\xe9 au lait, s'il vous pla\xeet"), Ok(Kind::Text));
        assert!(sniff(b"\x7fELF\x02\x01\x01\0\0\0").is_err());
        let noise: Vec<u8> = (0..4096u32).map(|i| (i * 167 % 255 + 1) as u8).collect();
        assert!(sniff(&noise).is_err());
        assert_eq!(sniff(b"%PDF-1.7 ..."), Ok(Kind::Pdf));
    }
}
