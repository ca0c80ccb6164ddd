//! The demo model's shape and weights: a Llama whose next token is a table of its last one.
//!
//! The one layer adds nothing (its output projections are zero), so what arrives at `lm_head` is the embedding of the
//! last token, normalised. Embeddings are one-hot: a dimension for each word of the sentence, and one that all other
//! tokens share. `lm_head` then reads as a transition table: each word is followed by the next, the last word by the
//! end mark, anything else by the first word. One logit stands so far above the others that no temperature reaches
//! them.

use safetensors::{
    SafeTensorError,
    tensor::{Dtype, TensorView},
};
use serde_json::{Value, json};

use super::vocabulary::{END_ID, SIZE, WORDS, word_id};

/// The width, and of the only attention head too: the smallest that paged attention on a GPU knows, and more than the
/// sentence needs.
const WIDTH: usize = 64;
/// The longest conversation in tokens, which here are bytes.
pub(super) const CONTEXT: usize = 8192;
/// What `lm_head` holds for the one token that may follow. Normalised one-hot embeddings come in as the root of the
/// width, so the logit is eight times this, against zero for all others.
const GAIN: f32 = 128.0;
/// The dimension that every token outside the sentence shares.
const ELSEWHERE: usize = 0;

const _: () = assert!(
    WORDS.len() < WIDTH,
    "the sentence has more words than the model has dimensions"
);

/// `config.json`.
pub(super) fn config() -> Value {
    json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float32",
        "hidden_act": "silu",
        "hidden_size": WIDTH,
        "intermediate_size": WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "vocab_size": SIZE,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": false,
        "attention_bias": false,
        "mlp_bias": false,
        "eos_token_id": END_ID,
    })
}

/// `model.safetensors`.
///
/// # Errors
///
/// None that depends on anything but this file: the shapes and the buffers are both made here.
pub(super) fn weights() -> Result<Vec<u8>, SafeTensorError> {
    let square = Matrix::zeros(WIDTH, WIDTH);
    let ones = Matrix::vector(1.0);
    let layer = |name: &str| format!("model.layers.0.{name}.weight");

    let mut tensors = vec![
        ("model.embed_tokens.weight".to_owned(), embeddings()),
        ("lm_head.weight".to_owned(), transitions()),
        ("model.norm.weight".to_owned(), ones.clone()),
        (layer("input_layernorm"), ones.clone()),
        (layer("post_attention_layernorm"), ones),
    ];
    for projection in [
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    ] {
        tensors.push((layer(projection), square.clone()));
    }

    let views = tensors
        .iter()
        .map(|(name, matrix)| Ok((name.as_str(), matrix.view()?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

/// The dimension of the word at this place.
fn dimension(place: usize) -> usize {
    ELSEWHERE + 1 + place
}

fn embeddings() -> Matrix {
    let mut matrix = Matrix::zeros(SIZE, WIDTH);
    for token in 0..SIZE {
        let place = (0..WORDS.len()).find(|&place| word_id(place) == token);
        matrix.set(token, place.map_or(ELSEWHERE, dimension), 1.0);
    }
    matrix
}

fn transitions() -> Matrix {
    let mut matrix = Matrix::zeros(SIZE, WIDTH);
    matrix.set(word_id(0), ELSEWHERE, GAIN);
    for place in 0..WORDS.len() {
        matrix.set(word_id(place + 1), dimension(place), GAIN);
    }
    matrix
}

/// Numbers in rows, little endian as the file wants them.
#[derive(Clone)]
struct Matrix {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Matrix {
    fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            shape: vec![rows, columns],
            bytes: vec![0; rows * columns * size_of::<f32>()],
        }
    }

    /// A vector of the model's width.
    fn vector(value: f32) -> Self {
        Self {
            shape: vec![WIDTH],
            bytes: value.to_le_bytes().repeat(WIDTH),
        }
    }

    fn set(&mut self, row: usize, column: usize, value: f32) {
        let at = (row * WIDTH + column) * size_of::<f32>();
        self.bytes[at..at + size_of::<f32>()].copy_from_slice(&value.to_le_bytes());
    }

    fn view(&self) -> Result<TensorView<'_>, SafeTensorError> {
        TensorView::new(Dtype::F32, self.shape.clone(), &self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    /// The model, done by hand: the row of `lm_head` with the largest product wins.
    fn follows(tensors: &SafeTensors<'_>, token: usize) -> usize {
        let rows = |name: &str| -> Vec<Vec<f32>> {
            let tensor = tensors.tensor(name).unwrap();
            let (numbers, _) = tensor.data().as_chunks::<4>();
            let numbers: Vec<f32> = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            numbers.chunks(WIDTH).map(<[f32]>::to_vec).collect()
        };
        let embedding = &rows("model.embed_tokens.weight")[token];
        let logits: Vec<f32> = rows("lm_head.weight")
            .iter()
            .map(|row| row.iter().zip(embedding).map(|(left, right)| left * right).sum())
            .collect();
        let (best, _) = logits
            .iter()
            .enumerate()
            .max_by(|left, right| left.1.total_cmp(right.1))
            .unwrap();
        assert_eq!(logits.iter().filter(|logit| **logit > 0.0).count(), 1, "token {token}");
        best
    }

    #[test]
    fn the_table_says_the_sentence_and_stops() {
        let file = weights().unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();

        let mut token = usize::from(b'\n');
        for place in 0..WORDS.len() {
            token = follows(&tensors, token);
            assert_eq!(token, word_id(place));
        }
        assert_eq!(follows(&tensors, token), END_ID);
        assert_eq!(follows(&tensors, END_ID), word_id(0));
    }

    #[test]
    fn the_layer_is_silent() {
        let file = weights().unwrap();
        let tensors = SafeTensors::deserialize(&file).unwrap();
        for name in ["self_attn.o_proj", "mlp.down_proj"] {
            let tensor = tensors.tensor(&format!("model.layers.0.{name}.weight")).unwrap();
            assert!(tensor.data().iter().all(|byte| *byte == 0), "{name}");
        }
    }

    #[test]
    fn the_file_is_small() {
        assert!(weights().unwrap().len() < 300_000);
    }
}
