//! Near-duplicates by MinHash (Broder, 1997): two sets share about as many of their least hashes as
//! they share members, out of all that either has.

use std::collections::{BTreeMap, BTreeSet};

/// Hashes kept of each set.
const HASHES: usize = 32;
/// Bands by which pairs are looked for; two sets meet when all hashes of one band are equal. With 16 bands of
/// two, sets that share seven tenths of their members meet in all but one of 60,000 cases.
const BANDS: usize = 16;

/// From this share on, two sets are near-duplicates.
pub(crate) const NEAR: f64 = 0.7;

/// The least hashes of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature([u64; HASHES]);

impl Signature {
    /// Of the members' hashes; `None` for the empty set, which is like no other.
    pub(crate) fn of(members: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut least = [u64::MAX; HASHES];
        let mut any = false;
        for member in members {
            any = true;
            for (at, least) in least.iter_mut().enumerate() {
                *least = (*least).min(mixed(member, at as u64));
            }
        }
        any.then_some(Self(least))
    }

    /// One that is like no other.
    pub(crate) fn lone(number: u64) -> Self {
        Self(std::array::from_fn(|at| mixed(number, at as u64 + 1000)))
    }

    /// Of all runs of `n` words of a text.
    pub(crate) fn of_words(words: &[String], n: usize) -> Option<Self> {
        if words.len() < n {
            return None;
        }
        Self::of(words.windows(n).map(|run| hash(&run.join(" "))))
    }

    /// The share of members that two sets have in common, about.
    pub(crate) fn likeness(&self, other: &Self) -> f64 {
        let same = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        same as f64 / HASHES as f64
    }

    fn bands(&self) -> impl Iterator<Item = (usize, &[u64])> {
        self.0.chunks(HASHES / BANDS).enumerate()
    }
}

/// FNV-1a.
pub(crate) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One of many independent hashes of a number: SplitMix64's finish.
fn mixed(number: u64, nth: u64) -> u64 {
    let mut z = number ^ (nth + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Pairs of sets that share at least `least` of their members, each with the smaller number first. Of a
/// group that meets in one band every member is compared with the first ones only.
pub(crate) fn near_pairs(signatures: &[Signature], least: f64) -> BTreeSet<(usize, usize)> {
    /// Members of a group that later ones are compared with.
    const MOST_COMPARED: usize = 16;
    let mut pairs = BTreeSet::new();
    let mut met: BTreeMap<(usize, &[u64]), Vec<usize>> = BTreeMap::new();
    for (at, signature) in signatures.iter().enumerate() {
        for (band, hashes) in signature.bands() {
            let group = met.entry((band, hashes)).or_default();
            for &other in group.iter() {
                if signature.likeness(&signatures[other]) >= least {
                    pairs.insert((other, at));
                }
            }
            if group.len() < MOST_COMPARED {
                group.push(at);
            }
        }
    }
    pairs
}

/// Sets taken up one after the other, unless one like it is there already.
#[derive(Default)]
pub(crate) struct Known {
    signatures: Vec<Signature>,
    met: BTreeMap<(usize, Vec<u64>), Vec<usize>>,
}

impl Known {
    /// Takes `signature` up, and says whether nothing like it was there.
    pub(crate) fn is_new(&mut self, signature: Signature, least: f64) -> bool {
        for (band, hashes) in signature.bands() {
            let group = self.met.get(&(band, hashes.to_vec()));
            let near = |at: &usize| self.signatures[*at].likeness(&signature) >= least;
            if group.is_some_and(|group| group.iter().any(near)) {
                return false;
            }
        }
        let at = self.signatures.len();
        for (band, hashes) in signature.bands() {
            self.met.entry((band, hashes.to_vec())).or_default().push(at);
        }
        self.signatures.push(signature);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Signature {
        Signature::of(text.split(' ').map(hash)).unwrap()
    }

    #[test]
    fn likeness_is_the_share_in_common() {
        let words: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        let a = of(&words.join(" "));
        assert!((a.likeness(&a) - 1.0).abs() < 1e-9);
        let b = of(&words[..80].join(" "));
        assert!((a.likeness(&b) - 0.8).abs() < 0.25, "{}", a.likeness(&b));
        assert!(a.likeness(&of("x y z")) < 0.1);
        assert!(Signature::of([]).is_none());
    }

    #[test]
    fn near_ones_are_found_and_refused() {
        let texts = ["a b c d e f g h i j", "q r s t u v w x y z", "a b c d e f g h i j"];
        let signatures: Vec<Signature> = texts.iter().map(|text| of(text)).collect();
        assert_eq!(near_pairs(&signatures, NEAR).into_iter().collect::<Vec<_>>(), [(0, 2)]);
        let mut known = Known::default();
        let new: Vec<bool> =
            signatures.into_iter().map(|signature| known.is_new(signature, NEAR)).collect();
        assert_eq!(new, [true, true, false]);
    }
}
