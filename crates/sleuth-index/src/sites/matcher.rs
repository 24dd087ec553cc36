//! Finds the rules that may match a page without looking at all of them.
//!
//! A rule of a host is found by that name: the host of a page and every domain above it are looked up.
//! Of the others, one that a page can only match when some text of four bytes or more stands in its
//! address or title is found by four bytes of it, chosen among the rarest so far; what is left is tried
//! on every page.

use std::collections::HashMap;

use super::rule::{Host, Page, Rule};

type Gram = [u8; 4];

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Matcher {
    rules: Vec<Rule>,
    hosts: HashMap<Box<str>, Vec<u32>>,
    addresses: Grams,
    titles: Grams,
    rest: Vec<u32>,
}

/// Numbers of rules by four bytes of a text that they need.
#[derive(Debug, Default)]
struct Grams(HashMap<Gram, Vec<u32>>);

impl Grams {
    /// Files `at` under the rarest four bytes of `texts`; whether there are any.
    fn insert(&mut self, at: u32, texts: &[String]) -> bool {
        let grams = texts.iter().flat_map(|text| text.as_bytes().windows(4));
        let rarest = grams
            .filter_map(|gram| Gram::try_from(gram).ok())
            .min_by_key(|gram| self.0.get(gram).map_or(0, Vec::len));
        if let Some(gram) = rarest {
            self.0.entry(gram).or_default().push(at);
        }
        rarest.is_some()
    }

    fn for_each_in(&self, text: &str, each: &mut dyn FnMut(u32)) {
        if self.0.is_empty() {
            return;
        }
        for gram in text.as_bytes().windows(4) {
            let known = Gram::try_from(gram).ok().and_then(|gram| self.0.get(&gram));
            known.into_iter().flatten().for_each(|at| each(*at));
        }
    }
}

impl Matcher {
    pub(super) fn new(mut rules: Vec<Rule>) -> Self {
        let mut out = Self::default();
        for (at, rule) in (0u32..).zip(&mut rules) {
            // Only `Host::Is` has to be told apart later; the name itself moves into the table.
            let name = match &mut rule.host {
                Host::Any => None,
                Host::Is(name) | Host::Below(name) => Some(std::mem::take(name)),
            };
            if let Some(name) = name {
                out.hosts.entry(name.into_boxed_str()).or_default().push(at);
            } else if !out.addresses.insert(at, &rule.texts(false))
                && !out.titles.insert(at, &rule.texts(true))
            {
                out.rest.push(at);
            }
        }
        out.rules = rules;
        out
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Hands every rule that matches `page` to `each`, some perhaps more than once.
    pub(super) fn for_each_match<'m>(&'m self, page: &Page<'_>, each: &mut dyn FnMut(&'m Rule)) {
        let mut test = |at: u32, is_host: bool| {
            let rule = &self.rules[at as usize];
            if (is_host || !matches!(rule.host, Host::Is(_))) && rule.matches(page) {
                each(rule);
            }
        };
        if let Some(address) = page.address {
            for (domain, is_host) in address.domains() {
                let known = self.hosts.get(domain).into_iter().flatten();
                known.for_each(|at| test(*at, is_host));
            }
            self.addresses.for_each_in(&address.lower, &mut |at| test(at, true));
        }
        self.titles.for_each_in(page.lower_title, &mut |at| test(at, true));
        self.rest.iter().for_each(|at| test(*at, true));
    }
}
