//! Writing GGUF files, as [`gguf`](crate::gguf) describes them: version 3, alignment 32.
//!
//! Tensors are written as `f32`, or in blocks of 32 as `Q8_0`: a scale as `f16` (the largest
//! magnitude of the block over 127) and 32 signed bytes. That keeps about eight bits of every number
//! and takes 34 bytes where `f32` takes 128.

use std::io::Write;

const ALIGNMENT: usize = 32;
/// Numbers in a block of `Q8_0`.
const BLOCK: usize = 32;

/// How the numbers of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Four bytes each.
    F32,
    /// Blocks of 32 with a common scale.
    Q8,
}

impl Stored {
    /// The number of the type in the format.
    pub(crate) fn kind(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::Q8 => 8,
        }
    }
}

/// A GGUF file that is being put together in memory.
#[derive(Debug, Default)]
pub(crate) struct GgufWriter {
    entries: Vec<u8>,
    n_entries: u64,
    infos: Vec<u8>,
    n_tensors: u64,
    data: Vec<u8>,
}

impl GgufWriter {
    fn entry(&mut self, key: &str, kind: u32) {
        text(&mut self.entries, key);
        self.entries.extend(kind.to_le_bytes());
        self.n_entries += 1;
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.entry(key, 8);
        text(&mut self.entries, value);
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, key: &str, value: u32) {
        self.entry(key, 4);
        self.entries.extend(value.to_le_bytes());
    }

    /// Adds a fraction.
    pub(crate) fn fraction(&mut self, key: &str, value: f32) {
        self.entry(key, 6);
        self.entries.extend(value.to_le_bytes());
    }

    /// Adds a truth value.
    pub(crate) fn truth(&mut self, key: &str, value: bool) {
        self.entry(key, 7);
        self.entries.push(u8::from(value));
    }

    /// Adds a list of texts.
    pub(crate) fn texts(&mut self, key: &str, values: &[String]) {
        self.entry(key, 9);
        self.entries.extend(8_u32.to_le_bytes());
        self.entries.extend((values.len() as u64).to_le_bytes());
        for value in values {
            text(&mut self.entries, value);
        }
    }

    /// Adds a list of numbers.
    pub(crate) fn numbers(&mut self, key: &str, values: &[i32]) {
        self.entry(key, 9);
        self.entries.extend(5_u32.to_le_bytes());
        self.entries.extend((values.len() as u64).to_le_bytes());
        for value in values {
            self.entries.extend(value.to_le_bytes());
        }
    }

    /// Adds a tensor; `shape` has the fastest running length first. With [`Stored::Q8`] that length
    /// must be a multiple of 32; otherwise the tensor is stored as `f32`.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[usize], stored: Stored, values: &[f32]) {
        let whole = shape.first().is_some_and(|first| first.is_multiple_of(BLOCK));
        let stored = if whole { stored } else { Stored::F32 };
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
        text(&mut self.infos, name);
        self.infos.extend((shape.len() as u32).to_le_bytes());
        for length in shape {
            self.infos.extend((*length as u64).to_le_bytes());
        }
        self.infos.extend(stored.kind().to_le_bytes());
        self.infos.extend((self.data.len() as u64).to_le_bytes());
        self.n_tensors += 1;
        match stored {
            Stored::F32 => self.data.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Stored::Q8 => values.chunks(BLOCK).for_each(|block| quantise(block, &mut self.data)),
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, file: &mut impl Write) -> std::io::Result<()> {
        let mut head = b"GGUF".to_vec();
        head.extend(3_u32.to_le_bytes());
        head.extend(self.n_tensors.to_le_bytes());
        head.extend(self.n_entries.to_le_bytes());
        head.extend(&self.entries);
        head.extend(&self.infos);
        head.resize(head.len().next_multiple_of(ALIGNMENT), 0);
        file.write_all(&head)?;
        file.write_all(&self.data)
    }
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.extend((text.len() as u64).to_le_bytes());
    to.extend(text.as_bytes());
}

/// Appends one block of 32 numbers as `Q8_0`.
fn quantise(block: &[f32], to: &mut Vec<u8>) {
    let largest = block.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let scale = largest / 127.0;
    to.extend(half_from_single(scale).to_le_bytes());
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    // In range by construction: no magnitude exceeds 127.
    to.extend(block.iter().map(|value| (value * inverse).round() as i8).map(i8::cast_unsigned));
}

/// The numbers of a tensor stored as `Q8_0`, appended to `to`.
pub(crate) fn dequantise(bytes: &[u8], to: &mut Vec<f32>) {
    for block in bytes.chunks_exact(BLOCK + 2) {
        let scale = single_from_half(u16::from_le_bytes([block[0], block[1]]));
        to.extend(block[2..].iter().map(|byte| f32::from(byte.cast_signed()) * scale));
    }
}

/// The half-precision number nearest to `value`, ties to even.
fn half_from_single(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let exponent = ((bits >> 23) & 0xff).cast_signed() - 127 + 15;
    let fraction = bits & 0x7f_ffff;
    if exponent >= 31 {
        let nan = (bits & 0x7f80_0000 == 0x7f80_0000 && fraction != 0).then_some(0x200);
        return sign | 0x7c00 | nan.unwrap_or(0);
    }
    if exponent < -10 {
        return sign;
    }
    // A number too small for the exponent loses the bits that its shift pushes out.
    let (whole, shift) = match exponent {
        1.. => ((exponent.cast_unsigned() << 23) | fraction, 13),
        _ => (fraction | 0x80_0000, (14 - exponent).cast_unsigned()),
    };
    let (kept, lost, tie) = (whole >> shift, whole & ((1 << shift) - 1), 1 << (shift - 1));
    let up = lost > tie || (lost == tie && kept & 1 == 1);
    sign | (kept + u32::from(up)) as u16
}

/// The value of a half-precision number.
fn single_from_half(half: u16) -> f32 {
    let magnitude = match (half >> 10 & 0x1f, half & 0x3ff) {
        (0, fraction) => f32::from(fraction) * 2.0_f32.powi(-24),
        (31, 0) => f32::INFINITY,
        (31, _) => f32::NAN,
        (exponent, fraction) => {
            (1.0 + f32::from(fraction) / 1024.0) * 2.0_f32.powi(i32::from(exponent) - 15)
        }
    };
    if half & 0x8000 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::{GgufContents, GgufHeader};

    #[test]
    fn every_half_precision_number_comes_back() {
        for half in 0..=u16::MAX {
            let single = single_from_half(half);
            if !single.is_nan() {
                assert_eq!(half_from_single(single), half, "{single}");
            }
        }
        assert!(single_from_half(half_from_single(f32::NAN)).is_nan());
    }

    #[test]
    fn halves_are_rounded_to_the_nearest_and_ties_to_even() {
        fn check(value: f32, expected: f32) {
            assert_eq!(single_from_half(half_from_single(value)).to_bits(), expected.to_bits());
        }
        check(1.0 + 1.0 / 2048.0, 1.0);
        check(1.0 + 3.0 / 2048.0, 1.0 + 2.0 / 1024.0);
        check(1.0 + 1.1 / 2048.0, 1.0 + 1.0 / 1024.0);
        check(65519.0, 65504.0);
        check(65520.0, f32::INFINITY);
        check(-2.0_f32.powi(-25), -0.0);
        check(1.1 * 2.0_f32.powi(-25), 2.0_f32.powi(-24));
    }

    #[test]
    fn a_written_file_is_read_again() {
        let values: Vec<f32> = (0..64).map(|n| n as f32 / 10.0 - 3.0).collect();
        let mut writer = GgufWriter::default();
        writer.text("general.architecture", "bert");
        writer.number("bert.context_length", 512);
        writer.fraction("bert.eps", 1e-12);
        writer.truth("bert.attention.causal", false);
        writer.texts("tokenizer.ggml.tokens", &["a".to_owned(), "b c".to_owned()]);
        writer.numbers("tokenizer.ggml.token_type", &[1, 3]);
        writer.tensor("short", &[3], Stored::Q8, &values[..3]);
        writer.tensor("long", &[32, 2], Stored::Q8, &values);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        let mut file = Vec::new();
        writer.write(&mut file).unwrap();
        fs_err::write(&path, &file).unwrap();

        let contents = GgufContents::read(&path).unwrap();
        assert_eq!(contents.header, GgufHeader::read(&path).unwrap());
        assert_eq!((contents.header.context, contents.header.parameters), (512, 67));
        assert_eq!(contents.tokens, ["a", "b c"]);
        let [short, long] = &contents.tensors[..] else { panic!("two tensors") };
        assert_eq!((short.kind, &short.shape[..]), (0, &[3][..]));
        assert_eq!((long.kind, &long.shape[..]), (8, &[32, 2][..]));
        let at = usize::try_from(long.offset).unwrap();
        let mut back = Vec::new();
        dequantise(&file[at..at + 68], &mut back);
        for (value, back) in values.iter().zip(&back) {
            assert!(
                (value - back).abs() <= 3.5 / 127.0 / 2.0 + 0.002,
                "{value} came back as {back}"
            );
        }
        assert_eq!(file.len(), at + 68);
    }
}
