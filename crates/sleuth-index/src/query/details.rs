//! What filters know of each document beside its words, by number: made from the records when first
//! asked for.

use std::borrow::Cow;

use serde::Deserialize;

use super::Day;
use crate::sites::{Parts, ascii_host};
use crate::store::Store;
use crate::{Effect, IndexError, SiteLists, Verdict, language};

/// Where a document comes from, and when.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// In lower case and ASCII, without user and port; empty where the address has none.
    pub(crate) host: Box<str>,
    /// From the `/` after the host on.
    pub(crate) path: Box<str>,
    pub(crate) date: Option<Day>,
}

/// The parts of a record that filters read.
#[derive(Deserialize)]
struct Head<'r> {
    #[serde(borrow, default)]
    url: Option<Cow<'r, str>>,
    #[serde(borrow)]
    title: Cow<'r, str>,
    #[serde(borrow)]
    text: Cow<'r, str>,
    #[serde(borrow, default)]
    language: Option<Cow<'r, str>>,
    #[serde(borrow, default)]
    date: Option<Cow<'r, str>>,
}

/// Hosts and dates of all documents.
pub(crate) fn places(store: &Store) -> Result<Vec<Place>, IndexError> {
    each(store, |head| {
        let (host, path) = head.url.as_deref().and_then(host_and_path).unwrap_or_default();
        let date = head.date.as_deref().and_then(Day::of_date);
        Place { host: host.into(), path: path.into(), date }
    })
}

/// Languages of all documents, stated or else detected; empty where neither is known.
pub(crate) fn languages(store: &Store) -> Result<Vec<Box<str>>, IndexError> {
    each(store, |head| match head.language.as_deref().and_then(language::stated) {
        Some(stated) => stated.into(),
        None => language::detect(&head.title, &head.text).unwrap_or_default().into(),
    })
}

/// What lists of sites look at.
#[derive(Deserialize)]
struct Label<'r> {
    #[serde(borrow, default)]
    url: Option<Cow<'r, str>>,
    #[serde(borrow)]
    title: Cow<'r, str>,
}

/// What `lists` make of all documents.
pub(crate) fn verdicts(store: &Store, lists: &SiteLists) -> Result<Vec<Verdict>, IndexError> {
    let table = store.table()?;
    let mut out = vec![Verdict { effect: Effect::Weight(1.0), rule: None }; table.n_documents()];
    store.for_each_record(&mut |id, record| {
        let label: Label<'_> = serde_json::from_slice(record)?;
        if let Some(at) = table.number(id) {
            out[at as usize] = lists.verdict(label.url.as_deref(), &label.title);
        }
        Ok(())
    })?;
    Ok(out)
}

fn each<T: Clone + Default>(
    store: &Store,
    of: impl Fn(&Head<'_>) -> T,
) -> Result<Vec<T>, IndexError> {
    let table = store.table()?;
    let mut out = vec![T::default(); table.n_documents()];
    store.for_each_record(&mut |id, record| {
        let head: Head<'_> = serde_json::from_slice(record)?;
        if let Some(at) = table.number(id) {
            out[at as usize] = of(&head);
        }
        Ok(())
    })?;
    Ok(out)
}

/// Host, as in [`Place`], and path of an address.
pub(crate) fn host_and_path(url: &str) -> Option<(String, String)> {
    Parts::of(url).map(|parts| (parts.host, parts.after))
}

/// A site that a person names, with its host as in [`Place`].
pub(crate) fn site_in_ascii(site: &str) -> String {
    let (host, path) = site.split_at(site.find('/').unwrap_or(site.len()));
    format!("{}{path}", ascii_host(host).as_deref().unwrap_or(host))
}

impl Place {
    /// Whether the place is on `site`: a host, with a path where one is given.
    pub(crate) fn is_on(&self, site: &str) -> bool {
        let (host, path) = site.split_at(site.find('/').unwrap_or(site.len()));
        let below = |rest: &str| rest.is_empty() || rest.ends_with('.');
        !host.is_empty()
            && self.host.strip_suffix(host).is_some_and(below)
            && self.path.strip_prefix(path).is_some_and(|rest| {
                path.is_empty() || rest.is_empty() || rest.starts_with(['/', '?', '#'])
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |url: &str, site: &str, expected: bool| {
            let (host, path) = host_and_path(url).unwrap_or_default();
            let place = Place { host: host.into(), path: path.into(), date: None };
            assert_eq!(place.is_on(&site_in_ascii(site)), expected, "{url} on {site}");
        };
        check("https://example.org/a", "example.org", true);
        check("https://User@News.Example.org.:8080?x", "example.org", true);
        check("//example.org", "example.org", true);
        check("https://example.org", "news.example.org", false);
        check("https://badexample.org/", "example.org", false);
        check("https://example.org.evil.net/example.org", "example.org", false);
        check("https://example.org/blog/1", "example.org/blog", true);
        check("https://example.org/blogger", "example.org/blog", false);
        check("file:///example.org/x", "example.org", false);
        check("example.org", "example.org", false);
        check("", "example.org", false);
        check("https://", "", false);
        check("ftp://u@Example.org:21/a", "example.org/a", true);
        check("https://Bücher.example/a", "bücher.example/a", true);
        check("https://xn--bcher-kva.example/a", "bücher.example", true);
        check(r"https:\\u@exam%70le.org\blog\1", "example.org/blog", true);
        check("example.net/?u=https://example.org", "example.org", false);
    }

    #[test]
    fn addresses_of_ipv6() {
        let host = |url: &str| host_and_path(url).map(|(host, _)| host).unwrap_or_default();
        assert_eq!(host("http://[2001:db8::1]/a"), "[2001:db8::1]");
        assert_eq!(host("http://u:p@[2001:DB8::2]:8080/a"), "[2001:db8::2]");
        assert_eq!(host("ftp://[2001:db8::3]:21/a"), "[2001:db8::3]");
    }
}
