//! What a document is worth whatever is asked: how it is made, of which host it is, and whether it is a
//! copy of another.
//!
//! It is found while the graph is made and kept with it.

mod copies;
mod print;

use std::collections::{HashMap, HashSet};

use sleuth_records::{Digest, Document, quality};

use crate::folded;
use crate::graph::{DocumentNumber, hash};
use crate::query::{Day, host_and_path};
pub(crate) use copies::{Copies, NONE, Raw, copies};
pub(crate) use print::Print;

/// See the [module](self). Everything is by document number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    /// From 0 to 1, by the signals of the page.
    pub(crate) quality: Vec<f32>,
    /// The site of each, as position among `host_names`; [`NONE`] for documents without a web address.
    pub(crate) hosts: Vec<u32>,
    /// Documents of each site that are no copies.
    pub(crate) host_sizes: Vec<u32>,
    pub(crate) host_names: Vec<String>,
    pub(crate) copies: Copies,
}

/// The host that a document is of, without `www.`: by its address, or, for a file, by the first folder of
/// its id where that is named like a host, as programs that save whole sites name it.
pub(crate) fn host_of(document: &Document) -> Option<String> {
    let by_address = document.url.as_deref().and_then(host_and_path);
    let host = match by_address {
        Some((host, _)) if !host.is_empty() => host,
        _ => {
            let (folder, _) = document.id.as_str().split_once('/')?;
            let (name, top) = folder.rsplit_once('.')?;
            let in_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            let is_host = top.len() >= 2
                && top.chars().all(|c| c.is_ascii_alphabetic())
                && name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.chars().all(in_host);
            is_host.then(|| folder.to_lowercase())?
        }
    };
    Some(host.strip_prefix("www.").map_or(host.clone(), str::to_owned))
}

/// The site of a host: its last two names, or three where the last but one is of a registry (`co.uk`) or
/// of a service that gives names to many (`github.io`). A list of a few stands in for the public suffix list.
fn site_of(host: &str) -> &str {
    const SERVICES: [&str; 20] = [
        "blogspot.com",
        "dreamwidth.org",
        "fandom.com",
        "github.io",
        "gitlab.io",
        "herokuapp.com",
        "livejournal.com",
        "medium.com",
        "neocities.org",
        "netlify.app",
        "pages.dev",
        "readthedocs.io",
        "sourceforge.io",
        "substack.com",
        "tumblr.com",
        "vercel.app",
        "web.app",
        "weebly.com",
        "wixsite.com",
        "wordpress.com",
    ];
    if host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return host;
    }
    let last = |n: usize| {
        let start = host.rmatch_indices('.').nth(n - 1).map_or(0, |(dot, _)| dot + 1);
        &host[start..]
    };
    let two = last(2);
    let of_registry =
        two.split_once('.').is_some_and(|(name, top)| name.len() <= 3 && top.len() == 2);
    if of_registry || SERVICES.contains(&two) { last(3) } else { two }
}

/// The words of each part of a title, the longest first: sites put their names before or after a dash or
/// a bar.
fn title_parts(title: &str) -> Vec<Box<[u64]>> {
    const BARS: [&str; 6] = [" | ", " - ", " – ", " — ", " · ", " :: "];
    let mut parts = vec![title];
    for bar in BARS {
        parts = parts.into_iter().flat_map(|part| part.split(bar)).collect();
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts.into_iter().map(word_hashes).collect()
}

/// Hashes of the words of `text`, sorted, each once.
fn word_hashes(text: &str) -> Box<[u64]> {
    let mut words: Vec<u64> = folded(text).split_whitespace().map(hash).collect();
    words.sort_unstable();
    words.dedup();
    words.into()
}

/// What a document stands in for another as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    Copy,
    Variant,
}

/// What is gathered of the documents, in any order.
#[derive(Default)]
pub(crate) struct Gathered(Vec<(DocumentNumber, Option<String>, Raw)>);

impl Gathered {
    /// Takes in a document; `words` are the hashes of its words.
    pub(crate) fn add(
        &mut self,
        number: DocumentNumber,
        document: &Document,
        words: impl IntoIterator<Item = u64>,
    ) {
        let url = document.url.as_deref();
        let address = url.unwrap_or(document.id.as_str()).len();
        let raw = Raw {
            print: Print::of(words),
            title: word_hashes(&document.title),
            title_parts: title_parts(&document.title),
            quality: document
                .signals
                .as_deref()
                .map_or(1.0, |signals| quality(signals).score as f32),
            host: NONE,
            date: document.date.as_deref().and_then(Day::of_date),
            address: u32::try_from(address).unwrap_or(u32::MAX),
        };
        self.0.push((number, host_of(document), raw));
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// What all documents are worth, of which there are `n`.
    pub(crate) fn standing(mut self, n: usize) -> Standing {
        self.0.sort_by_key(|(number, _, _)| *number);
        let mut out = Standing::default();
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut raws = Vec::with_capacity(n);
        for (_, host, mut raw) in self.0 {
            if let Some(host) = host.as_deref().map(site_of) {
                raw.host = *known.entry(host.to_owned()).or_insert_with_key(|host| {
                    out.host_names.push(host.clone());
                    out.host_sizes.push(0);
                    out.host_names.len() as u32 - 1
                });
            }
            out.quality.push(raw.quality);
            out.hosts.push(raw.host);
            raws.push(raw);
        }
        out.copies = copies(&raws);
        for (at, host) in out.hosts.iter().enumerate().filter(|(_, host)| **host != NONE) {
            let is_original = out.original(at as DocumentNumber).is_none();
            out.host_sizes[*host as usize] += u32::from(is_original);
        }
        out
    }
}

impl Standing {
    /// Documents that are no copies, of all hosts and of none.
    pub(crate) fn n_originals(&self) -> usize {
        let of_host = self.host_sizes.iter().map(|n| *n as usize).sum::<usize>();
        of_host + self.hosts.iter().filter(|host| **host == NONE).count()
    }

    /// The document that `at` is like, and how.
    pub(crate) fn original(&self, at: DocumentNumber) -> Option<(DocumentNumber, Likeness)> {
        let of = |list: &[DocumentNumber], likeness| {
            let original = list.get(at as usize).copied().filter(|original| *original != NONE)?;
            Some((original, likeness))
        };
        of(&self.copies.copy_of, Likeness::Copy)
            .or_else(|| of(&self.copies.variant_of, Likeness::Variant))
    }

    /// The document that stands for `at` and all its copies in the end: itself where it is none.
    pub(crate) fn first(&self, mut at: DocumentNumber) -> DocumentNumber {
        // A copy of a variant of an original is the longest way there is.
        for _ in 0..2 {
            match self.original(at) {
                Some((original, _)) => at = original,
                None => break,
            }
        }
        at
    }

    /// How many different documents bear a key: copies count with their originals.
    pub(crate) fn n_different(&self, bearers: &[(DocumentNumber, f32)]) -> usize {
        if bearers.len() < 2 {
            return bearers.len();
        }
        let firsts: HashSet<DocumentNumber> =
            bearers.iter().map(|(at, _)| self.first(*at)).collect();
        firsts.len()
    }

    /// Names all that a ranking takes from here; empty where it takes nothing.
    pub(crate) fn digest(&self) -> String {
        let is_none = |list: &[u32]| list.iter().all(|one| *one == NONE);
        let Copies { copy_of, variant_of } = &self.copies;
        if is_none(&self.hosts)
            && is_none(copy_of)
            && is_none(variant_of)
            && self.quality.iter().all(|quality| *quality >= 1.0)
        {
            return String::new();
        }
        let mut digest = Digest::new();
        let mut all: Vec<u8> = Vec::new();
        all.extend(self.quality.iter().flat_map(|quality| quality.to_le_bytes()));
        for list in [&self.hosts, &self.host_sizes, copy_of, variant_of] {
            all.extend(list.iter().flat_map(|number| number.to_le_bytes()));
        }
        digest.field(&all);
        digest.hex()
    }
}

#[cfg(test)]
mod tests {
    use sleuth_records::DocumentId;

    use super::*;

    #[test]
    fn hosts() {
        let check = |id: &str, url: Option<&str>, host: Option<&str>| {
            let mut document = Document::new(DocumentId::new(id), "", "");
            document.url = url.map(str::to_owned);
            assert_eq!(host_of(&document).as_deref(), host, "{id} {url:?}");
        };
        check("a", Some("https://www.Example.org/a"), Some("example.org"));
        check("x.org/a", Some("https://example.org/a"), Some("example.org"));
        check(
            "Example.org/a.html",
            Some("file:///home/me/Example.org/a.html"),
            Some("example.org"),
        );
        check("www.example.co.uk/a", None, Some("example.co.uk"));
        check("python3.11/library/os.rst", None, None);
        check(".config/a.md", None, None);
        check("notes.md", None, None);
        check("my notes.of/a", None, None);
    }

    #[test]
    fn sites() {
        for (host, site) in [
            ("a.b.example.org", "example.org"),
            ("example.org", "example.org"),
            ("shop.example.co.uk", "example.co.uk"),
            ("me.github.io", "me.github.io"),
            ("a.me.github.io", "me.github.io"),
            ("localhost", "localhost"),
            ("192.168.0.1", "192.168.0.1"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("bbc.uk", "bbc.uk"),
        ] {
            assert_eq!(site_of(host), site);
        }
    }

    #[test]
    fn parts_of_titles() {
        let check = |title: &str, parts: &[&str]| {
            let expected: Vec<_> = parts.iter().map(|part| word_hashes(part)).collect();
            assert_eq!(title_parts(title), expected, "{title}");
        };
        check("The Corvane valve | Shop", &["The Corvane valve", "Shop"]);
        check("Help :: Made in Harrow — us", &["Made in Harrow", "Help", "us"]);
        check("a-b", &["a-b"]);
        check("", &[""]);
        assert_eq!(word_hashes("Valve, a valve"), word_hashes("A valve"));
    }
}
