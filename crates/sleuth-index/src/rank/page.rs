//! The page of results: what becomes of a document's score by how the document is made, by what stands
//! before it that says the same, and by how much of the page its host has already.
//!
//! - A document of less than full quality counts less, down to half.
//! - Of copies the original stands first, at the place of the best of them, where it holds all that they
//!   hold of the query; one more keeps its score, as does one of each of three other sites, and the others
//!   come behind everything else. So a page is found by what only it holds, however much it is like others,
//!   and is not hidden by what others have copied and changed. Of variants, which an original is not asked
//!   to be quite as good as, two keep half their score.
//! - Of ten places a site may have [`FEW`], or, where many of the store's documents are its own, twice its
//!   share of them, copies not counted; the lower the quality, the fewer. The scores of its further pages
//!   are halved.
//!
//! Nothing is left out: whoever asks for more results gets to all of them.

use std::collections::{HashMap, HashSet};

use super::spread::Needs;
use crate::graph::DocumentNumber;
use crate::standing::{Likeness, NONE, Standing};

/// What a document of quality 0 has left of its score.
const WORST: f32 = 0.5;
/// Copies of the original's own site that keep their score beside it, and other sites of which one does:
/// nobody can be sure which is the original.
const COPIES: usize = 1;
const OTHER_SITES: usize = 3;
/// Variants beside their original, and what they have left of their scores.
const VARIANTS: usize = 2;
const VARIANT: f32 = 0.5;
/// What all others have left of their scores at most.
const FURTHER: f32 = 0.1;
/// Share of what a variant holds of the query that its original may lack.
const VARIANT_LACK: f32 = 0.25;
/// What a document has left of its score whose site has its places already.
const CROWDED: f32 = 0.5;
/// Of ten places, those of a site that has few of the documents.
const FEW: f32 = 3.0;

/// Why a score was changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Why {
    /// The page is badly made.
    Quality,
    /// It is a copy or variant of one that is listed.
    Like(DocumentNumber, Likeness),
    /// It stands where this copy or variant of it would.
    InPlaceOf(DocumentNumber, Likeness),
    /// Its site has its places.
    Crowded,
}

/// A document with its place on the page.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) document: DocumentNumber,
    pub(crate) score: f32,
    /// What its score was multiplied by, and why.
    pub(crate) factors: Vec<(f32, Why)>,
    /// Whether it comes behind everything else.
    behind: bool,
}

/// What the places on a page are given by.
pub(super) struct Page<'a> {
    /// Nothing where the graph has not been made, or one part of search is asked for; then nothing is held
    /// back.
    pub(super) standing: Option<&'a Standing>,
    pub(super) needs: &'a Needs<'a>,
    /// By document.
    pub(super) scores: &'a [f32],
    /// What the score of a document is multiplied by, by the lists of its reader.
    pub(super) weight: &'a dyn Fn(DocumentNumber) -> f32,
    pub(super) allowed: &'a dyn Fn(DocumentNumber) -> bool,
}

impl Page<'_> {
    /// The `k` best documents, best first.
    pub(super) fn fill(&self, k: usize) -> Vec<Placed> {
        let mut all: Vec<(f32, DocumentNumber)> = (0..self.scores.len() as DocumentNumber)
            .filter(|&at| self.scores[at as usize] > 0.0 && (self.allowed)(at))
            .map(|at| (self.scores[at as usize] * self.worth(at), at))
            .filter(|(score, _)| *score > 0.0)
            .collect();
        let falling = |a: &(f32, DocumentNumber), b: &(f32, DocumentNumber)| {
            b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
        };
        // What comes behind is unlikely to be among the best, unless much before it is held back.
        let mut n = if self.standing.is_some() { k.saturating_mul(4).max(64) } else { k };
        loop {
            n = n.min(all.len());
            if n < all.len() && n > 0 {
                all.select_nth_unstable_by(n - 1, falling);
            }
            all[..n].sort_unstable_by(falling);
            let mut placed = self.walk(&all[..n]);
            let n_unchanged = placed.iter().filter(|placed| !placed.is_held_back()).count();
            if n == all.len() || n_unchanged >= k {
                put_behind(&mut placed);
                placed.truncate(k);
                return placed;
            }
            n = n.saturating_mul(4);
        }
    }

    /// What the score of a document is multiplied by whatever stands before it.
    fn worth(&self, at: DocumentNumber) -> f32 {
        (self.weight)(at) * self.made(at)
    }

    /// The same for how it is made.
    fn made(&self, at: DocumentNumber) -> f32 {
        WORST + (1.0 - WORST) * self.quality(at)
    }

    fn quality(&self, at: DocumentNumber) -> f32 {
        let known = self.standing.and_then(|standing| standing.quality.get(at as usize));
        known.copied().unwrap_or(1.0).clamp(0.0, 1.0)
    }

    /// Gives places from the best on.
    fn walk(&self, best: &[(f32, DocumentNumber)]) -> Vec<Placed> {
        let mut out: Vec<Placed> = Vec::with_capacity(best.len());
        let n_originals = self.standing.map_or(0, Standing::n_originals);
        let mut seen = Seen { n_originals, ..Seen::default() };
        for &(score, at) in best {
            if seen.listed.contains(&at) {
                continue;
            }
            let mut own = Placed { document: at, score, factors: self.factors(at), behind: false };
            if let Some((other, likeness)) = self.stands_for(at, &seen) {
                if seen.listed.insert(other) {
                    let mut factors = self.factors(other);
                    factors.push((1.0, Why::InPlaceOf(at, likeness)));
                    let score = self.scores[at as usize].max(self.scores[other as usize]);
                    let score = score * self.worth(other);
                    let mut first = Placed { document: other, score, factors, behind: false };
                    self.crowd(&mut first, &mut seen);
                    out.push(first);
                }
                let factor = self.beside(other, at, likeness, &mut seen);
                own.behind = factor.is_none();
                own.hold_back(factor.unwrap_or(FURTHER), Why::Like(other, likeness));
            } else {
                if let Some(standing) = self.standing {
                    seen.standing_for.entry(standing.first(at)).or_insert(at);
                }
                self.crowd(&mut own, &mut seen);
            }
            seen.listed.insert(at);
            out.push(own);
        }
        out
    }

    fn factors(&self, at: DocumentNumber) -> Vec<(f32, Why)> {
        let made = self.made(at);
        if made < 1.0 { vec![(made, Why::Quality)] } else { Vec::new() }
    }

    /// What `at` has left of its score beside `original`; nothing where there is no room for it.
    fn beside(
        &self,
        original: DocumentNumber,
        at: DocumentNumber,
        likeness: Likeness,
        seen: &mut Seen,
    ) -> Option<f32> {
        let site = |at: DocumentNumber| {
            let known = self.standing.and_then(|standing| standing.hosts.get(at as usize));
            known.copied().unwrap_or(NONE)
        };
        let beside = seen.beside.entry(original).or_default();
        if likeness == Likeness::Variant {
            beside.n += 1;
            return (beside.n <= VARIANTS).then_some(VARIANT);
        }
        if site(at) != NONE && site(at) != site(original) {
            let has_room = beside.sites.len() < OTHER_SITES;
            return (has_room && beside.sites.insert(site(at))).then_some(1.0);
        }
        beside.n += 1;
        (beside.n <= COPIES).then_some(1.0)
    }

    /// The document that is listed for `at`: its original where that says as much, or another copy that
    /// is listed already.
    fn stands_for(&self, at: DocumentNumber, seen: &Seen) -> Option<(DocumentNumber, Likeness)> {
        let standing = self.standing?;
        let (mut found, mut likeness) = (None, Likeness::Copy);
        let mut from = at;
        // A copy of a variant of an original is the longest way there is.
        for _ in 0..2 {
            let Some((original, step)) = standing.original(from) else { break };
            if step == Likeness::Variant {
                likeness = Likeness::Variant;
            }
            let is_hit = self.scores[original as usize] > 0.0
                && (self.weight)(original) > 0.0
                && (self.allowed)(original);
            if is_hit && self.says_as_much(original, at, likeness) {
                found = Some((original, likeness));
            }
            from = original;
        }
        found.or_else(|| {
            let other = *seen.standing_for.get(&from).filter(|other| **other != at)?;
            self.says_as_much(other, at, likeness).then_some((other, likeness))
        })
    }

    /// Whether `original` holds what `copy` holds of the query.
    fn says_as_much(
        &self,
        original: DocumentNumber,
        copy: DocumentNumber,
        likeness: Likeness,
    ) -> bool {
        let held = |at: DocumentNumber| self.needs.held.get(at as usize).copied().unwrap_or(0);
        let lacks = held(copy) & !held(original);
        match likeness {
            Likeness::Copy => lacks == 0,
            Likeness::Variant => {
                self.needs.weight(lacks) <= VARIANT_LACK * self.needs.weight(held(copy))
            }
        }
    }

    /// Holds `placed` back where its site has its places.
    fn crowd(&self, placed: &mut Placed, seen: &mut Seen) {
        let Some(standing) = self.standing else { return };
        let host = standing.hosts.get(placed.document as usize).copied().unwrap_or(NONE);
        if host == NONE {
            seen.n_places += 1;
            return;
        }
        let size = standing.host_sizes.get(host as usize).copied().unwrap_or(0);
        let share = size as f32 / seen.n_originals.max(1) as f32;
        let of_ten = FEW.max(20.0 * share).min(10.0) * self.quality(placed.document);
        let tens = (seen.n_places / 10 + 1) as f32;
        let taken = seen.of_host.entry(host).or_default();
        if (*taken as f32) < (of_ten.max(1.0) * tens).round() {
            *taken += 1;
            seen.n_places += 1;
        } else {
            placed.hold_back(CROWDED, Why::Crowded);
        }
    }
}

/// What has been given places.
#[derive(Default)]
struct Seen {
    listed: HashSet<DocumentNumber>,
    /// By the original of a set of copies: who stands for them.
    standing_for: HashMap<DocumentNumber, DocumentNumber>,
    /// By original, what is listed beside it.
    beside: HashMap<DocumentNumber, Beside>,
    /// Places of a site.
    of_host: HashMap<u32, usize>,
    /// Places of all that is not held back.
    n_places: usize,
    /// Documents of the store that are no copies.
    n_originals: usize,
}

/// Copies beside an original.
#[derive(Default)]
struct Beside {
    /// Those of its own site, and variants.
    n: usize,
    /// Other sites that have one.
    sites: HashSet<u32>,
}

impl Placed {
    fn hold_back(&mut self, factor: f32, why: Why) {
        self.score *= factor;
        self.factors.push((factor, why));
    }

    fn is_held_back(&self) -> bool {
        self.factors.iter().any(|(_, why)| matches!(why, Why::Like(..) | Why::Crowded))
    }
}

/// Sorts by score, with what comes behind everything else scaled so that it does.
fn put_behind(placed: &mut [Placed]) {
    let score = |behind: bool| placed.iter().filter(move |p| p.behind == behind).map(|p| p.score);
    let least = score(false).fold(f32::MAX, f32::min);
    let scale = (least / score(true).fold(f32::EPSILON, f32::max)).min(1.0);
    for placed in placed.iter_mut().filter(|placed| placed.behind) {
        placed.score *= scale;
        if let Some((factor, _)) = placed.factors.last_mut() {
            *factor *= scale;
        }
    }
    placed.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.behind.cmp(&b.behind)));
}
