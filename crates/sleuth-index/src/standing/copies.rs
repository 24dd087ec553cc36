//! Which documents are copies of which.
//!
//! Documents whose texts share four fifths of their runs of words are *copies* of one another, unless
//! their titles say that they are about different things (*How to take aspirin*, *How to take ibuprofen*);
//! one of them, the *original*, stands for all. Where a host has many pages that share a third of their text with
//! each other and with a page elsewhere, they are *variants* of that page: that is how a trap for crawlers
//! looks, which answers every address with a page changed a little, names and numbers made up. Pages of
//! one host made to a template are not touched, nor are they when somebody copies one of them: they are
//! about different things, by their titles, and no more like the copy than like each other.
//!
//! Which of a set of copies is the original cannot be known. What is taken is, in this order: the
//! better made page; that of the host which has the fewest pages like it; of one host the page dated
//! last, of several hosts the page that is most like all others, since what is copied and changed again
//! and again stays nearest to where it came from, and then the one dated first; the shorter address or
//! id; the id that sorts first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::print::{BANDS, Print};
use crate::graph::DocumentNumber;
use crate::query::Day;

/// Similarity of copies.
const COPY: f32 = 0.8;
/// Similarity of variants: three words in a row are the same where one in five is replaced.
const VARIANT: f32 = 0.3;
/// The same for a further page of a host that is known as a trap.
const VARIANT_AT_LEAST: f32 = 0.15;
/// How much more the pages of a trap are like the page that they change than like each other. A page that
/// somebody copied out of a site made to a template is no more like the others than they are.
const CENTRE: f32 = 1.15;
/// Pages of one host that make them variants of a page elsewhere.
const TRAP: usize = 8;
/// Most pages that a host with the page elsewhere may have in the set.
const SINGLE: usize = 2;
/// Different texts that share a band and that a further one is compared with.
const MOST_LEADERS: usize = 16;
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
    /// The same of the longest part of the title: sites put their names before or after a bar.
    pub(crate) main_title: Box<[u64]>,
    pub(crate) quality: f32,
    /// Number of its host; [`NONE`] where it has no address.
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
    let (mut close, mut loose) = (Sets::new(documents.len()), Sets::new(documents.len()));
    for band in 0..BANDS {
        let mut leaders: HashMap<u64, Vec<DocumentNumber>> = HashMap::new();
        for (at, document) in documents.iter().enumerate() {
            if document.print.is_empty() {
                continue;
            }
            let at = at as DocumentNumber;
            let met = leaders.entry(document.print.band(band)).or_default();
            let mut is_leader = met.len() < MOST_LEADERS;
            for &leader in met.iter() {
                let other = &documents[leader as usize];
                let similarity = document.print.similarity(&other.print);
                if similarity >= COPY && of_one_thing(document, other) {
                    close.join(leader, at);
                    is_leader = false;
                }
                if similarity >= VARIANT {
                    loose.join(leader, at);
                }
            }
            if is_leader {
                met.push(at);
            }
        }
    }
    let mut out =
        Copies { copy_of: vec![NONE; documents.len()], variant_of: vec![NONE; documents.len()] };
    let mut of_host: BTreeMap<u32, Vec<DocumentNumber>> = BTreeMap::new();
    for (at, document) in documents.iter().enumerate().filter(|(_, document)| document.host != NONE)
    {
        of_host.entry(document.host).or_default().push(at as DocumentNumber);
    }
    let mut crowds = vec![1; documents.len()];
    for set in loose.sets() {
        let hosts = by_host(documents, &set);
        for at in &set {
            crowds[*at as usize] = hosts.get(&documents[*at as usize].host).copied().unwrap_or(1);
        }
        mark_variants(documents, &set, &crowds, &of_host, &mut out.variant_of);
    }
    for set in close.sets() {
        let original = original(documents, &set, &crowds);
        for at in set.into_iter().filter(|at| *at != original) {
            out.copy_of[at as usize] = original;
        }
    }
    // A copy leads to its original, and that to what it is a variant of, which stands for its own copies.
    for at in 0..documents.len() {
        let variant = out.variant_of[at];
        if variant != NONE && out.copy_of[variant as usize] != NONE {
            out.variant_of[at] = out.copy_of[variant as usize];
        }
        if out.copy_of[at] != NONE || out.variant_of[at] == at as DocumentNumber {
            out.variant_of[at] = NONE;
        }
    }
    out
}

/// Whether the titles of two documents may be of one thing: one has all words of the other. Short texts,
/// which say little by themselves, must have the same title.
fn of_one_thing(one: &Raw, other: &Raw) -> bool {
    if one.print.is_short() || other.print.is_short() {
        return one.title == other.title;
    }
    let has_all = |one: &[u64], other: &[u64]| {
        let (few, many) = if one.len() < other.len() { (one, other) } else { (other, one) };
        few.iter().all(|word| many.binary_search(word).is_ok())
    };
    has_all(&one.title, &other.title) || has_all(&one.main_title, &other.main_title)
}

/// Number of documents of `set` by host. A document without an address is a host of its own.
fn by_host(documents: &[Raw], set: &[DocumentNumber]) -> BTreeMap<u32, usize> {
    let mut out = BTreeMap::new();
    for at in set {
        *out.entry(documents[*at as usize].host).or_default() += 1;
    }
    out.remove(&NONE);
    out
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

/// The document of `set` that stands for all. `crowds` are, by document, how many pages like it its host
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

/// Marks the pages of `set` that a host has in masses as variants of a page elsewhere, where there is one
/// that most of them are like.
fn mark_variants(
    documents: &[Raw],
    set: &[DocumentNumber],
    crowds: &[usize],
    of_host: &BTreeMap<u32, Vec<DocumentNumber>>,
    variant_of: &mut [DocumentNumber],
) {
    let (pages, others): (Vec<DocumentNumber>, Vec<DocumentNumber>) =
        set.iter().copied().partition(|at| crowds[*at as usize] >= TRAP);
    let single = |at: &DocumentNumber| crowds[*at as usize] <= SINGLE;
    let best = others
        .into_iter()
        .filter(single)
        .map(|at| {
            (centrality(documents, &pages, at), Reverse((documents[at as usize].address, at)))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let Some((central, Reverse((_, original)))) = best else { return };
    if central < VARIANT {
        return;
    }
    let step = pages.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<f32> =
        pages.iter().step_by(step).map(|at| centrality(documents, &pages, *at)).collect();
    let among_themselves = sample.iter().sum::<f32>() / sample.len().max(1) as f32;
    let is_centre = central >= CENTRE * among_themselves;
    // Pages that are changed much are like the original only, and may not have met it.
    let traps: BTreeSet<u32> = pages.iter().map(|at| documents[*at as usize].host).collect();
    let original_page = &documents[original as usize];
    for at in traps.iter().filter_map(|host| of_host.get(host)).flatten() {
        let page = &documents[*at as usize];
        if original_page.print.similarity(&page.print) >= VARIANT_AT_LEAST
            && (is_centre || of_one_thing(original_page, page))
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
            title: Box::default(),
            main_title: Box::default(),
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

    #[test]
    fn a_site_made_to_a_template_is_no_trap_when_a_page_of_it_is_copied() {
        // Each page has 60 words of its own at the same places.
        let own = |seed: u64| Raw { title: [seed].into(), ..raw(1, seed, |n| n % 10 < 3) };
        let mut all: Vec<Raw> = (0..40).map(|seed| own(seed + 1)).collect();
        for word in &mut all {
            word.main_title = word.title.clone();
        }
        all.push(Raw { host: 0, ..all[7].clone() });
        let found = copies(&all);
        assert!(found.variant_of.iter().all(|at| *at == NONE), "{:?}", found.variant_of);
        // With one title for all they are pages of a trap.
        for raw in &mut all {
            raw.title = [1].into();
            raw.main_title = [1].into();
        }
        let n_variants = copies(&all).variant_of.iter().filter(|at| **at == 40).count();
        assert_eq!(n_variants, 39);
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
        let titled = |words: &[u64]| {
            let title: Box<[u64]> = words.into();
            Raw { title: title.clone(), main_title: title, ..raw(0, 0, |_| false) }
        };
        let check = |one: &[u64], other: &[u64], same: bool| {
            let found = copies(&[titled(one), titled(other)]).copy_of;
            assert_eq!(found[1] == 0, same, "{one:?} {other:?}");
        };
        check(&[1, 2, 3], &[1, 2, 3], true);
        check(&[1, 2, 3], &[1, 3], true);
        check(&[], &[1], true);
        check(&[1, 2, 4], &[1, 2, 3], false);
    }

    #[test]
    fn masses_of_the_same_take_no_time() {
        let all = vec![raw(0, 0, |_| false); 20_000];
        assert_eq!(copies(&all).copy_of.iter().filter(|at| **at == 0).count(), 19_999);
    }
}
