//! Vectors without a network: a table with one vector a token, distilled from a sentence encoder.
//!
//! Distilling (the recipe of model2vec): each token of the vocabulary is encoded as a text of its own;
//! the vectors are centred and turned to their principal axes, of which the first are kept; each is
//! scaled by *a* / (*a* + *p*), *a* = .0001, where *p* is how common the token is (smooth inverse
//! frequency, Arora et al. 2017). *p* is guessed from the token's rank in the vocabulary, which is
//! sorted by frequency, by Zipf's law. The vector of a text is the sum over its tokens, brought to
//! length one.
//!
//! The file is a GGUF file of the architecture `static`, with the vocabulary and one tensor, so what
//! reads and checks models does so here, too.

use std::{
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    Cancel,
    encoder::Encoder,
    engine::EngineError,
    gguf::GgufContents,
    gguf_write::{GgufWriter, Stored, dequantise},
    wordpiece::{BEGINS, WordPiece, is_control},
};

/// The architecture's name in the file.
pub(crate) const ARCHITECTURE: &str = "static";
/// Tokens rarer than this keep most of their weight.
const COMMON: f64 = 1e-4;
/// Rounds of rotations after which the axes are taken as they are; eight are usual.
const MOST_ROUNDS: usize = 30;

/// A table of vectors with its vocabulary.
pub(crate) struct Table {
    words: WordPiece,
    dims: usize,
    rows: Vec<f32>,
    longest: usize,
}

impl Table {
    /// Reads the file at `path`. Of a text the first `longest` tokens count.
    pub(crate) fn load(
        path: &Path,
        contents: &GgufContents,
        longest: usize,
    ) -> Result<Self, String> {
        let words = WordPiece::new(&contents.tokens)?;
        let expected =
            format!("expected one Q8_0 tensor with a row for each token of `{}`", path.display());
        let [tensor] = &contents.tensors[..] else {
            return Err(format!("{expected}, found {} tensors", contents.tensors.len()));
        };
        let shape: Vec<usize> =
            tensor.shape.iter().filter_map(|n| usize::try_from(*n).ok()).collect();
        let &[dims, rows] = &shape[..] else {
            return Err(format!("{expected}, found the shape {:?}", tensor.shape));
        };
        if tensor.kind != Stored::Q8.kind() || rows != contents.tokens.len() || dims % 32 != 0 {
            return Err(format!(
                "{expected}, found type {} and shape {shape:?} for {} tokens",
                tensor.kind,
                contents.tokens.len()
            ));
        }
        let mut bytes = vec![0; rows * dims / 32 * 34];
        fs_err::File::open(path)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(tensor.offset))?;
                file.read_exact(&mut bytes)
            })
            .map_err(|error| error.to_string())?;
        let mut rows = Vec::with_capacity(rows * dims);
        dequantise(&bytes, &mut rows);
        Ok(Self { words, dims, rows, longest })
    }

    /// Numbers in a vector.
    pub(crate) fn dims(&self) -> usize {
        self.dims
    }

    /// The vector of a text, not normalised.
    pub(crate) fn vector(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.dims];
        for token in self.words.tokens(text, self.longest) {
            let at = token as usize * self.dims;
            for (sum, x) in sum.iter_mut().zip(&self.rows[at..at + self.dims]) {
                *sum += x;
            }
        }
        sum
    }
}

/// Distils `encoder`, whose vocabulary is `tokens`, into a table of `dims` numbers a token: a multiple
/// of 32, and no more than the encoder gives.
pub(crate) fn distil(
    encoder: &Encoder,
    tokens: &[String],
    dims: usize,
    path: &Path,
    cancel: Cancel<'_>,
) -> Result<(), EngineError> {
    let is_text =
        |token: &String| !is_control(token) && !token.starts_with(&format!("{BEGINS}[unused"));
    let ids: Vec<u32> =
        (0..).zip(tokens).filter(|(_, token)| is_text(token)).map(|(id, _)| id).collect();
    let mut vectors = encoder.encode_single(&ids, cancel)?;
    centre(&mut vectors);
    let width = vectors.first().map_or(0, Vec::len);
    let axes = principal_axes(&covariance(&vectors, width), width);
    if cancel() {
        return Err(EngineError::Cancelled);
    }
    let mut rows = vec![0.0_f32; tokens.len() * dims];
    // Zipf's law: the n-th of N words makes up 1 / (n ln N) of a text, nearly.
    let all: f64 = (0..ids.len()).map(|rank| 1.0 / (rank as f64 + 2.0)).sum();
    for (rank, (&id, vector)) in ids.iter().zip(&vectors).enumerate() {
        let share = 1.0 / (rank as f64 + 2.0) / all;
        let weight = COMMON / (COMMON + share);
        let row = &mut rows[id as usize * dims..][..dims];
        for (x, axis) in row.iter_mut().zip(&axes) {
            let length: f64 = axis.iter().zip(vector).map(|(a, x)| a * f64::from(*x)).sum();
            *x = (length * weight) as f32;
        }
    }
    let mut writer = GgufWriter::default();
    writer.text("general.architecture", ARCHITECTURE);
    writer.text("general.name", &format!("static vectors of {dims} numbers"));
    writer.text("general.license", "apache-2.0");
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.tensor("token_embd.weight", &[dims, tokens.len()], Stored::Q8, &rows);
    fs_err::File::create(path)
        .and_then(|mut file| {
            writer.write(&mut file)?;
            file.sync_all()
        })
        .map_err(|error| EngineError::Failed(error.to_string()))
}

/// Takes the mean from every vector.
fn centre(vectors: &mut [Vec<f32>]) {
    let n = vectors.len() as f64;
    let mut mean = vec![0.0_f64; vectors.first().map_or(0, Vec::len)];
    for vector in vectors.iter() {
        mean.iter_mut().zip(vector).for_each(|(mean, x)| *mean += f64::from(*x) / n);
    }
    for vector in vectors {
        vector.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= *mean as f32);
    }
}

/// The covariance of centred vectors, row by row.
fn covariance(vectors: &[Vec<f32>], width: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; width * width];
    for vector in vectors {
        let vector: Vec<f64> = vector.iter().map(|x| f64::from(*x)).collect();
        for (row, a) in matrix.chunks_exact_mut(width).zip(&vector) {
            row.iter_mut().zip(&vector).for_each(|(sum, b)| *sum += a * b);
        }
    }
    matrix
}

/// The eigenvectors of a symmetric matrix, that of the largest eigenvalue first: Jacobi's rotations,
/// in rounds over all pairs of axes, until nothing is left beside the diagonal.
fn principal_axes(matrix: &[f64], width: usize) -> Vec<Vec<f64>> {
    let mut matrix: Vec<Vec<f64>> =
        matrix.chunks_exact(width.max(1)).map(<[f64]>::to_vec).collect();
    let mut axes: Vec<Vec<f64>> = (0..width)
        .map(|at| (0..width).map(|x| if x == at { 1.0 } else { 0.0 }).collect())
        .collect();
    let whole: f64 = matrix.iter().flatten().map(|x| x * x).sum();
    for _ in 0..MOST_ROUNDS {
        let beside: f64 = (0..width)
            .flat_map(|p| (0..p).map(move |q| (p, q)))
            .map(|(p, q)| matrix[p][q] * matrix[p][q])
            .sum();
        if beside <= whole * 1e-20 {
            break;
        }
        for p in 1..width {
            for q in 0..p {
                rotate(&mut matrix, &mut axes, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]).then(a.cmp(&b)));
    order.into_iter().map(|at| std::mem::take(&mut axes[at])).collect()
}

/// One rotation, which makes the entry of the axes `p` and `q` zero.
fn rotate(matrix: &mut [Vec<f64>], axes: &mut [Vec<f64>], p: usize, q: usize) {
    let entry = matrix[p][q];
    if entry == 0.0 {
        return;
    }
    let angle = (matrix[q][q] - matrix[p][p]) / (2.0 * entry);
    let tangent = angle.signum() / (angle.abs() + (angle * angle + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn = |a: &mut f64, b: &mut f64| {
        let (x, y) = (*a, *b);
        *a = cosine * x - sine * y;
        *b = sine * x + cosine * y;
    };
    for row in matrix.iter_mut() {
        let (mut a, mut b) = (row[p], row[q]);
        turn(&mut a, &mut b);
        (row[p], row[q]) = (a, b);
    }
    for rows in [matrix, axes] {
        let (before, after) = rows.split_at_mut(p);
        before[q].iter_mut().zip(&mut after[0]).for_each(|(b, a)| turn(a, b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_of_a_known_matrix_are_found() {
        // Eigenvalues 5, 3 and 1 along known axes.
        let (c, s) = (0.8, 0.6);
        let known = [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]];
        let values = [3.0, 5.0, 1.0];
        let mut matrix = vec![0.0; 9];
        for (axis, value) in known.iter().zip(values) {
            for row in 0..3 {
                for column in 0..3 {
                    matrix[row * 3 + column] += value * axis[row] * axis[column];
                }
            }
        }
        let axes = principal_axes(&matrix, 3);
        for (found, expected) in axes.iter().zip([known[1], known[0], known[2]]) {
            let dot: f64 = found.iter().zip(expected).map(|(a, b)| a * b).sum();
            assert!((dot.abs() - 1.0).abs() < 1e-9, "{found:?} is not {expected:?}");
        }
    }

    /// A file with two text tokens, `a` along the first axis and `b` against it.
    fn table(kind: Stored, dims: usize, n_tokens: usize) -> Result<Table, String> {
        let tokens = ["[UNK]", "[CLS]", "[SEP]", "\u{2581}a", "b"].map(str::to_owned);
        let mut rows = vec![0.0; dims * n_tokens];
        rows[3 * dims] = 2.0;
        rows[4 * dims] = -1.0;
        let mut writer = GgufWriter::default();
        writer.text("general.architecture", ARCHITECTURE);
        writer.texts("tokenizer.ggml.tokens", &tokens);
        writer.tensor("token_embd.weight", &[dims, n_tokens], kind, &rows);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.gguf");
        writer.write(&mut fs_err::File::create(&path).unwrap()).unwrap();
        Table::load(&path, &GgufContents::read(&path).unwrap(), 3)
            .map_err(|error| error.replace(&folder.path().display().to_string(), "DIR"))
    }

    #[test]
    fn a_vector_is_the_sum_over_the_tokens_that_count() {
        fn check(text: &str, expected: f32) {
            let vector = table(Stored::Q8, 32, 5).unwrap().vector(text);
            assert!((vector[0] - expected).abs() < 0.01, "{text:?}: {}", vector[0]);
            assert!(vector[1..].iter().all(|x| *x == 0.0));
        }
        check("", 0.0);
        check("?", 0.0);
        check("a", 2.0);
        check("AB", 1.0);
        check("a a a a a a", 6.0);
    }

    #[test]
    fn a_table_of_another_shape_is_refused() {
        fn check(kind: Stored, dims: usize, n_tokens: usize, expected: &expect_test::Expect) {
            expected.assert_eq(&table(kind, dims, n_tokens).err().unwrap_or_default());
        }
        check(
            Stored::F32,
            32,
            5,
            &expect_test::expect![
                "expected one Q8_0 tensor with a row for each token of `DIR/t.gguf`, found type 0 and shape [32, 5] for 5 tokens"
            ],
        );
        check(
            Stored::Q8,
            32,
            6,
            &expect_test::expect![
                "expected one Q8_0 tensor with a row for each token of `DIR/t.gguf`, found type 8 and shape [32, 6] for 5 tokens"
            ],
        );
        check(
            Stored::Q8,
            30,
            5,
            &expect_test::expect![
                "expected one Q8_0 tensor with a row for each token of `DIR/t.gguf`, found type 0 and shape [30, 5] for 5 tokens"
            ],
        );
    }

    #[test]
    fn many_axes_stay_at_right_angles() {
        let width = 24;
        let vectors: Vec<Vec<f32>> = (0..100)
            .map(|n| (0..width).map(|i| ((n * 31 + i * i * 7) % 17) as f32).collect())
            .collect();
        let axes = principal_axes(&covariance(&vectors, width), width);
        for (i, a) in axes.iter().enumerate() {
            for (j, b) in axes.iter().enumerate() {
                let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot - expected).abs() < 1e-9, "{i} and {j}: {dot}");
            }
        }
        // The first axis holds the most of the vectors, the last the least.
        let spread = |axis: &[f64]| -> f64 {
            let along = |vector: &Vec<f32>| -> f64 {
                axis.iter().zip(vector).map(|(a, x)| a * f64::from(*x)).sum()
            };
            vectors.iter().map(|vector| along(vector).powi(2)).sum()
        };
        let spreads: Vec<f64> = axes.iter().map(|axis| spread(axis)).collect();
        assert!(spreads.is_sorted_by(|a, b| *a >= *b - 1e-6), "{spreads:?}");
    }
}
