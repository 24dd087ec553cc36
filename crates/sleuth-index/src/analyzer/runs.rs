//! Where the words of a text can be, 64 bytes at a time.
//!
//! A *run* is a row of letters and digits of ASCII, apostrophes and characters that are not ASCII. One of letters and
//! digits alone is a word as it stands; any other has to be looked at character by character. A block of bytes becomes
//! a number with a bit for each, in which the ends of runs are counted. A loop over the bytes of each word takes several
//! times as long, since no processor foresees where a word ends.

use std::ops::Range;

/// Bytes of a block.
const BLOCK: usize = u64::BITS as usize;

/// The runs of a text, in order, each with whether it is a word as it stands.
pub(super) struct Runs<'t> {
    bytes: &'t [u8],
    /// Where the block begins that is looked at.
    block: usize,
    /// Of the rest of that block: which bytes belong to runs. The lowest bit is the first byte.
    in_run: u64,
    /// Which are neither letters nor digits of ASCII, of those.
    special: u64,
}

impl<'t> Runs<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut runs = Self { bytes: text.as_bytes(), block: 0, in_run: 0, special: 0 };
        runs.look(0);
        runs
    }

    /// Looks at the block that begins at `from`.
    fn look(&mut self, from: usize) {
        self.block = from;
        let rest = self.bytes.get(from..).unwrap_or_default();
        let mut padded = [b' '; BLOCK];
        let block = match rest.first_chunk::<BLOCK>() {
            Some(block) => block,
            None => {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        let is_special = |byte: u8| !byte.is_ascii() || byte == b'\'';
        self.in_run = bits(block, |byte| byte.is_ascii_alphanumeric() || is_special(byte));
        // Most blocks have none.
        let any = block.iter().fold(false, |any, byte| any | is_special(*byte));
        self.special = if any { bits(block, is_special) } else { 0 };
    }
}

impl Iterator for Runs<'_> {
    type Item = (Range<usize>, bool);

    fn next(&mut self) -> Option<Self::Item> {
        while self.in_run == 0 {
            if self.block >= self.bytes.len() {
                return None;
            }
            self.look(self.block + BLOCK);
        }
        let start = self.block + self.in_run.trailing_zeros() as usize;
        let mut is_word = true;
        loop {
            let first = self.in_run.trailing_zeros();
            // The bits from the first of this block on, up to the end of the run in it.
            let last = first + (self.in_run >> first).trailing_ones();
            let of_run = self.in_run & (u64::MAX >> (BLOCK as u32 - last));
            is_word &= self.special & of_run == 0;
            self.in_run ^= of_run;
            let end = self.block + last as usize;
            if (last as usize) < BLOCK {
                return Some((start..end, is_word));
            }
            self.look(self.block + BLOCK);
            if self.in_run & 1 == 0 {
                return Some((start..end, is_word));
            }
        }
    }
}

/// The bytes of which `is` is true, the first as the lowest bit.
fn bits(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    /// Brings the lowest bits of eight bytes together in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    // Mapping an array would go byte by byte.
    let mut ones = [0; BLOCK];
    for (one, byte) in ones.iter_mut().zip(block) {
        *one = u8::from(is(*byte));
    }
    let (eights, _) = ones.as_chunks::<8>();
    let gathered = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    gathered.enumerate().fold(0, |all, (nth, eight)| all | eight << (8 * nth))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs, a byte at a time.
    fn wanted(text: &str) -> Vec<(Range<usize>, bool)> {
        let mut out: Vec<(Range<usize>, bool)> = Vec::new();
        for (at, byte) in text.bytes().enumerate() {
            let is_letter = byte.is_ascii_alphanumeric();
            if !is_letter && byte.is_ascii() && byte != b'\'' {
                continue;
            }
            match out.last_mut().filter(|(run, _)| run.end == at) {
                Some((run, is_word)) => {
                    run.end = at + 1;
                    *is_word &= is_letter;
                }
                None => out.push((at..at + 1, is_letter)),
            }
        }
        out
    }

    #[test]
    fn runs_are_found_wherever_blocks_end() {
        let long = "long".repeat(60);
        let texts = [
            "",
            "a",
            " ",
            "Dogs, and 2 o'clock: naïve 東京. [x]{y}@`z` _0_9:;/",
            &long,
            &"it's 'tis ".repeat(20),
            &"word ".repeat(40),
            &format!("{long}'s end"),
            &format!("é{long} é"),
        ];
        for text in texts {
            for before in 0..BLOCK + 2 {
                let text = format!("{}{text}", ".".repeat(before));
                assert_eq!(Runs::of(&text).collect::<Vec<_>>(), wanted(&text), "{text}");
                let text = format!("{}{text}", "x".repeat(before));
                assert_eq!(Runs::of(&text).collect::<Vec<_>>(), wanted(&text), "{text}");
            }
        }
    }
}
