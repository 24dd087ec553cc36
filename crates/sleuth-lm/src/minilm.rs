//! all-MiniLM-L6-v2 as a GGUF file, made from the files that its authors publish.
//!
//! The weights come as a safetensors file: the length of a JSON header as eight bytes, the header
//! (tensor name to type, shape and byte range), the data. The vocabulary is a text with one token a
//! line, the line number being the token's id. The result is the `bert` architecture of llama.cpp:
//! matrices as [`Stored`] says, everything else as `f32`; the pooler, which sentence vectors do not
//! use, is left out. The same input gives the same bytes, so the result has a checksum of its own.

use std::{collections::BTreeMap, io::Read, path::Path};

use serde::Deserialize;

use crate::{
    LmError,
    gguf_write::{GgufWriter, Stored},
    wordpiece::{BEGINS, is_control},
};

/// The name in the file.
const NAME: &str = "all-MiniLM-L6-v2";
/// Layers.
const LAYERS: usize = 6;
/// Longest header of a safetensors file in bytes; this model's has 9 KB.
const LONGEST_HEADER: u64 = 1 << 20;

/// Makes the model at `path` out of its published weights (`model.safetensors`) and vocabulary
/// (`vocab.txt`), with matrices of eight bits a number or of 32. [`Shelf::get`](crate::Shelf::get)
/// does it with eight.
///
/// # Errors
/// [`LmError::Unavailable`] when a file cannot be read or written or is not of this model.
pub fn write_minilm(
    weights: &Path,
    vocabulary: &Path,
    eight_bits: bool,
    path: &Path,
) -> Result<(), LmError> {
    let stored = if eight_bits { Stored::Q8 } else { Stored::F32 };
    convert(weights, vocabulary, stored, path)
        .map_err(|reason| LmError::Unavailable { model: NAME.to_owned(), reason })
}

/// Writes the model at `path`.
pub(crate) fn convert(
    weights: &Path,
    vocabulary: &Path,
    stored: Stored,
    path: &Path,
) -> Result<(), String> {
    let in_file = |path: &Path, reason: &str| format!("`{}`: {reason}", path.display());
    let tensors = Safetensors::read(weights).map_err(|reason| in_file(weights, &reason))?;
    let text = fs_err::read_to_string(vocabulary).map_err(|error| error.to_string())?;
    let tokens: Vec<String> = text.lines().map(piece).collect();

    let mut writer = GgufWriter::default();
    metadata(&mut writer, &tokens);
    let mut add = |name: &str, source: &str, shape: &[usize], stored: Stored| {
        let values = tensors.values(source, shape).map_err(|reason| in_file(weights, &reason))?;
        writer.tensor(name, shape, stored, &values);
        Ok::<(), String>(())
    };
    let embeddings = [
        ("token_embd", "word_embeddings", tokens.len(), stored),
        ("token_types", "token_type_embeddings", 2, Stored::F32),
        ("position_embd", "position_embeddings", 512, Stored::F32),
    ];
    for (name, source, rows, stored) in embeddings {
        let source = format!("embeddings.{source}.weight");
        add(&format!("{name}.weight"), &source, &[384, rows], stored)?;
    }
    for part in ["weight", "bias"] {
        let source = format!("embeddings.LayerNorm.{part}");
        add(&format!("token_embd_norm.{part}"), &source, &[384], Stored::F32)?;
    }
    for layer in 0..LAYERS {
        let matrices = [
            ("attn_q", "attention.self.query", 384, 384),
            ("attn_k", "attention.self.key", 384, 384),
            ("attn_v", "attention.self.value", 384, 384),
            ("attn_output", "attention.output.dense", 384, 384),
            ("ffn_up", "intermediate.dense", 384, 1536),
            ("ffn_down", "output.dense", 1536, 384),
        ];
        for (name, source, columns, rows) in matrices {
            let (name, source) =
                (format!("blk.{layer}.{name}"), format!("encoder.layer.{layer}.{source}"));
            let weight = format!("{name}.weight");
            add(&weight, &format!("{source}.weight"), &[columns, rows], stored)?;
            add(&format!("{name}.bias"), &format!("{source}.bias"), &[rows], Stored::F32)?;
        }
        for (name, source) in
            [("attn_output_norm", "attention.output"), ("layer_output_norm", "output")]
        {
            for part in ["weight", "bias"] {
                let source = format!("encoder.layer.{layer}.{source}.LayerNorm.{part}");
                add(&format!("blk.{layer}.{name}.{part}"), &source, &[384], Stored::F32)?;
            }
        }
    }
    let mut file = fs_err::File::create(path).map_err(|error| error.to_string())?;
    writer.write(&mut file).and_then(|()| file.sync_all()).map_err(|error| error.to_string())
}

/// A token of the published vocabulary, where `##` marks what continues a word, as GGUF writes it.
fn piece(token: &str) -> String {
    match token.strip_prefix("##") {
        Some(rest) => rest.to_owned(),
        None if is_control(token) => token.to_owned(),
        None => format!("{BEGINS}{token}"),
    }
}

fn metadata(writer: &mut GgufWriter, tokens: &[String]) {
    writer.text("general.architecture", "bert");
    writer.text("general.name", NAME);
    writer.text("general.license", "apache-2.0");
    writer.number("bert.context_length", 512);
    writer.number("bert.embedding_length", 384);
    writer.number("bert.feed_forward_length", 1536);
    writer.number("bert.block_count", 6);
    writer.number("bert.attention.head_count", 12);
    writer.fraction("bert.attention.layer_norm_epsilon", 1e-12);
    writer.truth("bert.attention.causal", false);
    // 1 is the mean over tokens.
    writer.number("bert.pooling_type", 1);
    writer.text("tokenizer.ggml.model", "bert");
    writer.texts("tokenizer.ggml.tokens", tokens);
    // 1 is text, 3 control.
    let kinds = tokens.iter().map(|token| if is_control(token) { 3 } else { 1 });
    writer.numbers("tokenizer.ggml.token_type", &kinds.collect::<Vec<_>>());
    writer.number("tokenizer.ggml.token_type_count", 2);
    let id = |text: &str| tokens.iter().position(|token| token == text).unwrap_or_default() as u32;
    for (name, token) in [
        ("unknown", "[UNK]"),
        ("seperator", "[SEP]"),
        ("padding", "[PAD]"),
        ("cls", "[CLS]"),
        ("mask", "[MASK]"),
    ] {
        writer.number(&format!("tokenizer.ggml.{name}_token_id"), id(token));
    }
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// A safetensors file in memory.
struct Safetensors {
    tensors: BTreeMap<String, Tensor>,
    data: Vec<u8>,
}

impl Safetensors {
    fn read(path: &Path) -> Result<Self, String> {
        let mut file = fs_err::File::open(path).map_err(|error| error.to_string())?;
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|error| error.to_string())?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER {
            return Err(format!(
                "expected a header of at most {LONGEST_HEADER} bytes, found {length}"
            ));
        }
        let mut header = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact(&mut header).map_err(|error| error.to_string())?;
        let mut header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&header)
            .map_err(|error| format!("expected a header in JSON: {error}"))?;
        header.remove("__metadata__");
        let mut tensors = BTreeMap::new();
        for (name, value) in header {
            let tensor = serde_json::from_value(value)
                .map_err(|error| format!("the tensor `{name}` is not described: {error}"))?;
            tensors.insert(name, tensor);
        }
        let mut data = Vec::new();
        file.read_to_end(&mut data).map_err(|error| error.to_string())?;
        Ok(Self { tensors, data })
    }

    /// The numbers of a tensor; `shape` has the fastest running length first, the file the last.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor =
            self.tensors.get(name).ok_or_else(|| format!("there is no tensor `{name}`"))?;
        if tensor.dtype != "F32" || !tensor.shape.iter().rev().eq(shape) {
            let found = format!("{} {:?}", tensor.dtype, tensor.shape);
            let shape: Vec<_> = shape.iter().rev().collect();
            return Err(format!("expected the tensor `{name}` to be F32 {shape:?}, found {found}"));
        }
        let (from, to) = tensor.data_offsets;
        let bytes = self
            .data
            .get(from..to)
            .filter(|bytes| bytes.len() == 4 * shape.iter().product::<usize>())
            .ok_or_else(|| format!("the data of the tensor `{name}` is not all there"))?;
        let (numbers, _) = bytes.as_chunks::<4>();
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }
}
