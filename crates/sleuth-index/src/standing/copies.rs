//! Which documents are copies of which.
//!
//! Documents whose texts share four fifths of their runs of words are *copies* of one another, unless
//! their titles say that they are about different things (*How to take aspirin*, *How to take ibuprofen*);
//! one of them, the *original*, stands for all. Where a site has many pages that share a third of their text
//! with each other and with a page elsewhere, under the same title, they are *variants* of that page: that
//! is how a trap for crawlers looks, which answers every address with a page changed a little, names and
//! numbers made up. Pages of one site made to a template have titles of their own, and are not touched; nor
//! is a trap known that makes up its titles, too.
//!
//! Which of a set of copies is the original cannot be known. What is taken is, in this order: the
//! better made page; that of the site which has the fewest pages like it; of one site the page dated
//! last, of several sites the page that is most like all others, since what is copied and changed again
//! and again stays nearest to where it came from, and then the one dated first; the shorter address or
//! id; the id that sorts first. Documents without a web address count as of one site. Since all of that can
//! be made up, a copy elsewhere is not hidden by its original (see [`crate::rank`]).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::print::{BANDS, Print};
use crate::graph::DocumentNumber;
use crate::query::Day;

/// Similarity of copies.
const COPY: f32 = 0.8;
/// Similarity of variants: three words in a row are the same where one in five is replaced.
const VARIANT: f32 = 0.3;
/// The same for a further page of a site that is known as a trap.
const VARIANT_AT_LEAST: f32 = 0.15;
/// Pages of one site that make them variants of a page elsewhere.
const TRAP: usize = 8;
/// Most pages that a site with the page elsewhere may have in the set.
const SINGLE: usize = 2;
/// Different texts that share a band and that a further one is compared with.
const MOST_LEADERS: usize = 16;
/// Originals that are looked for in one set.
const MOST_ORIGINALS: usize = 32;
/// Documents of a set that each is compared with to find the one that is most like all.
const SAMPLE: usize = 32;
/// No document.
pub(crate) const NONE: DocumentNumber = DocumentNumber::MAX;

/// What is known of a document before copies are found.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) print: Print,
    /// Hashes of the words of its title, sorted.
    pub(crate) title: Box<[u64]>,
    /// The same of its parts, the longest first: sites put their names before or after a bar.
    pub(crate) title_parts: Vec<Box<[u64]>>,
    pub(crate) quality: f32,
    /// Number of its site; [`NONE`] where it has no address.
    pub(crate) host: u32,
    pub(crate) date: Option<Day>,
    /// Length of its address, or of its id where it has none.
    pub(crate) address: u32,
}

/// By document: what it is a copy or a variant of; [`NONE`] for originals and single documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Copies {
    pub(crate) copy_of: Vec<DocumentNumber>,
    pub(crate) variant_of: Vec<DocumentNumber>,
}

/// Finds the copies among documents, which come by number.
pub(crate) fn copies(documents: &[Raw]) -> Copies {
    let (close, loose) = candidates(documents);
    let mut by_title: HashMap<(u32, u64), Vec<DocumentNumber>> = HashMap::new();
    for (at, document) in documents.iter().enumerate().filter(|(_, one)| one.host != NONE) {
        let key = (document.host, title_key(document));
        by_title.entry(key).or_default().push(at as DocumentNumber);
    }
    let mut crowds = vec![1; documents.len()];
    let mut variant_of = vec![NONE; documents.len()];
    for set in loose.sets() {
        let mut sizes: HashMap<u32, usize> = HashMap::new();
        for at in &set {
            *sizes.entry(documents[*at as usize].host).or_default() += 1;
        }
        sizes.remove(&NONE);
        for at in &set {
            crowds[*at as usize] = sizes.get(&documents[*at as usize].host).copied().unwrap_or(1);
        }
        mark_variants(documents, &set, &crowds, &by_title, &mut variant_of);
    }
    let mut copy_of = vec![NONE; documents.len()];
    for set in close.sets() {
        mark_copies(documents, set, &crowds, &mut copy_of);
    }
    // A copy leads to its original, and that may lead to what it is a variant of; no further.
    for at in 0..documents.len() {
        let target = variant_of[at];
        if target == NONE {
            continue;
        }
        let first = match copy_of[target as usize] {
            NONE => target,
            first => first,
        };
        let is_end = first as usize != at && variant_of[first as usize] == NONE;
        variant_of[at] = if is_end && copy_of[at] == NONE { first } else { NONE };
    }
    Copies { copy_of, variant_of }
}

/// Sets of documents that may be copies of each other, and of such that may be variants.
fn candidates(documents: &[Raw]) -> (Sets, Sets) {
    let (mut close, mut loose) = (Sets::new(documents.len()), Sets::new(documents.len()));
    // By the text alone, for titles that differ by the name of a site, and by text and title, lest many
    // pages of one text and different titles should stand in the way.
    for (band, with_title) in (0..BANDS).flat_map(|band| [(band, false), (band, true)]) {
        let mut leaders: HashMap<(u64, u64), Vec<DocumentNumber>> = HashMap::new();
        for (at, document) in documents.iter().enumerate() {
            if document.print.is_empty() {
                continue;
            }
            let at = at as DocumentNumber;
            let title = if with_title { title_key(document) } else { 0 };
            let met = leaders.entry((document.print.band(band), title)).or_default();
            let mut is_leader = met.len() < MOST_LEADERS;
            for &leader in met.iter() {
                let other = &documents[leader as usize];
                let similarity = document.print.similarity(&other.print);
                if similarity < VARIANT || !of_one_thing(document, other) {
                    continue;
                }
                loose.join(leader, at);
                if similarity >= COPY {
                    close.join(leader, at);
                    is_leader = false;
                }
            }
            if is_leader {
                met.push(at);
            }
        }
    }
    (close, loose)
}

/// What documents of one title agree in.
fn title_key(document: &Raw) -> u64 {
    document.title.iter().fold(0, |key, word| key.rotate_left(5) ^ word)
}

/// Whether the titles of two documents are of one thing: they have the same words; or, unless both are of
/// one site, the one has those of a part of the other, or their longest parts are the same. Short texts,
/// which say little by themselves, must have the same title.
fn of_one_thing(one: &Raw, other: &Raw) -> bool {
    if one.title == other.title {
        return true;
    }
    let same_site = one.host == other.host && one.host != NONE;
    if one.print.is_short() || other.print.is_short() || same_site {
        return false;
    }
    let is_part =
        |whole: &Raw, of: &Raw| !whole.title.is_empty() && of.title_parts.contains(&whole.title);
    let longest = |of: &Raw| of.title_parts.first().cloned().filter(|part| !part.is_empty());
    is_part(one, other)
        || is_part(other, one)
        || longest(one).is_some_and(|part| longest(other).as_ref() == Some(&part))
}

/// How much `at` is like the others of `set`, from 0 to 1, by a sample of them.
fn centrality(documents: &[Raw], set: &[DocumentNumber], at: DocumentNumber) -> f32 {
    let step = set.len().div_ceil(SAMPLE).max(1);
    let own = &documents[at as usize].print;
    let sample: Vec<f32> = set
        .iter()
        .step_by(step)
        .filter(|other| **other != at)
        .map(|other| own.similarity(&documents[*other as usize].print))
        .collect();
    sample.iter().sum::<f32>() / sample.len().max(1) as f32
}

/// The document of `set` that stands for all. `crowds` are, by document, how many pages like it its site
/// has.
fn original(documents: &[Raw], set: &[DocumentNumber], crowds: &[usize]) -> DocumentNumber {
    let several =
        set.iter().any(|at| documents[*at as usize].host != documents[set[0] as usize].host);
    let rank = |at: DocumentNumber| {
        let own = &documents[at as usize];
        let crowd = crowds[at as usize];
        let quality = Reverse((own.quality * 10.0).round() as u32);
        let date = own.date;
        // Later is better on one host, earlier is better on several; no date is worst on both.
        let newest = if several { None } else { Some(Reverse(date)) };
        let oldest = if several { Some((date.is_none(), date)) } else { None };
        let central = Reverse((centrality(documents, set, at) * 1000.0) as u32);
        (quality, crowd, newest, central, oldest, own.address, at)
    };
    set.iter().copied().min_by_key(|at| rank(*at)).unwrap_or(NONE)
}

/// Marks the copies in `set` with their originals.
fn mark_copies(
    documents: &[Raw],
    mut set: Vec<DocumentNumber>,
    crowds: &[usize],
    copy_of: &mut [DocumentNumber],
) {
    // A set may be a chain of texts, of which the ends have nothing in common.
    for _ in 0..MOST_ORIGINALS {
        if set.len() < 2 {
            return;
        }
        let original = original(documents, &set, crowds);
        let own = &documents[original as usize];
        set.retain(|at| {
            let other = &documents[*at as usize];
            let is_copy = own.print.similarity(&other.print) >= COPY && of_one_thing(own, other);
            if is_copy && *at != original {
                copy_of[*at as usize] = original;
            }
            !is_copy && *at != original
        });
    }
}

/// Marks the pages of `set` that a site has in masses as variants of a page elsewhere, where there is one
/// that most of them are like.
fn mark_variants(
    documents: &[Raw],
    set: &[DocumentNumber],
    crowds: &[usize],
    by_title: &HashMap<(u32, u64), Vec<DocumentNumber>>,
    variant_of: &mut [DocumentNumber],
) {
    let (pages, others): (Vec<DocumentNumber>, Vec<DocumentNumber>) =
        set.iter().copied().partition(|at| crowds[*at as usize] >= TRAP);
    let best = others
        .into_iter()
        .filter(|at| crowds[*at as usize] <= SINGLE)
        .map(|at| {
            (centrality(documents, &pages, at), Reverse((documents[at as usize].address, at)))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let Some((central, Reverse((_, original)))) = best else { return };
    if central < VARIANT {
        return;
    }
    // Pages that are changed much are like the original only, and may not have met it.
    let own = &documents[original as usize];
    let sites: BTreeSet<u32> = pages.iter().map(|at| documents[*at as usize].host).collect();
    let further = sites.iter().filter_map(|site| by_title.get(&(*site, title_key(own)))).flatten();
    for at in pages.iter().chain(further) {
        let page = &documents[*at as usize];
        if variant_of[*at as usize] == NONE
            && own.print.similarity(&page.print) >= VARIANT_AT_LEAST
            && of_one_thing(own, page)
        {
            variant_of[*at as usize] = original;
        }
    }
}

/// Disjoint sets of documents.
struct Sets(Vec<DocumentNumber>);

impl Sets {
    fn new(n: usize) -> Self {
        Self((0..n as DocumentNumber).collect())
    }

    /// The least member of the set of `at`.
    fn least(&mut self, mut at: DocumentNumber) -> DocumentNumber {
        while self.0[at as usize] != at {
            let above = self.0[at as usize];
            self.0[at as usize] = self.0[above as usize];
            at = above;
        }
        at
    }

    fn join(&mut self, one: DocumentNumber, other: DocumentNumber) {
        let (one, other) = (self.least(one), self.least(other));
        self.0[one.max(other) as usize] = one.min(other);
    }

    /// The sets of more than one, each sorted.
    fn sets(mut self) -> Vec<Vec<DocumentNumber>> {
        let mut out: BTreeMap<DocumentNumber, Vec<DocumentNumber>> = BTreeMap::new();
        for at in 0..self.0.len() as DocumentNumber {
            let least = self.least(at);
            out.entry(least).or_default().push(at);
        }
        out.into_values().filter(|set| set.len() > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of 200 words, of which those that `other` picks are replaced.
    fn raw(host: u32, seed: u64, other: impl Fn(u64) -> bool) -> Raw {
        let words = (0..200u64).map(|n| if other(n) { n + 1_000_000 * (seed + 1) } else { n });
        Raw {
            print: Print::of(words),
            title: [7].into(),
            title_parts: vec![[7].into()],
            quality: 1.0,
            host,
            date: None,
            address: 20,
        }
    }

    #[test]
    fn a_trap_is_known_by_the_page_that_it_changes() {
        // One word in eight, elsewhere on each page.
        let trap = (0..40).map(|seed| raw(1, seed, move |n| (n + seed) % 8 == 0));
        let mut all: Vec<Raw> = trap.chain([raw(0, 0, |_| false), raw(2, 90, |_| true)]).collect();
        let found = copies(&all);
        assert!(found.copy_of.iter().all(|at| *at == NONE));
        assert!(found.variant_of[..40].iter().all(|at| *at == 40), "{:?}", found.variant_of);
        assert_eq!(found.variant_of[40..], [NONE, NONE]);
        // Without it they are pages of one host, made to a template.
        all.remove(40);
        assert!(copies(&all).variant_of.iter().all(|at| *at == NONE));
    }

    fn titled(raw: Raw, parts: &[&[u64]]) -> Raw {
        let mut title: Vec<u64> = parts.concat();
        title.sort_unstable();
        let mut title_parts: Vec<Box<[u64]>> = parts.iter().map(|part| (*part).into()).collect();
        title_parts.sort_by_key(|part| Reverse(part.len()));
        Raw { title: title.into(), title_parts, ..raw }
    }

    #[test]
    fn a_site_made_to_a_template_is_no_trap_when_a_page_is_like_all_of_it() {
        // Each page has 60 words and a title of its own.
        let own = |seed: u64| titled(raw(1, seed, |n| n % 10 < 3), &[&[seed]]);
        let mut all: Vec<Raw> = (1..40).map(own).collect();
        all.push(Raw { host: 0, ..all[7].clone() });
        // The bare template, elsewhere.
        all.push(titled(raw(2, 90, |n| n % 10 < 3), &[&[1000]]));
        assert!(copies(&all).variant_of.iter().all(|at| *at == NONE));
        // With one title for all they are pages of a trap.
        let all: Vec<Raw> = all.into_iter().map(|raw| titled(raw, &[&[1]])).collect();
        let n_variants = copies(&all).variant_of.iter().filter(|at| **at != NONE).count();
        assert!(n_variants >= 38, "{n_variants}");
    }

    #[test]
    fn two_traps_of_each_other_lead_in_no_circle() {
        // Each site has masses of pages like one page of the other.
        let mut all: Vec<Raw> = (0..12).map(|seed| raw(1, seed, |n| n % 10 < 2)).collect();
        let other = |seed: u64| {
            let words =
                (5000..5200u64).map(|n| if n % 10 < 2 { n + 1_000_000 * (seed + 1) } else { n });
            Raw { host: 2, print: Print::of(words), ..raw(2, 0, |_| false) }
        };
        all.extend((20..32).map(other));
        all.extend([Raw { host: 2, ..raw(1, 50, |n| n % 10 < 2) }, Raw { host: 1, ..other(51) }]);
        let found = copies(&all);
        for at in 0..all.len() {
            let mut from = at as DocumentNumber;
            for _ in 0..2 {
                let next = [found.copy_of[from as usize], found.variant_of[from as usize]];
                from = next.into_iter().find(|next| *next != NONE).unwrap_or(from);
            }
            assert_eq!(found.copy_of[from as usize], NONE);
            assert_eq!(found.variant_of[from as usize], NONE);
        }
    }

    #[test]
    fn the_ends_of_a_chain_are_no_copies() {
        let shifted = |by: u64| Raw {
            print: Print::of((by..by + 200).map(|n| n * 7919)),
            ..raw(0, 0, |_| false)
        };
        let all: Vec<Raw> = (0..31).map(|n| shifted(n * 7)).collect();
        let found = copies(&all);
        assert!(found.copy_of.iter().any(|at| *at != NONE));
        for (at, original) in found.copy_of.iter().enumerate().filter(|(_, at)| **at != NONE) {
            assert!(all[at].print.similarity(&all[*original as usize].print) >= COPY);
        }
    }

    #[test]
    fn decoys_do_not_keep_copies_apart() {
        let decoys = (0..16).map(|n| titled(raw(0, 0, |_| false), &[&[100 + n]]));
        let all: Vec<Raw> = decoys.chain((0..60).map(|_| raw(0, 0, |_| false))).collect();
        assert_eq!(copies(&all).copy_of.iter().filter(|at| **at == 16).count(), 59);
    }

    #[test]
    fn which_copy_stands_for_the_others() {
        let check = |change: &dyn Fn(&mut [Raw]), original: DocumentNumber| {
            let mut all = vec![raw(0, 0, |_| false), raw(1, 0, |_| false), raw(2, 0, |_| false)];
            change(&mut all);
            let copy_of = copies(&all).copy_of;
            let expected = |at| if at == original { NONE } else { original };
            assert_eq!(copy_of, (0..3).map(expected).collect::<Vec<_>>());
        };
        let day = |text: &str| Day::of_date(text);
        check(&|_| (), 0);
        check(&|all| all[2].address = 10, 2);
        check(&|all| (all[0].quality, all[2].quality) = (0.5, 0.7), 1);
        // Of several hosts the first that had it, of one the last that was written.
        let dated =
            |all: &mut [Raw]| (all[1].date, all[2].date) = (day("2020-05-01"), day("2021-05-01"));
        check(&dated, 1);
        let of_one = |all: &mut [Raw]| all.iter_mut().for_each(|raw| raw.host = 0);
        check(
            &|all| {
                dated(all);
                of_one(all);
            },
            2,
        );
    }

    #[test]
    fn titles_tell_things_apart() {
        let check = |one: &[&[u64]], other: &[&[u64]], elsewhere: bool, same: bool| {
            let other = titled(raw(u32::from(elsewhere), 0, |_| false), other);
            let found = copies(&[titled(raw(0, 0, |_| false), one), other]).copy_of;
            assert_eq!(found[1] == 0, same, "{one:?} {elsewhere}");
        };
        let (aspirin, codeine, site): (&[u64], &[u64], &[u64]) = (&[1, 2], &[3], &[4, 5, 6]);
        check(&[aspirin], &[aspirin], false, true);
        check(&[aspirin], &[codeine], true, false);
        check(&[aspirin], &[aspirin, &[4]], true, true);
        check(&[aspirin], &[aspirin, site], true, true);
        check(&[aspirin, &[4]], &[aspirin, &[5]], true, true);
        check(&[aspirin, site], &[codeine, site], false, false);
        check(&[aspirin], &[], true, false);
        check(&[], &[], true, true);
    }

    #[test]
    fn masses_of_the_same_take_no_time() {
        let all = vec![raw(0, 0, |_| false); 20_000];
        assert_eq!(copies(&all).copy_of.iter().filter(|at| **at == 0).count(), 19_999);
    }
}
