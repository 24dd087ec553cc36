//! XML of document archives as a flat series of tags and texts.
//!
//! Names come without their prefixes: the formats that are read here use no two elements of the
//! same name for different things where it matters. No entity that a document declares is ever
//! expanded, so that none can grow; a fault in the XML ends the series, and what came before it
//! counts.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// One piece of a document.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// A start tag; of an empty element too, an `End` follows.
    Start(Tag<'a>),
    /// The name of an end tag.
    End(String),
    /// Characters, decoded.
    Text(Cow<'a, str>),
}

/// A start tag.
#[derive(Debug)]
pub(crate) struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// Name without its prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// The attribute of that name, whatever its prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.0.attributes();
        // The check for duplicates compares each with all others.
        let attributes = attributes.with_checks(false).flatten();
        let mut found = attributes.filter(|attribute| local(attribute.key.into_inner()) == name);
        Some(found.next()?.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The pieces of `text`.
pub(crate) struct Pieces<'a> {
    reader: Reader<&'a [u8]>,
    /// The end of an empty element.
    pending: Option<String>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        Self { reader, pending: None }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(name) = self.pending.take() {
            return Some(Piece::End(name));
        }
        loop {
            match self.reader.read_event().ok()? {
                Event::Start(tag) => return Some(Piece::Start(Tag(tag))),
                Event::Empty(tag) => {
                    let tag = Tag(tag);
                    self.pending = Some(tag.name().to_owned());
                    return Some(Piece::Start(tag));
                }
                Event::End(tag) => {
                    return Some(Piece::End(local(tag.name().into_inner()).to_owned()));
                }
                Event::Text(text) => return Some(Piece::Text(text.into_inner())),
                Event::CData(text) => return Some(Piece::Text(text.into_inner())),
                Event::GeneralRef(reference) => {
                    let known = match reference.resolve_char_ref() {
                        Ok(Some(c)) => c.to_string(),
                        Ok(None) => match &*reference.into_inner() {
                            "amp" => "&",
                            "lt" => "<",
                            "gt" => ">",
                            "quot" => "\"",
                            "apos" => "'",
                            "nbsp" => " ",
                            _ => continue,
                        }
                        .to_owned(),
                        Err(_) => continue,
                    };
                    return Some(Piece::Text(known.into()));
                }
                Event::Eof => return None,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut shown = String::new();
        for piece in Pieces::new(text) {
            shown += &match piece {
                Piece::Start(tag) => {
                    let value = tag.attribute("val").map(|v| format!("={v}")).unwrap_or_default();
                    format!("<{}{value}>", tag.name())
                }
                Piece::End(name) => format!("</{name}>"),
                Piece::Text(text) => text.into_owned(),
            };
        }
        assert_eq!(shown, expected);
    }

    #[test]
    fn pieces() {
        check(
            r#"<?xml version="1.0"?><w:p w:val="a&amp;b"><w:br/>x &lt;y&gt;&#65;<![CDATA[<z>]]></w:p>"#,
            "<p=a&b><br></br>x <y>A<z></p>",
        );
    }

    #[test]
    fn declared_entities_do_not_grow() {
        let mut text = "<!DOCTYPE x [<!ENTITY a0 \"ha\">".to_owned();
        for n in 1..30 {
            text += &format!("<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1);
        }
        text += "]><x>before &a29; after</x>";
        check(&text, "<x>before  after</x>");
    }

    #[test]
    fn a_fault_ends_the_series() {
        check("<a>one</a><b>two<", "<a>one</a><b>two");
    }
}
