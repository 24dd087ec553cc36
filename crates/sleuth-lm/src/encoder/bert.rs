//! The network: what a `bert` GGUF file says is done to tokens, and its weights.
//!
//! Each token is the sum of its word's row, its place's row and the row of the first token type,
//! normalised. In each layer every token then looks at all tokens of its text (attention) and passes
//! through a wide inner row with GELU between; what comes out of either is added to the row, and
//! the sum normalised (Devlin et al. 2018). The vector of a text is the mean over its tokens. GELU is
//! the exact one, as in the published model.

use std::{
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    gguf::{GgufContents, TensorInfo},
    gguf_write::{Stored, dequantise},
};

use super::kernels::{Activation, Attention, Codes, GROUP, Level, Matrix, Norm};

/// A loaded network.
pub(super) struct Bert {
    level: Level,
    width: usize,
    head_width: usize,
    words: Rows,
    /// A row for each place of a token in its text, the first token type's row added.
    places: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    /// Queries, keys and values.
    attention: Matrix,
    output: Matrix,
    attention_norm: Norm,
    up: Matrix,
    down: Matrix,
    norm: Norm,
}

/// Room to compute in. It grows to what the largest batch needs: about 13 kB a token of `MiniLM`.
#[derive(Default)]
pub(super) struct Scratch {
    rows: Vec<f32>,
    change: Vec<f32>,
    wide: Vec<f32>,
    codes: Codes,
    inner: Codes,
    attention: Attention,
}

impl Bert {
    /// Loads the weights of the file at `path`, to compute on `level`. A text has at most `longest`
    /// tokens.
    pub(super) fn load(
        path: &Path,
        contents: &GgufContents,
        longest: usize,
        level: Level,
    ) -> Result<Self, String> {
        let mut file = Tensors::open(path, contents)?;
        let width = file.number("embedding_length")?;
        let inner = file.number("feed_forward_length")?;
        let n_heads = file.number("attention.head_count")?;
        let head_width = width / n_heads.max(1);
        if width == 0 || inner == 0 || width % GROUP != 0 || inner % GROUP != 0 {
            let found = format!("{width} and {inner}");
            return Err(file.unlike(&format!("rows of a multiple of {GROUP} numbers"), &found));
        }
        if ![32, 64].contains(&head_width) || head_width * n_heads != width {
            let found = format!("{n_heads} heads in {width}");
            return Err(file.unlike("heads of 32 or 64 numbers", &found));
        }
        let pooling = contents.numbers.get("bert.pooling_type").copied().unwrap_or(1.0);
        if pooling != 1.0 {
            return Err(file.unlike("`bert.pooling_type` to be 1 (mean)", &pooling.to_string()));
        }
        let epsilon = contents.numbers.get("bert.attention.layer_norm_epsilon");
        let epsilon = epsilon.copied().unwrap_or(1e-12) as f32;

        let words = file.rows("token_embd.weight", width)?;
        if words.n_rows() != contents.tokens.len() {
            let found = format!("{} for {} tokens", words.n_rows(), contents.tokens.len());
            return Err(file.unlike("a row for each token", &found));
        }
        let mut places = file.rows("position_embd.weight", width)?.values();
        places.truncate(longest * width);
        let kinds = file.rows("token_types.weight", width)?.values();
        for place in places.chunks_exact_mut(width) {
            place.iter_mut().zip(&kinds).for_each(|(x, kind)| *x += kind);
        }
        let norm = file.norm("token_embd_norm", width, epsilon)?;
        let layers = (0..file.number("block_count")?)
            .map(|n| file.layer(n, width, inner, head_width, epsilon, level))
            .collect::<Result<_, String>>()?;
        Ok(Self { level, width, head_width, words, places, norm, layers })
    }

    /// Tokens that a text may have.
    pub(super) fn longest(&self) -> usize {
        self.places.len() / self.width
    }

    /// The vectors of some texts, not normalised. None is empty.
    pub(super) fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch) -> Vec<Vec<f32>> {
        let Self { level, width, .. } = *self;
        let Scratch { rows, change, wide, codes, inner, attention } = scratch;
        let n_tokens: usize = texts.iter().map(Vec::len).sum();
        rows.clear();
        change.clear();
        for text in texts {
            rows.extend(&self.places[..text.len() * width]);
            text.iter().for_each(|token| self.words.row(*token, change));
        }
        level.normalise(rows, change, &self.norm, codes);
        for layer in &self.layers {
            let room = n_tokens * layer.attention.n_outputs().max(layer.up.n_outputs());
            wide.resize(wide.len().max(room), 0.0);
            level.apply(&layer.attention, codes, wide);
            let mut at = 0;
            for text in texts {
                let (n, rows) = (text.len(), &wide[3 * width * at..]);
                let out = &mut change[width * at..][..width * n];
                level.attend(&rows[..3 * width * n], n, self.head_width, attention, out);
                at += n;
            }
            level.encode(change, width, Activation::None, codes);
            level.apply(&layer.output, codes, change);
            level.normalise(rows, change, &layer.attention_norm, codes);
            level.apply(&layer.up, codes, wide);
            let inner_width = layer.up.n_outputs();
            level.encode(&wide[..n_tokens * inner_width], inner_width, Activation::Gelu, inner);
            level.apply(&layer.down, inner, change);
            level.normalise(rows, change, &layer.norm, codes);
        }
        let mut rows = rows.chunks_exact(width);
        texts.iter().map(|text| mean(rows.by_ref().take(text.len()), text.len(), width)).collect()
    }
}

fn mean<'a>(rows: impl Iterator<Item = &'a [f32]>, n: usize, width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    mean.iter_mut().for_each(|sum| *sum /= n as f32);
    mean
}

/// A tensor as it is stored.
struct Rows {
    stored: Stored,
    row_bytes: usize,
    bytes: Vec<u8>,
}

impl Rows {
    fn n_rows(&self) -> usize {
        self.bytes.len() / self.row_bytes
    }

    /// Appends the numbers of a row.
    fn row(&self, at: u32, to: &mut Vec<f32>) {
        let bytes = &self.bytes[at as usize * self.row_bytes..][..self.row_bytes];
        decode(self.stored, bytes, to);
    }

    fn values(&self) -> Vec<f32> {
        let mut values = Vec::new();
        decode(self.stored, &self.bytes, &mut values);
        values
    }
}

fn decode(stored: Stored, bytes: &[u8], to: &mut Vec<f32>) {
    match stored {
        Stored::F32 => {
            to.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        Stored::Q8 => dequantise(bytes, to),
    }
}

/// The tensors of a file.
struct Tensors<'a> {
    path: &'a Path,
    contents: &'a GgufContents,
    file: fs_err::File,
}

impl<'a> Tensors<'a> {
    fn open(path: &'a Path, contents: &'a GgufContents) -> Result<Self, String> {
        let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
        Ok(Self { path, contents, file })
    }

    fn unlike(&self, expected: &str, found: &str) -> String {
        let path = self.path.display();
        format!("`{path}` is no encoder that is known here: expected {expected}, found {found}")
    }

    /// A count in the file's entries.
    fn number(&self, key: &str) -> Result<usize, String> {
        let number = self.contents.numbers.get(&format!("bert.{key}"));
        match number {
            Some(&n) if (0.0..1e6).contains(&n) => Ok(n as usize),
            Some(n) => Err(self.unlike(&format!("a count as `bert.{key}`"), &n.to_string())),
            None => Err(self.unlike(&format!("an entry `bert.{key}`"), "none")),
        }
    }

    fn info(&self, name: &str) -> Result<&'a TensorInfo, String> {
        let found = self.contents.tensors.iter().find(|tensor| tensor.name == name);
        found.ok_or_else(|| self.unlike(&format!("a tensor `{name}`"), "none"))
    }

    /// The tensor `name`, whose rows have `width` numbers.
    fn rows(&mut self, name: &str, width: usize) -> Result<Rows, String> {
        let info = self.info(name)?;
        let (stored, row_bytes) = match info.kind {
            0 => (Stored::F32, width * 4),
            8 => (Stored::Q8, width / 32 * 34),
            kind => {
                let expected = format!("the tensor `{name}` to be of type 0 (F32) or 8 (Q8_0)");
                return Err(self.unlike(&expected, &kind.to_string()));
            }
        };
        if info.shape.first() != Some(&(width as u64)) {
            let expected = format!("rows of {width} numbers in the tensor `{name}`");
            return Err(self.unlike(&expected, &format!("the shape {:?}", info.shape)));
        }
        // The file is as long as its tensors demand, so this is no more than the file's length.
        let n_rows = usize::try_from(info.shape[1..].iter().product::<u64>()).unwrap_or_default();
        let mut bytes = vec![0; n_rows * row_bytes];
        self.file
            .seek(SeekFrom::Start(info.offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|error| error.to_string())?;
        Ok(Rows { stored, row_bytes, bytes })
    }

    /// The tensor `name`, one row of `width` numbers.
    fn row(&mut self, name: &str, width: usize) -> Result<Vec<f32>, String> {
        let rows = self.rows(name, width)?;
        match rows.n_rows() {
            1 => Ok(rows.values()),
            n => Err(self.unlike(&format!("one row in the tensor `{name}`"), &n.to_string())),
        }
    }

    fn norm(&mut self, name: &str, width: usize, epsilon: f32) -> Result<Norm, String> {
        let scale = self.row(&format!("{name}.weight"), width)?;
        Ok(Norm { scale, shift: self.row(&format!("{name}.bias"), width)?, epsilon })
    }

    /// The matrices of these names, of `n_outputs` each, as one. What comes out of the first is
    /// multiplied by `factor`.
    fn matrix(
        &mut self,
        names: &[String],
        n_inputs: usize,
        n_outputs: usize,
        factor: f32,
        level: Level,
    ) -> Result<Matrix, String> {
        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for (at, name) in names.iter().enumerate() {
            let rows = self.rows(&format!("{name}.weight"), n_inputs)?;
            if rows.n_rows() != n_outputs {
                let expected = format!("{n_outputs} rows in the tensor `{name}.weight`");
                return Err(self.unlike(&expected, &rows.n_rows().to_string()));
            }
            decode(rows.stored, &rows.bytes, &mut weights);
            bias.extend(self.row(&format!("{name}.bias"), n_outputs)?);
            if at == 0 && factor != 1.0 {
                weights.iter_mut().chain(&mut bias).for_each(|x| *x *= factor);
            }
        }
        Ok(Matrix::new(level, n_inputs, bias, weights.chunks_exact(n_inputs)))
    }

    fn layer(
        &mut self,
        n: usize,
        width: usize,
        inner: usize,
        head_width: usize,
        epsilon: f32,
        level: Level,
    ) -> Result<Layer, String> {
        let name = |part: &str| format!("blk.{n}.{part}");
        // A key is as near to a query as their product says, over the root of the length.
        let factor = 1.0 / (head_width as f32).sqrt();
        let attention = [name("attn_q"), name("attn_k"), name("attn_v")];
        Ok(Layer {
            attention: self.matrix(&attention, width, width, factor, level)?,
            output: self.matrix(&[name("attn_output")], width, width, 1.0, level)?,
            attention_norm: self.norm(&name("attn_output_norm"), width, epsilon)?,
            up: self.matrix(&[name("ffn_up")], width, inner, 1.0, level)?,
            down: self.matrix(&[name("ffn_down")], inner, width, 1.0, level)?,
            norm: self.norm(&name("layer_output_norm"), width, epsilon)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use sleuth_records::Random;

    use super::*;
    use crate::gguf_write::GgufWriter;

    const WIDTH: usize = 128;
    const INNER: usize = 256;
    const LAYERS: usize = 2;
    const HEADS: usize = 4;
    const WORDS: usize = 20;
    const PLACES: usize = 24;

    /// A network with random weights, by the names of its tensors.
    fn weights() -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let mut random = Random(7);
        let mut tensors = Vec::new();
        let mut add = |name: &str, shape: &[usize], size: f64, about: f64| {
            let n = shape.iter().product();
            let values =
                (0..n).map(|_| (about + size * (2.0 * random.unit() - 1.0)) as f32).collect();
            tensors.push((name.to_owned(), shape.to_vec(), values));
        };
        add("token_embd.weight", &[WIDTH, WORDS], 1.0, 0.0);
        add("position_embd.weight", &[WIDTH, PLACES], 0.3, 0.0);
        add("token_types.weight", &[WIDTH, 2], 0.3, 0.0);
        let mut norms = vec!["token_embd_norm".to_owned()];
        for layer in 0..LAYERS {
            for (name, n_inputs, n_outputs) in [
                ("attn_q", WIDTH, WIDTH),
                ("attn_k", WIDTH, WIDTH),
                ("attn_v", WIDTH, WIDTH),
                ("attn_output", WIDTH, WIDTH),
                ("ffn_up", WIDTH, INNER),
                ("ffn_down", INNER, WIDTH),
            ] {
                let name = format!("blk.{layer}.{name}");
                add(&format!("{name}.weight"), &[n_inputs, n_outputs], 0.2, 0.0);
                add(&format!("{name}.bias"), &[n_outputs], 0.2, 0.0);
            }
            norms.push(format!("blk.{layer}.attn_output_norm"));
            norms.push(format!("blk.{layer}.layer_output_norm"));
        }
        for name in norms {
            add(&format!("{name}.weight"), &[WIDTH], 0.5, 1.0);
            add(&format!("{name}.bias"), &[WIDTH], 0.5, 0.0);
        }
        tensors
    }

    /// Writes the network, with matrices as `stored` says; `change` may alter entries,
    /// and the tensor `without` is left out.
    fn load(
        stored: Stored,
        longest: usize,
        level: Level,
        change: impl Fn(&str) -> Option<u32>,
        without: &str,
    ) -> Result<Bert, String> {
        let mut writer = GgufWriter::default();
        writer.text("general.architecture", "bert");
        for (key, number) in [
            ("embedding_length", WIDTH as u32),
            ("feed_forward_length", INNER as u32),
            ("block_count", LAYERS as u32),
            ("attention.head_count", HEADS as u32),
            ("pooling_type", 1),
        ] {
            writer.number(&format!("bert.{key}"), change(key).unwrap_or(number));
        }
        writer.fraction("bert.attention.layer_norm_epsilon", 1e-3);
        let tokens: Vec<String> = (0..WORDS).map(|n| n.to_string()).collect();
        writer.texts("tokenizer.ggml.tokens", &tokens);
        for (name, shape, values) in weights().iter().filter(|(name, ..)| name != without) {
            let stored = if shape.len() == 2 { stored } else { Stored::F32 };
            writer.tensor(name, shape, stored, values);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        writer.write(&mut fs_err::File::create(&path).unwrap()).unwrap();
        Bert::load(&path, &GgufContents::read(&path).unwrap(), longest, level)
            .map_err(|error| error.replace(&folder.path().display().to_string(), "DIR"))
    }

    fn network(stored: Stored, level: Level) -> Bert {
        load(stored, PLACES, level, |_| None, "").unwrap()
    }

    fn texts() -> Vec<Vec<u32>> {
        let mut random = Random(8);
        [1, 2, 5, 24, 3, 17, 24, 9]
            .map(|n| (0..n).map(|_| random.below(WORDS) as u32).collect())
            .to_vec()
    }

    /// The vector of a text as the head of this file says, in 64 bits.
    fn reference(text: &[u32]) -> Vec<f64> {
        let tensors = weights();
        let tensor = |name: &str| -> Vec<f64> {
            let (.., values) = tensors.iter().find(|(found, ..)| found == name).unwrap();
            values.iter().map(|x| f64::from(*x)).collect()
        };
        let apply = |name: &str, row: &[f64]| -> Vec<f64> {
            let (weight, bias) =
                (tensor(&format!("{name}.weight")), tensor(&format!("{name}.bias")));
            let product = |w: &[f64]| w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>();
            weight.chunks_exact(row.len()).zip(bias).map(|(w, b)| product(w) + b).collect()
        };
        let norm = |name: &str, row: &[f64], change: &[f64]| -> Vec<f64> {
            let row: Vec<f64> = row.iter().zip(change).map(|(x, y)| x + y).collect();
            let mean = row.iter().sum::<f64>() / row.len() as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
            let (scale, shift) =
                (tensor(&format!("{name}.weight")), tensor(&format!("{name}.bias")));
            let place =
                |(x, (a, b)): (&f64, (&f64, &f64))| (x - mean) / (variance + 1e-3).sqrt() * a + b;
            row.iter().zip(scale.iter().zip(&shift)).map(place).collect()
        };
        let (words, places) = (tensor("token_embd.weight"), tensor("position_embd.weight"));
        let kind = tensor("token_types.weight");
        let mut rows: Vec<Vec<f64>> = text
            .iter()
            .enumerate()
            .map(|(at, word)| {
                let word = &words[*word as usize * WIDTH..][..WIDTH];
                let place: Vec<f64> = places[at * WIDTH..]
                    .iter()
                    .zip(&kind)
                    .map(|(x, y)| x + y)
                    .take(WIDTH)
                    .collect();
                norm("token_embd_norm", word, &place)
            })
            .collect();
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}");
            let of = |part: &str| -> Vec<Vec<f64>> {
                rows.iter().map(|row| apply(&name(part), row)).collect()
            };
            let (queries, keys, values) = (of("attn_q"), of("attn_k"), of("attn_v"));
            let head = WIDTH / HEADS;
            rows = rows
                .iter()
                .enumerate()
                .map(|(at, row)| {
                    let mut seen = vec![0.0; WIDTH];
                    for from in (0..WIDTH).step_by(head) {
                        let near = |key: &Vec<f64>| {
                            let pairs =
                                queries[at][from..from + head].iter().zip(&key[from..from + head]);
                            (pairs.map(|(q, k)| q * k).sum::<f64>() / (head as f64).sqrt()).exp()
                        };
                        let weights: Vec<f64> = keys.iter().map(near).collect();
                        let sum: f64 = weights.iter().sum();
                        for (weight, value) in weights.iter().zip(&values) {
                            for d in from..from + head {
                                seen[d] += weight / sum * value[d];
                            }
                        }
                    }
                    norm(&name("attn_output_norm"), row, &apply(&name("attn_output"), &seen))
                })
                .map(|row: Vec<f64>| {
                    // The usual approximation of GELU; it is within .0005 of the exact one.
                    let gelu = |x: f64| {
                        let inner =
                            (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                        0.5 * x * (1.0 + inner.tanh())
                    };
                    let inner = apply(&name("ffn_up"), &row).into_iter().map(gelu);
                    let down = apply(&name("ffn_down"), &inner.collect::<Vec<_>>());
                    norm(&name("layer_output_norm"), &row, &down)
                })
                .collect();
        }
        let mean = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>() / rows.len() as f64;
        (0..WIDTH).map(mean).collect()
    }

    #[test]
    fn vectors_are_those_of_the_definition() {
        let texts = texts();
        for stored in [Stored::F32, Stored::Q8] {
            let network = network(stored, Level::best());
            let found = network.encode(&texts, &mut Scratch::default());
            for (text, found) in texts.iter().zip(&found) {
                let exact = reference(text);
                let dot: f64 = found.iter().zip(&exact).map(|(a, b)| f64::from(*a) * b).sum();
                let length = |squares: f64| squares.sqrt();
                let cosine = dot
                    / length(found.iter().map(|x| f64::from(*x).powi(2)).sum())
                    / length(exact.iter().map(|x| x.powi(2)).sum());
                assert!(cosine > 0.9995, "{stored:?}, {} tokens: {cosine}", text.len());
            }
        }
    }

    #[test]
    fn vectors_are_the_same_alone_and_on_every_processor() {
        let texts = texts();
        let expected = network(Stored::Q8, Level::best()).encode(&texts, &mut Scratch::default());
        for level in Level::all() {
            let network = network(Stored::Q8, level);
            // The room of larger batches is used again.
            let mut scratch = Scratch::default();
            assert!(network.encode(&texts, &mut scratch) == expected, "{level:?}");
            for (text, expected) in texts.iter().zip(&expected) {
                let alone = network.encode(std::slice::from_ref(text), &mut scratch);
                assert!(alone == [expected.clone()], "{level:?}, {} tokens", text.len());
            }
        }
    }

    #[test]
    fn files_of_other_networks_are_refused() {
        fn check(key: &str, number: u32, without: &str, expected: &expect_test::Expect) {
            let change = |found: &str| (found == key).then_some(number);
            let error = load(Stored::Q8, PLACES, Level::best(), change, without).err();
            expected.assert_eq(&error.unwrap_or_default());
        }
        use expect_test::expect;
        check(
            "embedding_length",
            96,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected rows of a multiple of 128 numbers, found 96 and 256"
            ],
        );
        check(
            "embedding_length",
            256,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected rows of 256 numbers in the tensor `token_embd.weight`, found the shape [128, 20]"
            ],
        );
        check(
            "feed_forward_length",
            128,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected 128 rows in the tensor `blk.0.ffn_up.weight`, found 256"
            ],
        );
        check(
            "attention.head_count",
            8,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected heads of 32 or 64 numbers, found 8 heads in 128"
            ],
        );
        check(
            "attention.head_count",
            0,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected heads of 32 or 64 numbers, found 0 heads in 128"
            ],
        );
        check(
            "pooling_type",
            2,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected `bert.pooling_type` to be 1 (mean), found 2"
            ],
        );
        check(
            "block_count",
            3,
            "",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected a tensor `blk.2.attn_q.weight`, found none"
            ],
        );
        check(
            "",
            0,
            "blk.1.ffn_up.bias",
            &expect![
                "`DIR/m.gguf` is no encoder that is known here: expected a tensor `blk.1.ffn_up.bias`, found none"
            ],
        );
    }

    #[test]
    fn a_text_has_no_more_tokens_than_there_are_places() {
        let of =
            |longest| load(Stored::Q8, longest, Level::best(), |_| None, "").unwrap().longest();
        assert_eq!((of(10), of(1000)), (10, PLACES));
    }
}
