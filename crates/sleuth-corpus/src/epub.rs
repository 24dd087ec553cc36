//! EPUB: the chapters of a book in reading order, each through the HTML reader.
//!
//! `META-INF/container.xml` names the package file; that has the metadata, a list of the book's
//! files, and the spine: the order in which they are read. Tables of contents are left out, since
//! the chapters say the same. A chapter that is missing or damaged is named and costs only itself.

use std::collections::HashMap;

use sleuth_records::{LineMap, Link, Unit};

use crate::archive::{self, Archive};
use crate::corpus::{Parsed, fold};
use crate::decode;
use crate::html;
use crate::source::Refusal;
use crate::xml::{Piece, Pieces};

/// Most chapters that are named one by one as missing.
const NAMED: usize = 100;

/// The package file.
#[derive(Debug, Default)]
struct Package {
    title: Option<String>,
    language: Option<String>,
    date: Option<String>,
    /// Paths, media types and whether it is a table of contents, by id.
    files: HashMap<String, (String, String, bool)>,
    /// Ids.
    spine: Vec<String>,
}

pub(crate) fn parse(bytes: &[u8], limit: u64) -> Result<Parsed, Refusal> {
    let mut archive = Archive::open(bytes, "an EPUB", limit)?;
    let container = decode::decode(&archive.need("META-INF/container.xml")?, None);
    let package_path = Pieces::new(&container)
        .find_map(|piece| match piece {
            Piece::Start(tag) if tag.name() == "rootfile" => tag.attribute("full-path"),
            Piece::Start(_) | Piece::End(_) | Piece::Text(_) => None,
        })
        .ok_or_else(|| {
            let reason = "expected an EPUB, found no package file named in its container";
            ("malformed", reason.to_owned())
        })?;
    let package = Package::read(&decode::decode(&archive.need(&package_path)?, None));
    refuse_locked(&mut archive, &package, &package_path)?;
    let mut book = Parsed {
        title: package.title.clone(),
        language: package.language.clone(),
        date: package.date.clone(),
        ..Parsed::default()
    };
    let mut starts = Vec::new();
    let mut n_missing = 0usize;
    for (number, id) in (1..).zip(&package.spine) {
        match chapter(&mut archive, &package, &package_path, id) {
            Ok(Some(chapter)) => append(&mut book, &mut starts, number, chapter),
            Ok(None) => {}
            // The limit is that of the whole file.
            Err((_, refusal @ ("too_large", _))) => return Err(refusal),
            Err((name, refusal)) => {
                n_missing += 1;
                if n_missing <= NAMED {
                    book.missing.push((name, refusal));
                }
            }
        }
    }
    if book.text.trim().is_empty() && n_missing > 0 {
        let reason = format!("expected an EPUB, found none of its {n_missing} chapters readable");
        return Err(("malformed", reason));
    }
    book.lines = LineMap::Parts { unit: Unit::Chapter, starts };
    Ok(book)
}

/// One chapter; `None` for what is not one. A failure comes with the chapter's name.
fn chapter(
    archive: &mut Archive<'_>,
    package: &Package,
    package_path: &str,
    id: &str,
) -> Result<Option<Parsed>, (String, Refusal)> {
    let Some((target, media_type, is_contents)) = package.files.get(id) else {
        let reason = format!("expected a file of the book, found none with the id `{id}`");
        return Err((id.to_owned(), ("malformed", reason)));
    };
    if *is_contents || !media_type.contains("html") {
        return Ok(None);
    }
    let Some(path) = archive::resolve(package_path, target) else {
        let reason =
            format!("expected a file of the book, found a path that leaves it: `{target}`");
        return Err((target.clone(), ("malformed", reason)));
    };
    let bytes = archive.need(&path).map_err(|refusal| (path.clone(), refusal))?;
    let page = decode::decode(&bytes, html::declared_encoding(&bytes));
    Ok(Some(html::parse_chapter(&path, &page)))
}

/// Puts a chapter behind those before it.
fn append(book: &mut Parsed, starts: &mut Vec<(u32, u32)>, number: u32, chapter: Parsed) {
    if chapter.text.trim().is_empty() {
        return;
    }
    if !book.text.is_empty() {
        book.text.push_str("\n\n");
    }
    starts.push((u32::try_from(book.text.len()).unwrap_or(u32::MAX), number));
    book.text.push_str(chapter.text.trim_end());
    if book.language.is_none() {
        book.language = chapter.language;
    }
    if book.title.is_none() {
        book.title = chapter.title;
    }
    // Links inside the book lead to no document of their own.
    let outside = |link: &Link| link.target.contains("://");
    book.links.extend(chapter.links.into_iter().filter(outside));
}

/// Refuses a book whose chapters are enciphered; fonts often are.
fn refuse_locked(
    archive: &mut Archive<'_>,
    package: &Package,
    package_path: &str,
) -> Result<(), Refusal> {
    let Some(bytes) = archive.read("META-INF/encryption.xml")? else { return Ok(()) };
    let text = decode::decode(&bytes, None);
    let locked: Vec<String> = Pieces::new(&text)
        .filter_map(|piece| match piece {
            Piece::Start(tag) if tag.name() == "CipherReference" => {
                archive::resolve("", &tag.attribute("URI")?)
            }
            Piece::Start(_) | Piece::End(_) | Piece::Text(_) => None,
        })
        .collect();
    let is_locked = package.spine.iter().any(|id| {
        let path = package.files.get(id).and_then(|file| archive::resolve(package_path, &file.0));
        path.is_some_and(|path| locked.contains(&path))
    });
    if is_locked {
        let reason = "expected an open EPUB, found one whose chapters are locked (DRM)";
        return Err(("encrypted", reason.to_owned()));
    }
    Ok(())
}

impl Package {
    fn read(text: &str) -> Self {
        let mut package = Self::default();
        let mut open = String::new();
        for piece in Pieces::new(text) {
            match piece {
                Piece::Start(tag) => {
                    tag.name().clone_into(&mut open);
                    let attribute = |name: &str| tag.attribute(name);
                    match tag.name() {
                        "item" => {
                            if let (Some(id), Some(href)) = (attribute("id"), attribute("href")) {
                                let media_type = attribute("media-type").unwrap_or_default();
                                let is_contents = attribute("properties")
                                    .is_some_and(|all| all.split(' ').any(|one| one == "nav"));
                                package.files.insert(id, (href, media_type, is_contents));
                            }
                        }
                        "itemref" => package.spine.extend(attribute("idref")),
                        _ => {}
                    }
                }
                Piece::End(_) => open.clear(),
                Piece::Text(text) => {
                    let text = fold(&decode::clean(text));
                    let place = match open.as_str() {
                        "title" => &mut package.title,
                        "language" => &mut package.language,
                        "date" => &mut package.date,
                        _ => continue,
                    };
                    if !text.is_empty() {
                        // References part a text into pieces; of several titles, the first counts.
                        place.get_or_insert(text);
                    }
                }
            }
        }
        package.date = package.date.filter(|date| is_date(date));
        package
    }
}

/// Whether `text` is a year, a month or a day of ISO 8601, with or without a time.
fn is_date(text: &str) -> bool {
    let shape: String =
        text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(11).collect();
    matches!(shape.as_str(), "0000" | "0000-00" | "0000-00-00" | "0000-00-00T") && text.len() <= 40
}
