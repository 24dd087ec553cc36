//! The print of a text: few numbers by which texts that share most of their words are found.
//!
//! MinHash (Broder, 1997) over runs of [`RUN`] words: each of [`HASHES`] functions gives every run a number,
//! and the print keeps the least. Two prints agree at a place with a probability that is the share of
//! the runs that the texts have in common (their Jaccard similarity).

/// Words of a run.
const RUN: usize = 3;
/// Numbers of a print; the similarity of two is known to about 1/16.
const HASHES: usize = 64;
/// Prints are looked up by this many groups of [`ROWS`] of their numbers. Texts with similarity *s* meet in
/// one of them with probability 1 − (1 − s³)²¹: .03 at .1, .44 at .3, .94 at one half, 1 at .8.
pub(super) const BANDS: usize = 21;
const ROWS: usize = 3;
/// Texts of fewer words are compared as wholes only: a word more or less says too much.
const SHORTEST: u32 = 24;

/// Multipliers of the functions: odd numbers from SplitMix64.
const FACTORS: [u32; HASHES] = {
    let mut out = [0; HASHES];
    let mut at = 0;
    while at < HASHES {
        out[at] = (mixed(at as u64) >> 32) as u32 | 1;
        at += 1;
    }
    out
};

/// The step of SplitMix64.
const fn mixed(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Print {
    /// Depends on every word and their order.
    whole: u64,
    n_words: u32,
    least: [u32; HASHES],
}

impl Print {
    /// The print of a text whose words have these hashes.
    pub(crate) fn of(words: impl IntoIterator<Item = u64>) -> Self {
        let mut print = Self { whole: 0, n_words: 0, least: [u32::MAX; HASHES] };
        let mut run = [0u64; RUN];
        for word in words {
            print.whole = mixed(print.whole ^ word);
            print.n_words = print.n_words.saturating_add(1);
            run.rotate_left(1);
            run[RUN - 1] = word;
            if print.n_words as usize >= RUN {
                let hash = run.iter().fold(0, |hash, word| mixed(hash ^ word));
                let (high, low) = ((hash >> 32) as u32, hash as u32);
                for (least, factor) in print.least.iter_mut().zip(FACTORS) {
                    *least = (*least).min(high.wrapping_mul(factor) ^ low.wrapping_add(factor));
                }
            }
        }
        print
    }

    pub(super) fn is_empty(&self) -> bool {
        self.n_words == 0
    }

    /// Whether the text is the same as another or has nothing in common with it.
    pub(super) fn is_short(&self) -> bool {
        self.n_words < SHORTEST
    }

    /// Whether both are of the same words in the same order.
    fn is_same(&self, other: &Self) -> bool {
        (self.whole, self.n_words) == (other.whole, other.n_words)
    }

    /// Share of the runs of words that both have in common, from 0 to 1, estimated. Short texts are the
    /// same or have nothing in common.
    pub(super) fn similarity(&self, other: &Self) -> f32 {
        if self.is_same(other) {
            return 1.0;
        }
        if self.is_short() || other.is_short() {
            return 0.0;
        }
        let same = self.least.iter().zip(&other.least).filter(|(a, b)| a == b).count();
        same as f32 / HASHES as f32
    }

    /// What texts that share a band agree in.
    pub(super) fn band(&self, band: usize) -> u64 {
        if self.is_short() {
            return self.whole;
        }
        let numbers = self.least[band * ROWS..][..ROWS].iter();
        numbers.fold(band as u64, |hash, number| mixed(hash ^ u64::from(*number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(words: impl Iterator<Item = u32>) -> Print {
        Print::of(words.map(|word| mixed(u64::from(word))))
    }

    #[test]
    fn similarity_is_the_share_of_common_runs() {
        // Of n words those from `to` on are others: 998 runs, of which `to` − 2 are common.
        for (to, expected) in [(1000, 1.0), (900, 0.816), (800, 0.666), (500, 0.332), (0, 0.0)] {
            let mut sum = 0.0;
            for seed in 0..20 {
                let one = print((0..1000).map(|n| n + seed * 10_000));
                let other = (0..1000).map(|n| if n < to { n } else { n + 5000 } + seed * 10_000);
                sum += one.similarity(&print(other)) / 20.0;
            }
            assert!((sum - expected).abs() < 0.05, "{to}: {sum} is not {expected}");
        }
    }

    #[test]
    fn a_short_text_is_the_same_or_another() {
        let (one, same, other) = (print(0..10), print(0..10), print(1..11));
        assert_eq!((one.similarity(&same), one.similarity(&other)), (1.0, 0.0));
        assert_eq!(one.band(3), same.band(3));
        assert_ne!(one.band(3), other.band(3));
        let turned = print((0..10).rev());
        assert!(!one.is_same(&turned));
        assert!(print(std::iter::empty()).is_empty());
    }
}
