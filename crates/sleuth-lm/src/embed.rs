//! Texts to vectors.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{
    Cancel, LmError,
    encoder::Encoder,
    engine::{EngineError, with_cause},
    gguf::GgufContents,
    static_vectors::{ARCHITECTURE, Table, distil},
};

/// What beside the file decides the vectors of a table; part of the id, so that a change of it is
/// noticed.
const TABLE_RECIPE: &str = "wordpiece 1, 256 tokens";
/// Likewise of an encoder: its arithmetic, too.
const ENCODER_RECIPE: &str = "wordpiece 1, 256 tokens, bytes in groups of 128, exact GELU";

/// How to open an embedder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbedderOptions {
    /// Threads that a call computes with; 0 takes one for each core. Each takes up to 4 MB.
    pub threads: usize,
}

/// Turns texts into vectors whose scalar products say how near their meanings are.
///
/// The vectors have length one. Of a text the first 256 tokens count (about 190 English words);
/// what follows is ignored. An empty text has a vector, too; from a table of static vectors it is zero.
///
/// It can be shared among threads; calls do not wait for one another. The vector of a text is the
/// same to the last bit in whatever company and, from an encoder, on whatever processor (that fuses
/// products with sums, as all x86-64 ones with AVX2 and all 64-bit ARM ones do).
pub struct TextEmbedder {
    name: String,
    id: String,
    dims: usize,
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Encoder(Box<Encoder>),
    Table(Table),
}

impl std::fmt::Debug for TextEmbedder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TextEmbedder").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TextEmbedder {
    /// Tokens of a text that count.
    pub const MOST_TOKENS: usize = 256;

    /// Opens the model file at `path`.
    ///
    /// # Errors
    /// [`LmError::Unavailable`] when the file is missing, damaged or no embedding model.
    pub fn open(path: &Path, options: EmbedderOptions) -> Result<Self, LmError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self::load(path, &name, options)
            .map_err(|reason| LmError::Unavailable { model: name, reason })
    }

    fn load(path: &Path, name: &str, options: EmbedderOptions) -> Result<Self, String> {
        let contents = GgufContents::read(path).map_err(|error| with_cause(&error))?;
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let table = contents.tensors.iter().find(|tensor| tensor.name == "token_embd.weight");
        let dims = table.and_then(|table| usize::try_from(*table.shape.first()?).ok());
        let (dims, recipe, kind) = match (contents.header.architecture.as_str(), dims) {
            ("bert", Some(dims)) => {
                let encoder = Encoder::load(path, &contents, Self::MOST_TOKENS, threads)?;
                (dims, ENCODER_RECIPE, Kind::Encoder(Box::new(encoder)))
            }
            (ARCHITECTURE, _) => {
                let table = Table::load(path, &contents, Self::MOST_TOKENS)?;
                (table.dims(), TABLE_RECIPE, Kind::Table(table))
            }
            (found, _) => {
                return Err(format!(
                    "`{}` is no embedding model: expected the architecture `bert` or \
                     `{ARCHITECTURE}`, found `{found}`",
                    path.display()
                ));
            }
        };
        let digest = digest(path, recipe).map_err(|error| error.to_string())?;
        let id = format!("{name}@{digest}");
        Ok(Self { name: name.to_owned(), id, dims, path: path.to_owned(), kind })
    }

    /// Name and digest: two embedders with one id give the same vectors, and vectors of embedders
    /// with different ids must not be compared.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Numbers in a vector.
    #[must_use]
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// The model file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The vectors of `texts`, in order. Any number of texts may be passed; about a thousand at a
    /// time keeps the batches full.
    ///
    /// # Errors
    /// [`LmError::Cancelled`] when `cancel` says so; it is asked between batches of about 256 tokens.
    /// [`LmError::Unavailable`] when the engine fails.
    pub fn embed(&self, texts: &[&str], cancel: Cancel<'_>) -> Result<Vec<Vec<f32>>, LmError> {
        let mut vectors = match &self.kind {
            Kind::Encoder(encoder) => {
                encoder.encode(texts, cancel).map_err(|error| self.failed(error))?
            }
            Kind::Table(_) if cancel() => return Err(LmError::Cancelled),
            Kind::Table(table) => texts.iter().map(|text| table.vector(text)).collect(),
        };
        vectors.iter_mut().for_each(|vector| normalise(vector));
        Ok(vectors)
    }

    /// Distils this model into a table of one vector of `dims` numbers a token, written at `path`:
    /// the vectors of texts become much cheaper, and worse. Takes about a minute of one core.
    ///
    /// # Errors
    /// [`LmError::Cancelled`] when `cancel` says so. [`LmError::Unavailable`] when this model is a
    /// table already, `dims` is no multiple of 32 or exceeds [`TextEmbedder::dims`], the engine
    /// fails, or the file cannot be written.
    pub fn distil(&self, dims: usize, path: &Path, cancel: Cancel<'_>) -> Result<(), LmError> {
        let failed = |reason| self.failed(EngineError::Failed(reason));
        let Kind::Encoder(encoder) = &self.kind else {
            return Err(failed("a table of vectors cannot be distilled again".to_owned()));
        };
        if dims == 0 || dims > self.dims || !dims.is_multiple_of(32) {
            let most = self.dims;
            return Err(failed(format!(
                "expected a multiple of 32 up to {most} as the length of a vector, found {dims}"
            )));
        }
        let contents =
            GgufContents::read(&self.path).map_err(|error| failed(with_cause(&error)))?;
        distil(encoder, &contents.tokens, dims, path, cancel).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: EngineError) -> LmError {
        match error {
            EngineError::Cancelled => LmError::Cancelled,
            EngineError::Failed(reason) => {
                LmError::Unavailable { model: self.name.clone(), reason }
            }
        }
    }

    /// The vector of one text, on one thread.
    ///
    /// # Errors
    /// [`LmError::Unavailable`] when the engine fails.
    pub fn embed_query(&self, text: &str) -> Result<Vec<f32>, LmError> {
        Ok(self.embed(&[text], &|| false)?.pop().unwrap_or_default())
    }
}

/// Brings a vector to length one; one without a direction stays.
pub(crate) fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// Twelve hexadecimal digits over the file and the recipe.
fn digest(path: &Path, recipe: &str) -> std::io::Result<String> {
    let mut digest = Sha256::new();
    digest.update(recipe);
    let mut file = fs_err::File::open(path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut block)? {
            0 => break,
            n => digest.update(&block[..n]),
        }
    }
    Ok(digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}
